"""What holdings are worth: the last price there is, with its day, and exchange rates where there are any.

A price older than five days is old; an amount without a rate is left out of a total and counted beside it.
Every past amount is converted at the rate of its own day, so that a gain in the base currency holds the currency's part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple, Protocol

from stonks.core.amounts import PER_HUNDRED_CLASSES, UNPAID_CLASSES
from stonks.portfolio.lots import ZERO, Book

OLD = timedelta(days=5)
UPLOADED = "upload"

_WIDE = Context(prec=60)
_SMALLEST = Decimal("1E-12")

Rates = Callable[[str, date], Decimal | None]  # currency, day -> what one unit is in the base currency


def converted(amount: Decimal, rate: Decimal) -> Decimal:
    """To twelve places, so that sums of what was converted are exact and the same in any order."""
    if rate == 1:
        return amount
    return _WIDE.multiply(amount, rate).quantize(_SMALLEST, ROUND_HALF_EVEN, _WIDE)


class Instrument(NamedTuple):
    key: str
    symbol: str
    isin: str | None
    currency: str
    asset_class: str | None
    multiplier: Decimal | None
    description: str | None = None

    @property
    def unit(self) -> Decimal:
        """What one of quantity costs at a price of 1."""
        unit = self.multiplier or Decimal(1)
        return unit / 100 if self.asset_class in PER_HUNDRED_CLASSES else unit

    @property
    def unpaid(self) -> bool:
        return self.asset_class in UNPAID_CLASSES


class Price(NamedTuple):
    price: Decimal
    on: date
    reported: bool  # by the broker as the day's mark
    source: str | None = None  # "upload", or the code of a price source; None: the broker's, else the last trade's

    @property
    def rank(self) -> int:
        """Which of one day's prices goes before the others: the highest."""
        if self.reported:
            return 3
        return 0 if self.source is None else 2 if self.source == UPLOADED else 1


class Held(Protocol):
    """What is left of an instrument: its folded book, or what was stored of one."""

    @property
    def quantity(self) -> Decimal: ...
    @property
    def cost(self) -> Decimal: ...
    @property
    def cost_known(self) -> bool: ...
    @property
    def complete(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Valued:
    """An open holding. Figures that are not known are None; those ending in `_base` are in the base currency."""

    instrument: Instrument
    book: Held
    price: Price | None
    old_price: bool
    value: Decimal | None  # futures and CFDs: only what they gained, as nothing was paid for them
    cost: Decimal | None
    value_base: Decimal | None
    cost_base: Decimal | None

    @property
    def quantity(self) -> Decimal:
        return self.book.quantity

    @property
    def average_cost(self) -> Decimal | None:
        """Per unit, as prices are quoted; with commission."""
        if not self.book.cost_known:
            return None
        return self.book.cost / self.book.quantity / self.instrument.unit

    @property
    def gain(self) -> Decimal | None:
        return None if self.value is None or self.cost is None else self.value - self.cost

    @property
    def gain_base(self) -> Decimal | None:
        return None if self.value_base is None or self.cost_base is None else self.value_base - self.cost_base

    @property
    def gain_share(self) -> Decimal | None:
        gain, cost = self.gain_base, self.cost_base
        return gain / abs(cost) if gain is not None and cost else None


def value(book: Book, instrument: Instrument, price: Price | None, rates: Rates, today: date) -> Valued:
    return worth(book, instrument, price, cost_in_base(book, instrument.currency, rates), rates, today)


def worth(
    held: Held, instrument: Instrument, price: Price | None, cost_base: Decimal | None, rates: Rates, today: date
) -> Valued:
    """`cost_base` as `cost_in_base` finds it; of the rates only today's is asked."""
    amount = None if price is None else held.quantity * price.price * instrument.unit
    cost: Decimal | None = held.cost if held.cost_known else None
    if instrument.unpaid:
        amount = None if amount is None or cost is None else amount - cost
        cost = cost_base = ZERO
    now = rates(instrument.currency, today)
    return Valued(
        instrument=instrument,
        book=held,
        price=price,
        old_price=price is not None and today - price.on > OLD,
        value=amount,
        cost=cost,
        value_base=None if amount is None or now is None else amount * now,
        cost_base=cost_base,
    )


def cost_in_base(book: Book, currency: str, rates: Rates) -> Decimal | None:
    """Each lot at the rate of the day it was opened; None where one has no known cost or no rate."""
    total = ZERO
    for lot in book.lots:
        rate = rates(currency, lot.opened)
        if rate is None or not lot.cost_known:
            return None
        total += lot.cost * rate
    return total


def newer(known: Price | None, price: Price) -> Price:
    """Of one day the broker's mark goes before an uploaded price, that before a price source's, and a trade is last."""
    return price if known is None or (price.on, price.rank) >= (known.on, known.rank) else known
