"""The drill: a ledger in use is backed up as docs/operations.md says, restored into an empty data folder, and synced."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from stonks import cli
from stonks.accounts import users
from stonks.config import ROOT, Settings, read_settings
from stonks.db import db, transaction
from stonks.factory import create_app
from stonks.ledger import archive, entries, importing, portfolios, review
from stonks.ledger.entries import EntryFilter
from stonks.ledger.tables import Entry, KeptStatement, Portfolio
from stonks.sync import connecting, credentials, views
from tests import servers
from tests.conftest import Clock
from tests.drill import started
from tests.readings import ReadingOf, trade
from tests.sync.conftest import TOKEN, Desk, FakeBroker, make_desk

DOCUMENTED = (ROOT / "docs" / "operations.md").read_text()
PASSWORD = "a long enough password"


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def desk(settings: Settings, clock: Clock, broker: FakeBroker) -> Iterator[Desk]:
    """A portfolio that is connected and was synced once."""
    with started(settings, clock, broker) as app:
        desk = make_desk(app, clock, broker)
        users.create("owner@example.com", PASSWORD, clock())
        desk.save()
        assert desk.finish().state == "SUCCEEDED"
        yield desk


def back_up(desk: Desk, file: Path, *options: str) -> Result:
    db.session.rollback()
    return desk.app.test_cli_runner().invoke(args=["backup", str(file), *options])


def restore(desk: Desk, file: Path, data: Path) -> Settings:
    """By the command in the docs; the settings of a start on that folder, with a Redis that knows of nothing."""
    data.mkdir()
    command = re.search(r"&& (tar -xzf) \S+ (-C) instance\n", DOCUMENTED)
    assert command is not None
    subprocess.run([*command[1].split(), str(file), command[2], str(data)], check=True)
    redis_url = desk.app.extensions["stonks"].settings.redis_url
    servers.flush(redis_url)
    return read_settings({"STONKS_DATA": str(data), "REDIS_URL": redis_url})


def held(portfolio_id: int) -> list[tuple[object, ...]]:
    db.session.rollback()
    query = select(Entry.fingerprint, Entry.commission, Entry.discarded_at).where(Entry.portfolio_id == portfolio_id)
    return sorted((tuple(row) for row in db.session.execute(query)), key=repr)


def test_a_restored_ledger_syncs_on_with_nothing_doubled_or_lost(
    desk: Desk, clock: Clock, broker: FakeBroker, tmp_path: Path
) -> None:
    assert "flask --app app backup" in DOCUMENTED
    discarded = entries.page(desk.portfolio_id, EntryFilter()).entries[0]
    review.discard(desk.portfolio_id, discarded.id, clock())
    done = back_up(desk, tmp_path / "backup.tar.gz")
    assert done.exit_code == 0, done.output
    at_backup = held(desk.portfolio_id)
    broker.body += b"3 2026-11-19\n"
    connecting.sync_now(desk.portfolio_id, clock())
    desk.finish()
    latest = held(desk.portfolio_id)
    assert len(latest) == len(at_backup) + 1

    db.session.remove()
    with started(restore(desk, tmp_path / "backup.tar.gz", tmp_path / "elsewhere"), clock, broker) as app:
        restored = Desk(app, clock, broker, desk.portfolio_id)
        assert held(desk.portfolio_id) == at_backup
        view = views.connection(desk.portfolio_id)
        assert view is not None
        assert (view.unreadable, view.mask) == (False, credentials.MASK_PREFIX + TOKEN[-4:])
        assert users.authenticate("owner@example.com", PASSWORD)
        kept = db.session.scalars(select(KeptStatement.id)).one()
        assert archive.open_kept(kept).read() == b"1 2026-11-18\n2 2026-11-19\n# 365, until 2026-11-19\n"
        connecting.sync_now(desk.portfolio_id, clock())
        assert restored.finish().state == "SUCCEEDED"
        assert held(desk.portfolio_id) == latest
        assert app.secret_key == desk.app.secret_key


def test_a_run_that_was_under_way_goes_on_from_the_backup(
    desk: Desk, clock: Clock, broker: FakeBroker, tmp_path: Path
) -> None:
    connecting.sync_now(desk.portfolio_id, clock())
    desk.step()
    back_up(desk, tmp_path / "backup.tar.gz")
    broker.body += b"3 2026-11-19\n"
    db.session.remove()
    with started(restore(desk, tmp_path / "backup.tar.gz", tmp_path / "elsewhere"), clock, broker) as app:
        assert Desk(app, clock, broker, desk.portfolio_id).finish().state == "SUCCEEDED"
        assert len(held(desk.portfolio_id)) == 3


def test_a_backup_holds_each_import_whole_or_not_at_all_whoever_writes_meanwhile(
    desk: Desk, clock: Clock, tmp_path: Path
) -> None:
    second = portfolios.create(desk.portfolio().user_id, "Busy", "EUR", clock()).id
    stop, imported = threading.Event(), threading.Event()

    def keep_importing() -> None:
        with desk.app.app_context():
            number = 0
            while not stop.is_set():
                rows = [trade(str(number + place)) for place in range(50)]
                importing.import_reading(second, ReadingOf(rows), origin="sync", now=clock())
                number += 50
                imported.set()
            db.session.remove()

    writer = threading.Thread(target=keep_importing)
    writer.start()
    try:
        assert imported.wait(20)
        copies = [tmp_path / f"{number}.tar.gz" for number in range(3)]
        for copy in copies:
            assert back_up(desk, copy).exit_code == 0
    finally:
        stop.set()
        writer.join()
    sizes = []
    for copy in copies:
        settings = restore(desk, copy, copy.with_suffix(".restored"))
        with sqlite3.connect(settings.data / "stonks.db") as database:
            told = (
                "SELECT b.new, count(e.id) FROM import_batches b LEFT JOIN entries e ON e.batch_id = b.id GROUP BY b.id"
            )
            counts = database.execute(told).fetchall()
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert all(new == there for new, there in counts)
        sizes.append(len(counts))
    assert sizes == sorted(sizes)


def test_a_transaction_that_is_open_is_not_in_it_and_is_not_waited_for(
    desk: Desk, clock: Clock, tmp_path: Path
) -> None:
    with transaction():
        db.session.add(Portfolio(user_id=1, name="Half way", base_currency="EUR", created_at=clock()))
        db.session.flush()
        done = []
        backing = threading.Thread(target=lambda: done.append(back_up_elsewhere(desk, tmp_path / "backup.tar.gz")))
        backing.start()
        backing.join(timeout=20)
        assert not backing.is_alive()
    assert done[0].exit_code == 0, done[0].output
    settings = restore(desk, tmp_path / "backup.tar.gz", tmp_path / "elsewhere")
    with sqlite3.connect(settings.data / "stonks.db") as database:
        assert database.execute("SELECT name FROM portfolios").fetchall() == [("P",)]


def back_up_elsewhere(desk: Desk, file: Path) -> Result:
    """From a thread, whose session is another one."""
    return desk.app.test_cli_runner().invoke(args=["backup", str(file)])


def test_only_its_owner_may_read_it_and_what_is_unpacked(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    back_up(desk, file)
    settings = restore(desk, file, tmp_path / "elsewhere")
    for path in (file, *(settings.data / name for name in ("stonks.db", "token.keys", "secret.key"))):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert TOKEN.encode() not in (settings.data / "stonks.db").read_bytes()


def test_what_was_deleted_before_is_nowhere_in_it(desk: Desk, clock: Clock, tmp_path: Path) -> None:
    kept = archive.keep(desk.portfolio_id, BytesIO(os.urandom(60_000)), origin="upload", now=clock())
    piece = db.session.get_one(KeptStatement, kept).sealed[40_000:40_200]  # of a page that deleting frees as a whole
    back_up(desk, tmp_path / "with.tar.gz")
    archive.prune(clock.advance(days=100), timedelta(days=35))
    back_up(desk, tmp_path / "without.tar.gz")
    found = [
        piece in (restore(desk, tmp_path / f"{name}.tar.gz", tmp_path / name).data / "stonks.db").read_bytes()
        for name in ("with", "without")
    ]
    assert found == [True, False]


def test_without_its_keys_all_transactions_are_there_and_the_keys_put_back_open_the_token(
    desk: Desk, settings: Settings, clock: Clock, broker: FakeBroker, tmp_path: Path
) -> None:
    before = held(desk.portfolio_id)
    done = back_up(desk, tmp_path / "backup.tar.gz", "--without-keys")
    assert "token.keys" in done.output
    db.session.remove()
    with tarfile.open(tmp_path / "backup.tar.gz") as tar:
        assert tar.getnames() == ["stonks.db"]
    keyless = restore(desk, tmp_path / "backup.tar.gz", tmp_path / "elsewhere")
    with started(keyless, clock, broker):
        view = views.connection(desk.portfolio_id)
        assert view is not None
        assert view.unreadable
        assert held(desk.portfolio_id) == before
    with started(replace(keyless, token_keys=settings.token_keys), clock, broker):
        view = views.connection(desk.portfolio_id)
        assert view is not None
        assert not view.unreadable


def test_a_file_that_is_there_is_never_written_over(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    file.write_bytes(b"yesterday's")
    done = back_up(desk, file)
    assert done.exit_code == 1
    assert "Nothing was backed up" in done.output
    assert file.read_bytes() == b"yesterday's"


def test_a_backup_that_fails_says_why_and_leaves_nothing(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = back_up(desk, tmp_path / "nowhere" / "backup.tar.gz")
    assert (gone.exit_code, "Nothing was backed up" in gone.output) == (1, True)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    done = back_up(desk, folder / "backup.tar.gz")
    assert done.exit_code == 1
    assert "No space left on device" in done.output
    assert list(folder.iterdir()) == []


def test_a_ledger_that_was_never_started_is_not_backed_up_as_an_empty_one(settings: Settings, tmp_path: Path) -> None:
    app = create_app(settings)
    cli.init_app(app)
    done = app.test_cli_runner().invoke(args=["backup", str(tmp_path / "backup.tar.gz")])
    assert (done.exit_code, "Nothing was backed up" in done.output) == (1, True)
    assert not (settings.data / "stonks.db").exists()


def test_postgresql_is_left_to_its_own_tool(pg_app: Flask, tmp_path: Path) -> None:
    cli.init_app(pg_app)
    done = pg_app.test_cli_runner().invoke(args=["backup", str(tmp_path / "backup.tar.gz")])
    assert done.exit_code == 1
    assert "pg_dump" in done.output
