"""What was imported before covered days were kept still counts: as far as its rows reached."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from stonks.config import ROOT, Settings
from stonks.db import db
from stonks.factory import create_app
from stonks.migrating import init_app

BEFORE = """
INSERT INTO users (id, email, password_hash, session_epoch, created_at) VALUES (1, 'a@example.com', 'x', 0, '2026-01-01');
INSERT INTO portfolios (id, user_id, name, base_currency, created_at)
  VALUES (1, 1, 'Synced', 'EUR', '2026-01-01'), (2, 1, 'Uploaded', 'EUR', '2026-01-01');
INSERT INTO connections (id, portfolio_id, broker, public_fields, credentials_version, only_currency, state, state_since,
  slot, tries, created_at) VALUES (1, 1, 'ibkr', '{}', 1, 'EUR', 'ACTIVE', '2026-01-01', 0, 0, '2026-01-01');
INSERT INTO import_batches (portfolio_id, origin, imported_at, period_first, period_last, new, known, amended, problems, findings)
  VALUES (1, 'sync', '2026-01-01', '2025-01-02', '2025-12-30', 1, 0, 0, 0, '[]'),
         (1, 'sync', '2026-01-02', '2025-01-03', '2025-12-30', 1, 0, 0, 0, '[]'),
         (1, 'upload', '2026-01-03', '2024-01-02', '2024-12-30', 1, 0, 0, 0, '[]'),
         (2, 'upload', '2026-01-04', '2023-01-02', '2023-12-29', 1, 0, 0, 0, '[]'),
         (2, 'upload', '2026-01-05', NULL, NULL, 0, 0, 0, 1, '[]');
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def old_app(request: pytest.FixtureRequest, settings: Settings) -> Flask:
    if request.param == "postgresql":
        settings = replace(settings, database_url=request.getfixturevalue("pg_url"))
    app = create_app(settings)
    init_app(app)
    return app


def test_days_of_earlier_imports_are_taken_over(old_app: Flask) -> None:
    with old_app.app_context():
        upgrade(str(ROOT / "migrations"), "0002")
        with db.engine.begin() as connection:
            for statement in BEFORE.split(";\n"):
                if statement.strip():
                    connection.execute(text(statement))
        upgrade(str(ROOT / "migrations"), "head")
        with db.engine.connect() as connection:
            found = connection.execute(
                text("SELECT portfolio_id, source, currency, proof, first, last FROM covered_spans ORDER BY first DESC")
            ).all()
        db.engine.dispose()
    assert [tuple(map(str, row)) for row in found] == [
        ("1", "ibkr", "EUR", "rows", "2025-01-02", "2025-12-30"),
        ("1", "upload", "None", "rows", "2024-01-02", "2024-12-30"),
        ("2", "upload", "None", "rows", "2023-01-02", "2023-12-29"),
    ]
