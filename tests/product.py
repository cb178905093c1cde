"""The product as a person runs it: `python app.py` on a data folder and port of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stonks.config import ROOT

PARTS = ("redis", "web", "worker-1", "scheduler")


class Running:
    """The product on a data folder and port of its own."""

    def __init__(self, data: Path, port: int, *arguments: str, **environment: str) -> None:
        self.data, self.port = data, port
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("STONKS_", "DATABASE_URL", "REDIS_URL"))}
        own = {
            "STONKS_DATA": str(data),
            "STONKS_PORT": str(port),
            "STONKS_TICK_SECONDS": "1",
            "STONKS_WORKERS": "1",  # loading the product is most of what a start costs
        }
        data.parent.mkdir(parents=True, exist_ok=True)
        self.output = data.parent / f"{data.name}-{port}.log"
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), *arguments],
            env={**kept, **own, **environment},
            stdout=self.output.open("wb"),
            stderr=subprocess.STDOUT,
        )

    def wait_until_ready(self) -> None:
        self.wait(lambda: b"Stonksfolio is ready at" in self.output.read_bytes(), 60)

    def wait_until_well(self) -> None:
        self.wait(lambda: self.health()[0] == 200, 60)

    def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def health(self) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except OSError:
            return 0, {}
        finally:
            connection.close()

    def stop(self, number: signal.Signals, within: float = 2) -> None:
        """Signals the supervisor and sees that all of it is gone in so many seconds, with exit status 0."""
        pids = [self.pid(part) for part in PARTS]
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(timeout=20) == 0, self.output.read_text()
        assert time.monotonic() - began < within
        assert not any(lives(pid) for pid in pids)

    def pid(self, part: str) -> int:
        try:
            return int((self.data / "run" / f"{part}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@contextmanager
def product(data: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """A product that is ready. Whatever the test did, one signal at the end stops all of it in time."""
    running = Running(data, free_port(), *arguments, **environment)
    try:
        running.wait_until_ready()
        yield running
        if running.process.poll() is None:
            running.stop(signal.SIGTERM, within=15)  # other tests keep the machine busy
    finally:
        running.process.kill()
        running.process.wait()
