"""The commands: `flask --app app …`. Each does what a page does, through the same functions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import OperationalError, ProgrammingError

from stonks import backup
from stonks.accounts import users as accounts
from stonks.cli_statement import read_command
from stonks.config import new_token_key
from stonks.core.errors import StatementUnreadable, StonksError
from stonks.db import db
from stonks.ledger import replaying
from stonks.ledger.repeats import ReadAs
from stonks.ledger.replaying import Difference
from stonks.ledger.tables import Portfolio
from stonks.services import services
from stonks.sync import connecting, resealing, uploading, views


class _SaysWhy:
    """Says what went wrong in a line: what the product says on purpose, and a database that is not there."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)  # type: ignore[misc]  # of the command that this is mixed into
        except StatementUnreadable as error:
            _fail(str(error), status=2)
        except StonksError as error:
            _fail(str(error))
        except (OperationalError, ProgrammingError):
            _fail("The database can't be used yet. Start once with ./run, or type: flask --app app db upgrade")


class Commands(_SaysWhy, AppGroup):
    """Commands under one word."""


class Command(_SaysWhy, click.Command):
    """A command that is a word by itself."""


statement = Commands("statement", help="Read and import statements.")
connection = Commands("connection", help="What is connected, and a sync now.")
users = Commands("users", help="Accounts.")
keys = Commands("keys", help="Keys that seal tokens.")


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--without-keys", is_flag=True, help="Leave out the keys that open tokens and kept statements.")
@with_appcontext
def back_up(file: Path, without_keys: bool) -> None:
    """Copy the ledger and its keys into FILE, a .tar.gz, while everything runs."""
    size = backup.write(file, services().settings, services().clock(), with_keys=not without_keys)
    click.echo(f"backed up to {file}, {-(-size // 1024)} kB")
    if without_keys:
        click.echo("The keys are not in it: keep token.keys (or STONKS_TOKEN_KEYS) elsewhere.", err=True)
    else:
        click.echo("The keys are in it: whoever has the file can open the tokens.", err=True)


def init_app(app: Flask) -> None:
    for command in (statement, connection, users, keys, back_up):
        app.cli.add_command(command)


statement.add_command(read_command)


@statement.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--portfolio", "portfolio_id", type=int, required=True, help="Its number, as in the page's address.")
@click.option("--broker", default="ibkr", show_default=True)
def import_statement(file: Path, portfolio_id: int, broker: str) -> None:
    """Import FILE into a portfolio."""
    if broker not in services().brokers:
        _fail(f"There is no broker {broker!r}; there is: {', '.join(services().brokers)}.", status=2)
    _demand_portfolio(portfolio_id)
    with file.open("rb") as body:
        outcome = uploading.take_in(portfolio_id, body, ReadAs(services().brokers[broker]), file.name)
    click.echo(f"new {outcome.new} known {outcome.known} amended {outcome.amended} problems {outcome.problems}")


@statement.command("replay")
@click.option("--portfolio", "portfolio_id", type=int, help="Only this one, by its number in the page's address.")
@click.option("--apply", is_flag=True, help="Let in what is shown; without it nothing is written.")
def replay_statements(portfolio_id: int | None, apply: bool) -> None:
    """Read the kept statements again, after an update, and show what would change.

    Each row counts once, where it was told last. Rows that can't be read: "read now" could not be read so far,
    "unread" are new among them, "still" were known and stay.
    """
    if portfolio_id is not None:
        _demand_portfolio(portfolio_id)
    changes = 0
    for number in [portfolio_id] if portfolio_id is not None else replaying.portfolios():
        click.echo(f"portfolio {number}")
        click.echo(_line([name for name, _ in _COLUMNS]))
        for difference in replaying.replay(number, services().clock(), apply=apply):
            click.echo(_line(_cells(difference)))
            changes += difference.changes
    if apply:
        click.echo(f"{changes} changes were let in" + ("; the review shows what is new." if changes else "."))
    else:
        click.echo(f"{changes} changes. Nothing was written" + ("; --apply lets them in." if changes else "."))


_COLUMNS = (
    ("imported (UTC)", 16), ("from", 6), ("period", 24), ("new", 6), ("amended", 7), ("filled in", 9),
    ("reported", 8), ("read now", 8), ("unread", 6), ("still", 5),
)  # fmt: skip


def _line(cells: list[str]) -> str:
    return "  ".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=False))


def _cells(difference: Difference) -> list[str]:
    """For _COLUMNS, zero as a dash; a statement that could not be read has the reason for the rest."""
    start = [f"{difference.read_at:%Y-%m-%d %H:%M}", difference.origin]
    if difference.refusal:
        return [*start, difference.refusal]
    figures = (
        difference.new, difference.amended, difference.filled_in, difference.reported, difference.read_now,
        difference.unread, difference.still_unread,
    )  # fmt: skip
    period = f"{difference.period.first} to {difference.period.last}" if difference.period else "no dates"
    return [*start, period, *(str(figure or "-") for figure in figures)]


@connection.command("list")
def list_connections() -> None:
    """What is connected: status, last and next run (UTC). ID is the portfolio's."""
    lines = views.every()
    if not lines:
        click.echo("nothing is connected", err=True)
        return
    for line in lines:
        click.echo(line)


@connection.command("sync")
@click.argument("portfolio_id", metavar="ID", type=int)
def sync(portfolio_id: int) -> None:
    """Start a run of portfolio ID now."""
    _demand_portfolio(portfolio_id)
    run_id = connecting.sync_now(portfolio_id, services().clock())
    click.echo(f"run {run_id} started")


@users.command("add")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def add_user(email: str, password_stdin: bool) -> None:
    """Make an account for EMAIL."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    user = accounts.create(email, password, services().clock())
    click.echo(f"{user.email} can sign in")


@keys.command("new")
def new_key() -> None:
    """Print a new token key. Put it in front of the others in STONKS_TOKEN_KEYS, or of the file token.keys."""
    click.echo(new_token_key())


@keys.command("rotate")
def rotate_keys() -> None:
    """Seal everything again under the first key; afterwards the older keys can go."""
    outcome = resealing.reseal_all()
    click.echo(f"sealed again {outcome.done}, could not be opened {outcome.lost}")
    if outcome.lost:
        sys.exit(1)


def _demand_portfolio(portfolio_id: int) -> None:
    if db.session.get(Portfolio, portfolio_id) is None:
        _fail(f"There is no portfolio {portfolio_id}.")


def _fail(line: str, status: int = 1) -> NoReturn:
    click.echo(line, err=True)
    sys.exit(status)
