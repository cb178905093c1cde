"""What each day changed of an instrument, as it is stored: made with its lots, or anew at other prices."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from stonks.db import read
from stonks.ledger import course_text
from stonks.ledger.course_text import days_of, step_of
from stonks.ledger.folding import Folding
from stonks.ledger.snapshot_tables import SnapshotCourse
from stonks.portfolio import courses, flows
from stonks.portfolio.courses import Money, Step, Worth
from stonks.portfolio.flows import Flows
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.lots import ZERO, ClosedLot
from stonks.portfolio.movements import in_order
from stonks.portfolio.valuation import OLD, Instrument, Price, Rates

Row = dict[str, Any]
Marks = Mapping[str, Sequence[Price]]  # by key, of one day that which counts last
Closed = Mapping[str, Sequence[tuple[ClosedLot, Decimal | None]]]
_MINE = (SnapshotCourse.portfolio_id == bindparam("portfolio_id"), SnapshotCourse.key == bindparam("key"))
_SINCE = select(SnapshotCourse.year, SnapshotCourse.steps, SnapshotCourse.money).where(
    *_MINE, SnapshotCourse.year >= bindparam("year")
)
_BEFORE = (
    select(SnapshotCourse.year, SnapshotCourse.steps)
    .where(*_MINE, SnapshotCourse.year < bindparam("year"), SnapshotCourse.steps != "{}")
    .order_by(SnapshotCourse.year.desc())
    .limit(2)
)
_LAST_PRICE = (
    select(SnapshotCourse.last_price)
    .where(*_MINE, SnapshotCourse.year < bindparam("year"))
    .order_by(SnapshotCourse.year.desc())
    .limit(1)
)


class Place(NamedTuple):
    """Into which sums an instrument goes."""

    part: str
    currency: str


class Made(NamedTuple):
    facts: Row  # of the holding
    years: list[Row]  # SnapshotCourse


class Earlier(NamedTuple):
    """What an instrument's course was before a year."""

    year: int
    held: Decimal  # before the steps
    steps: dict[date, Step]  # of the days whose prices may serve in that year
    lacking: str  # as stored, of all years
    price: Decimal | None  # the last one there was at the year's beginning

    @property
    def quantity(self) -> Decimal:
        """At the year's beginning."""
        return self.steps[max(self.steps)].quantity if self.steps else self.held


NOTHING = Earlier(date.min.year, ZERO, {}, "[]", None)


def of_family(
    found: Folding, held: Holdings, closed: Closed, marks: Marks, rates: Rates, earlier: Mapping[str, Earlier]
) -> dict[str, Made]:
    """By key, of all instruments of a family. `earlier`: where `found` does not begin at the beginning, by key."""
    instruments = found.instruments
    movements = in_order(found.movements).movements
    openings = flows.opening_worths(found.movements, marks, instruments)
    incomplete = {book.key for book in held.incomplete()}
    part_of = flows.parts(instruments, held.books.keys(), incomplete, openings)
    money = flows.flows(movements, found.receipts, instruments, part_of, openings, rates)
    steps = courses.steps(movements, {key: one.quantity for key, one in earlier.items()})
    begun: dict[str, date] = {}
    transferred = set()
    for item in found.movements:
        begun[item.key] = min(item.on, begun.get(item.key, item.on))
        if item.kind in flows.UNPAID_KINDS:
            transferred.add(item.key)
    result = {}
    for key, one in instruments.items():
        mine: Flows = money[key]
        flows.add_gains(mine, closed.get(key, ()))
        whole = part_of[key] is not flows.Part.NONE
        before = earlier.get(key, NOTHING)
        mine_since, told = steps.get(key, {}), marks.get(key, ())
        worths = _worths(before, mine_since, told, one.unit) if whole else {}
        prices = _last_prices(before, mine_since, told) if whole else _without_price
        facts = {
            "part": str(part_of[key]),
            "begun": begun.get(key),
            "transferred": key in transferred,
            "flows_unconverted": mine.unconverted,
            "lacking": _lacking(before, worths),
        }
        result[key] = Made(facts, list(_years(key, mine_since, mine.days, worths, prices)))
    return result


def revalued(portfolio_id: int, one: Instrument, lacking: str, marks: Sequence[Price], year: int) -> Made:
    """The same lots at other prices since the beginning of `year`; `marks`: since `priced_since` of it."""
    before = earlier(portfolio_id, one.key, lacking, year)
    rows = {row.year: row for row in read(_SINCE, portfolio_id=portfolio_id, key=one.key, year=year)}
    steps: dict[date, Step] = {}
    for row in rows.values():
        steps.update(days_of(row.year, row.steps, step_of))
    worths = _worths(before, steps, marks, one.unit)
    by_year, last_price = course_text.by_year(worths), _last_prices(before, steps, marks)
    years = [
        {
            "key": one.key,
            "year": of,
            "steps": rows[of].steps if of in rows else "{}",
            "money": rows[of].money if of in rows else "{}",
            "worths": course_text.of_worths(by_year.get(of, {})),
            "last_price": last_price(of),
        }
        for of in sorted(rows.keys() | by_year.keys())
    ]
    facts = {"lacking": _lacking(before, worths)}
    return Made(facts, [row for row in years if any(row[name] != "{}" for name in ("steps", "money", "worths"))])


def earlier(portfolio_id: int, key: str, lacking: str, year: int) -> Earlier:
    """As it is stored. `lacking`: of the holding."""
    since = priced_since(year)
    steps: dict[date, Step] = {}
    price = read(_LAST_PRICE, portfolio_id=portfolio_id, key=key, year=year).scalar()
    for row in read(_BEFORE, portfolio_id=portfolio_id, key=key, year=year):
        for on, step in reversed(list(days_of(row.year, row.steps, step_of))):
            if on < since:
                return Earlier(year, step.quantity, steps, lacking, price)
            steps[on] = step
    return Earlier(year, ZERO, steps, lacking, price)


def _worths(before: Earlier, steps: Mapping[date, Step], marks: Sequence[Price], unit: Decimal) -> dict[date, Worth]:
    """Since the beginning of that year."""
    found = courses.worths({**before.steps, **steps}, marks, unit, before.held, before.price)
    return {on: worth for on, worth in found.items() if on.year >= before.year}


def _last_prices(
    before: Earlier, steps: Mapping[date, Step], marks: Sequence[Price]
) -> Callable[[int], Decimal | None]:
    """At the end of a year since that one."""
    told = courses.last_prices({**before.steps, **steps}, marks, before.price)
    years = sorted(told)

    def at_end(year: int) -> Decimal | None:
        place = bisect_right(years, year)
        return told[years[place - 1]] if place else before.price

    return at_end


def _without_price(_year: int) -> None:
    return None


def _lacking(before: Earlier, since: Mapping[date, Worth]) -> str:
    kept = [[on, change] for on, change in json.loads(before.lacking) if int(on[:4]) < before.year]
    changed = [[on.isoformat(), one.lacking] for on, one in sorted(since.items()) if one.lacking]
    return json.dumps(kept + changed)


def priced_since(year: int) -> date:
    """The first day whose price may serve in that year, and some more."""
    return date(max(year, 2), 1, 1) - 2 * OLD


def _years(
    key: str,
    steps: Mapping[date, Step],
    money: Mapping[date, Money],
    worths: Mapping[date, Worth],
    last_price: Callable[[int], Decimal | None],
) -> Iterator[Row]:
    by_year = course_text.by_year
    of_steps, of_money, of_worths = by_year(steps), by_year(money), by_year(worths)
    for year in sorted(of_steps.keys() | of_money.keys() | of_worths.keys()):
        yield {
            "key": key,
            "year": year,
            "steps": course_text.of_steps(of_steps.get(year, {})),
            "money": course_text.of_money(of_money.get(year, {})),
            "worths": course_text.of_worths(of_worths.get(year, {})),
            "last_price": last_price(year),
        }
