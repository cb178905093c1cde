"""An owner who is signed in, with a portfolio; and, where a test asks for it, a broker that exists only on paper."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

from stonks.accounts import users
from stonks.db import db
from stonks.ledger import portfolios
from stonks.ledger.tables import Portfolio
from stonks.sync import runner
from stonks.sync.tables import SyncRun
from tests.conftest import Clock
from tests.web.paper_broker import PaperBroker

PASSWORD = "correct horse battery"


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> PaperBroker:
    """The only broker of the `app` that is made after it."""
    broker = PaperBroker()
    monkeypatch.setattr("stonks.factory.brokers", lambda _settings: {broker.code: broker})
    return broker


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password's real hash takes as long as a page; tests/accounts says what it is."""
    monkeypatch.setattr(users, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def owner(app: Flask, clock: Clock) -> users.User:
    return users.create("owner@example.com", PASSWORD, clock.now)


@pytest.fixture
def signed_in(client: FlaskClient, owner: users.User) -> FlaskClient:
    client.post("/sign-in", data={"email": "owner@example.com", "password": PASSWORD})
    return client


@pytest.fixture
def mine(owner: users.User, clock: Clock) -> Portfolio:
    return portfolios.create(owner.id, "Long term", "USD", clock.now)


@pytest.fixture
def anothers(app: Flask, clock: Clock) -> Portfolio:
    other = users.create("other@example.com", PASSWORD, clock.now)
    return portfolios.create(other.id, "Not yours", "EUR", clock.now)


@pytest.fixture
def work(app: Flask, clock: Clock) -> Callable[[], None]:
    """Does what the workers would: takes every run to its end, moving the clock to when each step is due."""

    def to_the_end() -> None:
        for _ in range(30):
            db.session.rollback()
            run = db.session.scalars(db.select(SyncRun).where(SyncRun.finished_at.is_(None))).first()
            if run is None:
                return
            clock.now = max(clock.now, run.due_at or clock.now)
            runner.advance(run.id, run.step, clock.now)
        raise AssertionError("the run does not end")

    return to_the_end
