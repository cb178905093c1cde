"""Statements kept as they came, compressed and sealed: a tested one becomes the first import, an old one can be read
again after an update."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import BinaryIO

from sqlalchemy import delete, select

from stonks.core.errors import NotFound
from stonks.db import db, transaction
from stonks.ledger import sealed_parts
from stonks.ledger.tables import KeptStatement, Portfolio, StatementReading
from stonks.services import services

TESTED_IS_FRESH = timedelta(hours=24)
_A_DAY = timedelta(hours=24)  # as long as portfolios on one query may share a statement
_REMEMBERED = timedelta(days=35)  # how a statement was read that is itself kept no longer


def keep(
    portfolio_id: int, body: BinaryIO, *, origin: str, now: datetime, credentials_name: str | None = None
) -> int | None:
    """Keeps a statement, one of several equal ones; returns its id. Reads `body` from its start and leaves it there.
    None: by the settings none are kept, and neither a first import nor another portfolio on the same query can need
    this one."""
    if not services().settings.keep_statements and not _needed_soon(portfolio_id, origin):
        return None
    digest, size = sealed_parts.measured(body)
    with transaction():
        if origin == "test":  # only the newest can become a first import
            db.session.execute(
                delete(KeptStatement).where(
                    KeptStatement.portfolio_id == portfolio_id,
                    KeptStatement.origin == "test",
                    KeptStatement.imported_at.is_(None),
                    KeptStatement.credentials_name == credentials_name,
                )
            )
        statement = _same(portfolio_id, digest) if origin != "test" else None
        if statement is None:
            statement = KeptStatement(
                portfolio_id=portfolio_id,
                origin=origin,
                sha1=digest,
                size=size,
                sealed=b"",
                kept_at=now,
            )
            db.session.add(statement)
            db.session.flush()
            sealed_parts.write(statement, body)
        # An equal file, or an equal window of days, makes no synced statement one of today for other portfolios.
        if credentials_name or statement.credentials_name is None:
            statement.kept_at = now
        statement.credentials_name = credentials_name or statement.credentials_name
        db.session.flush()
        return statement.id


def open_kept(statement_id: int) -> BinaryIO:
    """The bytes as received. Raises NotFound, SecretUnreadable (the key is gone)."""
    statement = db.session.get(KeptStatement, statement_id)
    if statement is None:
        raise NotFound("That statement is kept no longer.")
    return sealed_parts.opened(statement)


def size_of(statement_id: int) -> int:
    """Bytes as received; 0 when it is kept no longer."""
    return db.session.scalar(select(KeptStatement.size).where(KeptStatement.id == statement_id)) or 0


def take_tested(portfolio_id: int, credentials_name: str, now: datetime) -> int | None:
    """The newest statement that a test with the same credentials fetched within a day and no import used yet."""
    return db.session.scalar(
        select(KeptStatement.id)
        .where(
            KeptStatement.portfolio_id == portfolio_id,
            KeptStatement.origin == "test",
            KeptStatement.credentials_name == credentials_name,
            KeptStatement.imported_at.is_(None),
            KeptStatement.kept_at > now - TESTED_IS_FRESH,
        )
        .order_by(KeptStatement.id.desc())
        .limit(1)
    )


def of_sibling(portfolio_id: int, credentials_name: str, since: datetime) -> int | None:
    """The newest statement since then that another portfolio of the same owner fetched with the same credentials."""
    owner = select(Portfolio.user_id).where(Portfolio.id == portfolio_id).scalar_subquery()
    return db.session.scalar(
        select(KeptStatement.id)
        .join(Portfolio, Portfolio.id == KeptStatement.portfolio_id)
        .where(
            Portfolio.user_id == owner,
            KeptStatement.portfolio_id != portfolio_id,
            KeptStatement.credentials_name == credentials_name,
            KeptStatement.kept_at > since,
        )
        .order_by(KeptStatement.id.desc())
        .limit(1)
    )


def of_the_day(portfolio_id: int, credentials_name: str, since: datetime) -> int | None:
    """The newest statement since then that the portfolio itself fetched with the same credentials."""
    return db.session.scalar(
        select(KeptStatement.id)
        .where(
            KeptStatement.portfolio_id == portfolio_id,
            KeptStatement.credentials_name == credentials_name,
            KeptStatement.kept_at > since,
        )
        .order_by(KeptStatement.kept_at.desc(), KeptStatement.id.desc())
        .limit(1)
    )


def withdraw(statement_id: int) -> None:
    """It cannot be opened: nobody is to find it by its credentials any more."""
    with transaction():
        statement = db.session.get(KeptStatement, statement_id)
        if statement is not None:
            statement.credentials_name = None


def mark_imported(statement_id: int | None, now: datetime) -> None:
    if statement_id is None:
        return
    with transaction():
        statement = db.session.get(KeptStatement, statement_id)
        if statement is not None:
            statement.imported_at = now


def prune(now: datetime, age: timedelta) -> None:
    """Forgets statements past `age` (a day at least), and tested ones that became no import within a day."""
    with transaction():
        db.session.execute(delete(KeptStatement).where(KeptStatement.kept_at < now - max(age, _A_DAY)))
        db.session.execute(
            delete(KeptStatement).where(
                KeptStatement.origin == "test",
                KeptStatement.imported_at.is_(None),
                KeptStatement.kept_at < now - TESTED_IS_FRESH,
            )
        )
        db.session.execute(
            delete(StatementReading).where(
                StatementReading.statement_id.is_(None), StatementReading.read_at < now - _REMEMBERED
            )
        )


def _same(portfolio_id: int, digest: bytes) -> KeptStatement | None:
    """The same bytes, imported before. One that was only tested is left to become a first import."""
    query = select(KeptStatement).where(KeptStatement.portfolio_id == portfolio_id, KeptStatement.sha1 == digest)
    return db.session.scalar(query.where(KeptStatement.imported_at.is_not(None)).limit(1))


def _needed_soon(portfolio_id: int, origin: str) -> bool:
    """A tested statement becomes the first import; a fetched one may be of use to the owner's other portfolios."""
    if origin != "sync":
        return origin == "test"
    owner = select(Portfolio.user_id).where(Portfolio.id == portfolio_id).scalar_subquery()
    another = select(Portfolio.id).where(Portfolio.user_id == owner, Portfolio.id != portfolio_id)
    return db.session.scalar(another.limit(1)) is not None
