"""Covered days as rows: noted once, joined when they touch, kept when a statement brings nothing new."""

from __future__ import annotations

import io
from datetime import date

from sqlalchemy import func, select

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import Period, StatementSummary
from stonks.db import db
from stonks.ledger import coverage, portfolios
from stonks.ledger.tables import CoveredSpan, Portfolio
from stonks.portfolio.coverage import UPLOAD, Proof, Span
from tests.listening import statements_sent
from tests.statements import buy, statement

QUERY = "ibkr:1234567"
UNTIL = date(2026, 11, 19)


def summary(
    first: date | None, last: date | None = None, *, stated: bool = True, accounts: tuple[str, ...] = ()
) -> StatementSummary:
    reading = read_statement(io.BytesIO(statement([buy(1)])))
    list(reading)
    period = Period(first, last or first) if first else None
    return reading.summary._replace(period=period, period_is_stated=stated and period is not None, accounts=accounts)


def note(portfolio_id: int, told: StatementSummary, **more: object) -> None:
    coverage.note(
        portfolio_id, told, **{"source": QUERY, "currency": None, "asked": None, "until": UNTIL, **more}  # type: ignore[arg-type]
    )  # fmt: skip


def rows() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(CoveredSpan)) or 0


def test_a_year_of_daily_statements_is_one_row(portfolio_id: int) -> None:
    for day in range(1, 20):
        note(portfolio_id, summary(date(2025, 11, day), date(2026, 11, day)))
    assert coverage.spans(portfolio_id) == [Span(QUERY, None, None, Proof.TOLD, date(2025, 11, 1), date(2026, 11, 19))]


def test_a_statement_between_two_joins_them(portfolio_id: int) -> None:
    for first, last in ((1, 3), (8, 9), (4, 7)):
        note(portfolio_id, summary(date(2026, 11, first), date(2026, 11, last)))
    assert [(span.first.day, span.last.day) for span in coverage.spans(portfolio_id)] == [(1, 9)]


def test_days_that_are_known_are_not_written_again(portfolio_id: int) -> None:
    note(portfolio_id, summary(date(2026, 11, 2), date(2026, 11, 9)))
    sent = statements_sent()
    note(portfolio_id, summary(date(2026, 11, 3), date(2026, 11, 9)))
    assert {sql.split()[0] for sql, _ in sent} <= {"BEGIN", "SELECT"}


def test_sources_accounts_currencies_and_proofs_stay_apart(portfolio_id: int) -> None:
    november = date(2026, 11, 2), date(2026, 11, 9)
    note(portfolio_id, summary(*november))
    note(portfolio_id, summary(*november), source=UPLOAD)
    note(portfolio_id, summary(*november), currency="EUR")
    note(portfolio_id, summary(*november, accounts=("U1", "U2")))
    note(portfolio_id, summary(*november, stated=False))
    assert rows() == 6


def test_a_quiet_statement_without_a_period_says_only_what_was_asked(portfolio_id: int) -> None:
    asked = Period(date(2026, 11, 2), date(2026, 11, 9))
    note(portfolio_id, summary(None), asked=asked)
    assert coverage.spans(portfolio_id) == [Span(QUERY, None, None, Proof.ASKED, *asked)]
    note(portfolio_id, summary(None))
    assert rows() == 1


def test_covered_days_go_with_their_portfolio(portfolio_id: int) -> None:
    note(portfolio_id, summary(date(2026, 11, 2)))
    found = db.session.get(Portfolio, portfolio_id)
    assert found is not None
    portfolios.delete(found)
    assert rows() == 0
