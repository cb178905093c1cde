"""Exchange rates into one base currency: the statements' own, else the European Central Bank's, else none.

The bank's come with the currencyconverter package, as a file: no network. It is read when first asked, once a process.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from itertools import chain

from currency_converter import CurrencyConverter, RateNotFoundError

from stonks.core.records import FxRate

# A statement's rate holds over a weekend and a holiday; beyond that the bank's is nearer the day.
HOLDS = timedelta(days=5)
_ONE = Decimal(1)


class RateTable:
    """Callable as portfolio.valuation.Rates: what one unit of a currency is in the base currency on a day, or None."""

    def __init__(
        self,
        base: str,
        reported: Iterable[FxRate] = (),
        newest: Mapping[str, tuple[Decimal, date]] | None = None,
    ) -> None:
        """`newest`: the bank's newest rates, kept from `bank_newest`; with them its file is not read, and only days
        after theirs may be asked for."""
        self.base = base
        # The day of the bank's rate, where one had to stand in for that of a later day.
        self.stood_in: dict[tuple[str, date], date] = {}
        self._newest = newest
        self._known: dict[tuple[str, date], Decimal | None] = {}
        self._days: dict[str, list[date]] = defaultdict(list)  # of the statements' rates
        self._reported: dict[str, list[Decimal]] = defaultdict(list)  # those rates
        for rate in sorted(reported, key=lambda rate: rate.on):
            if rate.to_currency == base and rate.rate:
                self._report(rate.from_currency, rate.on, rate.rate)
            elif rate.from_currency == base and rate.rate:
                self._report(rate.to_currency, rate.on, _ONE / rate.rate)

    def __call__(self, currency: str, on: date) -> Decimal | None:
        if currency == self.base:
            return _ONE
        if (currency, on) not in self._known:
            self._known[currency, on] = self._from_statements(currency, on) or self._from_bank(currency, on)
        return self._known[currency, on]

    @property
    def latest_ecb_day(self) -> date | None:
        """Set once a rate had to be older than the day asked for."""
        return min(self.stood_in.values(), default=None)

    def bank_newest(self, currency: str) -> tuple[Decimal, date] | None:
        """The bank's newest rate of a currency other than the base, and its day."""
        rate = self._from_bank(currency, date.max)
        day = self.stood_in.pop((currency, date.max), None)
        return None if rate is None or day is None else (rate, day)

    def _from_statements(self, currency: str, on: date) -> Decimal | None:
        days = self._days.get(currency, [])
        place = bisect_right(days, on) - 1
        return self._reported[currency][place] if place >= 0 and on - days[place] <= HOLDS else None

    def _report(self, currency: str, on: date, rate: Decimal) -> None:
        self._days[currency].append(on)
        self._reported[currency].append(rate)

    def _from_bank(self, currency: str, on: date) -> Decimal | None:
        if self._newest is not None:
            if currency not in self._newest:
                return None
            rate, last = self._newest[currency]
            if on - last > HOLDS:
                self.stood_in[currency, on] = last
            return rate
        bank = _bank(frozenset({currency, self.base}))
        try:
            bounds = [bank.bounds[one] for one in (currency, self.base) if one != "EUR"]
            last = min((bound.last_date for bound in bounds), default=on)
            if bounds and on < max(bound.first_date for bound in bounds):
                return None
            if on - last > HOLDS:
                self.stood_in[currency, on] = last
            return Decimal(bank.convert(1, currency, self.base, date=min(on, last)))
        except (RateNotFoundError, ValueError, KeyError):
            return None


@cache
def bank_version() -> str:
    """Which of the bank's rates these are."""
    return version("currencyconverter")


class _SomeRates(CurrencyConverter):  # type: ignore[misc]  # (it has no types)
    """The bank's file read for some of its forty currencies: all of them take half a second and 40 MB."""

    def __init__(self, currencies: frozenset[str]) -> None:
        self._wanted = currencies | {"USD"}  # without any it fails
        super().__init__(fallback_on_missing_rate=True, fallback_on_missing_rate_method="last_known", decimal=True)

    def load_lines(self, lines: Iterable[str]) -> None:
        rows = (line.strip().split(",") for line in lines)
        header = next(rows)
        places = [0, *(place for place, name in enumerate(header) if name.strip() in self._wanted)]
        wanted = (",".join([row[place] for place in places]) for row in chain([header], rows))
        super().load_lines(wanted)


@cache
def _bank(currencies: frozenset[str]) -> CurrencyConverter:
    return _SomeRates(currencies)
