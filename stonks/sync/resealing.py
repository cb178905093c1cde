"""After a new key was put in front: everything sealed is sealed again under it, so that the older ones can go.

Tokens are known to rate limits and lockouts by names that the oldest key makes; once that is gone, they get new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, update

from stonks.core.errors import SecretUnreadable
from stonks.db import db, transaction
from stonks.ledger.tables import KeptStatement, StatementPart
from stonks.services import services
from stonks.sync import credentials, lockouts, views
from stonks.sync.tables import Connection, SyncRun

_SEALED = (
    (Connection, Connection.sealed_credentials),
    (SyncRun, SyncRun.sealed_credentials),
    (KeptStatement, KeptStatement.sealed),
    (StatementPart, StatementPart.sealed),
)


@dataclass(frozen=True, slots=True)
class ResealOutcome:
    done: int
    lost: int  # sealed under a key that is gone


def reseal_all() -> ResealOutcome:
    """Each in a transaction of its own: one that is interrupted is begun again, and nothing is closed meanwhile."""
    done = lost = 0
    for table, column in _SEALED:
        for row_id in list(db.session.scalars(select(table.id).where(func.length(column) > 0))):
            with transaction():
                row = db.session.get(table, row_id, with_for_update=True)
                sealed = getattr(row, column.key) if row is not None else None
                if sealed is None:
                    continue
                try:
                    setattr(row, column.key, services().vault.reseal(sealed))
                    done += 1
                except SecretUnreadable:
                    lost += 1
                    continue
                if isinstance(row, Connection):
                    _name_again(row)
    return ResealOutcome(done, lost)


def _name_again(connection: Connection) -> None:
    """Names as they are made now: the allowance's, in the connection, its runs and its lockout, and the one by which
    other portfolios on the same query find a statement."""
    broker = services().brokers.get(connection.broker)
    fields = views.saved_fields(connection)
    if broker is None or fields is None:
        return
    name = credentials.allowance_of(services().vault, broker, fields)
    if name != connection.allowance:
        fetched = (KeptStatement.portfolio_id == connection.portfolio_id, KeptStatement.origin == "sync")
        same = credentials.name_of(services().vault, broker.code, fields)
        since = KeptStatement.kept_at >= connection.credentials_saved_at
        db.session.execute(update(KeptStatement).where(*fetched, since).values(credentials_name=same))
        if connection.allowance is not None:
            db.session.execute(update(SyncRun).where(SyncRun.allowance == connection.allowance).values(allowance=name))
            lockouts.rename(connection.allowance, name)
        connection.allowance = name
