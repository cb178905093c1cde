"""Payments that change a year after it has ended.

A broker corrects last year's withheld tax in spring: the new row keeps the old day and bears a later report date. Or it
takes a payment back in the new year, by a row of the opposite amount that bears its own day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from stonks.core.records import CashKind
from stonks.portfolio.income import Receipt

# A payment of New Year's Eve is booked in January without being a correction.
_BOOKED_WITHIN = timedelta(days=10)
# +1: money comes, -1: it goes. The other way round it takes something back.
_USUAL = {CashKind.DIVIDEND: 1, CashKind.PAYMENT_IN_LIEU: 1, CashKind.WITHHOLDING_TAX: -1}


class Late(NamedTuple):
    receipt: Receipt
    concerns: int  # the year it belongs to
    known_in: int  # the year in which it came


def late(receipts: Iterable[Receipt]) -> list[Late]:
    """Of all receipts of a portfolio; the newest first."""
    # Within a day what pays goes before what takes back, however the rows came.
    ordered = sorted(receipts, key=lambda one: (one.on, _takes_back(one)))
    untaken: Counter[tuple[object, ...]] = Counter()
    found = []
    for one in ordered:
        booked = one.reported_on or one.on
        if booked.year > one.on.year and booked - one.on > _BOOKED_WITHIN:
            found.append(Late(one, one.on.year, booked.year))
        elif _takes_back(one):
            taken = _facts(one, -one.amount)
            years = range(one.on.year, ordered[0].on.year - 1, -1)
            year = next((year for year in years if untaken[(*taken, year)] > 0), None)
            if year is not None:
                untaken[(*taken, year)] -= 1
                if year < one.on.year:
                    found.append(Late(one, year, one.on.year))
        else:
            untaken[(*_facts(one, one.amount), one.on.year)] += 1
    return sorted(found, key=lambda item: (item.receipt.reported_on or item.receipt.on, item.receipt.on), reverse=True)


def looks_back(receipts: Iterable[Receipt]) -> bool:
    """Whether what is late among them may hang on receipts of earlier years."""
    return any(map(_takes_back, receipts))


def _takes_back(one: Receipt) -> bool:
    return one.amount * _USUAL.get(one.kind, 0) < 0


def _facts(one: Receipt, amount: Decimal) -> tuple[CashKind, str | None, str, Decimal]:
    return (one.kind, one.key, one.currency, amount)
