"""Rows that could not be read: known by their digests, and cleared once a statement holds them readable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from stonks.db import db
from stonks.ledger.tables import ImportBatch, ParkedRow

_AT_ONCE = 500  # databases take a limited number of parameters


def digests(portfolio_id: int) -> set[bytes]:
    """Of every parked row, ignored or not."""
    return set(db.session.scalars(select(ParkedRow.digest).where(ParkedRow.portfolio_id == portfolio_id)))


def clear(portfolio_id: int, read_now: Sequence[bytes], now: datetime) -> int:
    """Takes rows away that are read now; within a transaction. Returns how many there were.

    A batch that waited for review because of them alone waits no longer.
    """
    cleared: Counter[int | None] = Counter()
    for start in range(0, len(read_now), _AT_ONCE):
        part = read_now[start : start + _AT_ONCE]
        gone = delete(ParkedRow).where(ParkedRow.portfolio_id == portfolio_id, ParkedRow.digest.in_(part))
        cleared.update(db.session.scalars(gone.returning(ParkedRow.batch_id)))
    for batch_id, count in cleared.items():
        ours = update(ImportBatch).where(ImportBatch.id == batch_id)
        db.session.execute(ours.values(problems=ImportBatch.problems - count))
        done = ours.where(ImportBatch.new == 0, ImportBatch.problems <= 0, ImportBatch.acknowledged_at.is_(None))
        db.session.execute(done.values(acknowledged_at=now))
    return cleared.total()
