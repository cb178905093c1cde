"""The database session, its column types and the one place that commits.

SQLite and PostgreSQL behave alike from here up: decimals stay exact, times stay UTC, a write transaction takes its
lock at the start so that two writers queue instead of failing half way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVarTuple

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Dialect, Executable, MetaData, Numeric, Row, Select, Text, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, CursorResult, Engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import DateTime, TypeDecorator

Shape = TypeVarTuple("Shape")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


class ExactDecimal(TypeDecorator[Decimal]):
    """NUMERIC on PostgreSQL, TEXT on SQLite (whose NUMERIC keeps a REAL and loses digits without a word)."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(Numeric(asdecimal=True))

    def compare_values(self, x: Any, y: Any) -> bool:
        """-1 and -1.00 are equal, but kept as they were told: a change from one to the other is one to write."""
        return bool(x == y) and str(x) == str(y)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"ExactDecimal takes Decimal, not {type(value).__name__}")
        return format(value, "f") if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Decimal | None]:
        return _decimal  # itself and not by way of process_result_value: a page reads hundreds, a fold millions


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes only, in and out; SQLite drops zones silently, so they are put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("UtcDateTime takes aware datetimes")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


@contextmanager
def transaction() -> Iterator[None]:
    """One write transaction: commits at the end, rolls back on any error. Inside another it joins it.

    Everything loaded before is expired first, so a decision inside is made on what the database says now.
    On SQLite the write lock is taken at once (BEGIN IMMEDIATE), waiting up to the busy timeout.
    """
    session = db.session
    if session.info.get("in_transaction"):
        yield
        return
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("changes were made outside db.transaction(); they would have been lost")
    session.rollback()
    session.info["in_transaction"] = True
    try:
        session.connection(execution_options={"stonks_write": True})
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop("in_transaction", None)


def in_transaction() -> bool:
    """Whether `transaction` is open around the caller."""
    return bool(db.session.info.get("in_transaction"))


def read(query: Executable, **values: Any) -> CursorResult[*tuple[Any, ...]]:
    """Rows, as columns and no objects, of a query that was put together once with `bindparam`s. In the session's
    transaction, so of one moment with what else it reads, and with what it wrote. Past its objects, which take six times
    as long for each query: most of what a page costs that asks eight."""
    return db.session.connection().execute(query, values)


def look(statement: Select[*Shape], **values: object) -> Sequence[Row[*Shape]]:
    """Like read(), in a transaction of its own that is over when this returns: for what asks again and again what is
    due, and then takes its time, or begins to write."""
    with db.engine.connect() as connection:
        return connection.execute(statement, values).all()


def insert_ignoring(table: type[Base]) -> Any:
    """INSERT … ON CONFLICT DO NOTHING: rows that are there already, or come first from elsewhere, are left out."""
    make = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    return make(table).on_conflict_do_nothing()


def insert_replacing(table: type[Base], unique: tuple[str, ...]) -> Any:
    """INSERT … ON CONFLICT DO UPDATE: of a row that is there already by `unique`, everything else is replaced."""
    make = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    kept = {*unique, "id"}
    replaced = {
        column.name: statement.excluded[column.name] for column in table.__table__.columns if column.name not in kept
    }
    return statement.on_conflict_do_update(index_elements=list(unique), set_=replaced)


def init_app(app: Flask, patience: timedelta) -> None:
    """`patience`: how long a write waits for somebody else's to end before it is given up (OperationalError)."""
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    milliseconds = int(patience / timedelta(milliseconds=1))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _record: _prepare_sqlite(connection, milliseconds))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", lambda connection, _record: _prepare_postgres(connection, milliseconds))


def _prepare_sqlite(connection: Any, patience: int) -> None:
    # The driver's own transaction control would start writes late (deferred) and commit around DDL; we say BEGIN.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {patience}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _prepare_postgres(connection: Any, patience: int) -> None:
    connection.autocommit = True  # set inside a transaction, it would end with that
    connection.execute(f"SET lock_timeout = {patience}")
    connection.autocommit = False


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("stonks_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


__all__ = [
    "Base",
    "Engine",
    "ExactDecimal",
    "UtcDateTime",
    "db",
    "in_transaction",
    "init_app",
    "insert_ignoring",
    "insert_replacing",
    "look",
    "read",
    "transaction",
]
