"""Connecting a portfolio, testing that, disconnecting, syncing now: what a person does. What pages show of it is in
views.py.

No broker is called here: whatever asks one becomes a run, and a worker takes it from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from stonks.brokers.contract import Broker
from stonks.core.errors import InvalidInput, SecretUnreadable, StonksError
from stonks.core.records import Period
from stonks.db import db, transaction
from stonks.ledger import archive, importing
from stonks.services import services
from stonks.sync import credentials, lockouts, views, windows
from stonks.sync import runs as rows
from stonks.sync.borrowing import SAME_DAY
from stonks.sync.credentials import TestedAs
from stonks.sync.states import STOPPED, ConnectionState, RunState
from stonks.sync.tables import Connection, SyncRun
from stonks.sync.timing import next_regular, slot_for
from stonks.sync.views import connection_of

MOST_FAILURES_AN_HOUR = 5  # of runs by hand: each refused one brings a lockout nearer


@dataclass(frozen=True, slots=True)
class SaveOutcome:
    connection_id: int | None
    run_id: int | None  # a run that was started by saving
    disconnected: bool


def save(
    portfolio_id: int,
    broker_code: str,
    fields: Mapping[str, str],
    *,
    only_currency: str | None,
    token_expires_on: date | None,
    day_first: bool | None,
    now: datetime,
) -> SaveOutcome:
    """Seal the credentials and start the first run; an emptied secret disconnects. Raises InvalidInput.

    A statement that a test fetched with the same credentials becomes the first import, and nothing is asked for.
    """
    broker = _broker(broker_code)
    connection = connection_of(portfolio_id)
    if _disconnects(connection, broker, fields):
        disconnect(portfolio_id, now)
        return SaveOutcome(connection.id if connection else None, None, disconnected=True)
    meant = credentials.unmasked(broker, fields, _saved(connection, broker))
    credentials.check(broker, meant, only_currency)
    with transaction():
        row = connection_of(portfolio_id, lock=True) or _new(portfolio_id, broker, now)
        changed = meant != _saved(row, broker)  # as it is now: somebody may have pressed Save twice
        reads_otherwise = (row.only_currency, row.day_first) != (only_currency, day_first)
        was_stopped = row.state in STOPPED
        row.only_currency, row.token_expires_on, row.day_first = only_currency, token_expires_on, day_first
        if not (changed or reads_otherwise or was_stopped):
            return SaveOutcome(row.id, None, disconnected=False)
        if changed:
            _seal(row, broker, meant, now)
        elif was_stopped:
            row.credentials_saved_at = now
        run = _restart(row, meant, now, only_reads_otherwise=not changed and not was_stopped)
        run_id, step = (run.id, run.step) if run else (None, 0)
    if run_id is not None:
        rows.wake(run_id, step)
    return SaveOutcome(row.id, run_id, disconnected=False)


def disconnects(portfolio_id: int, broker_code: str, fields: Mapping[str, str]) -> bool:
    """Whether saving these fields would disconnect: then nothing else in the form matters. Raises InvalidInput."""
    return _disconnects(connection_of(portfolio_id), _broker(broker_code), fields)


def _disconnects(connection: Connection | None, broker: Broker, fields: Mapping[str, str]) -> bool:
    connected = connection is not None and connection.state != ConnectionState.DISCONNECTED
    return connected and all(not fields.get(one.name, "").strip() for one in broker.fields if one.secret)


def disconnect(portfolio_id: int, now: datetime) -> None:
    """The sealed credentials go at once, also those of a test; what is under way brings nothing in; the transactions
    stay."""
    with transaction():
        row = connection_of(portfolio_id, lock=True)
        if row is None:
            return
        row.sealed_credentials = row.allowance = row.accepted_at = None
        row.credentials_version += 1
        row.next_run_at = row.locked_until = row.token_expires_on = None
        row.enter(ConnectionState.DISCONNECTED, now)
        live = rows.live_run(row.id)
        if live is not None:
            rows.cancel(live, rows.CANCELLED_BY_DISCONNECT, now)
        for test in rows.live_tests(portfolio_id):
            rows.cancel(test, rows.CANCELLED_BY_DISCONNECT, now)


def start_test(
    portfolio_id: int,
    broker_code: str,
    fields: Mapping[str, str],
    *,
    only_currency: str | None,
    day_first: bool | None,
    now: datetime,
) -> int:
    """Have a worker fetch and read a statement without importing it; returns the run's id, that of the same test when it
    is under way. A mask means the saved secret.

    Raises InvalidInput.
    """
    broker = _broker(broker_code)
    meant = credentials.unmasked(broker, fields, _saved(connection_of(portfolio_id), broker))
    credentials.check(broker, meant, only_currency)
    vault = services().vault
    allowance = credentials.allowance_of(vault, broker, meant)
    _refuse_while_locked(allowance, now)
    tested = TestedAs(meant, only_currency, day_first)
    with transaction():
        importing.lock(portfolio_id)  # one at a time
        same_credentials = None
        for older in rows.live_tests(portfolio_id):
            under_way = _under_way(older)
            if under_way == tested:
                return older.id
            if under_way is not None and under_way.fields == meant:
                same_credentials = older
            rows.cancel(older, rows.CANCELLED_BY_TEST, now)
        test = SyncRun(
            portfolio_id=portfolio_id,
            broker=broker.code,
            reason="test",
            state=RunState.QUEUED,
            sealed_credentials=credentials.seal_test(vault, tested, portfolio_id),
            allowance=allowance,
            queued_at=now,
            due_at=now,
        )
        db.session.add(test)
        db.session.flush()
        if same_credentials is not None:
            rows.hand_on(same_credentials, test, now)
        run_id, step = test.id, test.step
    rows.wake(run_id, step)
    return run_id


def sync_now(portfolio_id: int, now: datetime, window: Period | None = None) -> int:
    """Start a run by hand, for the last 365 days or for a `window` of them; returns its id. Raises StonksError with the
    reason why not."""
    with transaction():
        row = connection_of(portfolio_id, lock=True)
        if row is None or row.sealed_credentials is None:
            raise StonksError("This portfolio is not connected to a broker.")
        if row.state in STOPPED:
            raise StonksError("Syncing is stopped until the connection is mended: save working credentials first.")
        if rows.live_run(row.id) is not None:
            raise StonksError("A sync is already under way.")
        _refuse_while_locked(row.allowance, now)
        if _failures_by_hand(row.id, now) >= MOST_FAILURES_AN_HOUR:
            raise StonksError("Several tries have just failed. To avoid a lockout, try again in an hour.")
        if window is not None:
            windows.check(row, _broker(row.broker), window, now)
        run = rows.start(row, windows.REASON if window else "manual", now, window=window)
        run_id, step = run.id, run.step
    rows.wake(run_id, step)
    return run_id


def _broker(code: str) -> Broker:
    broker = services().brokers.get(code)
    if broker is None:
        raise InvalidInput({"broker": "Choose a broker from the list."})
    return broker


def _saved(connection: Connection | None, broker: Broker) -> dict[str, str] | None:
    """What is saved for this broker; None also when it cannot be opened: then it has to be typed again."""
    if connection is None or connection.broker != broker.code:
        return None
    try:
        return views.saved_fields(connection)
    except SecretUnreadable:
        return None


def _new(portfolio_id: int, broker: Broker, now: datetime) -> Connection:
    importing.lock(portfolio_id)  # one at a time, where there is no row to hold yet
    meanwhile = connection_of(portfolio_id, lock=True)
    if meanwhile is not None:
        return meanwhile
    row = Connection(
        portfolio_id=portfolio_id,
        broker=broker.code,
        credentials_version=0,
        state=ConnectionState.DISCONNECTED,
        state_since=now,
        slot=slot_for(portfolio_id),
        created_at=now,
    )
    db.session.add(row)
    db.session.flush()
    return row


def _seal(row: Connection, broker: Broker, fields: Mapping[str, str], now: datetime) -> None:
    vault = services().vault
    row.broker = broker.code
    row.sealed_credentials = credentials.seal(vault, fields, credentials.owner_of_connection(row.id))
    row.public_fields = json.dumps(credentials.public(broker, fields))
    row.allowance = credentials.allowance_of(vault, broker, fields)
    row.credentials_saved_at = now
    row.accepted_at = None


def _restart(
    row: Connection, fields: Mapping[str, str], now: datetime, *, only_reads_otherwise: bool
) -> SyncRun | None:
    """Whatever is under way is of yesterday's settings: it ends, and a new run begins, unless the broker is locked.

    With the same credentials, a statement of today, or one that is being made, is read anew and not asked for anew."""
    row.credentials_version += 1
    live = rows.live_run(row.id)
    if live is not None:
        rows.cancel(live, rows.CANCELLED_BY_CHANGE, now)
        db.session.flush()
    row.tries = 0
    name = credentials.name_of(services().vault, row.broker, fields)
    kept = archive.take_tested(row.portfolio_id, name, now)
    if kept is None and only_reads_otherwise:
        kept = archive.of_the_day(row.portfolio_id, name, now - SAME_DAY)
    locked = lockouts.ends(row.allowance, now)
    if locked is not None and kept is None:
        words = "The broker has locked this token for some hours. The first sync starts when that is over."
        row.enter(ConnectionState.LOCKED_OUT, now, message=words)
        row.locked_until = row.next_run_at = locked
        return None
    row.enter(ConnectionState.ACTIVE, now)
    row.locked_until = None
    row.next_run_at = next_regular(services().brokers[row.broker], row.slot, now, services().settings.sync_every)
    run = rows.start(row, "first", now, statement_id=kept)
    if live is not None and only_reads_otherwise:
        rows.hand_on(live, run, now)
    return run


def _under_way(test: SyncRun) -> TestedAs | None:
    try:
        return credentials.open_test(services().vault, test.sealed_credentials or b"", test.portfolio_id)
    except SecretUnreadable:
        return None


def _refuse_while_locked(allowance: str | None, now: datetime) -> None:
    until = lockouts.ends(allowance, now)
    if until is not None:
        raise InvalidInput(
            {"connection": f"The broker has locked this token. Nothing is asked until {until:%Y-%m-%d %H:%M} UTC."}
        )


def _failures_by_hand(connection_id: int, now: datetime) -> int:
    failed = select(func.count()).where(
        SyncRun.connection_id == connection_id,
        SyncRun.reason.in_(rows.BY_HAND),
        SyncRun.state == RunState.FAILED,
        SyncRun.finished_at > now - timedelta(hours=1),
    )
    return db.session.scalar(failed) or 0
