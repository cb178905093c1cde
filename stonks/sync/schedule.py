"""The scheduler's work: start what is due, wake what waits, free what a dead worker held, forget what is old.

Safe to run on any number of machines at once: each start and each release is a compare-and-set.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Row, bindparam, delete, select
from sqlalchemy.exc import IntegrityError

from stonks import presence
from stonks.db import db, look, transaction
from stonks.ledger import archive
from stonks.services import services
from stonks.sync import clock, lockouts, pricing, runs, windows
from stonks.sync.states import LIVE, STOPPED, ConnectionState
from stonks.sync.tables import Connection, SyncRun
from stonks.sync.timing import next_regular

log = logging.getLogger(__name__)

AT_ONCE = 500  # rows looked at by one tick; the next one takes the rest
KEEP_TESTS = timedelta(days=7)
PRUNE_EVERY = timedelta(hours=1)
AFTER_A_WINDOW = timedelta(minutes=5)
UNKNOWN_BROKER_WAIT = timedelta(hours=4)  # until it is seen whether this version was replaced by one that knows it

# Asked again and again for years, so made once. Each is a search in an index, however many rows are not due.
_DUE = (
    select(Connection.id)
    .where(Connection.next_run_at <= bindparam("now"))
    .order_by(Connection.next_run_at)
    .limit(AT_ONCE)
)
_STEPS = (
    select(SyncRun.id, SyncRun.step)
    .where(SyncRun.state.in_(LIVE), SyncRun.due_at <= bindparam("now"), SyncRun.lease_until.is_(None))
    .order_by(SyncRun.due_at)
    .limit(AT_ONCE)
)
_STEPS_SINCE = _STEPS.where(SyncRun.due_at > bindparam("since"))
_HELD = select(SyncRun.id, SyncRun.step).where(SyncRun.state.in_(LIVE), SyncRun.lease_until.is_not(None)).limit(AT_ONCE)
_HELD_TOO_LONG = _HELD.where(SyncRun.lease_until <= bindparam("now"))
_HELD_BY = _HELD.where(SyncRun.held_by == bindparam("name"))


def tick(now: datetime) -> int:
    """Everything that is due by now; returns how many runs were started or woken. Raises RedisError and database errors."""
    clock.mend(now)
    started = start_due(now)
    free_held_too_long(now)
    free_held_by_dead(now)
    woken = wake_due(None, now) + pricing.wake_due(now)
    if services().redis.set("stonks:pruned", 1, nx=True, ex=PRUNE_EVERY):
        prune(now)
        pricing.enrol_passed_over(now)
    return started + woken


def start_due(now: datetime) -> int:
    """Begins the runs of the connections whose time has come."""
    return sum(_start(connection_id, now) for (connection_id,) in look(_DUE, now=now))


def wake_due(since: datetime | None, now: datetime) -> int:
    """Calls workers for the steps that became due after `since` (None: whenever). Reads only."""
    rows = look(_STEPS, now=now) if since is None else look(_STEPS_SINCE, now=now, since=since)
    return sum(runs.wake(run_id, step) for run_id, step in rows)


def free_held_by_dead(now: datetime) -> None:
    """What workers of this machine held that are gone becomes due again, without waiting for their leases.

    Looks at a few files; touches the database only when somebody died.
    """
    presence.bury(services().settings.workers_folder, lambda name: _free(look(_HELD_BY, name=name), now))


def free_held_too_long(now: datetime) -> None:
    """What stands under a lease that is over becomes due again."""
    _free(look(_HELD_TOO_LONG, now=now), now)


def prune(now: datetime) -> None:
    """Forgets runs and kept statements past their time."""
    settings = services().settings
    with transaction():
        db.session.execute(delete(SyncRun).where(SyncRun.finished_at < now - settings.keep_runs))
        db.session.execute(delete(SyncRun).where(SyncRun.reason == "test", SyncRun.finished_at < now - KEEP_TESTS))
        lockouts.prune(now)
    archive.prune(now, settings.keep_statements)


def _start(connection_id: int, now: datetime) -> bool:
    try:
        with transaction():
            run = _started(connection_id, now)
            if run is None:
                return False
            run_id, step = run.id, run.step
    except IntegrityError:  # another scheduler, or a person, was as quick
        return False
    runs.wake(run_id, step)
    return True


def _started(connection_id: int, now: datetime) -> SyncRun | None:
    row = runs.locked_connection(connection_id)
    if row is None or row.next_run_at is None or row.next_run_at > now:
        return None
    if row.state in STOPPED or row.sealed_credentials is None:
        row.next_run_at = None
        return None
    locked = lockouts.ends(row.allowance, now)
    if locked is not None:  # met by another portfolio or a test with the same token
        row.enter(ConnectionState.LOCKED_OUT, now, message="The broker has locked this token for some hours.")
        row.locked_until = row.next_run_at = locked
        return None
    broker = services().brokers.get(row.broker)
    if broker is None:
        log.warning("connection %s: no broker %r is known here", row.id, row.broker, extra={"connection": row.id})
        row.next_run_at = now + UNKNOWN_BROKER_WAIT
        return None
    # Ahead of the run's own word on it: whatever becomes of the run, tomorrow comes.
    row.next_run_at = next_regular(broker, row.slot, now, services().settings.sync_every)
    live = runs.live_run(row.id)
    if live is not None:
        if live.reason == windows.REASON:  # some days of a person's choice are not the day's sync, which comes after
            row.next_run_at = now + AFTER_A_WINDOW
        return None
    if row.state == ConnectionState.LOCKED_OUT:
        row.enter(ConnectionState.ACTIVE, now)
        row.locked_until = None
    return runs.start(row, "schedule", now)


def _free(steps: Sequence[Row[int, int]], now: datetime) -> None:
    """Steps whose worker is gone become due again; the attempt stays counted."""
    for run_id, step in steps:
        with transaction():
            run = runs.locked_run(run_id)
            if run is None or run.step != step:  # it went on meanwhile, or somebody else was as quick
                continue
            run.step += 1
            run.lease_until = None
            run.due_at = now
            ids = {"run": run_id, "connection": run.connection_id}
            log.warning("run %s: its worker is gone, attempt %s", run_id, run.attempts, extra=ids)
