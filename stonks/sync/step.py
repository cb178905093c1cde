"""One step of a run as a value: all that it needs to know of run and connection, read once, the credentials opened."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from stonks.brokers.contract import Broker, Ticket, Window
from stonks.core.errors import SecretUnreadable
from stonks.core.records import Period
from stonks.db import db
from stonks.services import services
from stonks.sync import credentials, windows
from stonks.sync.credentials import TestedAs
from stonks.sync.states import RunState
from stonks.sync.tables import Connection, SyncRun

DAYS_BACK = 365


@dataclass(frozen=True, slots=True)
class Step:
    run_id: int
    number: int
    state: RunState
    portfolio_id: int
    connection_id: int | None  # None: a test
    broker: Broker
    reason: str
    tested: TestedAs = field(repr=False)
    ticket: Ticket | None
    with_period: bool
    window: Period | None  # the days to ask for, instead of the last 365
    kept_statement: int | None  # fetched by a test: imported instead of asking for one
    allowance: str | None
    place: str | None  # which of the broker's addresses to ask; None = the usual one

    @property
    def claimed(self) -> int:
        """The step's number while it is being taken."""
        return self.number + 1

    @property
    def ids(self) -> dict[str, int | None]:
        """For log lines."""
        return {"run": self.run_id, "connection": self.connection_id}

    @property
    def is_test(self) -> bool:
        return self.reason == "test"

    @property
    def credentials_name(self) -> str:
        return credentials.name_of(services().vault, self.broker.code, self.tested.fields)

    @property
    def asks_for(self) -> Window:
        if self.window is not None:
            return Window(first=self.window.first, last=self.window.last)
        return Window(days_back=DAYS_BACK if self.with_period else None)


def read(run: SyncRun, broker: Broker) -> Step:
    """Raises SecretUnreadable."""
    return Step(
        run_id=run.id,
        number=run.step,
        state=RunState(run.state),
        portfolio_id=run.portfolio_id,
        connection_id=run.connection_id,
        broker=broker,
        reason=run.reason,
        tested=_opened(run),
        ticket=Ticket(**json.loads(run.ticket)) if run.ticket else None,
        with_period=run.with_period,
        window=windows.of_run(run),
        kept_statement=run.statement_id if run.state == RunState.QUEUED else None,
        allowance=run.allowance,
        place=run.place,
    )


def _opened(run: SyncRun) -> TestedAs:
    vault = services().vault
    if run.connection_id is None:
        return credentials.open_test(vault, run.sealed_credentials or b"", run.portfolio_id)
    connection = db.session.get(Connection, run.connection_id, populate_existing=True)
    if connection is None or connection.sealed_credentials is None:  # disconnected in this very moment
        raise SecretUnreadable("There is no token any more.")
    fields = credentials.opened(vault, connection.sealed_credentials, credentials.owner_of_connection(connection.id))
    return TestedAs(fields, connection.only_currency, connection.day_first)
