"""A row is known as it is by its imprint: always that of what stands in the ledger, and never looked up one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from stonks.config import Settings
from stonks.db import db
from stonks.factory import create_app
from stonks.ledger import importing, known, manual
from stonks.ledger.known import KnownRows
from stonks.ledger.recording import IMPRINTED, imprint, imprints_of, row_of
from stonks.ledger.tables import Entry
from stonks.migrating import init_app
from tests.conftest import Clock
from tests.ledger.test_bulk import ODD
from tests.ledger.test_namesakes import NARROWEST, WIDE, let_in
from tests.listening import statements_sent
from tests.readings import ReadingOf, trade

FEES = st.sampled_from([None, "-1", "-1.00", "-0", "0", "1E+2", "-0.35", "2E-8"])
TEXTS = st.sampled_from([None, "", "A", "AE+", "A\x1fB", "株"])
TELLINGS = st.builds(
    lambda number, commission, description, notes, executed: trade(str(number), commission=commission)._replace(
        description=description, notes=notes, executed_at=executed
    ),
    st.integers(1, 4),
    FEES,
    TEXTS,
    TEXTS,
    st.sampled_from([None, datetime(2025, 11, 3, 9, 30), datetime(2025, 11, 3, 9, 30, 0, 250)]),
)
EDITS = st.tuples(st.integers(1, 4), FEES, TEXTS)


def take_in(portfolio_id: int, rows: list[Any], clock: Clock) -> importing.ImportOutcome:
    return importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())


def edit(portfolio_id: int, trade_id: str, commission: str | None, description: str | None, clock: Clock) -> None:
    entry = db.session.scalar(
        select(Entry).where(Entry.portfolio_id == portfolio_id, Entry.external_id == trade_id).limit(1)
    )
    if entry is not None:
        fee = None if commission is None else Decimal(commission)
        form = manual.ManualEntry(
            "SELL", date(2025, 1, 2), "USD", "MSFT", None, Decimal(2), Decimal(3), None, fee, description
        )
        manual.edit(portfolio_id, entry.id, form, clock())


def wrong(portfolio_id: int) -> list[Any]:
    """Entries whose imprint is not that of what stands there."""
    db.session.rollback()
    db.session.expire_all()
    entries = db.session.scalars(select(Entry).where(Entry.portfolio_id == portfolio_id))
    return [
        [getattr(entry, name) for name in IMPRINTED]
        for entry in entries
        if entry.imprint != imprint(entry.fingerprint, [getattr(entry, name) for name in IMPRINTED])
    ]


def test_an_imprint_is_always_that_of_the_stored_facts_whoever_wrote_them(
    new_portfolio: Callable[[], int], clock: Clock, examples: Callable[[int], settings]
) -> None:
    @examples(25)
    @given(steps=st.lists(st.one_of(st.lists(TELLINGS, min_size=1, max_size=4), EDITS), min_size=1, max_size=5))
    def holds(steps: list[Any]) -> None:
        portfolio_id = new_portfolio()
        for step in steps:
            if isinstance(step, tuple):
                edit(portfolio_id, str(step[0]), step[1], step[2], clock)
            else:
                take_in(portfolio_id, list({row.fingerprint: row for row in step}.values()), clock)
            assert wrong(portfolio_id) == []

    holds()


def test_a_number_that_a_person_writes_otherwise_is_kept_as_written(portfolio_id: int, clock: Clock) -> None:
    take_in(portfolio_id, [trade("1", commission="-1")], clock)
    edit(portfolio_id, "1", "-1.00", None, clock)
    assert wrong(portfolio_id) == []
    assert str(db.session.scalars(select(Entry.commission)).one()) == "-1.00"


def test_every_kind_of_record_has_the_imprint_of_the_entry_it_becomes(portfolio_id: int, clock: Clock) -> None:
    take_in(portfolio_id, ODD, clock)
    stored = {row.fingerprint: row.imprint for row in db.session.execute(select(Entry.fingerprint, Entry.imprint))}
    assert {row.fingerprint: found for row, found in zip(ODD, imprints_of(ODD), strict=True)} == stored
    assert wrong(portfolio_id) == []


def test_two_imports_that_fill_in_different_facts_leave_the_imprint_of_both(portfolio_id: int, clock: Clock) -> None:
    take_in(portfolio_id, [trade("1", commission=None)], clock)
    described = importing.prepare(portfolio_id, ReadingOf([trade("1", commission=None)._replace(description="Apple")]))
    take_in(portfolio_id, [trade("1")], clock)
    described.write(origin="sync", now=clock())
    entry = db.session.scalars(select(Entry)).one()
    assert (entry.commission, entry.description) == (Decimal(-1), "Apple")
    assert wrong(portfolio_id) == []


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were looked up by fingerprint, each time."""
    counts: list[int] = []
    of = KnownRows.of

    def counted(self: KnownRows, fingerprints: list[bytes]) -> dict[bytes, tuple[Any, ...]]:
        counts.append(len(fingerprints))
        return of(self, fingerprints)

    monkeypatch.setattr(KnownRows, "of", counted)
    return counts


def spread(count: int) -> list[Any]:
    """Trades on many days."""
    return [trade(str(number), on=date(2025, 1, 2) + timedelta(days=number // 7)) for number in range(count)]


@pytest.mark.parametrize("order", ["by day", "newest first", "by symbol"])
def test_rows_that_are_known_as_they_are_are_not_looked_up(
    portfolio_id: int, clock: Clock, looked_up: list[int], order: str
) -> None:
    rows = spread(2_400)
    if order == "newest first":
        rows.reverse()
    elif order == "by symbol":
        Random(1).shuffle(rows)
    take_in(portfolio_id, rows, clock)
    looked_up.clear()
    assert take_in(portfolio_id, rows, clock).batch_id is None
    assert sum(looked_up) == 0


def test_of_many_rows_only_the_one_told_otherwise_is_looked_up(
    portfolio_id: int, clock: Clock, looked_up: list[int]
) -> None:
    rows = spread(50)
    take_in(portfolio_id, rows, clock)
    looked_up.clear()
    rows[20] = rows[20]._replace(commission=Decimal(-2))
    assert take_in(portfolio_id, rows, clock).amended == 1
    assert sum(looked_up) == 1
    looked_up.clear()
    assert take_in(portfolio_id, rows, clock).batch_id is None
    assert sum(looked_up) == 0


def test_a_row_that_a_person_moved_to_another_day_is_known_all_the_same(portfolio_id: int, clock: Clock) -> None:
    rows = spread(30)
    take_in(portfolio_id, rows, clock)
    edit(portfolio_id, "3", "-1", None, clock)
    assert take_in(portfolio_id, rows, clock).batch_id is None


@pytest.mark.parametrize(("at_once", "ahead", "held"), [(1, 1, 10_000), (7, 50, 60), (3, 10_000, 0), (50, 0, 10)])
def test_however_few_imprints_are_read_or_held_the_outcome_is_the_same(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch, at_once: int, ahead: int, held: int
) -> None:
    for name, value in (("_AT_ONCE", at_once), ("_AHEAD", ahead), ("_HELD", held)):
        monkeypatch.setattr(known, name, value)
    monkeypatch.setattr(importing, "BATCH_ROWS", 10)
    rows = spread(120)
    Random(2).shuffle(rows)
    take_in(portfolio_id, rows[:100], clock)
    outcome = take_in(portfolio_id, rows, clock)
    assert (outcome.new, outcome.known, outcome.amended) == (20, 100, 0)
    assert take_in(portfolio_id, rows, clock).batch_id is None
    assert db.session.scalar(select(func.count()).select_from(Entry)) == 120


def test_imprints_are_read_from_an_index_without_a_look_into_the_table(app: Flask, clock: Clock) -> None:
    sent = statements_sent()
    KnownRows(1).unlike([(trade(), b"")])
    looks = [(sql, values) for sql, values in sent if "entries" in sql]
    assert len(looks) == 2
    for sql, values in looks:
        plan = [row[3] for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert plan == [
            "SEARCH entries USING COVERING INDEX ix_entries_page (portfolio_id=? AND entry_date>? AND entry_date<?)"
        ]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_entries_of_before_get_the_imprint_of_what_they_hold(
    request: pytest.FixtureRequest, settings: Settings, clock: Clock, database: str
) -> None:
    if database == "postgresql":
        settings = replace(settings, database_url=request.getfixturevalue("pg_url"))
    app = create_app(settings)
    init_app(app)
    with app.app_context():
        flask_migrate.upgrade()
        flask_migrate.downgrade(revision="0008")
        with db.engine.begin() as connection:
            now = clock()
            for sql in (
                "INSERT INTO users (id, email, password_hash, session_epoch, created_at) VALUES (1, 'a', 'x', 0, '{0}')",
                "INSERT INTO portfolios (id, user_id, name, base_currency, created_at) VALUES (1, 1, 'A', 'USD', '{0}')",
            ):
                connection.exec_driver_sql(sql.format(now.replace(tzinfo=None).isoformat(" ", "microseconds")))
            old = Entry.__table__.c
            for row in ODD:
                values = row_of(row)
                values |= {"portfolio_id": 1, "origin": "sync", "created_at": now}
                connection.execute(
                    insert(Entry.__table__).values(**{old[name].name: value for name, value in values.items()})
                )
        flask_migrate.upgrade()
        stored = {row.fingerprint: row.imprint for row in db.session.execute(select(Entry.fingerprint, Entry.imprint))}
        assert stored == {row.fingerprint: found for row, found in zip(ODD, imprints_of(ODD), strict=True)}
        assert wrong(1) == []
        db.session.remove()
        db.engine.dispose()


def test_an_entry_that_gets_a_fuller_name_gets_the_imprint_of_it(
    portfolio_id: int, clock: Clock, looked_up: list[int]
) -> None:
    for body in (NARROWEST, WIDE):
        let_in(portfolio_id, body, clock)
        assert wrong(portfolio_id) == []
    looked_up.clear()
    assert let_in(portfolio_id, WIDE, clock).batch_id is None
    assert sum(looked_up) == 0
