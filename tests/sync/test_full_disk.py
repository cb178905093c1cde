"""A disk that is full while a statement comes: nothing half done, and the sync goes on once there is room.

The disk is a small one in memory, mounted where only the child process sees it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from stonks.config import ROOT
from tests.needs import missing

ROWS = 2_000
ON_A_DISK_OF_ITS_OWN = ["unshare", "--user", "--map-root-user", "--mount"]

CHILD = """
import json, pathlib, sys
from sqlalchemy import func, select, text
from stonks import tasks
from stonks.config import read_settings
from stonks.db import db
from stonks.factory import create_app
from stonks.ledger.tables import ImportBatch, KeptStatement
from stonks.sync import runner, schedule
from tests.conftest import Clock
from tests.sync.conftest import FakeBroker, make_desk

folder, redis_url, rows = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
clock = Clock()
app = create_app(read_settings({"STONKS_DATA": str(folder / "data"), "REDIS_URL": redis_url}), clock)
with app.app_context():
    db.create_all()
    body = "".join(f"{number} 2026-11-{1 + number % 19:02}\\n" for number in range(rows)).encode()
    desk = make_desk(app, clock, FakeBroker(body=body))
    desk.save()
    awaiting = desk.step()

    filler, size = (folder / "filler").open("wb", buffering=0), 0
    try:
        while True:
            size += filler.write(bytes(4096))
    except OSError:
        filler.truncate(size - 65536)  # room for a few rows, not for all
    clock.now = awaiting.due_at
    tasks.advance_run(awaiting.id, awaiting.step)
    tables = (ImportBatch, KeptStatement)
    met = [desk.entries(), *(db.session.scalar(select(func.count()).select_from(table)) for table in tables)]
    stumbled = desk.run()
    met += [stumbled.state, stumbled.attempts]

    filler.close()
    (folder / "filler").unlink()
    clock.now += runner.LEASE
    schedule.tick(clock())
    ended = desk.finish()
    print(json.dumps({
        "met": met, "ended": ended.state,
        "entries": desk.entries(), "sound": db.session.scalar(text("PRAGMA integrity_check")),
        "requests": [name for name, _ in desk.broker.calls].count("request"),
    }))
"""


def test_a_full_disk_leaves_nothing_half_done_and_the_run_ends_well_once_there_is_room(
    tmp_path: Path, redis_url: str
) -> None:
    if not shutil.which("unshare") or subprocess.run([*ON_A_DISK_OF_ITS_OWN, "true"], capture_output=True).returncode:
        missing("a file system of its own (unshare --user --mount)")
    mount_and_run = 'mount -t tmpfs -o size=16m tmpfs "$0" && exec "$@"'
    command = [sys.executable, "-c", CHILD, str(tmp_path), redis_url, str(ROWS)]
    child = subprocess.run(
        [*ON_A_DISK_OF_ITS_OWN, "sh", "-c", mount_and_run, str(tmp_path), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr
    assert "is full" in child.stderr
    assert json.loads(child.stdout) == {
        "met": [0, 0, 0, "AWAITING_STATEMENT", 1],
        "ended": "SUCCEEDED",
        "entries": ROWS,
        "sound": "ok",
        "requests": 1,
    }
