"""Rows that an older reader could not read: parked, and cleared by the first statement that holds them readable."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from sqlalchemy import select

from stonks.core.errors import StatementUnreadable
from stonks.db import db
from stonks.ledger import importing, review
from stonks.ledger.importing import ImportOutcome
from stonks.ledger.tables import Entry, ParkedRow
from tests.conftest import Clock
from tests.ledger.shelf import Learning
from tests.statements import buy, dividend, statement


@pytest.fixture
def reader() -> Learning:
    return Learning()


def let_in(
    portfolio_id: int, body: bytes, clock: Clock, reader: Learning, currency: str | None = None
) -> ImportOutcome:
    reading = reader.read(BytesIO(body), currency=currency)
    return importing.import_reading(portfolio_id, reading, origin="sync", now=clock())


def parked() -> int:
    db.session.rollback()
    return len(db.session.scalars(select(ParkedRow.id)).all())


def test_a_parked_row_that_can_be_read_now_is_an_entry_and_parked_no_longer(
    portfolio_id: int, clock: Clock, reader: Learning
) -> None:
    body = statement([buy(1)], [dividend(3)])
    with reader.younger():
        assert let_in(portfolio_id, body, clock, reader).problems == 1
        assert let_in(portfolio_id, body, clock, reader).batch_id is None
    outcome = let_in(portfolio_id, body, clock, reader)
    assert (outcome.new, outcome.known, outcome.problems, outcome.cleared) == (1, 1, 0, 1)
    assert parked() == 0
    assert review.pending(portfolio_id).problems == 0
    assert let_in(portfolio_id, body, clock, reader).batch_id is None


def test_it_is_found_in_another_statement_too_and_equal_rows_each_for_themselves(
    portfolio_id: int, clock: Clock, reader: Learning
) -> None:
    with reader.younger():
        assert (
            let_in(portfolio_id, statement(None, [dividend(3), dividend(3), dividend(4)]), clock, reader).problems == 3
        )
    assert let_in(portfolio_id, statement(None, [dividend(9), dividend(3)]), clock, reader).cleared == 1
    assert parked() == 2
    assert let_in(portfolio_id, statement([buy(1)], [dividend(3), dividend(3)]), clock, reader).cleared == 1
    assert parked() == 1


def test_what_still_cannot_be_read_stays(portfolio_id: int, clock: Clock, reader: Learning) -> None:
    body = statement([buy(1).replace("BUY", "BORROW")], [dividend(3)])
    with reader.younger():
        assert let_in(portfolio_id, body, clock, reader).problems == 2
    assert let_in(portfolio_id, body, clock, reader).cleared == 1
    assert [problem.section for problem in db.session.scalars(select(ParkedRow))] == ["Trades"]


def test_a_row_of_another_currency_is_cleared_without_becoming_an_entry(
    portfolio_id: int, clock: Clock, reader: Learning
) -> None:
    body = statement([buy(1)], [dividend(3, currency="EUR")])
    with reader.younger():
        assert let_in(portfolio_id, body, clock, reader, "USD").problems == 1
    assert let_in(portfolio_id, body, clock, reader, "USD").cleared == 1
    assert (parked(), len(db.session.scalars(select(Entry.id)).all())) == (0, 1)


def test_a_batch_that_waited_for_its_unreadable_rows_alone_waits_no_longer(
    portfolio_id: int, clock: Clock, reader: Learning
) -> None:
    with reader.younger():
        let_in(portfolio_id, statement(None, [dividend(3)]), clock, reader)
    waiting = review.banner(portfolio_id)
    assert waiting is not None
    assert waiting.problems == 1
    outcome = let_in(portfolio_id, statement(None, [dividend(3)]), clock, reader)
    assert [part.batch.id for part in review.pending(portfolio_id).batches] == [outcome.batch_id]
    left = review.banner(portfolio_id)
    assert left is not None
    assert (left.new, left.problems) == (1, 0)


def test_another_portfolio_s_parked_rows_are_left_alone(
    new_portfolio: Callable[[], int], clock: Clock, reader: Learning
) -> None:
    one, other = new_portfolio(), new_portfolio()
    with reader.younger():
        for portfolio_id in (one, other):
            let_in(portfolio_id, statement(None, [dividend(3)]), clock, reader)
    let_in(one, statement(None, [dividend(3)]), clock, reader)
    assert [row.portfolio_id for row in db.session.scalars(select(ParkedRow))] == [other]


def test_a_file_that_breaks_at_its_end_clears_nothing(portfolio_id: int, clock: Clock, reader: Learning) -> None:
    body = statement([buy(1)], [dividend(3), dividend(4)])
    with reader.younger():
        let_in(portfolio_id, body, clock, reader)
    with pytest.raises(StatementUnreadable):
        let_in(portfolio_id, body + b'"AAPL,unfinished', clock, reader)
    assert parked() == 2
