"""Each row exactly once, whatever comes how often in which order, and nothing of a file that breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from stonks.core.errors import NotFound, StatementUnreadable
from stonks.core.records import Record, RowProblem
from stonks.db import db
from stonks.ledger import entries, importing, manual, portfolios, review
from stonks.ledger.entries import EntryFilter
from stonks.ledger.importing import ImportOutcome
from stonks.ledger.manual import ManualEntry
from stonks.ledger.tables import Amendment, Entry, ImportBatch, ReportedPosition
from tests.conftest import Clock
from tests.listening import statements_sent
from tests.readings import ReadingOf, dividend, position, problem, trade

YEAR = [trade("1"), trade("2", on=date(2025, 11, 10)), dividend("3")]


def let_in(portfolio_id: int, rows: Iterable[Record | RowProblem], clock: Clock, origin: str = "sync") -> ImportOutcome:
    return importing.import_reading(portfolio_id, ReadingOf(rows), origin=origin, now=clock())


def at_once(app: Flask, how_many: int, import_it: Callable[[], ImportOutcome]) -> list[ImportOutcome]:
    barrier = threading.Barrier(how_many)

    def run() -> ImportOutcome:
        with app.app_context():
            barrier.wait()
            outcome = import_it()
            db.session.remove()
            return outcome

    with ThreadPoolExecutor(how_many) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(how_many)]]


def fingerprints(portfolio_id: int) -> list[bytes]:
    return sorted(db.session.scalars(select(Entry.fingerprint).where(Entry.portfolio_id == portfolio_id)))


def test_same_statement_twice_adds_nothing_and_writes_nothing(portfolio_id: int, clock: Clock) -> None:
    first = let_in(portfolio_id, YEAR, clock)
    assert (first.new, first.known, first.problems) == (3, 0, 0)
    sent = statements_sent()
    again = let_in(portfolio_id, YEAR, clock, origin="upload")
    assert (again.batch_id, again.new, again.known) == (None, 0, 3)
    assert not [sql for sql, _ in sent if sql.startswith(("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE"))]


def test_any_order_and_overlap_of_statements_gives_the_same_ledger(
    new_portfolio: Callable[[], int], clock: Clock, examples: Callable[[int], settings]
) -> None:
    @examples(10)
    @given(
        parts=st.lists(
            st.permutations(range(12)).flatmap(lambda order: st.integers(1, 12).map(lambda n: order[:n])), max_size=5
        )
    )
    def holds(parts: list[list[int]]) -> None:
        portfolio_id = new_portfolio()
        rows = [trade(str(number), on=date(2025, 11, 1 + number)) for number in range(12)]
        for part in [*parts, list(range(12))]:
            let_in(portfolio_id, [rows[number] for number in part], clock)
        assert fingerprints(portfolio_id) == sorted(row.fingerprint for row in rows)

    holds()


def test_equal_rows_of_one_file_are_as_many_entries(portfolio_id: int, clock: Clock) -> None:
    twins = [trade(None), trade(None, occurrence=1)]
    assert let_in(portfolio_id, twins, clock).new == 2
    assert let_in(portfolio_id, twins, clock).known == 2


def test_a_file_that_breaks_at_its_end_changes_nothing(portfolio_id: int, clock: Clock) -> None:
    with pytest.raises(StatementUnreadable):
        importing.import_reading(portfolio_id, ReadingOf(YEAR, breaks=True), origin="upload", now=clock())
    assert fingerprints(portfolio_id) == []
    assert db.session.scalars(select(ImportBatch)).all() == []


def test_two_imports_of_one_file_at_once_add_each_row_once(portfolio_id: int, clock: Clock, ledger_app: Flask) -> None:
    rows = [trade(str(number)) for number in range(400)]
    outcomes = at_once(ledger_app, 4, lambda: let_in(portfolio_id, rows, clock))
    assert sum(outcome.new for outcome in outcomes) == 400
    assert len(fingerprints(portfolio_id)) == 400


def test_two_imports_at_once_amend_once(portfolio_id: int, clock: Clock, ledger_app: Flask) -> None:
    let_in(portfolio_id, [trade(str(number)) for number in range(50)], clock)
    later = [trade(str(number), commission="-2") for number in range(50)] + [position("10")]
    outcomes = at_once(ledger_app, 3, lambda: let_in(portfolio_id, later, clock))
    assert sum(outcome.amended for outcome in outcomes) == 50
    assert len(db.session.scalars(select(Amendment)).all()) == 50
    assert len(db.session.scalars(select(ReportedPosition)).all()) == 1


def test_a_discarded_entry_never_comes_back(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, YEAR, clock)
    entry = entries.page(portfolio_id, EntryFilter()).entries[0]
    review.discard(portfolio_id, entry.id, clock())
    assert let_in(portfolio_id, YEAR, clock).new == 0
    assert len(entries.page(portfolio_id, EntryFilter()).entries) == 2


def test_a_later_commission_amends_the_trade_it_belongs_to_once(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, [trade("1", commission="-1")], clock)
    outcome = let_in(portfolio_id, [trade("1", commission="-0.85")], clock)
    assert (outcome.new, outcome.known, outcome.amended) == (0, 1, 1)
    assert let_in(portfolio_id, [trade("1", commission="-0.85")], clock).amended == 0
    amendment = db.session.scalars(select(Amendment)).one()
    assert (amendment.field, amendment.old, amendment.new) == ("commission", "-1", "-0.85")


def test_a_narrower_statement_erases_nothing_and_a_wider_one_fills_in(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, [trade("1", commission="-1")], clock)
    assert let_in(portfolio_id, [trade("1", commission=None)], clock).amended == 0
    let_in(portfolio_id, [trade("1", asset_class="STK")], clock)
    entry = db.session.scalars(select(Entry).execution_options(populate_existing=True)).one()
    assert (str(entry.commission), entry.asset_class) == ("-1", "STK")


def test_what_a_person_corrected_is_not_changed_back(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, [trade("1")], clock)
    entry = entries.page(portfolio_id, EntryFilter()).entries[0]
    form = ManualEntry("BUY", entry.entry_date, "USD", "AAPL", None, entry.quantity, entry.price, commission=None)
    manual.edit(portfolio_id, entry.id, form, clock())
    outcome = let_in(portfolio_id, [trade("1", commission="-5")], clock)
    assert (outcome.new, outcome.amended) == (0, 0)
    assert entries.get(portfolio_id, entry.id).commission is None


def test_an_asset_class_told_later_mends_the_amount_in_silence(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, [trade("1", quantity="10000", price="98.5")], clock)
    outcome = let_in(portfolio_id, [trade("1", quantity="10000", price="98.5", asset_class="BOND")], clock)
    assert (outcome.new, outcome.amended) == (0, 0)
    entry = db.session.scalars(select(Entry).execution_options(populate_existing=True)).one()
    assert entry.amount == -9850


def test_two_portfolios_on_one_query_split_by_currency_hold_each_row_once(
    portfolio_id: int, new_user: Callable[[str], int], clock: Clock
) -> None:
    rows = [trade("1"), trade("2", symbol="SAP", currency="EUR"), trade("3"), trade("4", symbol="SAP", currency="EUR")]
    other_id = portfolios.create(new_user("euro@example.com"), "Euro", "EUR", clock()).id
    for _ in range(2):
        let_in(portfolio_id, [row for row in rows if row.currency == "USD"], clock)
        let_in(other_id, [row for row in rows if row.currency == "EUR"], clock)
    held = fingerprints(portfolio_id) + fingerprints(other_id)
    assert sorted(held) == sorted(row.fingerprint for row in rows)


def test_an_import_into_a_portfolio_deleted_meanwhile_is_refused(portfolio_id: int, clock: Clock) -> None:
    with pytest.raises(NotFound):
        let_in(portfolio_id + 1, YEAR, clock)


def test_a_row_that_cannot_be_read_is_parked_once_and_shown(portfolio_id: int, clock: Clock) -> None:
    assert let_in(portfolio_id, [trade("1"), problem()], clock).problems == 1
    assert let_in(portfolio_id, [trade("1"), problem()], clock).problems == 0
    shown = review.pending(portfolio_id)
    assert (shown.new, shown.problems) == (1, 1)
    assert shown.batches[0].problems[0].line == 5


def test_reported_positions_are_replaced_as_a_whole_and_are_no_news(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, [trade("1"), position("10")], clock)
    let_in(portfolio_id, [trade("1"), position("12")], clock)
    held = db.session.scalars(select(ReportedPosition)).all()
    assert [str(row.quantity) for row in held] == ["12"]
    assert let_in(portfolio_id, [trade("1"), position("12")], clock).batch_id is None
    banner = review.banner(portfolio_id)
    assert banner is not None
    assert banner.new == 1


def test_done_acknowledges_what_was_shown_and_not_what_came_meanwhile(portfolio_id: int, clock: Clock) -> None:
    first = let_in(portfolio_id, [trade("1")], clock)
    second = let_in(portfolio_id, [trade("2")], clock)
    assert first.batch_id is not None
    review.acknowledge(portfolio_id, clock(), first.batch_id)
    assert [part.batch.id for part in review.pending(portfolio_id).batches] == [second.batch_id]
