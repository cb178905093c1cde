"""What tests share: an app on its own data folder with a clock in hand, a real Redis, a real PostgreSQL.

What cannot run on this machine is skipped by name and counted at the end; STONKS_TESTS_STRICT=1 makes it a failure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from stonks.config import Settings, read_settings
from stonks.db import db
from stonks.factory import create_app
from stonks.web.security import limiter
from tests import servers
from tests.needs import missing

# How long one example takes says nothing while other tests keep the machine busy.
hypothesis.settings.register_profile("stonks", deadline=None)
hypothesis.settings.load_profile("stonks")


@dataclass
class Clock:
    """Time that moves when told."""

    now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.write_sep("-", f"{sum(reasons.values())} skipped on this machine")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:4} {reason.removeprefix('Skipped: ')}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> Settings:
    return read_settings({"STONKS_DATA": str(tmp_path / "data"), "REDIS_URL": redis_url, "STONKS_POLL_SECONDS": "0"})


@pytest.fixture
def app(settings: Settings, clock: Clock) -> Iterator[Flask]:
    yield from _running(create_app(settings, clock))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a real Redis of this test run; use `redis_url`, which empties it first."""
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as folder, servers.redis_server(Path(folder)) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    servers.flush(redis_server)
    return redis_server


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    """The URL of a real PostgreSQL of this test run: TEST_DATABASE_URL, else one started here."""
    if os.environ.get("TEST_DATABASE_URL"):
        yield os.environ["TEST_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
        return
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as folder:
        try:
            server = servers.postgres_server(Path(folder))
            url = server.__enter__()
        except servers.ServerMissing as error:
            missing(f"PostgreSQL ({error})")
        yield url
        server.__exit__(None, None, None)


@pytest.fixture
def pg_url(pg_server: str) -> Iterator[str]:
    """A new, empty PostgreSQL database; tests run side by side, and a server named from outside is all theirs."""
    with servers.fresh_database(pg_server, f"stonks_test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}") as url:
        yield url


@pytest.fixture
def pg_app(settings: Settings, clock: Clock, pg_url: str) -> Iterator[Flask]:
    """The same as `app`, on PostgreSQL."""
    yield from _running(create_app(replace(settings, database_url=pg_url), clock))


def _running(app: Flask) -> Iterator[Flask]:
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    limiter.enabled = False  # put back below: an app made while it is off never asks it

    # The context below outlives requests, and with it `g`: without this the second request's user would be the first's.
    @app.teardown_request
    def forget_who_asked(_error: BaseException | None) -> None:
        g.pop("_login_user", None)

    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.engine.dispose()
    limiter.enabled = True
