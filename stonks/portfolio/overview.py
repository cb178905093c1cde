"""The first page's figures: what is held, what it gained, what it earned, what is not known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from stonks.portfolio.income import Income
from stonks.portfolio.lots import ZERO, ClosedLot
from stonks.portfolio.valuation import Instrument, Rates, Valued, converted


class Gains(NamedTuple):
    """Realised, in the base currency. `unknown`: closed lots whose cost or rate is not known, left out."""

    gain: Decimal
    sales: int  # closed lots that count
    unknown: int


class Month(NamedTuple):
    first: date
    income: Income


class Slice(NamedTuple):
    """The holdings of one currency or one asset class (None: not told), in the base currency."""

    name: str | None
    value: Decimal
    share: Decimal | None  # of the whole value; None where that would say nothing, as with what is held short


class Standing(NamedTuple):
    """The holdings of one currency, in it. What has no price is left out of both, what has no cost of the gain."""

    currency: str
    value: Decimal
    gain: Decimal


@dataclass(frozen=True, slots=True)
class Overview:
    base: str
    today: date
    holdings: list[Valued]  # the largest first, those without a value last
    value: Decimal
    cost: Decimal  # of those holdings that have both a value and a cost
    gain: Decimal
    unvalued: list[Valued]  # left out of the value: no price, or no rate
    uncosted: list[Valued]  # left out of the gain: no cost
    oldest_price: date | None
    months: list[Month]  # twelve, the oldest first
    incomplete: int
    closed: int  # instruments once held and no longer

    @property
    def gain_share(self) -> Decimal | None:
        return self.gain / abs(self.cost) if self.cost else None

    @property
    def withheld_share(self) -> Decimal | None:
        gross, withheld = (sum((getattr(month.income, name) for month in self.months), ZERO) for name in
                           ("gross", "withheld"))  # fmt: skip
        return -withheld / gross if gross > 0 and withheld <= 0 else None

    def share_of(self, holding: Valued) -> Decimal | None:
        return None if holding.value_base is None else self._share(holding.value_base)

    def by_currency(self) -> list[Slice]:
        """The currencies traded in, the largest first; cash and what has no value are left out."""
        return self._slices(lambda instrument: instrument.currency)

    def own(self) -> list[Standing]:
        """Each currency's own figures, by its code."""
        values: dict[str, Decimal] = defaultdict(Decimal)
        gains: dict[str, Decimal] = defaultdict(Decimal)
        for one in self.holdings:
            if one.value is not None:
                values[one.instrument.currency] += one.value
                gains[one.instrument.currency] += one.gain or ZERO
        return [Standing(currency, values[currency], gains[currency]) for currency in sorted(values)]

    def by_asset_class(self) -> list[Slice]:
        """The broker's asset classes, the largest first; cash and what has no value are left out."""
        return self._slices(lambda instrument: instrument.asset_class)

    def _slices(self, name_of: Callable[[Instrument], str | None]) -> list[Slice]:
        totals: dict[str | None, Decimal] = defaultdict(Decimal)
        for one in self.holdings:
            if one.value_base is not None:
                totals[name_of(one.instrument)] += one.value_base
        ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0] or ""))
        return [Slice(name, total, self._share(total)) for name, total in ordered]

    def _share(self, part: Decimal) -> Decimal | None:
        return part / self.value if self.value > 0 and part >= 0 else None


def overview(
    holdings: Iterable[Valued],
    income_of: Mapping[date, Income],
    *,
    until: date,
    incomplete: int,
    closed: int,
    base: str,
    today: date,
) -> Overview:
    """`income_of` by the first day of the month, in the base currency; `until`: the last day of the months told."""
    valued = sorted(
        holdings, key=lambda one: (one.value_base is None, -(one.value_base or ZERO), one.instrument.symbol)
    )
    both = [one for one in valued if one.gain_base is not None]
    return Overview(
        base=base,
        today=today,
        holdings=valued,
        value=sum((one.value_base for one in valued if one.value_base is not None), ZERO),
        cost=sum((one.cost_base or ZERO for one in both), ZERO),
        gain=sum((one.gain_base or ZERO for one in both), ZERO),
        unvalued=[one for one in valued if one.value_base is None],
        uncosted=[one for one in valued if one.value_base is not None and one.gain_base is None],
        oldest_price=min((one.price.on for one in valued if one.price), default=None),
        months=[Month(first, income_of.get(first, Income())) for first in last_months(until)],
        incomplete=incomplete,
        closed=closed,
    )


def last_months(until: date) -> list[date]:
    """The first days of the twelve months up to that day's, the oldest first."""
    return [_months_before(until, n) for n in range(11, -1, -1)]


def gain_in_base(lot: ClosedLot, instrument: Instrument, rates: Rates) -> Decimal | None:
    """Proceeds at the rate of the closing day less cost at that of the opening day; what was never paid (futures)
    gains in its own currency and is converted once."""
    then, now = rates(instrument.currency, lot.opened), rates(instrument.currency, lot.closed)
    if lot.gain is None or then is None or now is None:
        return None
    if instrument.unpaid:
        return converted(lot.gain, now)
    return converted(lot.proceeds, now) - converted(lot.cost, then)


def _months_before(day: date, months: int) -> date:
    count = day.year * 12 + day.month - 1 - months
    return date(count // 12, count % 12 + 1, 1)
