"""The product started on a data folder, for tests of what an operator does to one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask import Flask

from stonks import cli
from stonks.config import Settings
from stonks.db import db
from stonks.factory import create_app
from stonks.migrating import init_app, upgrade
from tests.conftest import Clock
from tests.sync.conftest import FakeBroker


@contextmanager
def started(settings: Settings, clock: Clock, broker: FakeBroker) -> Iterator[Flask]:
    """The product on a data folder, brought up to date as a start does, with this broker."""
    app = create_app(settings, clock)
    init_app(app)
    cli.init_app(app)
    upgrade(app)
    app.extensions["stonks"] = replace(app.extensions["stonks"], brokers={"ibkr": broker})
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
