"""The commands, each through the same functions as its page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import func, select

from stonks import cli
from stonks.accounts import users
from stonks.config import Settings, new_token_key
from stonks.crypto import Vault
from stonks.db import db
from stonks.factory import create_app
from stonks.ledger import portfolios
from stonks.ledger.tables import Entry
from stonks.services import services
from stonks.sync import connecting
from stonks.sync.tables import Connection
from tests.statements import buy, dividend, statement

TOKEN = "111122223333444455556666"


@pytest.fixture
def portfolio_id(app: Flask) -> int:
    cli.init_app(app)
    now = services().clock()
    owner = users.create("owner@example.com", "a long enough password", now)
    return portfolios.create(owner.id, "Mine", "EUR", now).id


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "statement.csv"
    path.write_bytes(statement([buy(1), buy(2)], [dividend(3)]))
    return path


def run(app: Flask, *arguments: str, given: str | None = None) -> Result:
    return app.test_cli_runner().invoke(args=list(arguments), input=given)


def connect(portfolio_id: int) -> None:
    fields = {"query_id": "1234567", "token": TOKEN}
    connecting.save(
        portfolio_id, "ibkr", fields, only_currency=None, token_expires_on=None, day_first=None, now=services().clock()
    )


def test_a_file_imported_twice_adds_nothing(app: Flask, portfolio_id: int, file: Path) -> None:
    first = run(app, "statement", "import", str(file), "--portfolio", str(portfolio_id))
    assert first.output == "new 3 known 0 amended 0 problems 0\n"
    second = run(app, "statement", "import", str(file), "--portfolio", str(portfolio_id))
    assert second.output == "new 0 known 3 amended 0 problems 0\n"


def test_what_is_no_statement_changes_nothing_and_exits_2(app: Flask, portfolio_id: int, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><html><body>Sign in</body></html>")
    done = run(app, "statement", "import", str(tmp_path / "page.html"), "--portfolio", str(portfolio_id))
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_nothing_is_said_to_be_in_a_file_that_is_refused_at_its_end(app: Flask, portfolio_id: int, file: Path) -> None:
    assert '"record": "trade"' in run(app, "statement", "read", str(file)).stdout
    file.write_bytes(b'"BOF","U1","query","1"\n"BOA","U1"\n' + file.read_bytes())
    done = run(app, "statement", "read", str(file))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "ends too early" in done.stderr


def test_a_portfolio_that_is_not_there_is_said(app: Flask, portfolio_id: int, file: Path) -> None:
    done = run(app, "statement", "import", str(file), "--portfolio", "999")
    assert done.exit_code == 1
    assert "999" in done.output


def test_a_database_that_was_never_prepared_is_said(app: Flask, portfolio_id: int) -> None:
    db.drop_all()
    done = run(app, "connection", "list")
    assert done.exit_code == 1
    assert "flask --app app db upgrade" in done.output


def test_kept_statements_are_read_again_and_the_difference_is_shown_before_it_is_let_in(
    app: Flask, portfolio_id: int, file: Path
) -> None:
    run(app, "statement", "import", str(file), "--portfolio", str(portfolio_id))
    db.session.execute(db.delete(Entry).where(Entry.kind == "CASH"))  # as if the reader had not known it then
    db.session.commit()
    shown = run(app, "statement", "replay")
    header, line = shown.output.splitlines()[1:3]
    figures = dict(zip(re.split(r"  +", header.strip())[3:], line.split()[-7:], strict=True))
    assert figures == {
        "new": "1", "amended": "-", "filled in": "-", "reported": "-", "read now": "-", "unread": "-", "still": "-"
    }  # fmt: skip
    assert "2025-11-03 to 2025-11-13" in line
    assert shown.output.endswith("1 changes. Nothing was written; --apply lets them in.\n")
    assert "1 changes were let in" in run(app, "statement", "replay", "--apply").output
    again = run(app, "statement", "replay", "--portfolio", str(portfolio_id))
    assert again.output.endswith("0 changes. Nothing was written.\n")
    assert db.session.scalar(select(func.count()).select_from(Entry)) == 3


def test_replaying_a_portfolio_that_is_not_there_is_said(app: Flask, portfolio_id: int) -> None:
    done = run(app, "statement", "replay", "--portfolio", "999")
    assert (done.exit_code, done.output) == (1, "There is no portfolio 999.\n")


def test_connections_are_listed_without_their_tokens(app: Flask, portfolio_id: int) -> None:
    connect(portfolio_id)
    done = run(app, "connection", "list")
    assert done.exit_code == 0, done.output
    assert "ibkr" in done.output
    assert TOKEN not in done.output


def test_a_sync_of_a_portfolio_that_is_not_there_says_so(app: Flask, portfolio_id: int) -> None:
    refused = run(app, "connection", "sync", str(portfolio_id + 1))
    assert (refused.exit_code, refused.output) == (1, f"There is no portfolio {portfolio_id + 1}.\n")


def test_a_sync_of_what_is_not_connected_is_refused(app: Flask, portfolio_id: int) -> None:
    done = run(app, "connection", "sync", str(portfolio_id))
    assert done.exit_code == 1
    assert "Traceback" not in done.output


def test_a_user_added_by_command_can_sign_in(app: Flask, portfolio_id: int) -> None:
    done = run(app, "users", "add", "second@example.com", "--password-stdin", given="another long password\n")
    assert done.exit_code == 0, done.output
    assert users.authenticate("second@example.com", "another long password")


def test_a_short_password_is_refused_and_not_repeated(app: Flask, portfolio_id: int) -> None:
    done = run(app, "users", "add", "second@example.com", "--password-stdin", given="s3cr3t\n")
    assert done.exit_code == 1
    assert "s3cr3t" not in done.output


def test_a_new_key_is_a_key(app: Flask, portfolio_id: int) -> None:
    Fernet(run(app, "keys", "new").output.strip())


def test_rotating_keys_lets_the_old_one_go(app: Flask, portfolio_id: int, settings: Settings) -> None:
    connect(portfolio_id)
    new_key = new_token_key()
    both = create_app(replace(settings, token_keys=(new_key, *settings.token_keys)))
    cli.init_app(both)
    with both.app_context():
        done = run(both, "keys", "rotate")
    assert done.exit_code == 0, done.output
    db.session.rollback()
    connection = db.session.scalars(select(Connection)).one()
    db.session.refresh(connection)
    assert TOKEN.encode() in Vault([new_key]).open(connection.sealed_credentials or b"", f"connection:{connection.id}")


def test_a_lost_key_is_counted_and_breaks_nothing(app: Flask, portfolio_id: int, settings: Settings) -> None:
    connect(portfolio_id)
    without = create_app(replace(settings, token_keys=(new_token_key(),)))
    cli.init_app(without)
    with without.app_context():
        done = run(without, "keys", "rotate")
    assert done.exit_code == 1
    assert "could not be opened 1" in done.output
