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

HERE = Path(__file__).parent
SLOW = ("browser/", "sync/test_chaos", "sync/test_large", "test_backup_running", "test_supervisor", "test_secrets",
        "ledger/test_repeats", "ledger/test_killed", "ledger/test_snapshot")  # fmt: skip


@dataclass
class Clock:
    """Time that moves when told."""

    now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests share a worker, and those with a browser share one with a single product behind it. What starts
    processes and waits for them goes first, so that no worker is left with it at the end."""
    for item in items:
        file = item.path.relative_to(HERE).as_posix()
        item.add_marker(pytest.mark.xdist_group("browser" if file.startswith("browser/") else file))
    items.sort(key=lambda item: not item.path.relative_to(HERE).as_posix().startswith(SLOW))


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


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with all tables; copying it is much quicker than making them."""
    settings = read_settings({"STONKS_DATA": str(tmp_path_factory.mktemp("tables"))})
    _make_tables(create_app(settings, pages=False))
    return settings.data / "stonks.db"


@pytest.fixture
def app(settings: Settings, clock: Clock, empty_file: Path) -> Iterator[Flask]:
    app = create_app(settings, clock)
    shutil.copyfile(empty_file, settings.data / "stonks.db")
    yield from _running(app)


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
    """A new, empty PostgreSQL database."""
    with servers.fresh_database(pg_server, _database("empty")) as url:
        yield url


@pytest.fixture(scope="session")
def pg_with_tables(pg_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL database with all tables; `pg_app` empties them first."""
    with servers.fresh_database(pg_server, _database("tables")) as url:
        settings = read_settings({"STONKS_DATA": str(tmp_path_factory.mktemp("pg")), "DATABASE_URL": url})
        _make_tables(create_app(settings, pages=False))
        yield url


@pytest.fixture
def pg_app(settings: Settings, clock: Clock, pg_with_tables: str) -> Iterator[Flask]:
    """The same as `app`, on PostgreSQL."""
    servers.empty_tables(pg_with_tables, db.metadata.tables)
    yield from _running(create_app(replace(settings, database_url=pg_with_tables), clock))


def _database(name: str) -> str:
    """Tests run side by side, and a server named from outside is all theirs."""
    return f"stonks_test_{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


def _make_tables(app: Flask) -> None:
    with app.app_context():
        db.create_all()
        db.session.remove()
        db.engine.dispose()


def _running(app: Flask) -> Iterator[Flask]:
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    limiter.enabled = False  # put back below: an app made while it is off never asks it

    # The context below outlives requests, and with it `g`: without this the second request's user would be the first's.
    @app.teardown_request
    def forget_the_request(_error: BaseException | None) -> None:
        for name in list(g):
            g.pop(name)

    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
    limiter.enabled = True
