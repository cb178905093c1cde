"""What a portfolio earned from one day to another: income, realised gains and fees; in the base currency, and each
currency's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

from stonks.portfolio.income import Income
from stonks.portfolio.lots import ZERO
from stonks.portfolio.overview import Gains
from stonks.portfolio.summary import EXACT


class Receipts(NamedTuple):
    """What some days, the first of them `on`, paid and cost in one currency."""

    on: date
    currency: str
    own: Income
    base: Income
    unconverted: int  # those without a rate, in `own` only


@dataclass(frozen=True, slots=True)
class Paid:
    """A currency's receipts of some days in a row, in sum, and its days for who asks for a part of them."""

    first: date
    last: date
    whole: Receipts
    days: Callable[[], Iterable[Receipts]]


class Sold(NamedTuple):
    """What closed lots of one currency gained on a day."""

    on: date
    currency: str
    gains: Gains
    own: Decimal  # in the currency
    own_unknown: int  # closed lots without a known cost


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


def earned(paid: Iterable[Paid], sold: Iterable[Sold], first: date | None, last: date) -> Earned:
    """Both days included; `first` None: from the beginning."""
    since = first or date.min
    received = [one for of in paid for one in _within(of, since, last)]
    within = [one for one in sold if since <= one.on <= last]
    return Earned(
        income=_sum(one.base for one in received),
        unconverted=sum(one.unconverted for one in received),
        gains=Gains(
            _total(one.gains.gain for one in within),
            sum(one.gains.sales for one in within),
            sum(one.gains.unknown for one in within),
        ),
        own=_own(received, within),
    )


def _within(of: Paid, since: date, last: date) -> Iterable[Receipts]:
    if of.first > last or of.last < since:
        return ()
    if since <= of.first and of.last <= last:
        return (of.whole,)
    return (one for one in of.days() if since <= one.on <= last)


def _own(received: list[Receipts], sold: list[Sold]) -> list[Own]:
    incomes: dict[str, list[Income]] = defaultdict(list)
    for one in received:
        incomes[one.currency].append(one.own)
    gains: dict[str, list[Sold]] = defaultdict(list)
    for lot in sold:
        gains[lot.currency].append(lot)
    return [
        Own(
            currency,
            _sum(incomes.get(currency, ())),
            _total(one.own for one in gains.get(currency, ())),
            sum(one.own_unknown for one in gains.get(currency, ())),
        )
        for currency in sorted(incomes.keys() | gains.keys())
    ]


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, amounts, ZERO)


def _sum(several: Iterable[Income]) -> Income:
    found = Income()
    for one in several:
        found = Income(*(EXACT.add(a, b) for a, b in zip(found, one, strict=True)))
    return found
