"""The product started on a data folder, for tests of what an operator does to one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from flask import Flask

from stonks import cli
from stonks.config import Settings, read_settings
from stonks.db import db
from stonks.factory import create_app
from stonks.migrating import init_app, upgrade
from tests.conftest import Clock
from tests.sync.conftest import FakeBroker


@contextmanager
def started(settings: Settings, clock: Clock, broker: FakeBroker) -> Iterator[Flask]:
    """The product on a data folder, brought up to date as a start does, with this broker."""
    file = settings.data / "stonks.db"
    if settings.database_url == f"sqlite:///{file}" and not file.exists():
        file.write_bytes(_migrated())
    app = create_app(settings, clock)
    init_app(app)
    cli.init_app(app)
    upgrade(app)
    app.extensions["stonks"] = replace(app.extensions["stonks"], brokers={"ibkr": broker})
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@cache
def _migrated() -> bytes:
    """An empty database as the first start leaves it: most of what a start takes, and it has tests of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings({"STONKS_DATA": folder})
        app = create_app(settings, pages=False)
        init_app(app)
        upgrade(app)
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        return (Path(folder) / "stonks.db").read_bytes()
