"""The whole product as parts that can be killed at any moment, and a person who clicks on meanwhile."""

from __future__ import annotations

import http.cookiejar
import json
import random
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from stonks import embedded_redis
from stonks.services import services
from tests.statements import buy, statement
from tests.sync.processes import Running

ROWS_BEFORE = 150  # of a portfolio's first statement; each later one has one row more


class Part:
    """One process that is started again after a short while whenever it was killed."""

    def __init__(self, name: str, start: Callable[[], AbstractContextManager[Running]]) -> None:
        self.name = name
        self._start = start
        self._now: AbstractContextManager[Running] | None = None
        self._again_at = 0.0
        self.kills = 0

    @property
    def runs(self) -> bool:
        return self._now is not None

    def start(self) -> None:
        process = self._start()
        process.__enter__()
        self._now = process  # not before it runs: one that could not be started can't be killed

    def kill(self, away: float = 0) -> None:
        """SIGKILL; `away`: seconds until tend() starts it again."""
        if self._now is not None:
            self._now.__exit__(None, None, None)
            self._now, self._again_at = None, time.monotonic() + away
            self.kills += 1

    def tend(self) -> None:
        if self._now is None and time.monotonic() >= self._again_at:
            self.start()


class RedisProcess:
    """The embedded Redis, as `Part` wants a process."""

    def __enter__(self) -> Running:
        command = embedded_redis.command(services().settings)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        return None  # type: ignore[return-value]

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class Statements:
    """What the broker hands out for one query: the rows of before and one more, after a moment."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._numbers = count(ROWS_BEFORE + 1)
        self.newest = 0  # rows of the last one that was made

    def __call__(self) -> bytes:
        time.sleep(self._random.uniform(0, 0.1))
        self.newest = next(self._numbers)
        return statement([buy(number) for number in range(1, self.newest + 1)])


@dataclass
class Person:
    """Signs in once and goes on clicking, whatever answers."""

    address: str
    _form: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._open = urllib.request.build_opener(cookies).open

    def sign_in(self, email: str, password: str) -> None:
        page = self.read("/sign-in")
        self._form = {"csrf_token": self._token(page)}
        self._post("/sign-in", email=email, password=password)
        self._form = {"csrf_token": self._token(self.read("/portfolios/new"))}

    def look(self, page: str) -> bool:
        try:
            return bool(self.read(page))
        except OSError:
            return False

    def read(self, page: str) -> str:
        with self._open(self.address + page, timeout=10) as answer:
            return str(answer.read().decode())

    def sync_now(self, portfolio_id: int) -> bool:
        try:
            self._post(f"/portfolios/{portfolio_id}/sync")
        except OSError:  # refused, or killed in mid-answer: it may have begun or not
            return False
        return True

    def healthy(self) -> tuple[int, str]:
        """The health page's status and what it says of Redis."""
        try:
            with self._open(self.address + "/healthz", timeout=10) as answer:
                return answer.status, json.loads(answer.read())["redis"]
        except urllib.error.HTTPError as unwell:
            return unwell.code, json.loads(unwell.read())["redis"]

    def _post(self, page: str, **fields: str) -> None:
        body = urllib.parse.urlencode({**self._form, **fields}).encode()
        request = urllib.request.Request(self.address + page, body, {"Referer": self.address})
        try:
            self._open(request, timeout=10).close()
        except urllib.error.HTTPError as refusal:
            if refusal.code not in (422, 429, 503):
                raise AssertionError(f"{page}: {refusal.code} {refusal.read().decode()}") from None

    @staticmethod
    def _token(page: str) -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found, page
        return found[1]


def logs(folder: Path) -> str:
    """The last that each process said."""
    return "\n".join(path.read_text()[-3000:] for path in sorted(folder.glob("*.log")))
