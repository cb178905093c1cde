"""What each day changed of an instrument, as it is stored: made with its lots, and taken into the portfolio's sums."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import bindparam, delete, select

from stonks.core.fingerprint import plain
from stonks.db import db, read
from stonks.ledger.bulk import BATCH_ROWS, BulkInsert
from stonks.ledger.folding import Folding
from stonks.ledger.snapshot_tables import SnapshotCourse, SnapshotYear
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
_T = TypeVar("_T")
_Days = dict[str, list[Any]]  # of one year, as they are stored
_Change = tuple[int, _Days, _Days]  # -1 or 1, money and worths
_KEYS_AT_ONCE = 200

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
_GONE = delete(SnapshotCourse).where(
    SnapshotCourse.portfolio_id == bindparam("of_portfolio"),
    SnapshotCourse.key == bindparam("of_key"),
    SnapshotCourse.year == bindparam("of_year"),
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

    @property
    def quantity(self) -> Decimal:
        """At the year's beginning."""
        return self.steps[max(self.steps)].quantity if self.steps else self.held


NOTHING = Earlier(date.min.year, ZERO, {}, "[]")


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
        worths = _worths(before, steps.get(key, {}), marks.get(key, ()), one.unit) if whole else {}
        facts = {
            "part": str(part_of[key]),
            "begun": begun.get(key),
            "transferred": key in transferred,
            "flows_unconverted": mine.unconverted,
            "lacking": _lacking(before, worths),
        }
        result[key] = Made(facts, list(_years(key, steps.get(key, {}), mine.days, worths)))
    return result


def revalued(portfolio_id: int, one: Instrument, lacking: str, marks: Sequence[Price], year: int) -> Made:
    """The same lots at other prices since the beginning of `year`; `marks`: since `priced_since` of it."""
    before = earlier(portfolio_id, one.key, lacking, year)
    rows = {row.year: row for row in read(_SINCE, portfolio_id=portfolio_id, key=one.key, year=year)}
    steps: dict[date, Step] = {}
    for row in rows.values():
        steps.update(days_of(row.year, row.steps, step_of))
    worths = _worths(before, steps, marks, one.unit)
    by_year = _by_year(worths)
    years = [
        {
            "key": one.key,
            "year": of,
            "steps": rows[of].steps if of in rows else "{}",
            "money": rows[of].money if of in rows else "{}",
            "worths": _text(by_year.get(of, {}), _worth_row),
        }
        for of in sorted(rows.keys() | by_year.keys())
    ]
    facts = {"lacking": _lacking(before, worths)}
    return Made(facts, [row for row in years if any(row[name] != "{}" for name in ("steps", "money", "worths"))])


def earlier(portfolio_id: int, key: str, lacking: str, year: int) -> Earlier:
    """As it is stored. `lacking`: of the holding."""
    since = priced_since(year)
    steps: dict[date, Step] = {}
    for row in read(_BEFORE, portfolio_id=portfolio_id, key=key, year=year):
        for text, values in reversed(json.loads(row.steps).items()):
            on, step = _day_of(row.year, text), step_of(values)
            if on < since:
                return Earlier(year, step.quantity, steps, lacking)
            steps[on] = step
    return Earlier(year, ZERO, steps, lacking)


def _worths(before: Earlier, steps: Mapping[date, Step], marks: Sequence[Price], unit: Decimal) -> dict[date, Worth]:
    """Since the beginning of that year."""
    found = courses.worths({**before.steps, **steps}, marks, unit, before.held)
    return {on: worth for on, worth in found.items() if on.year >= before.year}


def _lacking(before: Earlier, since: Mapping[date, Worth]) -> str:
    kept = [[on, change] for on, change in json.loads(before.lacking) if int(on[:4]) < before.year]
    changed = [[on.isoformat(), one.lacking] for on, one in sorted(since.items()) if one.lacking]
    return json.dumps(kept + changed)


def priced_since(year: int) -> date:
    """The first day whose price may serve in that year, and some more."""
    return date(max(year, 2), 1, 1) - 2 * OLD


def lacking_of(text: str) -> list[tuple[date, int]]:
    return [(date.fromisoformat(on), change) for on, change in json.loads(text)]


def days_of(year: int, text: str, read: Callable[[list[Any]], _T]) -> Iterator[tuple[date, _T]]:
    return _read(year, json.loads(text), read)


def _read(year: int, days: Mapping[str, list[Any]], read: Callable[[list[Any]], _T]) -> Iterator[tuple[date, _T]]:
    return ((_day_of(year, on), read(values)) for on, values in days.items())


def _day_of(year: int, text: str) -> date:
    return date(year, int(text[:2]), int(text[3:]))


def step_of(values: list[Any]) -> Step:
    quantity, price, action = values
    return Step(Decimal(quantity), None if price is None else Decimal(price), bool(action))


def worth_of(values: list[Any]) -> Worth:
    return Worth(values[0], Decimal(values[1]), values[2])


def money_of(values: list[Any]) -> Money:
    moved, put_in, taken_out, invested, gain, sales, unknown, own_gain, own_unknown = values
    return Money(
        moved, Decimal(put_in), Decimal(taken_out), Decimal(invested), Decimal(gain), sales, unknown,
        Decimal(own_gain), own_unknown,
    )  # fmt: skip


def replace(
    portfolio_id: int,
    old: Mapping[str, Place],
    new: Mapping[str, Place],
    years: Sequence[Row],
    since: Mapping[str, int],
) -> None:
    """Puts `years`, all there are of the keys of `new`, in the place of what is there of the keys of both, and into the
    portfolio's sums. `since`: by key, the year before which all stays as it is. Within the transaction that does so for
    their holdings."""
    stored = _stored(portfolio_id, old.keys() | new.keys())
    before = {(row.key, row.year): row for row in stored if row.year >= since.get(row.key, date.min.year)}
    after = {(row["key"], row["year"]): row for row in years}
    changes: dict[tuple[Place, int], list[_Change]] = defaultdict(list)
    written, gone = [], []
    for key, year in sorted(before.keys() | after.keys()):
        was, now = before.get((key, year)), after.get((key, year))
        # Of a key that is no holding any more nothing is in the sums.
        was_in, now_in = old.get(key) if was else None, new[key] if now else None
        old_texts = (was.money, was.worths) if was else ("{}", "{}")
        new_texts = (now["money"], now["worths"]) if now else ("{}", "{}")
        if was and now and was_in == now_in and old_texts == new_texts and was.steps == now["steps"]:
            continue
        money, worths = (_apart(*both, was_in == now_in) for both in zip(old_texts, new_texts, strict=True))
        for sign, place, change in ((-1, was_in, (money[0], worths[0])), (1, now_in, (money[1], worths[1]))):
            if place and any(change):
                changes[place, year].append((sign, *change))
        if was is not None:
            gone.append((key, year))
        if now is not None:
            written.append({"portfolio_id": portfolio_id, **now})
    if gone:
        places = [{"of_portfolio": portfolio_id, "of_key": key, "of_year": year} for key, year in gone]
        db.session.connection().execute(_GONE, places)
    _insert(SnapshotCourse, ("key", "year", "steps", "money", "worths"), written)
    _sum_up(portfolio_id, changes)


def _apart(old: str, new: str, same_sum: bool) -> tuple[_Days, _Days]:
    """The days to be taken out of a sum and those to be put in; of the same sum only what is not in both."""
    if same_sum and old == new:
        return {}, {}
    gone, come = json.loads(old), json.loads(new)
    if not same_sum:
        return gone, come
    kept = {on for on, values in gone.items() if come.get(on) == values}
    for on in kept:
        del gone[on], come[on]
    return gone, come


def _sum_up(portfolio_id: int, changes: Mapping[tuple[Place, int], list[_Change]]) -> None:
    written = []
    for (place, year), of_year in changes.items():
        table = SnapshotYear
        mine = (
            table.portfolio_id == portfolio_id,
            table.part == place.part,
            table.currency == place.currency,
            table.year == year,
        )
        found = db.session.execute(select(table.money, table.worths).where(*mine)).first()
        money = dict(days_of(year, found.money, money_of)) if found else {}
        worths = dict(days_of(year, found.worths, worth_of)) if found else {}
        for sign, of_money, of_worths in of_year:
            for on, more in _read(year, of_money, money_of):
                money[on] = courses.more_money(money.get(on, Money()), more, sign)
            for on, change in _read(year, of_worths, worth_of):
                worths[on] = courses.more(worths.get(on, Worth()), change, sign)
        if found:
            db.session.execute(delete(table).where(*mine))
        # What is left of a day may be nothing.
        row = {
            "money": _text({on: one for on, one in money.items() if any(one)}, _money_row),
            "worths": _text({on: one for on, one in worths.items() if any(one)}, _worth_row),
        }
        if any(text != "{}" for text in row.values()):
            written.append({"portfolio_id": portfolio_id, **place._asdict(), "year": year, **row})
    _insert(SnapshotYear, ("part", "currency", "year", "money", "worths"), written)


def _stored(portfolio_id: int, keys: Iterable[str]) -> Iterator[Any]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), _KEYS_AT_ONCE):
        part = ordered[start : start + _KEYS_AT_ONCE]
        mine = (SnapshotCourse.portfolio_id == portfolio_id, SnapshotCourse.key.in_(part))
        columns = (
            SnapshotCourse.key, SnapshotCourse.year, SnapshotCourse.steps, SnapshotCourse.money, SnapshotCourse.worths,
        )  # fmt: skip
        yield from db.session.execute(select(*columns).where(*mine))


def _insert(model: Any, columns: tuple[str, ...], rows: list[Row]) -> None:
    if rows:
        inserting = BulkInsert(model, columns, ("portfolio_id",))
        parts = (
            inserting.ready([[row[name] for name in columns] for row in rows[start : start + BATCH_ROWS]])
            for start in range(0, len(rows), BATCH_ROWS)
        )
        inserting.write(parts, len(rows), (rows[0]["portfolio_id"],))


def _years(
    key: str, steps: Mapping[date, Step], money: Mapping[date, Money], worths: Mapping[date, Worth]
) -> Iterator[Row]:
    of_steps, of_money, of_worths = _by_year(steps), _by_year(money), _by_year(worths)
    for year in sorted(of_steps.keys() | of_money.keys() | of_worths.keys()):
        yield {
            "key": key,
            "year": year,
            "steps": _text(of_steps.get(year, {}), _step_row),
            "money": _text(of_money.get(year, {}), _money_row),
            "worths": _text(of_worths.get(year, {}), _worth_row),
        }


def _by_year(days: Mapping[date, _T]) -> dict[int, dict[date, _T]]:
    found: dict[int, dict[date, _T]] = defaultdict(dict)
    for on, one in days.items():
        found[on.year][on] = one
    return found


def _text(days: Mapping[date, _T], row: Callable[[_T], list[Any]]) -> str:
    """Of one year, by day."""
    found = {on.isoformat()[5:]: row(one) for on, one in sorted(days.items())}
    return json.dumps(found, separators=(",", ":"))


def _step_row(one: Step) -> list[Any]:
    return [plain(one.quantity), None if one.price is None else plain(one.price), int(one.action)]


def _money_row(one: Money) -> list[Any]:
    return [plain(value) if isinstance(value, Decimal) else value for value in one]


def _worth_row(one: Worth) -> list[Any]:
    return [one.told, plain(one.value), one.lacking]
