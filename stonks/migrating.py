"""Brings the database up to date: `python -m stonks.migrating`, run by the supervisor before anything else starts."""

from __future__ import annotations

import sys

import flask_migrate
from flask import Flask
from sqlalchemy.exc import OperationalError

from stonks import logs
from stonks.config import ROOT, settings_or_exit
from stonks.factory import create_app


def upgrade(app: Flask) -> None:
    """Applies the migrations that this database has not had yet."""
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))


if __name__ == "__main__":
    settings = settings_or_exit()
    logs.configure(settings.json_logs)
    try:
        upgrade(create_app(settings))
    except OperationalError as error:
        print(f"The database can't be used: {error.orig}", file=sys.stderr)
        sys.exit(1)
