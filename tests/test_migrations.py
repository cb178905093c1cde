"""The migrations make exactly the tables that the code speaks of, on both databases, and nothing is lost on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import inspect

from stonks.config import Settings
from stonks.db import Base, db
from stonks.factory import create_app
from stonks.migrating import init_app, upgrade


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
