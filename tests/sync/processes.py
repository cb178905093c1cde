"""Workers, schedulers and the web as processes of their own, forked from one that has loaded the product: started in no time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import worker
from stonks import serve
from stonks.ledger import archive

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.sync.loaded", "tests.sync.processes"])


@dataclass
class Running:
    process: ForkServerProcess
    log: Path

    def kill(self) -> int | None:
        return self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> int | None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)
        return self.wait()

    def wait(self) -> int | None:
        self.process.join(timeout=60)
        return self.process.exitcode


@contextmanager
def running(
    environment: dict[str, str], log: Path, *arguments: str, dies_in_mid_import: bool = False
) -> Iterator[Running]:
    """`worker.py` with these arguments, or with "web" the web; killed at the end if it still runs."""
    process = _context.Process(target=_main, args=(environment, str(log), list(arguments), dies_in_mid_import))
    process.start()
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.join()


def _main(environment: dict[str, str], log: str, arguments: list[str], dies_in_mid_import: bool) -> None:
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, sys.__stdout__.fileno() if sys.__stdout__ else 1)
    os.dup2(descriptor, sys.__stderr__.fileno() if sys.__stderr__ else 2)
    if dies_in_mid_import:
        archive.mark_imported = _die
    if arguments == ["web"]:
        serve.main(None)
    else:
        worker.main(arguments)


def _die(statement_id: int | None, now: datetime) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
