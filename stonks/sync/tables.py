"""Connections and sync runs. A sync is a row here; a job in Redis is only a wake-up call."""

from __future__ import annotations

import secrets
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from stonks.db import Base, UtcDateTime

_STEPS = 2**30  # the column holds twice as many


class Connection(Base):
    """A portfolio's tie to a broker. One per portfolio; disconnecting keeps the row without its secret."""

    __tablename__ = "connections"
    __table_args__ = (Index("ix_connections_due", "next_run_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), unique=True)
    broker: Mapped[str] = mapped_column(String(20))
    # JSON of all credential fields, sealed for owner "connection:<id>"; None = disconnected
    sealed_credentials: Mapped[bytes | None] = mapped_column(LargeBinary)
    public_fields: Mapped[str] = mapped_column(Text, default="{}")  # JSON of the fields that are no secret (query_id)
    credentials_version: Mapped[int] = mapped_column(
        default=1
    )  # raised by every change: runs of older ones import nothing
    credentials_saved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the broker first took these credentials
    allowance: Mapped[str | None] = mapped_column(String(32))  # Vault.name_for(broker.allowance_name(credentials))
    only_currency: Mapped[str | None] = mapped_column(String(3))
    day_first: Mapped[bool | None]  # the person's answer when a file could not settle dd/MM against MM/dd
    token_expires_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(20))  # states.ConnectionState
    state_code: Mapped[str | None] = mapped_column(String(20))  # broker's code behind the state, "1012"
    state_message: Mapped[str | None] = mapped_column(Text)  # what happened, in words
    state_remedy: Mapped[str | None] = mapped_column(Text)  # what to do about it
    state_since: Mapped[datetime] = mapped_column(UtcDateTime)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    slot: Mapped[int]  # 0..9999: stable place within the daily window
    next_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None = automatic sync is stopped
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    covered_until: Mapped[date | None]  # last day that an imported statement covers
    tries: Mapped[int] = mapped_column(default=0)  # failed runs in a row since the last success
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    def enter(self, state: str, now: datetime, *, code: str | None = None, message: str = "", remedy: str = "") -> None:
        """Is in this state from now on, with these words and none of the state before."""
        if self.state != state:
            self.state, self.state_since = state, now
        self.state_code, self.state_message, self.state_remedy = code, message or None, remedy or None


class Lockout(Base):
    """What the broker said of a token to whoever asked with it. Outlives connections and portfolios."""

    __tablename__ = "lockouts"

    allowance: Mapped[str] = mapped_column(String(32), primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class SyncRun(Base):
    """One attempt to bring a statement in, or (reason "test") to see whether it could be. An upload is one that has
    ended when it is written."""

    __tablename__ = "sync_runs"
    __table_args__ = (
        Index("ix_sync_runs_due", "state", "due_at"),
        Index("ix_sync_runs_connection", "connection_id", "id"),
        Index("ix_sync_runs_allowance", "allowance", "called_at"),
        # Whatever goes wrong elsewhere: a connection never has two runs under way.
        Index(
            "uq_sync_runs_live",
            "connection_id",
            unique=True,
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), index=True)
    # None: a test or an upload
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    broker: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(10))  # first, schedule, manual, window, test, upload
    window_first: Mapped[date | None]  # a window: the days asked for, instead of the last 365
    window_last: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(20))  # states.RunState
    # Compare-and-set token: raised by every claim and transition. Begins anywhere, since SQLite gives a deleted row's
    # number again, and whoever still works on the deleted run must not take a later one, of anybody, for it.
    step: Mapped[int] = mapped_column(default=lambda: secrets.randbelow(_STEPS))
    attempts: Mapped[int] = mapped_column(default=0)  # steps begun without an answer since the last transition
    requests: Mapped[int] = mapped_column(default=0)  # SendRequests made
    credentials_version: Mapped[int] = mapped_column(default=0)
    sealed_credentials: Mapped[bytes | None] = mapped_column(
        LargeBinary
    )  # tests only, owner "test:<portfolio id>"; wiped at the end
    allowance: Mapped[str | None] = mapped_column(String(32))
    ticket: Mapped[str | None] = mapped_column(Text)  # JSON {reference, url}
    with_period: Mapped[bool] = mapped_column(default=True)  # still asking with p=365
    started_over: Mapped[bool] = mapped_column(default=False, server_default=false())  # a lost ticket was replaced once
    place: Mapped[str | None] = mapped_column(Text)  # which of the broker's addresses to ask; None = the usual one
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the next step may run; None when finished
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # a step is under way until then
    held_by: Mapped[str | None] = mapped_column(String(32))  # presence.name() of the worker that took the lease
    ticket_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    called_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last call to the broker
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    waiting_for: Mapped[str | None] = mapped_column(Text)  # what the page says while it runs
    failure: Mapped[str | None] = mapped_column(String(20))  # FailureKind or states.Ending
    code: Mapped[str | None] = mapped_column(String(20))
    message: Mapped[str | None] = mapped_column(Text)  # how it ended, in words
    remedy: Mapped[str | None] = mapped_column(Text)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batches.id", ondelete="SET NULL"))
    # Before the end: a tested statement to import instead of asking for one. After it: the statement that came.
    statement_id: Mapped[int | None] = mapped_column(ForeignKey("kept_statements.id", ondelete="SET NULL"))
    result: Mapped[str | None] = mapped_column(Text)  # JSON: counts, period, findings, warnings
