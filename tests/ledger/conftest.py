"""A user's portfolios, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis
import pytest
from flask import Flask
from hypothesis import HealthCheck

from stonks.accounts.tables import User
from stonks.db import db, transaction
from stonks.ledger import passages, portfolios
from tests.conftest import Clock


@pytest.fixture(autouse=True)
def short_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows in eight end a passage, so that files of a few rows have several."""
    monkeypatch.setattr(passages, "_ENDS_BELOW", b"\x60")


@pytest.fixture(params=["app", "pg_app"], ids=["sqlite", "postgresql"])
def ledger_app(request: pytest.FixtureRequest) -> Flask:
    return request.getfixturevalue(request.param)


@pytest.fixture
def examples(ledger_app: Flask) -> Callable[[int], hypothesis.settings]:
    """For properties of what both databases do by the same code: so many examples on SQLite, and a third of them on
    PostgreSQL, where each takes twice as long."""
    among = 3 if on_postgresql() else 1
    return lambda number: hypothesis.settings(max_examples=-(-number // among), suppress_health_check=list(HealthCheck))


def on_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


@pytest.fixture
def new_user(ledger_app: Flask, clock: Clock) -> Callable[[str], int]:
    def make(email: str) -> int:
        user = User(email=email, password_hash="-", session_epoch=0, created_at=clock())
        with transaction():
            db.session.add(user)
        return user.id

    return make


@pytest.fixture
def new_portfolio(new_user: Callable[[str], int], clock: Clock) -> Callable[[], int]:
    """Makes empty portfolios of one user: an example of a property test takes one each."""
    user_id = new_user("owner@example.com")
    return lambda: portfolios.create(user_id, "Long term", "USD", clock()).id


@pytest.fixture
def portfolio_id(new_portfolio: Callable[[], int]) -> int:
    return new_portfolio()
