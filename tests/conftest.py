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
from typing import Any

import hypothesis
import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from stonks import factory
from stonks.config import Settings, read_settings
from stonks.db import db
from stonks.factory import create_app
from stonks.web.security import limiter
from tests import listening, servers
from tests.needs import missing

# How long one example takes says nothing while other tests keep the machine busy.
hypothesis.settings.register_profile("stonks", deadline=None)
hypothesis.settings.load_profile("stonks")

HERE = Path(__file__).parent
SLOW = ("browser/", "sync/test_chaos", "sync/test_faults", "sync/test_large", "test_backup_running", "test_supervisor",
        "test_secrets", "ledger/test_repeats", "ledger/test_killed", "ledger/test_snapshot")  # fmt: skip


@dataclass
class Clock:
    """Time that moves when told."""

    now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


class KeptApp:
    """An app that many tests use one after the other, each as if it were new: what a new one costs, above all its
    templates, addresses and queries put together again, is most of what a short test would take."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._app = create_app(settings)
        self._app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        # The context below outlives requests, and with it `g`: else the second request's user would be the first's.
        self._app.teardown_request(_forget_the_request)
        self._config = dict(self._app.config)
        self._extensions = dict(self._app.extensions)

    def for_one_test(self, clock: Clock) -> Iterator[Flask]:
        app = self._app
        for of_app, of_new in ((app.config, self._config), (app.extensions, self._extensions)):
            of_app.clear()
            of_app.update(of_new)
        app.extensions["stonks"] = factory.make_services(self.settings, clock)
        limiter.enabled = False  # put back below: an app made while it is off never asks it
        with app.app_context():
            yield app
            listening.forget()
            db.session.remove()
            db.engine.dispose()
        limiter.enabled = True


def _forget_the_request(_error: BaseException | None) -> None:
    for name in list(g):
        g.pop(name)


# Of the browser tests, so that two workers have as much to do; each starts a product for all of its tests.
FIRST_HALF = ("browser/test_connecting", "browser/test_pages")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores: tests with processes or a browser wait as long as they reckon."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests share a worker, and those with a browser two, with a product behind each. (xdist's own loadgroup
    writes the group into a test's id, which pytest 9.2 makes anew.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0].removeprefix(f"{HERE.name}/")
            return f"browser {file.startswith(FIRST_HALF)}" if file.startswith("browser/") else file

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts processes and waits for them goes first, so that no worker is left with it at the end."""
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


@pytest.fixture(scope="session")
def kept_settings(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> Settings:
    data = tmp_path_factory.mktemp("kept") / "data"
    return read_settings({"STONKS_DATA": str(data), "REDIS_URL": redis_server, "STONKS_POLL_SECONDS": "0"})


@pytest.fixture
def settings(kept_settings: Settings, redis_url: str) -> Iterator[Settings]:
    """Of a data folder with nothing but its keys."""
    keys = {file: file.read_bytes() for file in kept_settings.data.rglob("*") if file.is_file()}
    yield kept_settings
    for entry in kept_settings.data.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for file, content in keys.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(0o600)
        file.write_bytes(content)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with all tables; copying it is much quicker than making them."""
    settings = read_settings({"STONKS_DATA": str(tmp_path_factory.mktemp("tables"))})
    _make_tables(create_app(settings, pages=False))
    return settings.data / "stonks.db"


@pytest.fixture(scope="session")
def kept_app(kept_settings: Settings) -> KeptApp:
    return KeptApp(kept_settings)


@pytest.fixture
def app(kept_app: KeptApp, settings: Settings, clock: Clock, empty_file: Path) -> Iterator[Flask]:
    shutil.copyfile(empty_file, settings.data / "stonks.db")
    yield from _app_of(settings, kept_app).for_one_test(clock)


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


@pytest.fixture(scope="session")
def kept_pg_app(kept_settings: Settings, pg_with_tables: str) -> KeptApp:
    return KeptApp(replace(kept_settings, database_url=pg_with_tables))


@pytest.fixture
def pg_app(kept_pg_app: KeptApp, settings: Settings, clock: Clock, pg_with_tables: str) -> Iterator[Flask]:
    """The same as `app`, on PostgreSQL."""
    servers.empty_tables(pg_with_tables, [table.name for table in db.metadata.sorted_tables])
    yield from _app_of(replace(settings, database_url=pg_with_tables), kept_pg_app).for_one_test(clock)


def _app_of(settings: Settings, kept: KeptApp) -> KeptApp:
    """The kept app, unless a test has settings of its own."""
    return kept if settings == kept.settings else KeptApp(settings)


def _database(name: str) -> str:
    """Tests run side by side, and a server named from outside is all theirs."""
    return f"stonks_test_{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


def _make_tables(app: Flask) -> None:
    with app.app_context():
        db.create_all()
        db.session.remove()
        db.engine.dispose()
