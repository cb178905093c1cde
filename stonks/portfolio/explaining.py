"""Why a computed quantity may differ from the reported one, as far as the data tells."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from stonks.core.days import spoken
from stonks.portfolio.lots import ZERO, Book
from stonks.portfolio.movements import Kind, Movement, in_order
from stonks.portfolio.reconcile import Difference

# A report closes its day some hours before the broker's last bookings of that day and of a weekend.
_NEAR = timedelta(days=4)


class Reason(StrEnum):
    PARKED = "Row not read"
    PENDING = "Trade pending"
    TRANSFER = "Transfer"
    HISTORY = "History incomplete"
    SPLIT = "Split"
    LATER = "Something is missing since"


class Explanation(NamedTuple):
    reason: Reason
    why: str  # in words


def explain(
    difference: Difference, book: Book | None, movements: Iterable[Movement], as_of: date, parked: int
) -> Explanation:
    """The likeliest first. `book` and `movements` are of the instrument (the book up to `as_of`, movements of any day),
    `parked` counts the rows that name it and could not be read."""
    here = [item for item in in_order(movements).movements if item.quantity]
    if parked:
        rows = "A row that names it" if parked == 1 else f"{parked} rows that name it"
        return Explanation(Reason.PARKED, f"{rows} could not be read and {'is' if parked == 1 else 'are'} not counted.")
    return (
        _pending(difference, here, as_of)
        or _transfer(difference, here)
        or _missing(book)
        or _split(difference)
        or _in_general(difference)
    )


def _pending(difference: Difference, movements: list[Movement], as_of: date) -> Explanation | None:
    """Whether the broker counts what follows its report's day, or leaves out what just preceded its end."""
    total = ZERO
    for item in movements:
        if as_of < item.on <= as_of + _NEAR:
            total += item.quantity
            if total == difference.amount:
                said = f"The broker’s figure counts the trade of {spoken(item.on)} already."
                return Explanation(Reason.PENDING, said)
    total = ZERO
    for item in reversed(movements):
        if as_of - _NEAR < item.on <= as_of and item.kind is Kind.TRADE:
            total -= item.quantity
            if total == difference.amount:
                said = f"The broker’s figure does not count the trade of {spoken(item.on)} yet."
                return Explanation(Reason.PENDING, said)
    return None


def _transfer(difference: Difference, movements: list[Movement]) -> Explanation | None:
    for item in reversed(movements):
        if item.kind in (Kind.TRANSFER_IN, Kind.TRANSFER_OUT) and abs(item.quantity) == abs(difference.amount):
            said = f"The transfer of {spoken(item.on)} was of just as many: what stands against it is not here."
            return Explanation(Reason.TRANSFER, said)
    return None


def _missing(book: Book | None) -> Explanation | None:
    if book is None:
        said = "It was held before the first imported transaction: its purchase is not here."
        return Explanation(Reason.HISTORY, said)
    return Explanation(Reason.HISTORY, book.reasons[0]) if book.missing else None


def _split(difference: Difference) -> Explanation | None:
    ours, theirs = difference.computed, difference.reported
    if not ours or not theirs or (ours > 0) != (theirs > 0):
        return None
    ratio = max(ours / theirs, theirs / ours)
    if ratio != ratio.to_integral_value() and ratio * 2 != 3:
        return None
    times = f"{ratio.normalize():f} times"
    return Explanation(Reason.SPLIT, f"One is {times} the other: a split, or an earlier purchase, may be missing.")


def _in_general(difference: Difference) -> Explanation:
    ours, theirs = difference.computed, difference.reported
    if not theirs:
        said = "The broker no longer holds it: a sale, a transfer or a corporate action is not here."
        return Explanation(Reason.LATER, said)
    if abs(theirs) > abs(ours):
        return Explanation(Reason.HISTORY, "Less came in than is held: an earlier purchase or a transfer is not here.")
    return Explanation(Reason.LATER, "More came in than is held: a sale or a transfer out is not here.")
