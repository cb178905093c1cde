"""Brings the database up to date: `python -m stonks.migrating`, run by the supervisor before anything else starts.

Apart from the factory, so that the processes that never migrate do not load Alembic.
"""

from __future__ import annotations

import sys

import flask_migrate
from flask import Flask
from sqlalchemy.exc import OperationalError

from stonks import logs
from stonks.config import ROOT, settings_or_exit
from stonks.db import db
from stonks.factory import create_app


def init_app(app: Flask) -> None:
    """Lets `flask db …` and `upgrade` work on this app."""
    flask_migrate.Migrate(app, db, directory=str(ROOT / "migrations"), render_as_batch=True)


def upgrade(app: Flask) -> None:
    """Applies the migrations that this database has not had yet."""
    with app.app_context():
        flask_migrate.upgrade()


if __name__ == "__main__":
    settings = settings_or_exit()
    logs.configure(settings.json_logs)
    try:
        app = create_app(settings, pages=False)
        init_app(app)
        upgrade(app)
    except OperationalError as error:
        print(f"The database can't be used: {error.orig}", file=sys.stderr)
        sys.exit(1)
