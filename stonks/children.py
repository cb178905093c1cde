"""A process that the supervisor looks after: started, restarted with growing pauses, ended with its parent."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stonks.config import ROOT

log = logging.getLogger("stonks.supervisor")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0
_HEALTHY_AFTER = 30.0  # having run this long, the next death is the first one again


class Child:
    def __init__(self, name: str, command: list[str], pid_file: Path, pass_fds: tuple[int, ...] = ()) -> None:
        self.name = name
        self._command = command
        self._pid_file = pid_file
        self._pass_fds = pass_fds
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at: float | None = None
        self._pause = _FIRST_PAUSE

    def start(self) -> None:
        # A session of its own: Ctrl-C reaches the supervisor only, which then stops its children in order.
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            pass_fds=self._pass_fds,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_ends_with_parent(),  # the supervisor has no threads
        )
        self._started_at, self._start_at = time.monotonic(), None
        self._pid_file.write_text(f"{self._process.pid}\n")

    def tend(self) -> None:
        """Starts the process again when it has died and its pause is over."""
        if self.alive():
            return
        now = time.monotonic()
        if self._start_at is None:
            if now - self._started_at > _HEALTHY_AFTER:
                self._pause = _FIRST_PAUSE
            status = self._process.returncode if self._process else None
            log.warning("%s ended (status %s), starting it again in %.1f s", self.name, status, self._pause)
            self._start_at = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        if now >= self._start_at:
            self.start()

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def forget(self) -> None:
        self._pid_file.unlink(missing_ok=True)


def _ends_with_parent() -> Callable[[], None] | None:
    """Runs in the child before its program: Linux then ends it when the supervisor is killed.

    Elsewhere Python children look after themselves (process.follow_parent) and Redis is stopped by the next start.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def arrange() -> None:
        prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # killed between fork and here
            os._exit(1)

    return arrange
