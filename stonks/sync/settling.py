"""Writing what a step came to: run, connection and, when a statement is here, the import, all in one transaction.

Nothing is written when the run was cancelled, disconnected, given other credentials or taken over meanwhile.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from sqlalchemy import select

from stonks.brokers.contract import Broker
from stonks.core.records import StatementSummary
from stonks.db import db, transaction
from stonks.ledger import archive, snapshot
from stonks.ledger.repeats import Compared, Repeated
from stonks.services import services
from stonks.sync import runs, telling, windows
from stonks.sync.deciding import decide
from stonks.sync.states import LIVE, ConnectionState, Facts, NextSync, Outcome, RunState, Transition
from stonks.sync.tables import Connection, SyncRun
from stonks.sync.timing import LATER, next_after, next_regular

log = logging.getLogger(__name__)

_UNLOCK_SPREAD = timedelta(hours=1)  # so that those locked out together do not come back together


@dataclass(frozen=True, slots=True)
class Arrival:
    """A statement that was read to its end and waits to be let in."""

    body: BinaryIO
    summary: StatementSummary
    credentials_name: str  # what the kept statement is found by, by this portfolio and its siblings
    kept_statement: int | None = None  # it came from the archive, and stays there
    compared: Compared | Repeated | None = None  # None for a test


def settle(
    run_id: int,
    step: int,
    outcome: Outcome,
    now: datetime,
    arrival: Arrival | None = None,
    *,
    forget_kept: bool = False,
) -> None:
    """Carries out what `outcome` means for the run, if it still stands at `step`; wakes its next step when that is due."""
    due: int | None = None
    with transaction():
        found = db.session.get(SyncRun, run_id)
        connection = runs.locked_connection(found.connection_id) if found else None
        run = runs.locked_run(run_id)
        if run is None or run.step != step or run.state not in LIVE:
            ids = {"run": run_id, "connection": found.connection_id if found else None}
            log.info("run %s: taken over or ended meanwhile", run_id, extra=ids)
            return
        if run.reason != "test" and not _still_connected(run, connection):
            runs.cancel(run, runs.CANCELLED_BY_CHANGE, now)
            return
        broker = services().brokers[run.broker]
        if forget_kept:
            run.statement_id = None
        summary = _let_in(run, connection, broker, arrival, now) if arrival else None
        transition = decide(_facts(run, connection, broker), outcome, now)
        before = run.state
        _write_run(run, transition, now)
        if run.reason != "test" and connection is not None:
            _write_connection(connection, broker, transition, summary, now)
        if transition.run in LIVE and transition.wait <= timedelta(0):
            due = run.step
        _log(run, transition, before)
    if due is not None:
        runs.wake(run_id, due)
    if arrival is not None and arrival.compared is not None and found is not None:
        snapshot.catch_up(found.portfolio_id)


def _still_connected(run: SyncRun, connection: Connection | None) -> bool:
    return (
        connection is not None
        and connection.sealed_credentials is not None
        and connection.credentials_version == run.credentials_version
    )


def _facts(run: SyncRun, connection: Connection | None, broker: Broker) -> Facts:
    is_test = run.reason == "test"
    if is_test:  # the saved connection knows whether this token was ever taken
        connection = db.session.scalar(
            select(Connection).where(Connection.portfolio_id == run.portfolio_id, Connection.allowance == run.allowance)
        )
    return Facts(
        state=RunState(run.state),
        broker=broker.name,
        first_wait=services().settings.first_wait,
        started_at=run.queued_at,
        ticket_at=run.ticket_at,
        with_period=run.with_period,
        started_over=run.started_over,
        is_test=is_test,
        is_window=run.reason == windows.REASON,
        accepted=connection is not None and connection.accepted_at is not None,
        saved_at=connection.credentials_saved_at if connection and not is_test else None,
        place=run.place,
    )


def _let_in(
    run: SyncRun, connection: Connection | None, broker: Broker, arrival: Arrival, now: datetime
) -> StatementSummary:
    """Keeps the statement; unless this is a test, imports it."""
    kept = arrival.kept_statement
    if kept is None:
        kept = archive.keep(
            run.portfolio_id,
            arrival.body,
            origin="test" if run.reason == "test" else "sync",
            now=now,
            # A window's statement is nobody's statement of the day.
            credentials_name=arrival.credentials_name if run.reason != windows.REASON else None,
        )
    run.statement_id = kept
    if arrival.compared is None:
        run.result = json.dumps(telling.of_statement(arrival.summary))
        return arrival.summary
    outcome = arrival.compared.write(now=now, statement_id=kept)
    archive.mark_imported(kept, now)
    run.batch_id = outcome.batch_id
    run.result = json.dumps(telling.of_import(outcome, windows.finding(run, broker, outcome.summary)))
    if connection is not None:
        windows.note(run, connection, broker, outcome.summary, now)
    return outcome.summary


def _write_run(run: SyncRun, transition: Transition, now: datetime) -> None:
    run.failure, run.code = transition.failure, transition.code
    run.message, run.remedy = transition.message or None, transition.remedy or None
    if transition.run not in LIVE:
        runs.finish(run, transition.run, now)
        return
    if transition.ticket is not None:
        run.ticket, run.ticket_at = json.dumps(asdict(transition.ticket)), now
    elif transition.run is RunState.QUEUED:
        run.ticket = run.ticket_at = None
    run.state = transition.run
    run.step += 1
    run.attempts = 0
    run.lease_until = None
    run.due_at = now + transition.wait
    run.with_period, run.started_over, run.place = transition.with_period, transition.started_over, transition.place
    run.waiting_for = transition.waiting_for or None


def _write_connection(
    connection: Connection, broker: Broker, transition: Transition, summary: StatementSummary | None, now: datetime
) -> None:
    if transition.accepted and connection.accepted_at is None:
        connection.accepted_at = now
    if transition.connection is ConnectionState.ACTIVE:
        connection.locked_until = None
        connection.enter(ConnectionState.ACTIVE, now)
    elif transition.connection is not None:
        connection.enter(
            transition.connection, now, code=transition.code, message=transition.message, remedy=transition.remedy
        )
    if transition.next_sync is None:
        return
    succeeded = transition.run is RunState.SUCCEEDED
    connection.tries = 0 if succeeded else connection.tries + 1
    if summary is not None:
        connection.last_success_at = now
        if summary.period is not None and summary.period_is_stated:
            connection.covered_until = summary.period.last
    every = services().settings.sync_every
    if transition.next_sync is NextSync.UNLOCKED:
        connection.locked_until = now + (transition.lock or timedelta(0))
        connection.next_run_at = connection.locked_until + _UNLOCK_SPREAD * connection.slot / 10_000
    elif summary is not None and every is None:
        connection.next_run_at = _after_success(connection, broker, summary, now)
    else:
        connection.next_run_at = next_after(
            transition.next_sync,
            broker,
            connection.slot,
            now,
            every,
            requests_today=runs.requests_today(connection.id, now),
        )


def _after_success(connection: Connection, broker: Broker, summary: StatementSummary, now: datetime) -> datetime:
    """The regular time; sooner when the last business day is not in it yet, and a day on when nothing new could be."""
    regular = next_regular(broker, connection.slot, now, None)
    if summary.period is None or not summary.period_is_stated:
        return regular
    last = summary.period.last
    if last < broker.last_business_day(now) and runs.requests_today(connection.id, now) < 2:
        return min(regular, now + LATER)
    if last >= broker.last_business_day(regular) and regular - now < timedelta(hours=12):
        return next_regular(broker, connection.slot, regular, None)
    return regular


def _log(run: SyncRun, transition: Transition, before: str) -> None:
    """A line when the run gets somewhere; a poll that leaves it where it was is for debugging only."""
    ids: dict[str, Any] = {"run": run.id, "connection": run.connection_id}
    whose = "a test" if run.reason == "test" else f"connection {run.connection_id}"
    why = " ".join(filter(None, (transition.failure, transition.code)))
    level = logging.DEBUG if transition.run == before else logging.INFO
    log.log(level, "run %s of %s: %s%s", run.id, whose, transition.run, f" ({why})" if why else "", extra=ids)
