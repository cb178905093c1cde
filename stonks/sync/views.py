"""What pages and commands see of connections and runs: values, never a secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, select

from stonks.brokers.contract import Broker
from stonks.core.errors import NotFound, SecretUnreadable
from stonks.core.records import Period
from stonks.db import db
from stonks.ledger.tables import Portfolio
from stonks.services import services
from stonks.sync import credentials, windows
from stonks.sync.states import STOPPED, ConnectionState, RunState
from stonks.sync.tables import Connection, SyncRun

_CONNECTION = select(Connection).where(Connection.portfolio_id == bindparam("portfolio_id"))
_LIVE = select(SyncRun).where(SyncRun.connection_id == bindparam("connection_id"), SyncRun.finished_at.is_(None))


@dataclass(frozen=True, slots=True)
class RunView:
    id: int
    reason: str  # first, schedule, manual, window, test, upload
    state: RunState
    finished: bool
    queued_at: datetime
    finished_at: datetime | None
    waiting_for: str | None  # a sentence, while it is under way
    failure: str | None
    code: str | None
    message: str | None  # how it ended
    remedy: str | None
    result: dict[str, Any] | None  # see telling.py
    batch_id: int | None
    window: Period | None = None  # the days asked for, when they were chosen

    @property
    def file_name(self) -> str | None:
        """Of an upload."""
        return (self.result or {}).get("file_name")

    @property
    def same_as(self) -> datetime | None:
        """When the very same statement came before; nothing of it was read again."""
        told = (self.result or {}).get("same_as")
        return datetime.fromisoformat(told) if told else None


@dataclass(frozen=True, slots=True)
class ConnectionView:
    portfolio_id: int
    broker: str  # its code
    state: ConnectionState
    state_code: str | None
    state_message: str | None  # what happened
    state_remedy: str | None  # what to do about it
    state_since: datetime
    public_fields: dict[str, str]
    mask: str | None  # what stands in the secret's field; None when disconnected or unreadable
    unreadable: bool  # the sealed token cannot be opened any more
    only_currency: str | None
    day_first: bool | None
    token_expires_on: date | None
    last_success_at: datetime | None
    next_run_at: datetime | None
    locked_until: datetime | None
    covered_until: date | None
    running: RunView | None


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """A connection as the command line lists it."""

    portfolio_id: int
    portfolio: str
    broker: str
    state: str
    last_success_at: datetime | None
    next_run_at: datetime | None

    def __str__(self) -> str:
        last, following = _stamp(self.last_success_at, "never"), _stamp(self.next_run_at, "stopped")
        return f"{self.portfolio_id}  {self.portfolio}  {self.broker}  {self.state}  last {last}  next {following}"


def connection(portfolio_id: int) -> ConnectionView | None:
    """How the portfolio is connected; None when it never was."""
    connection = connection_of(portfolio_id)
    if connection is None:
        return None
    return of_connection(connection, db.session.scalar(_LIVE, {"connection_id": connection.id}))


def broker_of(view: ConnectionView | None) -> Broker:
    """The connected broker, else the first there is."""
    brokers = services().brokers
    return brokers[view.broker] if view and view.broker in brokers else next(iter(brokers.values()))


def tested(portfolio_id: int, run_id: int) -> RunView:
    """Raises NotFound for a run of another portfolio."""
    run = db.session.get(SyncRun, run_id)
    if run is None or run.portfolio_id != portfolio_id:
        raise NotFound("There is no such connection test.")
    return of_run(run)


def runs(portfolio_id: int, limit: int = 20) -> list[RunView]:
    """The newest first, tests included, uploads not."""
    newest = select(SyncRun).where(SyncRun.portfolio_id == portfolio_id, SyncRun.reason != "upload")
    return [of_run(run) for run in db.session.scalars(newest.order_by(SyncRun.id.desc()).limit(limit))]


def history(portfolio_id: int, limit: int) -> list[RunView]:
    """All that was tried to bring something in, the newest first: syncs, tests and uploads."""
    newest = select(SyncRun).where(SyncRun.portfolio_id == portfolio_id).order_by(SyncRun.id.desc()).limit(limit)
    return [of_run(run) for run in db.session.scalars(newest)]


def every() -> list[ConnectionLine]:
    found = db.session.execute(
        select(Connection, Portfolio.name)
        .join(Portfolio, Portfolio.id == Connection.portfolio_id)
        .order_by(Connection.portfolio_id)
    )
    return [
        ConnectionLine(row.portfolio_id, name, row.broker, row.state, row.last_success_at, row.next_run_at)
        for row, name in found
    ]


def connection_of(portfolio_id: int, *, lock: bool = False) -> Connection | None:
    """The portfolio's row; with `lock` as it is now, held until the transaction ends."""
    query = _CONNECTION.with_for_update() if lock else _CONNECTION
    return db.session.scalar(query, {"portfolio_id": portfolio_id})


def of_run(run: SyncRun) -> RunView:
    return RunView(
        id=run.id,
        reason=run.reason,
        state=RunState(run.state),
        finished=run.finished_at is not None,
        queued_at=run.queued_at,
        finished_at=run.finished_at,
        waiting_for=run.waiting_for,
        failure=run.failure,
        code=run.code,
        message=run.message,
        remedy=run.remedy,
        result=json.loads(run.result) if run.result else None,
        batch_id=run.batch_id,
        window=windows.of_run(run),
    )


def of_connection(connection: Connection, running: SyncRun | None) -> ConnectionView:
    mask, unreadable = _mask(connection)
    return ConnectionView(
        portfolio_id=connection.portfolio_id,
        broker=connection.broker,
        state=ConnectionState(connection.state),
        state_code=connection.state_code,
        state_message=connection.state_message,
        state_remedy=connection.state_remedy,
        state_since=connection.state_since,
        public_fields=json.loads(connection.public_fields),
        mask=mask,
        unreadable=unreadable,
        only_currency=connection.only_currency,
        day_first=connection.day_first,
        token_expires_on=connection.token_expires_on,
        last_success_at=connection.last_success_at,
        next_run_at=None if connection.state in STOPPED else connection.next_run_at,
        locked_until=connection.locked_until,
        covered_until=connection.covered_until,
        running=of_run(running) if running is not None else None,
    )


def saved_fields(connection: Connection) -> dict[str, str] | None:
    """The connection's opened credentials; None when there are none. Raises SecretUnreadable."""
    if connection.sealed_credentials is None:
        return None
    owner = credentials.owner_of_connection(connection.id)
    return credentials.opened(services().vault, connection.sealed_credentials, owner)


def _mask(connection: Connection) -> tuple[str | None, bool]:
    broker: Broker | None = services().brokers.get(connection.broker)
    try:
        fields = saved_fields(connection)
    except SecretUnreadable:
        return None, True
    if fields is None or broker is None:
        return None, False
    secrets = [fields.get(one.name, "") for one in broker.fields if one.secret]
    return (credentials.mask(secrets[0]) if secrets else None), False


def _stamp(moment: datetime | None, absent: str) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else absent
