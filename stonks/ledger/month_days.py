"""What the days of a month brought and moved, as it is stored beside the month's sums, a currency each."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from stonks.core.amounts import PER_HUNDRED_CLASSES
from stonks.core.fingerprint import plain
from stonks.core.records import CashKind
from stonks.ledger.cash import effects
from stonks.portfolio import summary
from stonks.portfolio.earned import Receipts
from stonks.portfolio.income import COUNTED, Income, Receipt
from stonks.portfolio.lots import ZERO
from stonks.portfolio.summary import EXACT, Month
from stonks.portfolio.valuation import Rates, converted

_ACROSS = frozenset({CashKind.DEPOSIT, CashKind.WITHDRAWAL})


class Day(NamedTuple):
    """One currency's day."""

    moved: Decimal = ZERO
    paid: Decimal = ZERO  # the same, futures as if their notional had been paid
    deposits: int = 0
    put_in: Decimal = ZERO  # deposited and withdrawn, by sign, in the base currency
    taken_out: Decimal = ZERO
    without_rate: int = 0  # deposits and withdrawals left out of these
    receipts: int = 0  # income and fees
    gross: Decimal = ZERO
    withheld: Decimal = ZERO
    fees: Decimal = ZERO
    gross_base: Decimal = ZERO
    withheld_base: Decimal = ZERO
    fees_base: Decimal = ZERO
    unconverted: int = 0  # receipts without a rate, left out of `_base`


Days = dict[str, dict[date, Day]]  # by currency


def of_rows(rows: Iterable[Any], receipts: Iterable[Receipt], rates: Rates, noting: Rates) -> Days:
    """What entries and their receipts come to. `noting`: the rates by which income is converted."""
    sums: dict[tuple[str, date], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in rows:
        for place, flows in enumerate((effects(row), _paid(row))):
            for currency, amount in flows:
                both = sums[currency, row.entry_date]
                both[place] = EXACT.add(both[place], amount)
    found: dict[str, dict[date, Day]] = defaultdict(lambda: defaultdict(Day))
    for (currency, on), (moved, paid) in sums.items():
        found[currency][on] = Day(moved, paid)
    by_day: dict[date, list[Receipt]] = defaultdict(list)
    for one in receipts:
        by_day[one.on].append(one)
        if one.kind in _ACROSS:
            days = found[one.currency]
            days[one.on] = _across(days[one.on], one, rates)
    for on, of_day in by_day.items():
        counted: dict[str, int] = defaultdict(int)
        for one in of_day:
            counted[one.currency] += one.kind in COUNTED
        for currency, month in summary.month(of_day, {}, noting).items():
            more = month._asdict()
            del more["moved"]
            found[currency][on] = found[currency][on]._replace(receipts=counted[currency], **more)
    return {currency: dict(sorted(days.items())) for currency, days in found.items()}


def total(days: Iterable[Day]) -> Month:
    found = Month()
    for one in days:
        found = Month(
            EXACT.add(found.moved, one.moved),
            EXACT.add(found.gross, one.gross),
            EXACT.add(found.withheld, one.withheld),
            EXACT.add(found.fees, one.fees),
            EXACT.add(found.gross_base, one.gross_base),
            EXACT.add(found.withheld_base, one.withheld_base),
            EXACT.add(found.fees_base, one.fees_base),
            found.unconverted + one.unconverted,
        )
    return found


def text(days: Mapping[date, Day]) -> str:
    """JSON of three things by day, as a page needs one or the other: the cash moved, what crossed the account's border,
    and receipts."""
    found: dict[str, dict[int, Any]] = {"cash": {}, "across": {}, "receipts": {}}
    for on, day in sorted(days.items()):
        found["cash"][on.day] = [plain(day.moved), plain(day.paid)]
        if day.deposits or day.put_in or day.taken_out or day.without_rate:
            found["across"][on.day] = [day.deposits, plain(day.put_in), plain(day.taken_out), day.without_rate]
        if day.receipts:
            amounts = (day.gross, day.withheld, day.fees, day.gross_base, day.withheld_base, day.fees_base)
            found["receipts"][on.day] = [day.receipts, *map(plain, amounts), day.unconverted]
    return json.dumps(found, separators=(",", ":"))


class MonthOfDays:
    """What `text` wrote of one currency's month."""

    def __init__(self, month: date, currency: str, text: str) -> None:
        self._month, self.currency = month, currency
        found = json.loads(text)
        self._cash, self._across, self._receipts = found["cash"], found["across"], found["receipts"]

    @property
    def has_receipts(self) -> bool:
        return bool(self._receipts)

    def paid(self) -> Iterator[tuple[date, Decimal]]:
        """Without days that moved nothing."""
        return ((self._day(day), Decimal(paid)) for day, (_, paid) in self._cash.items() if paid != "0")

    def across(self) -> Iterator[tuple[date, Day]]:
        for day, (deposits, put_in, taken_out, without) in self._across.items():
            found = Day(deposits=deposits, put_in=Decimal(put_in), taken_out=Decimal(taken_out), without_rate=without)
            yield self._day(day), found

    def receipts(self) -> Iterator[Receipts]:
        for day, (_, *amounts, unconverted) in self._receipts.items():
            numbers = [Decimal(amount) for amount in amounts]
            own, base = Income(*numbers[:3]), Income(*numbers[3:])
            yield Receipts(self._day(day), self.currency, own, base, unconverted)

    def days(self) -> dict[date, Day]:
        """All there is, as `text` took it."""
        across = dict(self.across())
        found: dict[date, Day] = {}
        for day, (moved, paid) in self._cash.items():
            on = self._day(day)
            one = across.get(on, Day())._replace(moved=Decimal(moved), paid=Decimal(paid))
            if day in self._receipts:
                count, *amounts, unconverted = self._receipts[day]
                one = Day._make((*one[:6], count, *map(Decimal, amounts), unconverted))
            found[on] = one
        return found

    def _day(self, day: str) -> date:
        return self._month.replace(day=int(day))


def _across(day: Day, one: Receipt, rates: Rates) -> Day:
    deposits = day.deposits + (one.kind is CashKind.DEPOSIT)
    if not one.amount:
        return day._replace(deposits=deposits)
    rate = rates(one.currency, one.on)
    if rate is None:
        return day._replace(deposits=deposits, without_rate=day.without_rate + 1)
    base = converted(one.amount, rate)
    if base > 0:
        return day._replace(deposits=deposits, put_in=EXACT.add(day.put_in, base))
    return day._replace(deposits=deposits, taken_out=EXACT.add(day.taken_out, base))


def _paid(row: Any) -> Iterator[tuple[str, Decimal]]:
    """Trades, payments, conversions, commissions and taxes."""
    yield row.currency, (row.amount if row.amount is not None else _notional(row)) + (row.taxes or ZERO)
    if row.commission:
        yield row.commission_currency or row.currency, row.commission
    if row.kind == "FX" and row.other_amount and row.other_currency:
        yield row.other_currency, row.other_amount


def _notional(row: Any) -> Decimal:
    """What a future's trade would have moved, had its notional been paid; nothing for other rows without an amount."""
    if row.kind != "TRADE":
        return ZERO
    unit = (row.multiplier or Decimal(1)) / (100 if row.asset_class in PER_HUNDRED_CLASSES else 1)
    amount: Decimal = row.quantity * (row.price or 0) * unit
    return amount if (row.type == "SELL") is not row.cancels else -amount
