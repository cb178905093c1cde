"""Whether what the transactions add up to is what the broker reported: the overview's tick and the reconciliation page.
A difference that a person dismissed stays dismissed until it changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, select

from stonks.core.errors import InvalidInput
from stonks.db import db, transaction
from stonks.ledger import marks
from stonks.ledger.folding import Folding
from stonks.ledger.tables import Dismissal
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.reconcile import Difference

LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Dismissed:
    difference: Difference
    note: str
    dismissed_at: datetime


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the quantities compare with the broker's of the last day that it reported any."""

    as_of: date
    differences: list[Difference]  # that nobody dismissed
    dismissed: list[Dismissed]

    @property
    def agrees(self) -> bool:
        return not self.differences and not self.dismissed


def held_at(found: Folding, held: Holdings, as_of: date) -> Holdings:
    """What was held at the end of that day; `held` when nothing moved since."""
    if all(item.on <= as_of for item in found.movements):
        return held
    return found.held(as_of)


def part(portfolio_id: int, found: list[Difference]) -> tuple[list[Difference], list[Dismissed]]:
    """Those that are open, and those that were dismissed as they are now."""
    if not found:
        return [], []
    query = select(Dismissal).where(Dismissal.portfolio_id == portfolio_id)
    known = {one.key: one for one in db.session.scalars(query)}
    open_, dismissed = [], []
    for one in found:
        row = known.get(one.key)
        if row is not None and row.difference == one.amount:
            dismissed.append(Dismissed(one, row.note, row.dismissed_at))
        else:
            open_.append(one)
    return open_, dismissed


def dismiss(portfolio_id: int, difference: Difference, note: str, now: datetime) -> None:
    """Explains a difference away, as it is now. Raises InvalidInput."""
    note = " ".join(note.split())
    if not note:
        raise InvalidInput({"note": "Write down why, so that it can be understood later. Nothing was dismissed."})
    if len(note) > LONGEST_NOTE:
        raise InvalidInput({"note": f"A note has at most {LONGEST_NOTE} characters. Nothing was dismissed."})
    with transaction():
        _forget(portfolio_id, difference.key)
        row = Dismissal(
            portfolio_id=portfolio_id,
            key=difference.key,
            difference=difference.amount,
            note=note,
            dismissed_at=now,
        )
        db.session.add(row)


def take_back(portfolio_id: int, key: str) -> None:
    """The difference is open again. Nothing happens where none was dismissed."""
    with transaction():
        _forget(portfolio_id, key)


def _forget(portfolio_id: int, key: str) -> None:
    db.session.execute(delete(Dismissal).where(Dismissal.portfolio_id == portfolio_id, Dismissal.key == key))
    marks.beside(portfolio_id)
