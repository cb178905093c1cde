"""Where what each day changed is kept: a row for each instrument and year, and the portfolio's sums over them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import bindparam, delete, select

from stonks.db import db
from stonks.ledger import course_text
from stonks.ledger.bulk import insert_rows
from stonks.ledger.course_text import Days, days_in, days_of, money_of, worth_of
from stonks.ledger.courses import Place, Row
from stonks.ledger.snapshot_tables import SnapshotCourse, SnapshotYear
from stonks.portfolio import courses
from stonks.portfolio.courses import Money, Worth

_COLUMNS = ("key", "year", "steps", "money", "worths", "last_price")
_KEYS_AT_ONCE = 200
_GONE = delete(SnapshotCourse).where(
    SnapshotCourse.portfolio_id == bindparam("of_portfolio"),
    SnapshotCourse.key == bindparam("of_key"),
    SnapshotCourse.year == bindparam("of_year"),
)

_Change = tuple[int, Days, Days]  # -1 or 1, money and worths


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
        if was and now and was_in == now_in and all(getattr(was, name) == now[name] for name in _COLUMNS):
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
    insert_rows(SnapshotCourse, written)
    _sum_up(portfolio_id, changes)


def _apart(old: str, new: str, same_sum: bool) -> tuple[Days, Days]:
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
            for on, more in days_in(year, of_money, money_of):
                money[on] = courses.more_money(money.get(on, Money()), more, sign)
            for on, change in days_in(year, of_worths, worth_of):
                worths[on] = courses.more(worths.get(on, Worth()), change, sign)
        if found:
            db.session.execute(delete(table).where(*mine))
        # What is left of a day may be nothing.
        row = {
            "money": course_text.of_money({on: one for on, one in money.items() if any(one)}),
            "worths": course_text.of_worths({on: one for on, one in worths.items() if any(one)}),
        }
        if any(text != "{}" for text in row.values()):
            written.append({"portfolio_id": portfolio_id, **place._asdict(), "year": year, **row})
    insert_rows(SnapshotYear, written)


def _stored(portfolio_id: int, keys: Iterable[str]) -> Iterator[Any]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), _KEYS_AT_ONCE):
        part = ordered[start : start + _KEYS_AT_ONCE]
        mine = (SnapshotCourse.portfolio_id == portfolio_id, SnapshotCourse.key.in_(part))
        columns = (getattr(SnapshotCourse, name) for name in _COLUMNS)
        yield from db.session.execute(select(*columns).where(*mine))
