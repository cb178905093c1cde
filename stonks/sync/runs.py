"""Sync runs as rows: starting, ending, cancelling and waking them. What an answer means is decided in deciding.py.

The functions that write want to be called inside a transaction, with the connection's row locked first and the run's
row after it; waking happens after the commit.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from redis import RedisError
from sqlalchemy import func, select

from stonks.core.records import Period
from stonks.db import db
from stonks.services import services
from stonks.sync.states import RunState
from stonks.sync.tables import Connection, SyncRun

log = logging.getLogger(__name__)

TASK = "stonks.tasks.advance_run"
BY_HAND = ("manual", "window")  # reasons that do not count as the day's automatic sync
CANCELLED_BY_CHANGE = "The connection was changed meanwhile; nothing was imported."
CANCELLED_BY_DISCONNECT = "The portfolio was disconnected meanwhile; nothing was imported."
CANCELLED_BY_TEST = "A newer test took its place."
CANCELLED_AS_UNKNOWN = (
    "This version of Stonksfolio does not know the broker of this connection; nothing was asked for or imported. Run "
    "the version that the broker was connected with, or connect the portfolio anew."
)
_DAY = timedelta(hours=20)  # a day's tries: a little less, so that yesterday's slot does not count today


def start(
    connection: Connection,
    reason: str,
    now: datetime,
    statement_id: int | None = None,
    window: Period | None = None,
) -> SyncRun:
    """A new run of the connection, due at once. With `statement_id` it imports that statement and asks for nothing;
    `window`: the days it asks for instead of the last 365.

    The unique index refuses a second live run of one connection (IntegrityError).
    """
    run = SyncRun(
        portfolio_id=connection.portfolio_id,
        connection_id=connection.id,
        broker=connection.broker,
        reason=reason,
        state=RunState.QUEUED,
        credentials_version=connection.credentials_version,
        allowance=connection.allowance,
        statement_id=statement_id,
        window_first=window.first if window else None,
        window_last=window.last if window else None,
        queued_at=now,
        due_at=now,
    )
    db.session.add(run)
    db.session.flush()
    return run


def hand_on(old: SyncRun, new: SyncRun, now: datetime) -> None:
    """`new` waits for the statement that the broker is making for `old`, which has ended: to ask for another would count
    as one more. Changes nothing when there is none."""
    if old.ticket is None or old.reason == "window":
        return
    new.state, new.ticket, new.ticket_at = RunState.AWAITING_STATEMENT, old.ticket, old.ticket_at
    new.with_period, new.started_over = old.with_period, old.started_over
    asked_last = old.called_at or now
    new.due_at = max(now, asked_last + services().settings.first_wait)


def finish(run: SyncRun, state: RunState, now: datetime) -> None:
    """Ends a run: nothing of it is due any more, and a test's credentials are wiped."""
    run.state = state
    run.step += 1
    run.due_at = run.lease_until = run.waiting_for = None
    run.finished_at = now
    run.sealed_credentials = None


def cancel(run: SyncRun, message: str, now: datetime) -> None:
    finish(run, RunState.CANCELLED, now)
    run.message = message


def live_run(connection_id: int) -> SyncRun | None:
    return db.session.scalar(
        select(SyncRun).where(SyncRun.connection_id == connection_id, SyncRun.finished_at.is_(None)).with_for_update()
    )


def live_tests(portfolio_id: int) -> list[SyncRun]:
    tests = select(SyncRun).where(
        SyncRun.portfolio_id == portfolio_id, SyncRun.reason == "test", SyncRun.finished_at.is_(None)
    )
    return list(db.session.scalars(tests.with_for_update()))


def locked_connection(connection_id: int | None) -> Connection | None:
    """The row as it is now, held until the transaction ends."""
    if connection_id is None:
        return None
    return db.session.get(Connection, connection_id, with_for_update=True, populate_existing=True)


def locked_run(run_id: int) -> SyncRun | None:
    return db.session.get(SyncRun, run_id, with_for_update=True, populate_existing=True)


def requests_today(connection_id: int, now: datetime) -> int:
    """Statements that the broker was asked to make for the connection lately, not counting what a person asked for."""
    asked = select(func.coalesce(func.sum(SyncRun.requests), 0)).where(
        SyncRun.connection_id == connection_id, SyncRun.reason.not_in(BY_HAND), SyncRun.queued_at > now - _DAY
    )
    return db.session.scalar(asked) or 0


def windows_today(connection_id: int, now: datetime) -> int:
    """Statements of windows that the broker was asked to make for the connection lately, given or refused."""
    asked = select(func.coalesce(func.sum(SyncRun.requests), 0)).where(
        SyncRun.connection_id == connection_id, SyncRun.reason == "window", SyncRun.queued_at > now - _DAY
    )
    return db.session.scalar(asked) or 0


def last_call(allowance: str) -> datetime | None:
    """When the broker was last called with a token, as far as the database knows."""
    return db.session.scalar(select(func.max(SyncRun.called_at)).where(SyncRun.allowance == allowance))


def wake(run_id: int, step: int) -> bool:
    """Calls a worker for the run's next step, after the commit that made it due. A lost call is made again by the tick."""
    try:
        return services().queue.enqueue(TASK, run_id, step, job_id=f"advance-{run_id}-{step}")
    except RedisError as error:
        why = type(error).__name__
        log.warning("run %s: Redis is away (%s), the scheduler wakes it later", run_id, why, extra={"run": run_id})
        return False
