"""An import that is killed half way leaves nothing, and the next one completes. With a real process and kill -9."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from stonks.config import Settings
from stonks.db import db
from stonks.ledger import importing
from stonks.ledger.tables import Entry, ImportBatch
from tests.conftest import Clock
from tests.readings import ReadingOf, trade

ROOT = Path(__file__).parents[2]
ROWS = 5_000

# Imports the rows, and stops in the open transaction after some batches until it is killed.
IMPORT_AND_HANG = """
import pathlib, sys, time
from datetime import UTC, datetime
from stonks.config import read_settings
from stonks.factory import create_app
from stonks.ledger import bulk, importing
from tests.readings import ReadingOf, trade

folder, url, portfolio_id, rows, marker = sys.argv[1:]
insert, seen = bulk.BulkInsert.write_part, 0

def hang_half_way(*args):
    global seen
    seen += 1
    if seen == 4:
        pathlib.Path(marker).touch()
        time.sleep(60)
    insert(*args)

bulk.BulkInsert.write_part = hang_half_way
app = create_app(read_settings({"STONKS_DATA": folder, "DATABASE_URL": url, "REDIS_URL": "unix:///nowhere"}))
with app.app_context():
    rows = [trade(str(number)) for number in range(int(rows))]
    importing.import_reading(int(portfolio_id), ReadingOf(rows), origin="sync", now=datetime.now(UTC))
"""


def test_kill_9_in_mid_import_leaves_nothing_and_the_next_import_completes(
    portfolio_id: int, ledger_app: Flask, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    marker = tmp_path / "half-way"
    url = db.engine.url.render_as_string(hide_password=False)
    db.session.remove()
    arguments = [str(tmp_path / "child"), url, str(portfolio_id), str(ROWS), str(marker)]
    child = subprocess.Popen([sys.executable, "-c", IMPORT_AND_HANG, *arguments], cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while not marker.exists():
            assert child.poll() is None, "the import ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()

    assert db.session.scalar(select(func.count()).select_from(Entry)) == 0
    assert db.session.scalar(select(func.count()).select_from(ImportBatch)) == 0
    db.session.rollback()
    rows = [trade(str(number)) for number in range(ROWS)]
    assert importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock()).new == ROWS
