"""What one instrument's lots and receipts come to: all that the overview and the holdings page ask of it.

Summaries are added up over instruments, and one of them is replaced when its instrument changes. So that a sum comes
out the same whichever way it was reached, what enters a sum is cut to a fixed place and added exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from stonks.core.records import CashKind
from stonks.portfolio.income import COUNTED, GROSS, Income, Receipt
from stonks.portfolio.lots import ZERO, Book, ClosedLot, Lot
from stonks.portfolio.overview import Gains, gain_in_base
from stonks.portfolio.valuation import Instrument, Rates, cost_in_base

_SMALLEST = Decimal("1E-12")
EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)


class NotingRates:
    """Rates that note the oldest day whose rate had to stand in for a later one."""

    def __init__(self, rates: Rates, day_of: Mapping[tuple[str, date], date]) -> None:
        self._rates = rates
        self._day_of = day_of
        self.oldest: date | None = None

    def __call__(self, currency: str, on: date) -> Decimal | None:
        rate = self._rates(currency, on)
        day = self._day_of.get((currency, on))
        if day is not None and (self.oldest is None or day < self.oldest):
            self.oldest = day
        return rate


@dataclass(frozen=True, slots=True)
class Summary:
    instrument: Instrument
    open: list[Lot]
    closed: list[tuple[ClosedLot, Decimal | None]]  # with the gain in the base currency, where known
    quantity: Decimal
    cost: Decimal
    cost_known: bool
    cost_base: Decimal | None
    missing: Decimal
    reasons: list[str]
    gains: dict[int, Gains]  # by year
    income_base: Decimal  # net
    unconverted: int


class Month(NamedTuple):
    """One currency's income, fees and cash of a month."""

    moved: Decimal = ZERO
    gross: Decimal = ZERO
    withheld: Decimal = ZERO
    fees: Decimal = ZERO
    gross_base: Decimal = ZERO
    withheld_base: Decimal = ZERO
    fees_base: Decimal = ZERO
    unconverted: int = 0  # receipts without a rate, left out of `_base`


def summarise(book: Book, instrument: Instrument, receipts: Iterable[Receipt], rates: Rates) -> Summary:
    """`receipts`: what the instrument paid and cost beside its trades."""
    closed = [(lot, cut(gain_in_base(lot, instrument, rates))) for lot in book.closed]
    income, unconverted = ZERO, 0
    for receipt in receipts:
        if receipt.kind not in GROSS and receipt.kind is not CashKind.WITHHOLDING_TAX:
            continue
        rate = rates(receipt.currency, receipt.on)
        if rate is None:
            unconverted += 1
        else:
            income = EXACT.add(income, _cut(receipt.amount * rate))
    return Summary(
        instrument=instrument,
        open=book.lots,
        closed=closed,
        quantity=book.quantity,
        cost=book.cost,
        cost_known=book.cost_known,
        cost_base=ZERO if instrument.unpaid else cut(cost_in_base(book, instrument.currency, rates)),
        missing=book.missing,
        reasons=book.reasons,
        gains=_gains(closed),
        income_base=income,
        unconverted=unconverted,
    )


def month(receipts: Iterable[Receipt], cash: Mapping[str, Decimal], rates: Rates) -> dict[str, Month]:
    """By currency; only currencies in which something was."""
    found: dict[str, Month] = {currency: Month(moved=amount) for currency, amount in cash.items()}
    for receipt in receipts:
        if receipt.kind not in COUNTED:
            continue
        kind = "gross" if receipt.kind in GROSS else "fees" if receipt.kind is CashKind.FEE else "withheld"
        before = found.get(receipt.currency, Month())
        changed = {kind: getattr(before, kind) + receipt.amount}
        rate = rates(receipt.currency, receipt.on)
        if rate is None:
            found[receipt.currency] = before._replace(unconverted=before.unconverted + 1, **changed)
        else:
            base = f"{kind}_base"
            changed[base] = EXACT.add(getattr(before, base), _cut(receipt.amount * rate))
            found[receipt.currency] = before._replace(**changed)
    return found


def by_year(receipts: Iterable[Receipt], rates: Rates) -> dict[tuple[str, int], Income]:
    """Of receipts with a name, by it and the year, in the base currency; those without a rate are left out."""
    found: dict[tuple[str, int], Income] = {}
    for receipt in receipts:
        rate = rates(receipt.currency, receipt.on)
        if rate is not None and receipt.key:
            place = receipt.key, receipt.on.year
            more = Income().plus(receipt._replace(amount=_cut(receipt.amount * rate)))
            had = found.get(place, Income())
            found[place] = Income(*(EXACT.add(one, other) for one, other in zip(had, more, strict=True)))
    return found


def replace_gains_in(total: dict[int, Gains], old: Mapping[int, Gains], new: Mapping[int, Gains]) -> None:
    """The same for gains; a year without a closed lot is left out."""
    for part, sign in ((old, -1), (new, 1)):
        for key, one in part.items():
            had = total.get(key, Gains(ZERO, 0, 0))
            gain = EXACT.add(had.gain, one.gain * sign)
            total[key] = Gains(gain, had.sales + sign * one.sales, had.unknown + sign * one.unknown)
    for key in old.keys() | new.keys():
        if not (total[key].sales or total[key].unknown):
            del total[key]


def cut(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else _cut(amount)


def _cut(amount: Decimal) -> Decimal:
    return amount.quantize(_SMALLEST, ROUND_HALF_EVEN, EXACT)


def _gains(closed: Iterable[tuple[ClosedLot, Decimal | None]]) -> dict[int, Gains]:
    found: dict[int, Gains] = defaultdict(lambda: Gains(ZERO, 0, 0))
    for lot, gain in closed:
        had = found[lot.closed.year]
        if gain is None:
            found[lot.closed.year] = had._replace(unknown=had.unknown + 1)
        else:
            found[lot.closed.year] = had._replace(gain=EXACT.add(had.gain, gain), sales=had.sales + 1)
    return dict(found)
