"""The Flex Web Service on loopback, faithful to the protocol: two steps, 1019 first, a User-Agent demanded.

Tests script what goes wrong; everything else follows from the queries that were added.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from stonks.practice.answers import Answer, Scripted, error, receipt, scripted
from stonks.practice.loopback import LoopbackServer
from stonks.practice.periods import asked, cut

Step = Literal["SendRequest", "GetStatement"]
Body = bytes | Callable[[], bytes]
PATH = "/FlexWebService"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came. `query` is the Query ID; of a GetStatement, the one behind its reference ("" if none)."""

    step: str
    token: str = field(repr=False)
    query: str
    reference: str
    parameters: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    at: float  # time.monotonic()


@dataclass(slots=True)
class _Making:
    """A statement being made."""

    token: str
    query: str
    looks_left: int
    ready_at: float
    days: tuple[date, date] | None  # asked for; None = whatever the query holds


class PracticeBroker:
    """`url` is what STONKS_FLEX_URL takes. `looks`: how often 1019 comes first; `seconds`: how long making takes.
    `per_minute`: requests a token may make before 1018 (IBKR: 10); None = any number. `today`: with it, p and fd/td are
    honoured and CSV statements hold the days asked for; without, every statement is handed out whole."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        looks: int = 1,
        seconds: float = 0,
        per_minute: int | None = None,
        index: Callable[[], bytes] | None = None,
        today: Callable[[], date] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self.looks = looks
        self.seconds = seconds
        self.per_minute = per_minute
        self._index = index
        self._today = today
        self._queries: dict[tuple[str, str], Body] = {}
        self._making: dict[str, _Making] = {}
        self._scripts: dict[tuple[str, str | None], deque[Scripted]] = defaultdict(deque)
        self._always: dict[tuple[str, str | None], Scripted] = {}
        self._asked: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._next_reference = 4_310_000_001
        self._http = LoopbackServer(host, port, self._answer)

    @property
    def url(self) -> str:
        return self._http.origin + PATH

    def start(self) -> None:
        self._http.start()

    def stop(self) -> None:
        """Also cuts the connections that clients keep open. May be called twice."""
        self._http.stop()

    def __enter__(self) -> PracticeBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add_query(self, token: str, query_id: str, body: Body) -> None:
        """From now on `token` may fetch `query_id`. A callable body is made anew for every fetch."""
        with self._lock:
            self._queries[token, query_id] = body

    def script(
        self, step: Step, answers: Iterable[Scripted], *, token: str | None = None, repeat: bool = False
    ) -> None:
        """The next answers to `step`, in order, before the ordinary course; of one token only, or of whoever asks.
        An answer is an error code ("1012"), "ok" (the ordinary course), an HTTP status, a body or an Answer.
        `repeat` keeps giving the last of them for ever."""
        queue = list(answers)
        with self._lock:
            if repeat and queue:
                self._always[step, token] = queue.pop()
            self._scripts[step, token].extend(queue)

    def clear_scripts(self) -> None:
        with self._lock:
            self._scripts.clear()
            self._always.clear()

    def _answer(self, path: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        if path == "/" and self._index:
            return Answer(self._index(), content_type="text/html;charset=UTF-8")
        step = path.removeprefix(PATH + "/")
        if path == step or step not in ("SendRequest", "GetStatement"):
            return scripted(404)
        with self._lock:
            answer = self._step(step, parameters, headers)
        # Made outside the lock: a large body takes its time.
        return Answer(answer() if callable(answer) else answer) if not isinstance(answer, Answer) else answer

    def _step(self, step: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Answer | Body:
        token, q = parameters.get("t", ""), parameters.get("q", "")
        making = self._making.get(q) if step == "GetStatement" else None
        query = q if step == "SendRequest" else making.query if making else ""
        now = time.monotonic()
        self.calls.append(
            Call(step, token, query, "" if step == "SendRequest" else q, dict(parameters), dict(headers), now)
        )
        if not headers.get("user-agent"):
            return scripted(403)
        for whose in (token, None):
            if self._scripts[step, whose]:
                answer = self._scripts[step, whose].popleft()
            elif (step, whose) in self._always:
                answer = self._always[step, whose]
            else:
                continue
            if answer != "ok":
                return scripted(answer)
            break
        if self._too_often(token, now):
            return error("1018")
        if not token or not q or parameters.get("v") != "3":
            return error("1020")
        if not any(known == token for known, _ in self._queries):
            return error("1015")
        return self._send_request(token, q, parameters, now) if step == "SendRequest" else self._collect(token, q, now)

    def _send_request(self, token: str, query: str, parameters: Mapping[str, str], now: float) -> Answer:
        if (token, query) not in self._queries:
            return error("1014")
        days = asked(parameters, self._today()) if self._today else None
        if isinstance(days, str):
            return error(days)
        if not _period_is_sane(parameters):
            return error("1003")
        reference = str(self._next_reference)
        self._next_reference += 1
        self._making[reference] = _Making(token, query, self.looks, now + self.seconds, days)
        return receipt(reference, f"{self.url}/GetStatement")

    def _collect(self, token: str, reference: str, now: float) -> Answer | Body:
        making = self._making.get(reference)
        if making is None or making.token != token:
            return error("1017")
        if making.looks_left > 0 or now < making.ready_at:
            making.looks_left -= 1
            return error("1019")
        body, days = self._queries[token, making.query], making.days
        return (lambda: cut(body() if callable(body) else body, *days)) if days else body

    def _too_often(self, token: str, now: float) -> bool:
        if self.per_minute is None:
            return False
        asked = self._asked[token]
        while asked and asked[0] <= now - 60:
            asked.popleft()
        asked.append(now)
        return len(asked) > self.per_minute


def _period_is_sane(parameters: Mapping[str, str]) -> bool:
    """p of 1 to 365 days, or fd and td together."""
    dates = [parameters[name] for name in ("fd", "td") if name in parameters]
    if dates:
        return len(dates) == 2 and all(len(day) == 8 and day.isdigit() for day in dates) and dates[0] <= dates[1]
    days = parameters.get("p", "365")
    return days.isdigit() and 1 <= int(days) <= 365
