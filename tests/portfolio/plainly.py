"""A portfolio's performance found the plain way: all movements walked through day by day, nothing stored or added up.
What the stored figures come to must be the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

from stonks.core.records import CashKind
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.income import GROSS, Receipt
from stonks.portfolio.lots import ZERO
from stonks.portfolio.movements import Kind, Movement, in_order
from stonks.portfolio.performance import Basis, Performance, Point
from stonks.portfolio.returns import Flow, Worth
from stonks.portfolio.valuation import OLD, Instrument, Price, Rates, converted

_ACROSS = frozenset({CashKind.DEPOSIT, CashKind.WITHDRAWAL})
_OF_SECURITIES = GROSS | {CashKind.WITHHOLDING_TAX}
_A_DAY = timedelta(days=1)


class Moved(NamedTuple):
    on: date
    currency: str
    amount: Decimal  # put in +, taken out -


class CashDay(NamedTuple):
    """What a day moved of one currency; futures as if their notional had been paid."""

    on: date
    currency: str
    amount: Decimal


class Mark(NamedTuple):
    """A price from beside the transactions: a statement's positions."""

    key: str
    price: Price


@dataclass(slots=True)
class Values:
    known: dict[date, Decimal] = field(default_factory=dict)
    at_last: dict[date, Decimal] = field(default_factory=dict)
    unknown: list[date] = field(default_factory=list)
    unpriced: Counter[str] = field(default_factory=Counter)  # key -> on how many days it was what lacked a price


def values(
    days: Iterable[date],
    movements: Iterable[Movement],
    marks: Iterable[Mark],
    instruments: Mapping[str, Instrument],
    rates: Rates,
    cash: Iterable[CashDay] = (),
) -> Values:
    """At the end of each of `days`. `movements`: in folding order, without those taken back, and only of instruments
    whose history is whole; futures among them only together with `cash`, which holds what their notional cost."""
    held = _Held(instruments)
    balances: dict[str, Decimal] = defaultdict(Decimal)
    told = sorted(marks, key=lambda mark: mark.price.on)
    paid = sorted(cash, key=lambda one: one.on)
    moved = list(movements)
    at_movement = at_mark = at_cash = 0
    found = Values()
    for day in sorted(set(days)):
        while at_movement < len(moved) and moved[at_movement].on <= day:
            # Marks of the days before, first: an action of a later day makes them useless.
            at_mark = held.mark(told, at_mark, moved[at_movement].on, through=False)
            held.move(moved[at_movement])
            at_movement += 1
        at_mark = held.mark(told, at_mark, day, through=True)
        while at_cash < len(paid) and paid[at_cash].on <= day:
            balances[paid[at_cash].currency] += paid[at_cash].amount
            at_cash += 1
        lacking = held.lacking(day)
        total = None if held.unpriced() else _in_base(chain(held.worths().items(), balances.items()), day, rates)
        if total is not None:
            found.at_last[day] = total
        if total is None or lacking:
            found.unknown.append(day)
            found.unpriced.update(lacking)
        else:
            found.known[day] = total
    return found


class _Held:
    """Quantities and last prices, as days go by."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._quantities: dict[str, Decimal] = {}
        self._prices: dict[str, Price] = {}
        self._until: dict[str, date] = {}  # the last day on which that price still serves
        self._worths: dict[str, Decimal] = {}  # of those whose quantity and price are as on the day before

    def move(self, item: Movement) -> None:
        self._worths.pop(item.key, None)
        quantity = self._quantities.get(item.key, ZERO) + item.quantity
        if quantity:
            self._quantities[item.key] = quantity
        else:
            self._quantities.pop(item.key, None)
        if item.kind is Kind.ACTION:
            # What was quoted before a split or a merger prices something else.
            self._prices.pop(item.key, None)
            self._until.pop(item.key, None)
        elif item.kind is Kind.TRADE and item.price:
            self._know(item.key, Price(item.price, item.on, False))

    def mark(self, marks: list[Mark], place: int, day: date, *, through: bool) -> int:
        """Takes the marks before `day`, and those of it too with `through`; returns the place of the next."""
        while place < len(marks) and (marks[place].price.on < day or (through and marks[place].price.on == day)):
            key, price = marks[place]
            before = self._prices.get(key)
            if before is None or before.on <= price.on:
                self._know(key, price)
            place += 1
        return place

    def _know(self, key: str, price: Price) -> None:
        self._worths.pop(key, None)
        self._prices[key] = price
        self._until[key] = price.on + OLD

    def lacking(self, day: date) -> list[str]:
        """What is held without a price that serves."""
        until = self._until
        return [key for key in self._quantities if until.get(key, date.min) < day]

    def unpriced(self) -> bool:
        """Whether something is held that has no price at all."""
        return not self._quantities.keys() <= self._prices.keys()

    def worths(self) -> dict[str, Decimal]:
        """What is held, by currency; all must have a price, however old."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for key, quantity in self._quantities.items():
            instrument = self._instruments[key]
            worth = self._worths.get(key)
            if worth is None:
                worth = self._worths[key] = quantity * self._prices[key].price * instrument.unit
            sums[instrument.currency] += worth
        return sums


def _in_base(amounts: Iterable[tuple[str, Decimal]], day: date, rates: Rates) -> Decimal | None:
    total = ZERO
    for currency, amount in amounts:
        if not amount:
            continue
        rate = rates(currency, day)
        if rate is None:
            return None
        total += amount * rate
    return total


@dataclass(frozen=True, slots=True)
class Told:
    """What a portfolio's history is made of; see `ledger.folding.Folding`."""

    movements: Sequence[Movement]
    receipts: Sequence[Receipt]
    instruments: Mapping[str, Instrument]
    holdings: Holdings
    marks: Sequence[Mark]
    cash: Sequence[CashDay]


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
    before = min(max(first or begun, begun), last) - _A_DAY
    marks = [mark for mark in told.marks if mark.key not in left_out]
    days = {day for day in _days(movements, marks, flows) if before <= day <= last} | {before, last}
    found = values(days, movements, told.marks, told.instruments, rates, told.cash if basis is Basis.ACCOUNT else ())
    start, end = _span(found, flows)
    within = [flow for flow in flows if start and end and start.on < flow.on <= end.on]
    return Performance(
        basis=basis,
        start=start,
        end=end,
        flows=sum((flow.amount for flow in within), ZERO),
        points=_points(found, invested, days),
        left_out=sorted(left_out),
        unpriced=sorted(found.unpriced.items(), key=lambda one: (-one[1], one[0])),
        unconverted=without_rate + also_without,
        within=within,
        worths=[Worth(on, found.known[on]) for on in sorted(found.known) if start and end and start.on < on <= end.on],
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
        points.append(Point(on, invested, found.known.get(on), found.at_last.get(on)))
    return points
