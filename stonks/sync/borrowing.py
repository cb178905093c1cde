"""Statements that spare a request: what a connection test brings, and what another portfolio of the same owner fetched with
the same credentials. Portfolios that split one query need one statement between them, and some accounts give one a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from stonks.brokers.errors import BrokerError, FailureKind
from stonks.core.errors import SecretUnreadable
from stonks.db import db
from stonks.ledger import archive
from stonks.services import services
from stonks.sync import credentials
from stonks.sync.states import RunState
from stonks.sync.step import Step
from stonks.sync.tables import SyncRun

SAME_WINDOW = timedelta(hours=6)
SAME_DAY = timedelta(hours=20)


def instead_of_asking(this: Step, now: datetime) -> int | None:
    """A kept statement's id, for a run that has not asked yet."""
    if this.state is not RunState.QUEUED:
        return None
    if this.reason == "first":  # a test that was under way when its credentials were saved has ended since
        return archive.take_tested(this.portfolio_id, this.credentials_name, now)
    if this.reason == "schedule":
        every = services().settings.sync_every
        fresh = every / 2 if every is not None else SAME_WINDOW
        return archive.of_sibling(this.portfolio_id, this.credentials_name, now - fresh)
    return None


def instead_of_a_refused_one(this: Step, error: BrokerError, now: datetime) -> int | None:
    """When the broker makes no more statements today, a sibling's of today is as good."""
    of_the_day = this.state is RunState.QUEUED and not this.is_test and this.window is None
    asked_everywhere = error.other_place is None or this.place is not None
    refused = error.kind is FailureKind.NOT_NOW and of_the_day and asked_everywhere
    return archive.of_sibling(this.portfolio_id, this.credentials_name, now - SAME_DAY) if refused else None


def is_being_tested(this: Step) -> bool:
    """Whether a test that began before brings the statement that this first run is about to ask for."""
    if this.reason != "first" or this.state is not RunState.QUEUED:
        return False
    tests = select(SyncRun.sealed_credentials).where(
        SyncRun.portfolio_id == this.portfolio_id,
        SyncRun.reason == "test",
        SyncRun.id < this.run_id,
        SyncRun.finished_at.is_(None),
    )
    return any(_fields(sealed, this.portfolio_id) == this.tested.fields for sealed in db.session.scalars(tests))


def _fields(sealed: bytes | None, portfolio_id: int) -> dict[str, str] | None:
    try:
        return credentials.open_test(services().vault, sealed or b"", portfolio_id).fields
    except SecretUnreadable:
        return None
