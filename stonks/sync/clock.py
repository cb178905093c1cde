"""What is done about a clock that was set back: rows that were written while it was ahead would wait for a time that
nobody meant, and polls of a ticket "from tomorrow" would never grow older.

Times from the future are brought back to now. A lockout is left alone: asking during one makes it longer.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select

from stonks.brokers.contract import Broker
from stonks.db import look, transaction
from stonks.services import services
from stonks.sync import runs
from stonks.sync.runner import LEASE
from stonks.sync.states import LIVE, LONGEST_POLLING, ConnectionState
from stonks.sync.tables import Connection, SyncRun
from stonks.sync.timing import SLOTS, next_regular

log = logging.getLogger(__name__)

AHEAD = timedelta(minutes=2)  # by which the clocks of two machines may differ
LONGEST_WAIT = 2 * LONGEST_POLLING  # no step is put off for longer
_AT_ONCE = 500

_RUNS_FROM_THE_FUTURE = (
    select(SyncRun.id)
    .where(
        SyncRun.state.in_(LIVE),
        or_(
            SyncRun.queued_at > bindparam("soon"),
            SyncRun.ticket_at > bindparam("soon"),
            SyncRun.called_at > bindparam("soon"),
            SyncRun.due_at > bindparam("longest_wait"),
            SyncRun.lease_until > bindparam("longest_lease"),
        ),
    )
    .limit(_AT_ONCE)
)
_DUE_TOO_LATE = (
    select(Connection.id)
    .where(
        Connection.broker == bindparam("broker"),
        Connection.state != ConnectionState.LOCKED_OUT,
        Connection.next_run_at > bindparam("latest"),
    )
    .limit(_AT_ONCE)
)


def mend(now: datetime) -> None:
    """Looks at the runs under way and at the connections that are due last; writes only when something is amiss."""
    for run_id in _runs_from_the_future(now):
        with transaction():
            run = runs.locked_run(run_id)
            if run is not None and run.state in LIVE:
                ids = {"run": run_id, "connection": run.connection_id}
                log.warning("run %s: its times are of a clock that was ahead", run_id, extra=ids)
                _bring_back(run, now)
    for broker in services().brokers.values():
        for connection_id in _connections_due_too_late(broker, now):
            with transaction():
                connection = runs.locked_connection(connection_id)
                if connection is not None and connection.next_run_at is not None:
                    every = services().settings.sync_every
                    connection.next_run_at = next_regular(broker, connection.slot, now, every)
                    ids = {"connection": connection_id}
                    log.warning("connection %s: put off by a clock that was ahead", connection_id, extra=ids)


def _runs_from_the_future(now: datetime) -> list[int]:
    soon = now + AHEAD
    found = look(_RUNS_FROM_THE_FUTURE, soon=soon, longest_wait=now + LONGEST_WAIT, longest_lease=soon + LEASE)
    return [run_id for (run_id,) in found]


def _bring_back(run: SyncRun, now: datetime) -> None:
    run.queued_at = min(run.queued_at, now)
    run.ticket_at = run.ticket_at and min(run.ticket_at, now)
    run.called_at = run.called_at and min(run.called_at, now)
    if run.lease_until is not None:  # its worker may live: it gets a lease's time from now on
        run.lease_until = min(run.lease_until, now + LEASE)
    elif run.due_at is not None and run.due_at > now + LONGEST_WAIT:
        run.due_at = now


def _connections_due_too_late(broker: Broker, now: datetime) -> list[int]:
    """Beyond the end of the window after the next one, which a success may skip to, nothing is put off by itself."""
    every = services().settings.sync_every
    latest = next_regular(broker, SLOTS - 1, next_regular(broker, SLOTS - 1, now, every), every)
    return [one for (one,) in look(_DUE_TOO_LATE, broker=broker.code, latest=latest + AHEAD)]
