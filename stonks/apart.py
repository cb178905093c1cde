"""A large statement is let in by a process of its own, started when one comes and gone after it: whatever it does to
memory or processor, the worker goes on with everybody else's polls. One at a time for each worker.
"""

from __future__ import annotations

import subprocess
import sys
from typing import BinaryIO

from stonks.config import ROOT

LARGE_BYTES = 2 * 1024 * 1024  # of a statement: some thirty thousand rows, about what starting a process costs

_child: subprocess.Popen[bytes] | None = None


def start(run_id: int, step: int, statement: BinaryIO | int) -> bool:
    """Has the rest of a claimed step done apart, with a body just fetched or the id of a kept statement. False: this
    worker's one process is busy, nothing was started."""
    global _child
    if _child is not None and _child.poll() is None:
        return False
    command = [sys.executable, str(ROOT / "worker.py"), "--import", str(run_id), str(step)]
    if isinstance(statement, int):
        _child = subprocess.Popen([*command, str(statement)], cwd=ROOT, stdin=subprocess.DEVNULL)
    else:
        statement.flush()
        statement.seek(0)
        _child = subprocess.Popen(command, cwd=ROOT, stdin=statement.fileno())
    return True


def end() -> None:
    """Ends it with its worker. What it was doing becomes due again by itself."""
    if _child is not None and _child.poll() is None:
        _child.terminate()
