"""What a portfolio earned from one day to another: income, realised gains and fees; in the base currency, and each
currency's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from stonks.portfolio import income
from stonks.portfolio.income import COUNTED, Income, Receipt
from stonks.portfolio.lots import ZERO, ClosedLot
from stonks.portfolio.overview import Gains, gains, in_base
from stonks.portfolio.valuation import Instrument, Rates


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
    receipts: Iterable[Receipt],
    lots: Iterable[ClosedLot],
    instruments: Mapping[str, Instrument],
    rates: Rates,
    first: date | None,
    last: date,
) -> Earned:
    """Both days included; `first` None: from the beginning."""
    since = first or date.min
    received = [one for one in receipts if one.kind in COUNTED and since <= one.on <= last]
    sold = [lot for lot in lots if since <= lot.closed <= last]
    converted = in_base(received, rates)
    return Earned(
        income=income.total(converted),
        unconverted=len(received) - len(converted),
        gains=gains(sold, instruments, rates),
        own=_own(received, sold, instruments),
    )


def _own(received: list[Receipt], sold: list[ClosedLot], instruments: Mapping[str, Instrument]) -> list[Own]:
    incomes = income.by(received, lambda one: one.currency)
    gained: dict[str, Decimal] = defaultdict(Decimal)
    unknown: dict[str, int] = defaultdict(int)
    for lot in sold:
        currency = instruments[lot.key].currency
        if lot.gain is None:
            unknown[currency] += 1
        else:
            gained[currency] += lot.gain
    return [
        Own(currency, incomes.get(currency, Income()), gained.get(currency, ZERO), unknown.get(currency, 0))
        for currency in sorted(incomes.keys() | gained.keys() | unknown.keys())
    ]
