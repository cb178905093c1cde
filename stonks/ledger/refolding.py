"""What is reckoned anew for the stored figures: a family's instruments, a month, the broker's word. Reads only."""

from __future__ import annotations

import json
from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any

from sqlalchemy import select

from stonks.db import db
from stonks.ledger import checkpoints, courses, families, figure_rows, folding, history, month_days
from stonks.ledger.checkpoints import Checkpoint, Start
from stonks.ledger.families import Name
from stonks.ledger.figure_rows import Row
from stonks.ledger.folding import Folding, Names
from stonks.ledger.marks import name_of
from stonks.ledger.month_days import MonthOfDays
from stonks.ledger.snapshot_tables import SnapshotMonth
from stonks.ledger.tables import Entry
from stonks.portfolio import holdings, summary
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.income import COUNTED, Receipt
from stonks.portfolio.late import looks_back
from stonks.portfolio.lots import ZERO, Book, Method
from stonks.portfolio.summary import EXACT, NotingRates
from stonks.portfolio.valuation import Instrument
from stonks.rates import RateTable


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What all instruments of a portfolio are folded by."""

    portfolio_id: int
    base: str
    method: Method
    rates: RateTable
    positions: Sequence[Any]  # the broker's last
    as_of: date | None  # the last day of those
    bank: dict[str, tuple[Decimal, date] | None] = field(default_factory=dict)  # its newest rates, once asked for

    def newest(self, currency: str) -> tuple[Decimal, date] | None:
        if currency == self.base:
            return None
        if currency not in self.bank:
            self.bank[currency] = self.rates.bank_newest(currency)
        return self.bank[currency]


@dataclass(slots=True)
class Refolded:
    """The rows of a family: its instruments, and the lots of each. Without those of the years before `since`."""

    holdings: list[Row] = field(default_factory=list)
    lots: list[Row] = field(default_factory=list)
    income: list[Row] = field(default_factory=list)
    late: list[Row] = field(default_factory=list)
    years: list[Row] = field(default_factory=list)
    entries: int = 0
    names: set[str] = field(default_factory=set)  # that keys of the family can begin with
    since: int = date.min.year
    closed: int = 0  # lots before that
    under: str = ""  # of checkpoints
    points: list[Row] = field(default_factory=list)  # SnapshotCheckpoint


@dataclass(frozen=True, slots=True)
class _Fold:
    """A family's entries since a checkpoint, gathered and folded on from there."""

    rows: list[Any]
    called: Names
    found: Folding
    held: Holdings
    then: Holdings  # on the day of the broker's word
    points: list[Checkpoint]

    @property
    def single(self) -> Instrument | None:
        """The family's only instrument."""
        return next(iter(self.found.instruments.values())) if len(self.found.instruments) == 1 else None

    @property
    def counted(self) -> list[Receipt]:
        """What a conversion of currencies cost is of no instrument, whatever its row calls itself."""
        conversions = {row.id for row in self.rows if row.kind == "FX"}
        of = (one for one in self.found.receipts if one.key and one.kind in COUNTED)
        return [one for one in of if one.entry_id not in conversions]


def family(names: set[Name], by: Reckoning, year: int = date.min.year) -> Refolded:
    """`year`: nothing of the years before has changed."""
    if by.as_of is not None:  # what was held that day is told too
        year = min(year, by.as_of.year)
    start = checkpoints.latest(by.portfolio_id, names, year)
    if start is not checkpoints.NOTHING:
        fold = _fold(names, by, start.point)
        # Else what came since may change what was before.
        if not checkpoints.reach_back(fold.rows) and not looks_back(fold.counted):
            found = _refolded(names, by, start, fold)
            if found.under == start.point.under:
                return found
    return _refolded(names, by, checkpoints.NOTHING, _fold(names, by, checkpoints.NOTHING.point))


def _fold(names: set[Name], by: Reckoning, point: Checkpoint) -> _Fold:
    rows = families.rows_of(by.portfolio_id, names, point.day)
    positions = [row for row in by.positions if name_of(row.symbol, row.isin, row.asset_class) in names]
    called = Names(chain(point.named(), rows, positions))
    short = folding.shorts(positions, called)
    found, books = point.gathered(), point.books(by.method)
    points = []
    for year, leg in checkpoints.legs(rows, point):
        moved = len(found.movements)
        folding.gather(found, leg, called)
        held = holdings.fold(found.movements[moved:], method=by.method, reported_short=short, books=books)
        if year is not None:
            points.append(checkpoints.taken(year, point, found, books, rows))
    folding.report(found, positions, called)
    then = held
    if by.as_of is not None and any(item.on > by.as_of for item in found.movements):
        until = [item for item in found.movements if item.on <= by.as_of]
        then = holdings.fold(until, method=by.method, reported_short=short, books=point.books(by.method))
    return _Fold(rows, called, found, held, then, points)


def _refolded(names: set[Name], by: Reckoning, start: Start, fold: _Fold) -> Refolded:
    point, found, rows = start.point, fold.found, fold.rows
    receipts = _receipts(found)
    reported = {one.key: one.quantity for one in found.reported}
    result = Refolded(entries=len(rows), names=families.keys_of(names), since=point.year, closed=point.closed)
    closed = {}
    for key, instrument in found.instruments.items():
        rates = NotingRates(by.rates, by.rates.stood_in)
        one = summary.summarise(fold.held.books.get(key) or Book(key), instrument, receipts[key], rates)
        book_then = fold.then.books.get(key)
        quantity_then = book_then.quantity if book_then else ZERO
        result.holdings.append(
            figure_rows.stored(one, by.portfolio_id)
            | figure_rows.priced(found, one.instrument, by.newest(one.instrument.currency))
            | {
                "called": figure_rows.called(found, instrument),
                "oldest_rate": rates.oldest,
                # Of the whole family, as whatever moved may have touched this one's lots.
                "last_day": rows[-1].entry_date if rows else None,
                "reported": reported.get(key),
                "quantity_then": quantity_then,
                "compared": key in reported or bool(quantity_then),
                "agrees": quantity_then == reported.get(key, ZERO),
            }
        )
        result.lots += figure_rows.lots(one, by.portfolio_id, point.closed)
        closed[key] = one.closed
    earlier = {}
    if point.instrument is not None:
        key = point.instrument.key
        earlier[key] = courses.earlier(by.portfolio_id, key, start.lacking, point.year)
    marks = history.marks(by.portfolio_id, names, found.instruments.values(), courses.priced_since(point.year))
    made = courses.of_family(found, fold.held, closed, marks, by.rates, earlier)
    for row in result.holdings:
        row |= made[row["key"]].facts
        result.years += made[row["key"]].years
    counted = fold.counted
    result.income = figure_rows.income(counted, by.portfolio_id, by.rates)
    result.late = figure_rows.late(counted, by.portfolio_id)
    if fold.single is not None:
        (row,) = result.holdings
        result.under = checkpoints.under_of(fold.called, fold.single, row["part"])
        if not row["flows_unconverted"]:
            result.points = _points(fold, point, result.under, receipts[row["key"]], by)
        if point.instrument is not None:
            _add_earlier(row, start)
    return result


def _points(fold: _Fold, start: Checkpoint, under: str, receipts: list[Receipt], by: Reckoning) -> list[Row]:
    found = []
    for point in fold.points:
        if point.instrument is not None and fold.single is not None:
            closed = fold.held.books[point.instrument.key].closed[: point.closed - start.closed]
            until = [one for one in receipts if one.on < point.day]
            rates = NotingRates(by.rates, by.rates.stood_in)
            book = Book(point.instrument.key, closed=closed)
            since = summary.summarise(book, fold.single, until, rates)
            found.append(checkpoints.summed(point, start, under, since, rates.oldest))
    return checkpoints.rows(by.portfolio_id, found)


def _add_earlier(row: Row, start: Start) -> None:
    """To a holding's figures since a checkpoint those of before."""
    point = start.point
    row["closed_lots"] += point.closed
    row["income_base"] = EXACT.add(point.income, row["income_base"])
    row["unconverted"] += point.unconverted
    row["oldest_rate"] = min((day for day in (point.oldest_rate, row["oldest_rate"]) if day), default=None)
    row["begun"] = point.begun or row["begun"]
    row["transferred"] = point.transferred or row["transferred"]
    row["last_day"] = row["last_day"] or point.last_day
    gains = {year: one for year, one in figure_rows.gains_of(start.gains).items() if year < point.year}
    row["gains"] = figure_rows.gains_text(gains | figure_rows.gains_of(row["gains"]))


def _receipts(found: Folding) -> dict[str, list[Receipt]]:
    """By instrument: of several listings of one ISIN, that in the receipt's currency, else the first."""
    called: dict[str, list[Instrument]] = defaultdict(list)
    for one in sorted(found.instruments.values(), key=lambda one: one.key):
        for name in {one.isin or one.symbol, one.symbol}:
            called[name].append(one)
    given: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in found.receipts:
        listings = called.get(receipt.key or "", [])
        own = next((one for one in listings if one.currency == receipt.currency), listings[0] if listings else None)
        if own is not None:
            given[own.key].append(receipt)
    return given


def month(first: date, by: Reckoning, only: Collection[date] = ()) -> list[Row]:
    """The rows of a month, a currency each. With `only` these days are reckoned and the others left as they are
    stored."""
    since = Entry.entry_date.in_(sorted(only)) if only else Entry.entry_date.between(first, last_day(first))
    days, oldest = _kept_days(first, by, only) if only else ({}, {})
    of_day: dict[date, list[Any]] = defaultdict(list)
    for row in folding.rows_of(by.portfolio_id, since):
        of_day[row.entry_date].append(row)
    for on, rows in of_day.items():
        # A day's rates are noted together: which currency asked does not matter to what is said.
        rates = NotingRates(by.rates, by.rates.stood_in)
        for currency, found in month_days.of_rows(rows, folding.receipts_of(rows), by.rates, rates).items():
            days.setdefault(currency, {}).update(found)
        if rates.oldest is not None:
            oldest[on] = rates.oldest
    common = {
        "portfolio_id": by.portfolio_id,
        "month": first,
        "oldest_rate": min(oldest.values(), default=None),
        "oldest_rates": json.dumps({on.isoformat(): day.isoformat() for on, day in sorted(oldest.items())}),
    }
    return [
        common | {"currency": currency, "days": month_days.text(of)} | month_days.total(of.values())._asdict()
        for currency, of in sorted(days.items())
    ]


def _kept_days(first: date, by: Reckoning, but: Collection[date]) -> tuple[month_days.Days, dict[date, date]]:
    columns = (SnapshotMonth.currency, SnapshotMonth.days, SnapshotMonth.oldest_rates)
    mine = (SnapshotMonth.portfolio_id == by.portfolio_id, SnapshotMonth.month == first)
    days: month_days.Days = {}
    oldest: dict[date, date] = {}
    for row in db.session.execute(select(*columns).where(*mine)):
        kept = MonthOfDays(first, row.currency, row.days).days()
        left = {on: day for on, day in kept.items() if on not in but}
        if left:
            days[row.currency] = left
        told = json.loads(row.oldest_rates).items()
        oldest = {date.fromisoformat(on): date.fromisoformat(day) for on, day in told}
    return days, {on: day for on, day in oldest.items() if on not in but}


def last_day(of: date) -> date:
    """Of its month."""
    return of.replace(day=monthrange(of.year, of.month)[1])
