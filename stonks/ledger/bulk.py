"""Many rows into one table, quickly and in little memory: made ready for the driver while they are read, spooled to
disk beyond a few thousand, inserted in batches (on PostgreSQL, many of them by COPY). What is there already is left out
by the database itself."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from sqlalchemy import Column, Table

from stonks.db import Base, ExactDecimal, db

BATCH_ROWS = 1_000
_IN_MEMORY = 10_000
# Fingerprints fall all over their index; with SQLite's own 2 MB, each insert into a large one reads a page from disk.
_SQLITE_CACHE_KIB = 65_536

Ready = tuple[Any, ...]  # of what marshal takes: text, bytes, whole numbers, booleans, None
Write = Callable[[list[Ready]], None]


def kind_of(column: Column[Any]) -> type:
    """The Python type of a column's values."""
    return Decimal if isinstance(column.type, ExactDecimal) else column.type.python_type


def _number(value: Decimal) -> str:
    text = str(value)  # the same as format(value, "f"), and much cheaper, unless there is an exponent
    return format(value, "f") if "E" in text else text


def _moment(value: datetime) -> str:
    return value.isoformat(" ", "microseconds")  # as SQLAlchemy writes it into SQLite


def _moment_shortest(value: datetime) -> str:
    return value.isoformat(" ")  # as PostgreSQL says it


class BulkInsert:
    """INSERT … ON CONFLICT DO NOTHING. `columns` come row by row, `stamps` are the same for all rows of one insert."""

    def __init__(self, model: type[Base], columns: tuple[str, ...], stamps: tuple[str, ...]) -> None:
        table: Table = model.__table__  # type: ignore[assignment]
        dialect = db.engine.dialect
        quote = dialect.identifier_preparer.quote
        self._postgresql = dialect.name == "postgresql"
        self._table, self._incoming = quote(table.name), f"incoming_{table.name}"
        self._columns, self._stamps = ", ".join(map(quote, columns)), ", ".join(map(quote, stamps))
        self._mark = "%s" if self._postgresql else "?"
        marks = ", ".join([self._mark] * len(columns + stamps))
        self._insert = self._into(f"VALUES ({marks})")
        made: dict[type, Callable[[Any], str]] = {
            Decimal: _number,
            date: date.isoformat,
            datetime: _moment_shortest if self._postgresql else _moment,
        }
        kinds = [(place, kind_of(table.c[name])) for place, name in enumerate(columns)]
        self._made = [(place, made[kind]) for place, kind in kinds if kind in made]
        self._stamp_processors = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in stamps]

    def ready(self, row: tuple[Any, ...]) -> Ready:
        """A row's values, in the order of `columns`, as the database says them."""
        values = list(row)
        for place, make in self._made:
            value = values[place]
            if value is not None:
                values[place] = make(value)
        return tuple(values)

    def write(self, rows: Iterable[list[Ready]], count: int, stamps: tuple[Any, ...]) -> None:
        """Inserts `count` rows, given in parts, within the running transaction."""
        tail = tuple(
            process(value) if process else value for process, value in zip(self._stamp_processors, stamps, strict=True)
        )
        if self._postgresql and count > BATCH_ROWS:
            self._copy(rows, tail)
            return
        connection = db.session.connection()
        for part in rows:
            self.write_part(lambda values: connection.exec_driver_sql(self._insert, values), [r + tail for r in part])

    def write_part(self, write: Callable[[list[Ready]], Any], rows: list[Ready]) -> None:
        write(rows)

    def _copy(self, parts: Iterable[list[Ready]], tail: tuple[Any, ...]) -> None:
        """COPY knows no ON CONFLICT: into a temporary table first, and on from there in the same order."""
        connection = db.session.connection()
        connection.exec_driver_sql(
            f"CREATE TEMPORARY TABLE {self._incoming} ON COMMIT DROP AS "  # noqa: S608
            f"SELECT {self._columns} FROM {self._table} WITH NO DATA"
        )
        driver: Any = connection.connection.driver_connection

        with driver.cursor() as cursor, cursor.copy(f"COPY {self._incoming} FROM STDIN") as copy:

            def write(rows: list[Ready]) -> None:
                for row in rows:
                    copy.write_row(row)

            for part in parts:
                self.write_part(write, part)
        stamped = ", ".join([self._mark] * len(tail))
        copied = f"SELECT {self._columns}, {stamped} FROM {self._incoming}"  # noqa: S608
        connection.exec_driver_sql(self._into(copied), tail)
        connection.exec_driver_sql(f"DROP TABLE {self._incoming}")

    def _into(self, what: str) -> str:
        return f"INSERT INTO {self._table} ({self._columns}, {self._stamps}) {what} ON CONFLICT DO NOTHING"


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
                yield marshal.load(self._file)  # noqa: S302  (our own file, without a name)
        for start in range(0, len(self._rows), BATCH_ROWS):
            yield self._rows[start : start + BATCH_ROWS]

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the spool)
        for start in range(0, len(self._rows), BATCH_ROWS):
            marshal.dump(self._rows[start : start + BATCH_ROWS], self._file)
        self._spilled += len(self._rows)
        self._rows.clear()


@contextmanager
def wide_cache(rows: int) -> Iterator[None]:
    """For a large import on SQLite, this connection's page cache; given back at the end. Elsewhere nothing."""
    if db.engine.dialect.name != "sqlite" or rows <= _IN_MEMORY:
        yield
        return
    connection = db.session.connection()
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_SQLITE_CACHE_KIB}")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA cache_size = -2000")
        connection.exec_driver_sql("PRAGMA shrink_memory")
