"""Whether what the transactions add up to is what the broker reported: the overview's tick and the reconciliation page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stonks.ledger.folding import Folding
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.reconcile import Difference, differences


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the quantities compare with the broker's of the last day that it reported any."""

    as_of: date
    compared: int
    differences: list[Difference]


def agreement(found: Folding, held: Holdings) -> Agreement | None:
    """None where the broker reported nothing. `held` is all of `found`, folded."""
    if not found.reported:
        return None
    as_of = max(one.as_of for one in found.reported)
    if any(item.on > as_of for item in found.movements):
        held = found.held(as_of)
    reported = {one.key: one.quantity for one in found.reported}
    compared = reported.keys() | {book.key for book in held.open()}
    return Agreement(as_of, len(compared), differences(held, reported))
