"""Kept statements read again after an update: what would change is told, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import func, select

from stonks.config import new_token_key
from stonks.core.records import CashBalance
from stonks.crypto import Vault
from stonks.db import db, transaction
from stonks.ledger import archive, exporting, repeats, replaying, review
from stonks.ledger.repeats import ReadAs
from stonks.ledger.replaying import Difference
from stonks.ledger.tables import Amendment, Entry, ImportBatch, ParkedRow, ReportedBalance, StatementReading
from stonks.services import services
from tests.conftest import Clock
from tests.ledger.shelf import Learning, Shelf, bring
from tests.listening import statements_sent
from tests.readings import dividend, position, problem, trade
from tests.statements import buy, statement
from tests.statements import dividend as dividend_row

DAYS = {
    b"monday": [trade("1"), trade("2"), position("10", date(2025, 11, 3)), problem()],
    b"tuesday": [trade("1", commission="-0.85"), trade("2"), dividend("3"), position("9", date(2025, 11, 3))],
    b"wednesday": [trade("2", commission="-0.9"), dividend("3"), problem()],
}


@pytest.fixture
def shelf(ledger_app: Flask) -> Shelf:
    """A broker that brought three statements, each overlapping the one before."""
    broker = Shelf(DAYS)
    found = services()
    ledger_app.extensions["stonks"] = replace(found, brokers={**found.brokers, broker.code: broker})  # type: ignore[dict-item]
    return broker


@pytest.fixture
def week(portfolio_id: int, shelf: Shelf, clock: Clock) -> int:
    """The portfolio after all three."""
    for text in DAYS:
        bring(portfolio_id, text, clock, ReadAs(shelf))  # type: ignore[arg-type]
    return portfolio_id


def replay(portfolio_id: int, clock: Clock, *, apply: bool = False) -> list[Difference]:
    return list(replaying.replay(portfolio_id, clock(), apply=apply))


def figures(differences: list[Difference]) -> list[tuple[int, ...]]:
    return [(one.new, one.amended, one.filled_in, one.read_now, one.unread) for one in differences]


def count(table: type[Entry | ImportBatch | Amendment | ParkedRow]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def test_without_an_update_nothing_differs_though_later_statements_corrected_earlier_ones(
    week: int, clock: Clock
) -> None:
    before = count(ImportBatch), count(Amendment)
    for apply in (False, True):
        told = replay(week, clock, apply=apply)
        assert [one.changes for one in told] == [0, 0, 0]
        assert [one.still_unread for one in told] == [0, 0, 1]
    assert (count(ImportBatch), count(Amendment)) == before
    assert [one.read_at for one in told] == sorted(one.read_at for one in told)


def test_what_an_update_reads_more_is_told_once_first_and_then_let_in(week: int, shelf: Shelf, clock: Clock) -> None:
    for rows in shelf.rows.values():
        rows.append(trade("5"))
    shelf.rows[b"monday"].append(trade("6"))
    sent = statements_sent()
    told = replay(week, clock)
    assert figures(told) == [(1, 0, 0, 0, 0), (0, 0, 0, 0, 0), (1, 0, 0, 0, 0)]
    assert not [sql for sql, _ in sent if sql.startswith(("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE"))]
    assert replay(week, clock, apply=True) == told
    assert count(Entry) == 5
    assert [one.changes for one in replay(week, clock)] == [0, 0, 0]
    assert {entry.origin for entry in db.session.scalars(select(Entry))} == {"sync"}


def test_facts_read_otherwise_amend_or_fill_in_by_the_last_word(week: int, shelf: Shelf, clock: Clock) -> None:
    shelf.rows[b"monday"] = [trade("1", commission="-7"), trade("2", commission="-7"), position("1", date(2025, 11, 3))]
    shelf.rows[b"tuesday"] = [
        trade("1", commission="-0.5"),
        trade("2"),
        dividend("3"),
        position("8", date(2025, 11, 3)),
    ]
    shelf.rows[b"wednesday"] = [trade("2", commission="-0.9", asset_class="STK"), dividend("3"), problem()]
    told = replay(week, clock)
    assert figures(told) == [(0, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0)]
    assert [one.reported for one in told] == [0, 1, 0]
    assert replay(week, clock, apply=True) == told
    trades = db.session.execute(
        select(Entry.external_id, Entry.commission, Entry.asset_class).where(Entry.kind == "TRADE").order_by(Entry.id)
    )
    assert [(name, str(commission), asset) for name, commission, asset in trades] == [
        ("1", "-0.5", None), ("2", "-0.9", "STK")
    ]  # fmt: skip


def test_of_a_day_s_cash_the_last_statement_has_the_last_word_too(
    portfolio_id: int, shelf: Shelf, clock: Clock
) -> None:
    def cash(amount: int) -> tuple[CashBalance, ...]:
        return (CashBalance(date(2025, 11, 3), "USD", Decimal(amount), None),)

    shelf.balances = {b"monday": cash(5), b"tuesday": cash(6)}
    for text in DAYS:
        bring(portfolio_id, text, clock, ReadAs(shelf))  # type: ignore[arg-type]
    assert [one.changes for one in replay(portfolio_id, clock)] == [0, 0, 0]
    shelf.balances = {b"monday": cash(7), b"tuesday": cash(8)}
    told = replay(portfolio_id, clock)
    assert [one.reported for one in told] == [0, 1, 0]
    assert replay(portfolio_id, clock, apply=True) == told
    assert db.session.scalars(select(ReportedBalance.ending_cash)).all() == [8]


def test_a_row_that_became_unreadable_is_told(week: int, shelf: Shelf, clock: Clock) -> None:
    shelf.rows[b"wednesday"] = [problem("a new kind of row"), *DAYS[b"wednesday"]]
    assert [(one.unread, one.still_unread) for one in replay(week, clock)] == [(0, 0), (0, 0), (1, 1)]


def test_what_a_person_discarded_stays_discarded(week: int, shelf: Shelf, clock: Clock) -> None:
    entry_id = db.session.scalars(select(Entry.id).order_by(Entry.id)).first()
    assert entry_id is not None
    review.discard(week, entry_id, clock())
    shelf.rows[b"wednesday"] = [*DAYS[b"wednesday"], trade("5")]
    replay(week, clock, apply=True)
    discarded = select(Entry.id).where(Entry.discarded_at.is_not(None))
    assert db.session.scalars(discarded).all() == [entry_id]


def test_a_statement_that_cannot_be_read_any_more_is_named_and_has_no_say(
    week: int, shelf: Shelf, clock: Clock
) -> None:
    shelf.rows[b"wednesday"] = [trade("2", commission="-55"), trade("8")]
    with transaction():
        newest = db.session.scalars(select(archive.KeptStatement).order_by(archive.KeptStatement.id.desc())).first()
        assert newest is not None
        newest.sealed = Vault([new_token_key()]).seal(b"x", f"statement:{week}")
    told = replay(week, clock)
    assert "can't be opened" in told[2].refusal
    assert [one.refusal for one in told[:2]] == ["", ""]
    assert [one.new for one in told] == [0, 0, 0]


def test_each_is_read_as_it_was_and_our_own_export_as_such(portfolio_id: int, clock: Clock) -> None:
    ibkr = services().brokers["ibkr"]
    bring(portfolio_id, statement([buy(1), buy(2, currency="EUR")]), clock, ReadAs(ibkr, only_currency="USD"))
    export = "".join(exporting.export_csv(portfolio_id)).encode()
    bring(portfolio_id, export, clock, ReadAs(ibkr, origin="upload"))
    told = replay(portfolio_id, clock)
    assert [(one.origin, one.changes, one.refusal) for one in told] == [("sync", 0, ""), ("upload", 0, "")]


def test_a_statement_read_in_two_ways_counts_as_it_was_read_last(portfolio_id: int, clock: Clock) -> None:
    ibkr, body = services().brokers["ibkr"], statement([buy(1), buy(2, currency="EUR")])
    for currency in (None, "USD"):
        bring(portfolio_id, body, clock, ReadAs(ibkr, only_currency=currency))
    with transaction():
        db.session.execute(db.delete(Entry))
    assert [one.new for one in replay(portfolio_id, clock)] == [1]


def test_a_statement_that_another_portfolio_fetched_is_read_for_this_one(
    new_portfolio: Callable[[], int], clock: Clock
) -> None:
    fetched, shared = new_portfolio(), new_portfolio()
    ibkr, body = services().brokers["ibkr"], statement([buy(1), buy(2, currency="EUR")])
    bring(fetched, body, clock, ReadAs(ibkr, only_currency="USD"))
    kept = db.session.scalars(select(archive.KeptStatement.id)).one()
    repeats.compare(shared, BytesIO(body), ReadAs(ibkr, only_currency="EUR")).write(now=clock(), statement_id=kept)
    with transaction():
        db.session.execute(db.delete(Entry))
    assert [one.new for one in replay(shared, clock, apply=True)] == [1]
    entry = db.session.scalars(select(Entry)).one()
    assert (entry.portfolio_id, entry.currency) == (shared, "EUR")


def test_a_tested_statement_that_was_never_imported_is_left_alone(portfolio_id: int, clock: Clock) -> None:
    archive.keep(portfolio_id, BytesIO(statement([buy(1)])), origin="test", now=clock())
    assert replay(portfolio_id, clock) == []
    assert replaying.portfolios() == []


def test_parked_rows_that_an_update_reads_are_cleared_and_each_is_told_once(
    ledger_app: Flask, portfolio_id: int, clock: Clock
) -> None:
    reader = Learning()
    ledger_app.extensions["stonks"] = replace(services(), brokers={"ibkr": reader})  # type: ignore[dict-item]
    with reader.younger():
        for rows in ([dividend_row(3)], [dividend_row(3), dividend_row(4)]):
            bring(portfolio_id, statement([buy(1)], rows), clock, ReadAs(reader))  # type: ignore[arg-type]
        assert [one.still_unread for one in replay(portfolio_id, clock)] == [0, 2]
    told = replay(portfolio_id, clock)
    assert figures(told) == [(0, 0, 0, 1, 0), (2, 0, 0, 1, 0)]
    assert count(ParkedRow) == 2
    assert replay(portfolio_id, clock, apply=True) == told
    assert (count(ParkedRow), count(Entry)) == (0, 3)


def test_the_archive_is_as_it_was(week: int, shelf: Shelf, clock: Clock) -> None:
    shelf.rows[b"wednesday"] = [*DAYS[b"wednesday"], trade("5")]
    before = db.session.scalars(select(StatementReading.statement_id).order_by(StatementReading.id)).all()
    replay(week, clock, apply=True)
    assert db.session.scalars(select(StatementReading.statement_id).order_by(StatementReading.id)).all() == before
