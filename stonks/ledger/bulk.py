"""Many rows into one table, quickly and in little memory: made ready for the driver while they are read, column by
column, spooled to disk beyond a few thousand, inserted part by part (on PostgreSQL, many of them by COPY). What is there
already is left out by the database itself."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import repeat
from typing import IO, Any

from sqlalchemy import Column, Table

from stonks.db import Base, ExactDecimal, db

BATCH_ROWS = 1_000
_IN_MEMORY = 4_000
# Fingerprints fall all over their index; with SQLite's own 2 MB, each insert into a large one reads a page from disk.
# A larger cache is somewhat faster, but would be most of the memory that a first import takes.
_SQLITE_CACHE_KIB = 16_384

# The columns of some rows, as the driver takes them and marshal too: of text, bytes, whole numbers, booleans and None.
# A column in which nothing is told is None.
Part = list[list[Any] | None]
Write = Callable[[Part], None]


def kind_of(column: Column[Any]) -> type:
    """The Python type of a column's values."""
    return Decimal if isinstance(column.type, ExactDecimal) else column.type.python_type


def rows_in(part: Part) -> int:
    return len(next(column for column in part if column is not None))


def _number(value: Decimal) -> str:
    text = str(value)  # the same as format(value, "f"), and much cheaper, unless there is an exponent
    return format(value, "f") if "E" in text else text


def _moment() -> Callable[[datetime], str]:
    """As SQLAlchemy writes it into SQLite, or as PostgreSQL says it."""
    detail = "auto" if db.engine.dialect.name == "postgresql" else "microseconds"
    return lambda value: value.isoformat(" ", detail)


class BulkInsert:
    """INSERT … ON CONFLICT DO NOTHING of `columns`; `stamps` are the same for all rows of one insert."""

    def __init__(self, model: type[Base], columns: tuple[str, ...], stamps: tuple[str, ...]) -> None:
        table: Table = model.__table__  # type: ignore[assignment]
        dialect = db.engine.dialect
        quote = dialect.identifier_preparer.quote
        self._postgresql = dialect.name == "postgresql"
        self._table, self._incoming = quote(table.name), f"incoming_{table.name}"
        self._columns, self._stamps = [quote(name) for name in columns], [quote(name) for name in stamps]
        self._mark = "%s" if self._postgresql else "?"
        words: dict[type, Callable[[Any], str]] = {Decimal: _number, date: date.isoformat, datetime: _moment()}
        self._words = [words.get(kind_of(table.c[name])) for name in columns]
        self._stamp_processors = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in stamps]

    def ready(self, rows: Iterable[Sequence[Any]]) -> Part:
        """Rows of values of the columns, at least one."""
        return self.ready_columns(zip(*rows, strict=True))

    def ready_columns(self, columns: Iterable[Sequence[Any]]) -> Part:
        """The same, column by column."""
        return [_ready(column, word) for column, word in zip(columns, self._words, strict=True)]

    def write(self, parts: Iterable[Part], count: int, stamps: tuple[Any, ...]) -> None:
        """Inserts `count` rows within the running transaction."""
        tail = tuple(
            process(value) if process else value for process, value in zip(self._stamp_processors, stamps, strict=True)
        )
        if self._postgresql and count > BATCH_ROWS:
            self._copy(parts, tail)
            return
        connection = db.session.connection()

        def insert(part: Part) -> None:
            # Half of the columns are empty in all rows of most parts; leaving them out makes it a third faster.
            told = [(name, column) for name, column in zip(self._columns, part, strict=True) if column is not None]
            marks = ", ".join([self._mark] * (len(told) + len(tail)))
            sql = self._into([name for name, _ in told], f"VALUES ({marks})")
            stamped = (repeat(stamp, rows_in(part)) for stamp in tail)
            connection.exec_driver_sql(sql, list(zip(*(column for _, column in told), *stamped, strict=True)))

        for part in parts:
            self.write_part(insert, part)

    def write_part(self, write: Write, part: Part) -> None:
        write(part)

    def _copy(self, parts: Iterable[Part], tail: tuple[Any, ...]) -> None:
        """COPY knows no ON CONFLICT: into a temporary table first, and on from there in the same order."""
        connection = db.session.connection()
        columns = ", ".join(self._columns)
        connection.exec_driver_sql(
            f"CREATE TEMPORARY TABLE {self._incoming} ON COMMIT DROP AS "  # noqa: S608
            f"SELECT {columns} FROM {self._table} WITH NO DATA"
        )
        driver: Any = connection.connection.driver_connection

        with driver.cursor() as cursor, cursor.copy(f"COPY {self._incoming} FROM STDIN") as copy:

            def write(part: Part) -> None:
                for row in zip(*(column or repeat(None, rows_in(part)) for column in part), strict=True):
                    copy.write_row(row)

            for part in parts:
                self.write_part(write, part)
        stamped = ", ".join([self._mark] * len(tail))
        copied = f"SELECT {columns}, {stamped} FROM {self._incoming}"  # noqa: S608
        connection.exec_driver_sql(self._into(self._columns, copied), tail)
        connection.exec_driver_sql(f"DROP TABLE {self._incoming}")

    def _into(self, columns: list[str], what: str) -> str:
        return f"INSERT INTO {self._table} ({', '.join(columns + self._stamps)}) {what} ON CONFLICT DO NOTHING"


def _ready(column: Sequence[Any], word: Callable[[Any], str] | None) -> list[Any] | None:
    if not any(column) and column.count(None) == len(column):
        return None
    if word is None:
        return list(column)
    return [None if value is None else word(value) for value in column]


class Spool:
    """Parts in the order they came; the first ones in memory, more of them in an unnamed temporary file."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._file: IO[bytes] | None = None
        self._spilled: list[int] = []  # bytes of each part in the file
        self._in_memory = self._in_file = 0  # rows

    def __len__(self) -> int:
        return self._in_file + self._in_memory

    def append(self, part: Part) -> None:
        self._parts.append(part)
        self._in_memory += rows_in(part)
        if self._in_memory >= _IN_MEMORY:
            self._spill()

    def parts(self) -> Iterator[Part]:
        if self._file is not None:
            self._file.seek(0)
            for size in self._spilled:
                yield marshal.loads(self._file.read(size))  # noqa: S302  (our own file, without a name)
        yield from self._parts

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the spool)
        for part in self._parts:
            self._spilled.append(self._file.write(marshal.dumps(part)))
        self._in_file, self._in_memory = len(self), 0
        self._parts.clear()


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


def insert_rows(model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Rows of one portfolio, each with all columns of the table. Within a transaction."""
    if not rows:
        return
    columns = tuple(column.name for column in model.__table__.columns if column.name != "portfolio_id")
    inserting = BulkInsert(model, columns, ("portfolio_id",))
    ready = (
        inserting.ready([[row[name] for name in columns] for row in rows[start : start + BATCH_ROWS]])
        for start in range(0, len(rows), BATCH_ROWS)
    )
    inserting.write(ready, len(rows), (rows[0]["portfolio_id"],))
