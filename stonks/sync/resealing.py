"""Sealing everything again under the first token key, so that the older keys can be taken away."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from stonks.core.errors import SecretUnreadable
from stonks.db import db, transaction
from stonks.ledger.tables import KeptStatement
from stonks.services import services
from stonks.sync.tables import Connection, SyncRun

_SEALED: tuple[tuple[type, InstrumentedAttribute[int], str], ...] = (
    (Connection, Connection.id, "sealed_credentials"),
    (SyncRun, SyncRun.id, "sealed_credentials"),
    (KeptStatement, KeptStatement.id, "sealed"),
)


@dataclass(frozen=True, slots=True)
class Resealed:
    done: int
    lost: int  # no key opens these; they stay as they are


def reseal_all() -> Resealed:
    """Each secret in a transaction of its own: statements are large, and syncs go on meanwhile."""
    done = lost = 0
    for table, key, column in _SEALED:
        for row_id in db.session.scalars(select(key).where(getattr(table, column).is_not(None))).all():
            with transaction():
                row = db.session.get(table, row_id)
                sealed = getattr(row, column) if row else None
                if sealed is None:  # disconnected or pruned since
                    continue
                try:
                    setattr(row, column, services().vault.reseal(sealed))
                    done += 1
                except SecretUnreadable:
                    lost += 1
            db.session.expire_all()
    return Resealed(done, lost)
