"""A copy of the whole ledger in one file, taken while everything runs, and with it the keys that open it.

The file is a tar of what a data folder holds, so restoring is unpacking it into an empty one.
"""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from datetime import datetime
from io import BytesIO
from pathlib import Path

from stonks.config import Settings
from stonks.core.errors import StonksError
from stonks.db import db

DATABASE, TOKEN_KEYS, SECRET_KEY = "stonks.db", "token.keys", "secret.key"
_BUSY_SECONDS = 30


def write(path: Path, settings: Settings, now: datetime, *, with_keys: bool = True) -> int:
    """Writes a new file that only its owner may read; returns its size in bytes. Needs an app context and SQLite.

    It holds one moment of the database: all of a transaction or nothing of it. Raises StonksError, and leaves nothing
    behind then.
    """
    if db.engine.dialect.name != "sqlite":
        raise StonksError(
            "The database is PostgreSQL, which has a better tool for this: pg_dump --format=custom. "
            "Keep STONKS_TOKEN_KEYS (or token.keys) beside what it writes. Nothing was backed up."
        )
    if path.exists():
        raise StonksError(f"{path} is there already. Nothing was backed up: name a file that is not.")
    try:
        with tempfile.TemporaryDirectory(prefix=".stonks-backup-", dir=path.absolute().parent) as folder:
            return _write(path, Path(folder), settings, now, with_keys)
    except (OSError, sqlite3.Error) as error:
        raise StonksError(f"Nothing was backed up to {path}: {error}.") from None


def _write(path: Path, folder: Path, settings: Settings, now: datetime, with_keys: bool) -> int:
    snapshot, packed = folder / DATABASE, folder / "packed"
    _copy(db.engine.url.database or "", snapshot)
    with open(os.open(packed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar, snapshot.open("rb") as database:
            tar.addfile(_entry(DATABASE, snapshot.stat().st_size, now), database)
            if with_keys:
                for name, text in ((TOKEN_KEYS, "\n".join(settings.token_keys)), (SECRET_KEY, settings.secret_key)):
                    content = f"{text}\n".encode()
                    tar.addfile(_entry(name, len(content), now), BytesIO(content))
        file.flush()
        os.fsync(file.fileno())
    size = packed.stat().st_size
    packed.rename(path)
    return size


def _copy(database: str, snapshot: Path) -> None:
    """VACUUM INTO reads one moment while others write, and leaves out what was deleted but lies in free pages yet."""
    there = f"{Path(database).absolute().as_uri()}?mode=rw"  # one that is not there is not made
    with closing(sqlite3.connect(there, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("VACUUM INTO ?", (str(snapshot),))
    with closing(sqlite3.connect(snapshot)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"the copy is damaged ({found})")


def _entry(name: str, size: int, now: datetime) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(now.timestamp())
    return entry
