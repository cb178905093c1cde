"""The drill on PostgreSQL, by the tools that docs/operations.md names."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from sqlalchemy import make_url, select

from stonks.config import ROOT, Settings
from stonks.db import db
from stonks.ledger.tables import Entry
from stonks.sync import connecting, views
from tests import servers
from tests.conftest import Clock
from tests.drill import started
from tests.sync.conftest import Desk, FakeBroker, make_desk

DOCUMENTED = (ROOT / "docs" / "operations.md").read_text()


def held() -> list[bytes]:
    db.session.rollback()
    return sorted(db.session.scalars(select(Entry.fingerprint)))


def test_a_restored_ledger_syncs_on_with_nothing_doubled_or_lost(
    pg_server: str, pg_url: str, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    assert "`pg_dump --format=custom` and `pg_restore`" in DOCUMENTED
    broker, file = FakeBroker(), tmp_path / "ledger.dump"
    with started(replace(settings, database_url=pg_url), clock, broker) as app:
        desk = make_desk(app, clock, broker)
        desk.save()
        assert desk.finish().state == "SUCCEEDED"
        tool("pg_dump", "--format=custom", f"--file={file}", "--dbname", plain(pg_url))
        broker.body += b"3 2026-11-19\n"
        connecting.sync_now(desk.portfolio_id, clock())
        desk.finish()
        latest = held()
    servers.flush(settings.redis_url or "")
    with servers.fresh_database(pg_server, "stonks_restored") as url:
        tool("pg_restore", "--no-owner", "--dbname", plain(url), str(file))
        with started(replace(settings, database_url=url), clock, broker) as app:
            restored = Desk(app, clock, broker, desk.portfolio_id)
            assert len(held()) == 2
            view = views.connection(desk.portfolio_id)
            assert view is not None
            assert not view.unreadable
            connecting.sync_now(desk.portfolio_id, clock())
            assert restored.finish().state == "SUCCEEDED"
            assert held() == latest


def plain(url: str) -> str:
    """The URL as PostgreSQL's own tools take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def tool(name: str, *arguments: str) -> None:
    done = subprocess.run([str(servers.postgres_tool(name)), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
