"""The migrations make exactly the tables that the code speaks of, on both databases, and nothing is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import MetaData, inspect, select

from stonks.config import Settings
from stonks.db import Base, db
from stonks.factory import create_app
from stonks.ledger.tables import StatementReading
from stonks.migrating import init_app, upgrade
from stonks.sync.tables import Lockout


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_app(request: pytest.FixtureRequest, settings: Settings) -> Flask:
    if request.param == "postgresql":
        settings = replace(settings, database_url=request.getfixturevalue("pg_url"))
    app = create_app(settings)
    init_app(app)
    return app


def test_migrations_and_models_agree(empty_app: Flask) -> None:
    upgrade(empty_app)
    with empty_app.app_context():
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = compare_metadata(context, Base.metadata)
        db.engine.dispose()
    assert differences == []


def test_migrating_twice_changes_nothing(empty_app: Flask) -> None:
    upgrade(empty_app)
    upgrade(empty_app)
    with empty_app.app_context():
        assert set(inspect(db.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
        db.engine.dispose()


def test_statements_kept_before_can_be_read_again_as_their_connection_reads(empty_app: Flask) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    with empty_app.app_context():
        flask_migrate.upgrade(revision="0002")
        tables = MetaData()
        tables.reflect(db.engine)
        user = {"email": "a@example.com", "password_hash": "x", "session_epoch": 0, "created_at": now}
        mine = {"user_id": 1, "base_currency": "EUR", "created_at": now}
        tied = {
            "portfolio_id": 1, "broker": "paper", "public_fields": "{}", "credentials_version": 1, "state": "ACTIVE",
            "state_since": now, "slot": 1, "tries": 0, "created_at": now, "only_currency": "USD", "day_first": True,
        }  # fmt: skip
        kept = {"sha1": b"1" * 20, "size": 1, "sealed": b"x", "kept_at": now}
        with db.engine.begin() as connection:
            for table, rows in (
                ("users", [user]),
                ("portfolios", [{**mine, "name": "Connected"}, {**mine, "name": "By hand"}]),
                ("connections", [tied]),
                ("kept_statements", [
                    {**kept, "portfolio_id": 1, "origin": "test", "imported_at": now},
                    {**kept, "portfolio_id": 1, "origin": "test", "imported_at": None},
                    {**kept, "portfolio_id": 2, "origin": "upload", "imported_at": now},
                ]),
            ):  # fmt: skip
                connection.execute(tables.tables[table].insert(), rows)
        flask_migrate.upgrade()
        readings = db.session.scalars(select(StatementReading).order_by(StatementReading.id)).all()
        assert [
            (one.portfolio_id, one.statement_id, one.broker, one.origin, one.only_currency, one.day_first, one.read_at)
            for one in readings
        ] == [(1, 1, "paper", "sync", "USD", True, now), (2, 3, "ibkr", "upload", None, None, now)]
        db.session.remove()
        db.engine.dispose()


def test_lockouts_told_before_they_were_kept_by_token_still_hold(empty_app: Flask) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    later = now + timedelta(hours=20)
    with empty_app.app_context():
        flask_migrate.upgrade(revision="0021")
        tables = MetaData()
        tables.reflect(db.engine)
        tied = {
            "broker": "paper", "public_fields": "{}", "credentials_version": 1, "state": "LOCKED_OUT",
            "state_since": now, "slot": 1, "tries": 0, "created_at": now,
        }  # fmt: skip
        run = {
            "portfolio_id": 1, "broker": "paper", "reason": "test", "state": "FAILED", "step": 1, "attempts": 0,
            "requests": 1, "credentials_version": 0, "with_period": True, "started_over": False, "queued_at": now,
        }  # fmt: skip
        user = {"email": "a@example.com", "password_hash": "x", "session_epoch": 0, "created_at": now}
        mine = {"user_id": 1, "base_currency": "EUR", "created_at": now}
        met = {**run, "failure": "locked_out"}
        with db.engine.begin() as connection:
            for table, rows in (
                ("users", [user]),
                ("portfolios", [{**mine, "name": "A"}, {**mine, "name": "B"}]),
                ("connections", [
                    {**tied, "portfolio_id": 1, "allowance": "both", "locked_until": later},
                    {**tied, "portfolio_id": 2, "allowance": "free", "locked_until": None},
                ]),
                ("sync_runs", [
                    {**met, "allowance": "both", "finished_at": now},
                    {**met, "allowance": "tested", "finished_at": now - timedelta(hours=3)},
                    {**met, "allowance": "tested", "finished_at": now},
                    {**run, "allowance": "free", "finished_at": now, "failure": "not_now"},
                ]),
            ):  # fmt: skip
                connection.execute(tables.tables[table].insert(), rows)
        flask_migrate.upgrade()
        found = {one.allowance: one.until for one in db.session.scalars(select(Lockout))}
        assert found == {"both": later, "tested": now + timedelta(hours=12)}
        db.session.remove()
        db.engine.dispose()
