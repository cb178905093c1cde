"""How a portfolio did over a range of days: value against what was put in, and its rates of return.

What counts as put in: deposits less withdrawals, where the statements tell all of the account from its first deposit
on; else what was paid for securities less what they brought, income included, cash being no part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from stonks.core.records import CashKind
from stonks.portfolio import returns
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.income import GROSS, Receipt
from stonks.portfolio.lots import ZERO
from stonks.portfolio.movements import Kind, Movement, in_order
from stonks.portfolio.returns import Flow, Return, Worth
from stonks.portfolio.valuation import OLD, Instrument, Rates, converted
from stonks.portfolio.worth import CashDay, Mark, Values, values

_ACROSS = frozenset({CashKind.DEPOSIT, CashKind.WITHDRAWAL})
_OF_SECURITIES = GROSS | {CashKind.WITHHOLDING_TAX}
_A_DAY = timedelta(days=1)


class Basis(Enum):
    ACCOUNT = "account"  # securities and cash, against deposits and withdrawals
    SECURITIES = "securities"  # securities alone, against purchases, sales and what they paid


class Moved(NamedTuple):
    on: date
    currency: str
    amount: Decimal  # put in +, taken out -


class Point(NamedTuple):
    on: date
    invested: Decimal  # put in less taken out since the very first day, income apart
    value: Decimal | None  # None: not known


@dataclass(frozen=True, slots=True)
class Told:
    """What a portfolio's history is made of; see `ledger.folding.Folding` and `ledger.history`."""

    movements: Sequence[Movement]
    receipts: Sequence[Receipt]
    instruments: Mapping[str, Instrument]
    holdings: Holdings
    marks: Sequence[Mark]
    cash: Sequence[CashDay]


@dataclass(frozen=True, slots=True)
class Performance:
    basis: Basis
    start: Worth | None  # what the returns are measured between; None where the value is not known on two days
    end: Worth | None
    flows: Decimal  # between the two: put in less taken out, income of securities counted as taken out
    points: list[Point]
    money_weighted: Return
    time_weighted: Return
    left_out: list[str]  # keys of instruments that are no part of it: their history is not whole, or nothing was paid
    unpriced: list[tuple[str, int]]  # keys with the number of days whose value is not known for want of their price
    unconverted: int  # flows left out for want of an exchange rate

    @property
    def gain(self) -> Decimal | None:
        if self.start is None or self.end is None:
            return None
        return self.end.value - self.start.value - self.flows

    @property
    def known(self) -> int:
        return sum(1 for point in self.points if point.value is not None)


def performance(told: Told, rates: Rates, first: date | None, last: date) -> Performance:
    """From the start of `first` (None: of everything) to the end of `last`."""
    basis = basis_of(told)
    openings = _opening_worths(told)
    left_out = _left_out(told, basis) | {key for (key, _), worth in openings.items() if worth is None}
    movements = [item for item in in_order(told.movements).movements if item.key not in left_out]
    invested, without_rate = _converted(_invested(told, basis, movements, openings), rates)
    paid, also_without = _converted(_paid(told, basis, movements, left_out), rates)
    flows = sorted(invested + paid)
    begun = min([*(flow.on for flow in flows), *(item.on for item in movements)], default=last)
    before = (first or begun) - _A_DAY
    days = {day for day in _days(movements, told.marks, flows) if before <= day <= last} | {before, last}
    found = values(days, movements, told.marks, told.instruments, rates, told.cash if basis is Basis.ACCOUNT else ())
    start, end = _span(found, flows)
    within = [flow for flow in flows if start and end and start.on < flow.on <= end.on]
    money = time = Return(None, None, "", "The value is known on fewer than two days.")
    if start and end:
        money = returns.money_weighted(start, within, end)
        worths = [Worth(on, found.known[on]) for on in sorted(found.known) if start.on < on <= end.on]
        time = returns.time_weighted([start, *worths], within)
    return Performance(
        basis=basis,
        start=start,
        end=end,
        flows=sum((flow.amount for flow in within), ZERO),
        points=_points(found, invested, days),
        money_weighted=money,
        time_weighted=time,
        left_out=sorted(left_out),
        unpriced=found.unpriced.most_common(),
        unconverted=without_rate + also_without,
    )


def basis_of(told: Told) -> Basis:
    """The account's, where its first payment of all is a deposit, and nothing came or went but by payment."""
    deposits = [one.on for one in told.receipts if one.kind is CashKind.DEPOSIT]
    if not deposits or not told.cash:
        return Basis.SECURITIES
    begun = min([*(one.on for one in told.cash), *(item.on for item in told.movements)])
    unpaid = (Kind.OPENING, Kind.TRANSFER_IN, Kind.TRANSFER_OUT)
    transferred = any(item.kind in unpaid for item in told.movements)
    whole = min(deposits) == begun and not transferred and not told.holdings.incomplete()
    return Basis.ACCOUNT if whole else Basis.SECURITIES


def _left_out(told: Told, basis: Basis) -> set[str]:
    if basis is Basis.ACCOUNT:
        return set()
    incomplete = {book.key for book in told.holdings.incomplete()}
    return incomplete | {key for key, one in told.instruments.items() if one.unpaid and key in told.holdings.books}


def _opening_worths(told: Told) -> dict[tuple[str, int], Decimal | None]:
    """What each opening entry was worth on its day, by key and arrival: at the nearest price of the five days around
    it, as its cost was paid long before. None where there is no such price."""
    openings = [item for item in told.movements if item.kind is Kind.OPENING]
    keys = {item.key for item in openings}
    known = [(item.key, item.on, item.price) for item in told.movements if item.kind is Kind.TRADE and item.price]
    known += [(mark.key, mark.price.on, mark.price.price) for mark in told.marks]
    prices: dict[str, list[tuple[date, Decimal]]] = {key: [] for key in keys}
    for key, on, price in known:
        if key in keys:
            prices[key].append((on, price))
    found: dict[tuple[str, int], Decimal | None] = {}
    for item in openings:
        near = [(abs(on - item.on), price) for on, price in prices[item.key] if abs(on - item.on) <= OLD]
        unit = told.instruments[item.key].unit
        found[item.key, item.arrival] = item.quantity * min(near)[1] * unit if near else None
    return found


def _invested(
    told: Told, basis: Basis, movements: Iterable[Movement], openings: Mapping[tuple[str, int], Decimal | None]
) -> Iterator[Moved]:
    if basis is Basis.ACCOUNT:
        return (Moved(one.on, one.currency, one.amount) for one in told.receipts if one.kind in _ACROSS)
    return (
        Moved(item.on, told.instruments[item.key].currency, openings.get((item.key, item.arrival)) or -item.cash)
        for item in movements
    )


def _paid(told: Told, basis: Basis, movements: Iterable[Movement], left_out: set[str]) -> Iterator[Moved]:
    """What securities paid, and cost beside their price; of the account, all that stays within."""
    if basis is Basis.ACCOUNT:
        return
    traded_in = {item.arrival: told.instruments[item.key].currency for item in movements}
    names = {name for key, one in told.instruments.items() if key not in left_out for name in (one.isin, one.symbol)}
    for one in told.receipts:
        of_securities = one.kind in _OF_SECURITIES and one.key is not None and one.key in names
        # A commission in the trade's own currency is in its cash already.
        commission_apart = one.kind is CashKind.FEE and traded_in.get(one.entry_id or 0, one.currency) != one.currency
        if of_securities or commission_apart:
            yield Moved(one.on, one.currency, -one.amount)


def _converted(flows: Iterable[Moved], rates: Rates) -> tuple[list[Flow], int]:
    found, without = [], 0
    for on, currency, amount in flows:
        rate = rates(currency, on) if amount else None
        if rate is not None:
            found.append(Flow(on, converted(amount, rate)))
        elif amount:
            without += 1
    return sorted(found), without


def _days(movements: Iterable[Movement], marks: Iterable[Mark], flows: Iterable[Flow]) -> set[date]:
    """The days on which anything is told."""
    return {item.on for item in movements} | {mark.price.on for mark in marks} | {flow.on for flow in flows}


def _span(found: Values, flows: Sequence[Flow]) -> tuple[Worth | None, Worth | None]:
    """The first and the last known value; nothing is measured from before the first flow while nothing was held."""
    known = sorted(found.known)
    if len(known) < 2:
        return None, None
    start, end = (Worth(on, found.known[on]) for on in (known[0], known[-1]))
    if not start.value:
        began = next((flow.on for flow in flows if flow.on > start.on), None)
        if began is None or began > end.on:
            return None, None
        start = Worth(began - _A_DAY, ZERO)
    return start, end


def _points(found: Values, flows: Sequence[Flow], days: Iterable[date]) -> list[Point]:
    points, invested, place = [], ZERO, 0
    for on in sorted(days):
        while place < len(flows) and flows[place].on <= on:
            invested += flows[place].amount
            place += 1
        points.append(Point(on, invested, found.known.get(on)))
    return points
