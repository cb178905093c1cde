"""The same drill with the whole product: backed up while its processes work, killed, restored elsewhere, started."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from stonks.accounts import users
from stonks.config import ROOT, read_settings
from stonks.db import db
from stonks.factory import create_app
from stonks.ledger import portfolios
from stonks.ledger.tables import Entry
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting, views
from tests.product import Running, product
from tests.statements import buy, statement

TOKEN, QUERY = "9007199254740991", "1234567"
DOCUMENTED = (ROOT / "docs" / "operations.md").read_text()


def test_a_product_killed_and_restored_from_its_backup_syncs_on(short_path: Path) -> None:
    with PracticeBroker() as broker:
        broker.add_query(TOKEN, QUERY, statement([buy(1), buy(2)]))
        variables = {"STONKS_FLEX_URL": broker.url, "STONKS_POLL_SECONDS": "0"}
        file = short_path / "backup.tar.gz"
        with product(short_path / "data", **variables) as running:
            with beside(running, variables):
                portfolio_id = connected()
                wait_for(running, 2)
                typed("flask --app app backup", file, running, variables)
                broker.add_query(TOKEN, QUERY, statement([buy(1), buy(2), buy(3)]))
                connecting.sync_now(portfolio_id, services().clock())
                wait_for(running, 3)
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
        restored = short_path / "restored"
        restored.mkdir()
        subprocess.run(["tar", "-xzf", str(file), "-C", str(restored)], check=True)
        with sqlite3.connect(restored / "stonks.db") as database:  # an hour later: a minute's distance would be kept
            database.execute("UPDATE sync_runs SET called_at = datetime(called_at, '-1 hour')")
        with product(restored, **variables) as running, beside(running, variables):
            assert len(held()) == 2
            connecting.sync_now(portfolio_id, services().clock())
            wait_for(running, 3)
            assert len(set(held())) == 3


def connected() -> int:
    now = services().clock()
    owner = users.create("owner@example.com", "a long enough password", now)
    portfolio_id = portfolios.create(owner.id, "Mine", "EUR", now).id
    fields = {"query_id": QUERY, "token": TOKEN}
    connecting.save(portfolio_id, "ibkr", fields, only_currency=None, token_expires_on=None, day_first=None, now=now)
    return portfolio_id


def typed(command: str, file: Path, running: Running, variables: dict[str, str]) -> None:
    """The command as the docs have it, by this Python."""
    documented = re.search(rf"    ({command}) \S+\n", DOCUMENTED)
    assert documented is not None
    words = [sys.executable, "-m", *shlex.split(documented[1]), str(file)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STONKS_")}
    environment = {**kept, **variables, "STONKS_DATA": str(running.data)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@contextmanager
def beside(running: Running, variables: dict[str, str]) -> Iterator[Flask]:
    """An app on the same data folder, to look and to do what a page would."""
    app = create_app(read_settings({"STONKS_DATA": str(running.data), **variables}))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def held() -> list[bytes]:
    db.session.rollback()
    return list(db.session.scalars(select(Entry.fingerprint)))


def wait_for(running: Running, entries: int) -> None:
    """Until there are so many, and no run is under way."""
    running.wait(lambda: len(held()) == entries, 60)
    running.wait(lambda: all(run.finished for run in views.runs(1)), 60)
