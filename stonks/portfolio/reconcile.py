"""Computed against reported quantities: where they differ and why that may be."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from stonks.portfolio.holdings import Holdings
from stonks.portfolio.lots import ZERO


class Difference(NamedTuple):
    key: str
    computed: Decimal
    reported: Decimal
    why: str


def differences(holdings: Holdings, reported: Mapping[str, Decimal]) -> list[Difference]:
    """Over the union of instruments; `holdings` folded up to the day of the report. Empty = everything agrees."""
    computed = {book.key: book.quantity for book in holdings.open()}
    found = []
    for key in sorted(computed.keys() | reported.keys()):
        ours, theirs = computed.get(key, ZERO), reported.get(key, ZERO)
        if ours != theirs:
            found.append(Difference(key, ours, theirs, _why(holdings, key, ours, theirs)))
    return found


def _why(holdings: Holdings, key: str, ours: Decimal, theirs: Decimal) -> str:
    book = holdings.books.get(key)
    if book is None:
        return "It was held before the first imported transaction: its purchase is not here."
    if book.reasons:
        return book.reasons[0]
    if not theirs:
        return "The broker no longer holds it: a sale, a transfer or a corporate action is not here."
    ratio = max(ours / theirs, theirs / ours) if ours else ZERO
    if ratio > 1 and ratio == ratio.to_integral_value():
        return f"One is {ratio:.0f} times the other: a split, or an earlier purchase, may be missing."
    if abs(theirs) > abs(ours):
        return "Less came in than is held: an earlier purchase or a transfer is not here."
    return "More came in than is held: a sale or a transfer out is not here."
