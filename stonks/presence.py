"""Proof that a worker is gone, so that nobody has to wait for what it held.

Each worker keeps a lock on a file of its own in the data folder. The kernel lets go of it when the process ends, however
it ends: whoever can take the lock knows that its owner is dead, and a slow worker is never taken for a dead one. Machines
with data folders of their own see nothing of each other and judge nobody; there the lease has to run out.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger(__name__)

_SUFFIX = ".worker"
_mine: tuple[str, BinaryIO] | None = None  # the open file is the lock


def enter(folder: Path) -> None:
    """From now on this process has a name that tells whether it lives. Where files cannot be locked it has none."""
    global _mine
    name = secrets.token_hex(16)
    unseen = folder / f"{name}.new"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = unseen.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        unseen.rename(folder / f"{name}{_SUFFIX}")  # seen from here on, with its lock taken
    except OSError as error:
        log.warning("no lock on a file in the data folder (%s): what this process holds waits for its lease", error)
        return
    _mine = name, file


def name() -> str | None:
    """This process's name; None when it has not entered."""
    return _mine[0] if _mine else None


def bury(folder: Path, settle: Callable[[str], None]) -> None:
    """Calls `settle` with the name of each worker that is gone, then forgets it. What `settle` raises leaves it for
    the next time; two who find the same one at once settle it once or, harmlessly, twice."""
    for path in folder.glob(f"*{_SUFFIX}"):
        try:
            file = path.open("rb")
        except FileNotFoundError:  # somebody else was as quick
            continue
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # it lives, or somebody else is burying it
                continue
            settle(path.name.removesuffix(_SUFFIX))
            path.unlink(missing_ok=True)
