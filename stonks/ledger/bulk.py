"""Many rows into one table, quickly and in little memory: made ready for the driver while they are read, spooled to
disk beyond a few thousand, inserted in batches. What is there already is left out by the database itself."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy import LargeBinary, Table

from stonks.db import Base, db

BATCH_ROWS = 1_000
_IN_MEMORY = 10_000
# Fingerprints fall all over their index; with SQLite's own 2 MB, each insert into a large one reads a page from disk.
_SQLITE_CACHE_KIB = 65_536

Ready = tuple[Any, ...]


class BulkInsert:
    """INSERT … ON CONFLICT DO NOTHING. `columns` come row by row, `stamps` are the same for all rows of one insert."""

    def __init__(self, model: type[Base], columns: tuple[str, ...], stamps: tuple[str, ...]) -> None:
        table: Table = model.__table__  # type: ignore[assignment]
        self._dialect = db.engine.dialect
        quote = self._dialect.identifier_preparer.quote
        names = ", ".join(quote(name) for name in columns + stamps)
        mark = "?" if self._dialect.name == "sqlite" else "%s"
        marks = ", ".join([mark] * len(columns + stamps))
        self._sql = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
        self._columns = [self._driver_value(table, name) for name in columns]
        self._stamps = [self._driver_value(table, name) for name in stamps]

    def ready(self, row: dict[str, Any]) -> Ready:
        """A row's values as the driver takes them."""
        return tuple(
            [
                value if (value := row[name]) is None or process is None else process(value)
                for name, process in self._columns
            ]
        )

    def write(self, parts: Iterator[list[Ready]], stamps: dict[str, Any]) -> None:
        """Inserts within the running transaction."""
        tail = tuple(process(stamps[name]) if process else stamps[name] for name, process in self._stamps)
        connection = db.session.connection()
        for part in parts:
            self.write_part(connection, [row + tail for row in part])

    def write_part(self, connection: Any, rows: list[Ready]) -> None:
        connection.exec_driver_sql(self._sql, rows)

    def _driver_value(self, table: Table, name: str) -> tuple[str, Any]:
        kind = table.c[name].type
        if isinstance(
            kind, LargeBinary
        ):  # both drivers take bytes; SQLAlchemy would wrap them in what can't be spooled
            return name, None
        return name, kind.dialect_impl(self._dialect).bind_processor(self._dialect)


class Spool:
    """Rows in the order they came; the first ones in memory, more of them in an unnamed temporary file."""

    def __init__(self) -> None:
        self._rows: list[Ready] = []
        self._file: IO[bytes] | None = None
        self._spilled = 0

    def __len__(self) -> int:
        return self._spilled + len(self._rows)

    def append(self, row: Ready) -> None:
        self._rows.append(row)
        if len(self._rows) >= _IN_MEMORY:
            self._spill()

    def parts(self) -> Iterator[list[Ready]]:
        """Lists of at most BATCH_ROWS."""
        if self._file is not None:
            self._file.seek(0)
            for _ in range(self._spilled // BATCH_ROWS):
                yield pickle.load(self._file)  # noqa: S301  (our own file, without a name)
        for start in range(0, len(self._rows), BATCH_ROWS):
            yield self._rows[start : start + BATCH_ROWS]

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the spool)
        for start in range(0, len(self._rows), BATCH_ROWS):
            pickle.dump(self._rows[start : start + BATCH_ROWS], self._file, pickle.HIGHEST_PROTOCOL)
        self._spilled += len(self._rows)
        self._rows.clear()


def widen_cache() -> None:
    """For a large import on SQLite, this connection's page cache; elsewhere nothing."""
    if db.engine.dialect.name == "sqlite":
        db.session.connection().exec_driver_sql(f"PRAGMA cache_size = -{_SQLITE_CACHE_KIB}")
