"""Computed against reported quantities: where they differ, and what was held before the history begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from stonks.portfolio import holdings
from stonks.portfolio.lots import ZERO, Book
from stonks.portfolio.movements import Kind, Movement


class Difference(NamedTuple):
    key: str
    computed: Decimal
    reported: Decimal

    @property
    def amount(self) -> Decimal:
        """What would have to be added to what was computed."""
        return self.reported - self.computed


class Opening(NamedTuple):
    """What an opening entry would have to say. None where the movements do not tell it."""

    quantity: Decimal | None  # negative: was held short
    cost: Decimal | None  # of all of it, positive


def differences(computed: Mapping[str, Decimal], reported: Mapping[str, Decimal]) -> list[Difference]:
    """Over the union of instruments, by key; what is not among one of them is none held. Empty = everything agrees."""
    pairs = (Difference(key, computed.get(key, ZERO), reported.get(key, ZERO)) for key in computed.keys() | reported)
    return sorted(pair for pair in pairs if pair.amount)


def opening(
    movements: Iterable[Movement], reported: Decimal | None, reported_cost: Decimal | None, until: date
) -> Opening | None:
    """What was held before the first of an instrument's `movements`, when that explains what is missing.

    `reported` is held at the end of `until` (None: not told, then only sales without a purchase count). The cost is the
    broker's less that of the lots that are here, where none of them was sold.
    """
    kept = [item for item in movements if item.on <= until]
    short = reported is not None and reported < 0
    book = _book(kept, short)
    short_of = ZERO if reported is None else reported - book.quantity
    quantity = short_of - book.missing
    if not quantity or (not book.missing and short_of * (reported or ZERO) <= 0):
        return None
    first = min((item.on for item in kept), default=until)
    tried = _book([*kept, Movement(first, Kind.OPENING, "", quantity, ZERO)], short)
    if tried.missing or (reported is not None and tried.quantity != reported):
        return Opening(None, None)  # a reverse split in between, say: how many there were is for a person to tell
    cost = None
    if reported_cost is not None and not book.missing and not book.closed and book.cost_known:
        cost = abs(reported_cost) - abs(book.cost)
    return Opening(quantity, cost if cost is None or cost >= 0 else None)


def _book(movements: Iterable[Movement], short: bool) -> Book:
    """As one instrument, whatever else a corporate action touches."""
    own = (item._replace(key="") for item in movements)
    found = holdings.fold(own, reported_short=frozenset({""} if short else ()))
    return found.books.get("", Book(""))
