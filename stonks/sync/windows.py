"""Windows: runs that ask for certain days, to close a gap; and what any run's statement covers of what was asked for.

A window is a run by hand. It leaves the automatic sync's times alone, and no other portfolio takes its statement for
the day's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from stonks.brokers.contract import Broker
from stonks.core.days import spoken
from stonks.core.errors import InvalidInput, StonksError
from stonks.core.records import Finding, Period, Severity, StatementSummary
from stonks.db import db
from stonks.ledger import coverage
from stonks.portfolio.coverage import missing
from stonks.sync import runs
from stonks.sync.tables import Connection, SyncRun

REASON = "window"
MOST_DAYS = 365  # IBKR: of one request, and how far back it may reach
MOST_A_DAY = 3  # requests of one connection: refused ones bring a lockout nearer, and some accounts get one a day


def reach(broker: Broker, now: datetime) -> Period:
    """The days that can be asked for: they end with the last one whose books are closed."""
    last = broker.last_business_day(now)
    return Period(last - timedelta(days=MOST_DAYS - 1), last)


def check(connection: Connection, broker: Broker, window: Period, now: datetime) -> None:
    """Raises InvalidInput or StonksError with the reason why these days cannot be asked for now."""
    possible = reach(broker, now)
    if window.first > window.last:
        raise InvalidInput({"window": "The first day comes after the last. Nothing was asked for."})
    if window.first < possible.first or window.last > possible.last:
        raise InvalidInput(
            {
                "window": f"Only days from {possible.first:%Y-%m-%d} to {possible.last:%Y-%m-%d} can be asked for. "
                "Nothing was asked for; upload a file for older ones."
            }
        )
    if runs.windows_today(connection.id, now) >= MOST_A_DAY:
        raise StonksError(
            f"Days were asked for {MOST_A_DAY} times within a day, and the broker counts requests. Nothing was asked "
            "for. Ask again tomorrow, or upload a file with these days."
        )


def of_run(run: SyncRun) -> Period | None:
    return Period(run.window_first, run.window_last) if run.window_first and run.window_last else None


def source_of(connection: Connection) -> str:
    return source_named(connection.broker, json.loads(connection.public_fields))


def source_named(broker_code: str, public_fields: Mapping[str, str]) -> str:
    """Names the query in covered days: what one query leaves out, another may cover."""
    return ":".join((broker_code, *(public_fields[name] for name in sorted(public_fields))))[:120]


def note(run: SyncRun, connection: Connection, broker: Broker, summary: StatementSummary, now: datetime) -> None:
    """What the run's statement covers, in the transaction that imports it."""
    coverage.note(
        run.portfolio_id,
        summary,
        source=source_of(connection),
        currency=connection.only_currency,
        asked=_asked(run, broker),
        until=broker.last_business_day(now),
    )


def finding(run: SyncRun, broker: Broker, summary: StatementSummary) -> Finding | None:
    """Of a window whose statement does not hold all of its business days, as far as it tells. (The adapter compares the
    last 365 days itself.)"""
    window = of_run(run)
    if window is None or summary.period is None or not summary.period_is_stated:
        return None
    gaps = missing(window, summary.period, broker.is_business_day)
    if not gaps:
        return None
    return Finding(
        "period-short",
        Severity.WARNING,
        f"{_days(window)} was asked for, and the statement covers {_days(summary.period)}.",
        "Asking again will most likely bring the same. Upload a file with the days that are missing.",
    )


def _asked(run: SyncRun, broker: Broker) -> Period | None:
    """What the broker was asked for when the run's statement was made, by this run or by the one that fetched it."""
    fetched_by: SyncRun | None = run
    if run.ticket is None:
        query = select(SyncRun).where(SyncRun.statement_id == run.statement_id, SyncRun.ticket.is_not(None))
        fetched_by = db.session.scalar(query.order_by(SyncRun.id).limit(1))
    if fetched_by is None or fetched_by.ticket_at is None:
        return None
    if fetched_by.window_first is not None:
        return of_run(fetched_by)
    return reach(broker, fetched_by.ticket_at) if fetched_by.with_period else None


def _days(period: Period) -> str:
    return spoken(period.first) if period.first == period.last else f"{spoken(period.first)} to {spoken(period.last)}"
