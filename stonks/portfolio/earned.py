"""What a portfolio earned from one day to another: income, realised gains and fees; in the base currency, and each
currency's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from stonks.portfolio.courses import Money, more_money
from stonks.portfolio.income import Income
from stonks.portfolio.overview import Gains
from stonks.portfolio.summary import EXACT


class Receipts(NamedTuple):
    """What a day paid and cost in one currency."""

    on: date
    currency: str
    own: Income
    base: Income
    unconverted: int  # those without a rate, in `own` only


class Own(NamedTuple):
    """One currency's figures, in it."""

    currency: str
    income: Income
    gain: Decimal
    unknown: int  # closed lots without a known cost


class Earned(NamedTuple):
    income: Income
    unconverted: int  # receipts without a rate, left out
    gains: Gains
    own: list[Own]  # by currency's code; only those in which something came or went


def earned(
    receipts: Iterable[Receipts], gained: Mapping[str, Mapping[date, Money]], first: date | None, last: date
) -> Earned:
    """Both days included; `first` None: from the beginning. `gained`: by currency."""
    since = first or date.min
    received = [one for one in receipts if since <= one.on <= last]
    sold: dict[str, Money] = {}
    for currency, days in gained.items():
        for on, one in days.items():
            if since <= on <= last and (one.sales or one.unknown):
                sold[currency] = more_money(sold.get(currency, Money()), one)
    total = Money()
    for one in sold.values():
        total = more_money(total, one)
    return Earned(
        income=_sum(one.base for one in received),
        unconverted=sum(one.unconverted for one in received),
        gains=Gains(total.gain, total.sales, total.unknown),
        own=_own(received, sold),
    )


def _own(received: list[Receipts], sold: Mapping[str, Money]) -> list[Own]:
    by_currency: dict[str, list[Income]] = defaultdict(list)
    for one in received:
        by_currency[one.currency].append(one.own)
    found = []
    for currency in sorted(by_currency.keys() | sold.keys()):
        gain = sold.get(currency, Money())
        found.append(Own(currency, _sum(by_currency.get(currency, ())), gain.own_gain, gain.own_unknown))
    return found


def _sum(several: Iterable[Income]) -> Income:
    found = Income()
    for one in several:
        found = Income(*(EXACT.add(a, b) for a, b in zip(found, one, strict=True)))
    return found
