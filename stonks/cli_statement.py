"""`flask statement read`: what a statement holds, one JSON object a line, without storing anything."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import click

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.errors import StatementUnreadable
from stonks.core.fingerprint import plain
from stonks.core.records import (
    CashTransaction,
    CorporateAction,
    FxConversion,
    Position,
    Record,
    RowProblem,
    StatementSummary,
    Trade,
    Transfer,
)  # fmt: skip

NOT_A_STATEMENT = 2

# Record type -> its name, its date, and the facts that only it has.
_SHAPES: dict[type, tuple[str, str, tuple[str, ...]]] = {
    Trade: (
        "trade",
        "trade_date",
        ("side", "cancels", "quantity", "price", "commission", "commission_currency", "asset_class", "multiplier"),
    ),
    CashTransaction: ("cash", "paid_on", ("kind", "amount")),
    FxConversion: (
        "fx",
        "trade_date",
        ("cancels", "sold", "sold_currency", "bought", "bought_currency", "commission", "commission_currency"),
    ),
    CorporateAction: ("corporate_action", "action_date", ("kind", "quantity", "description")),
    Transfer: ("transfer", "transfer_date", ("direction", "quantity")),
    Position: ("position", "as_of", ("quantity", "mark_price", "cost_basis")),
}
_COMMON = ("symbol", "isin", "currency", "account", "external_id")


@click.command("read")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--currency", help="Only rows of this currency.")
def read_command(file: Path, currency: str | None) -> None:
    """Read a Flex statement without storing anything."""
    try:
        # A file may turn out to be refused at its end, and nothing of a refused file is said to be in it.
        with file.open("rb") as source, TemporaryFile("w+", encoding="utf-8") as told:
            reading = read_statement(source, currency=currency.upper() if currency else None)
            told.writelines(json.dumps(as_json(row), ensure_ascii=False) + "\n" for row in reading)
            told.seek(0)
            for line in told:
                click.echo(line, nl=False)
    except StatementUnreadable as refusal:
        click.echo(f"{refusal.reason}: {refusal}", err=True)
        raise SystemExit(NOT_A_STATEMENT) from None
    _tell(reading.summary)


def as_json(row: Record | RowProblem) -> dict[str, Any]:
    """A row's facts: numbers as plain decimal strings, dates as ISO, absent facts as null."""
    if isinstance(row, RowProblem):
        common: dict[str, Any] = dict.fromkeys(("date", *_COMMON))
        return {
            "record": "problem",
            **common,
            "fingerprint": row.digest.hex(),
            "line": row.line,
            "section": row.section,
            "reason": row.reason,
            "raw": row.raw,
        }
    name, day, facts = _SHAPES[type(row)]
    told = {"record": name, "date": getattr(row, day).isoformat()}
    told |= {fact: _plain(getattr(row, fact, None)) for fact in (*_COMMON, *facts)}
    return told | {"fingerprint": row.fingerprint.hex(), "line": row.line}


def _plain(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


def _tell(summary: StatementSummary) -> None:
    period = f", {summary.period.first} to {summary.period.last}" if summary.period else ""
    click.echo(
        f"{summary.trades} trades, {summary.cash} cash transactions, {summary.conversions} conversions, "
        f"{summary.others} others, {summary.problems} problems, {summary.summaries} summaries left out{period}",
        err=True,
    )
    for warning in summary.warnings:
        click.echo(f"warning: {warning}", err=True)
    for finding in summary.findings:
        click.echo(f"{finding.severity}: {finding.message} {finding.remedy}", err=True)
