"""Whole statement files, named by what is odd in them: what each row became, and what the file as a whole said."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from stonks.brokers.ibkr.statement import FlexReading, read_statement
from stonks.core.amounts import gross_amount
from stonks.core.records import (
    CashKind,
    CashTransaction,
    FxConversion,
    Position,
    Record,
    RowProblem,
    Trade,
)  # fmt: skip

FILES = Path(__file__).parents[2] / "data" / "ibkr"


def read(name: str) -> tuple[list[Record | RowProblem], FlexReading]:
    with (FILES / name).open("rb") as source:
        reading = read_statement(source)
        return list(reading), reading


def test_every_option_of_delivery_ticked_at_once_still_reads_each_row_once() -> None:
    rows, reading = read("semicolons_bom_descriptors_wide_day_first.csv")
    summary = reading.summary
    assert (summary.trades, summary.conversions, summary.cash, summary.summaries, summary.problems) == (6, 1, 3, 2, 0)
    assert summary.day_first is True
    assert not summary.date_order_is_guess
    assert summary.accounts == ("U1234567", "U7654321")
    assert [warning[:12] for warning in summary.warnings] == ["Realized P/L"]
    shares = [row for row in rows if isinstance(row, Trade) and row.symbol == "AAPL"]
    assert sum(trade.quantity * (-1 if trade.cancels else 1) for trade in shares) == 10
    assert {trade.trade_date for trade in shares} == {date(2025, 11, 3)}
    assert [row.original_id for row in shares] == [None, "9001", None]
    classes = {row.asset_class: row.multiplier for row in rows if isinstance(row, Trade)}
    assert classes == {"STK": 1, "OPT": 100, "BOND": 1, "CRYPTO": 1}
    fees = {row.symbol: (row.commission, row.commission_currency) for row in rows if isinstance(row, FxConversion)}
    assert fees == {"EUR.USD": (Decimal("-1.84"), "EUR")}
    cash = [(row.kind, row.amount) for row in rows if isinstance(row, CashTransaction)]
    assert cash == [
        (CashKind.DIVIDEND, Decimal("2.6")),
        (CashKind.WITHHOLDING_TAX, Decimal("-0.39")),
        (CashKind.FEE, Decimal("-12")),
    ]


def test_a_bond_costs_its_price_per_hundred_of_face_value() -> None:
    rows, _ = read("semicolons_bom_descriptors_wide_day_first.csv")
    bond = next(row for row in rows if isinstance(row, Trade) and row.asset_class == "BOND")
    amount = gross_amount(bond.side, bond.cancels, bond.quantity, bond.price, bond.asset_class, bond.multiplier)
    assert amount == Decimal("-8612.5")


def test_a_file_that_is_no_utf_8_keeps_its_umlauts_and_quotes() -> None:
    rows, reading = read("umlauts_in_cp1252.csv")
    assert [row.description for row in rows if isinstance(row, Trade)] == [
        "MÜNCHENER RÜCK",
        "LEG Immobilien – ‚Namens‘, o.N.",
    ]
    assert reading.summary.problems == 0


def test_without_an_asset_class_each_shape_of_symbol_is_told_and_the_unknown_one_is_asked_about() -> None:
    rows, _ = read("without_asset_class.csv")
    told = [row.asset_class if isinstance(row, Trade) else type(row).__name__ for row in rows]
    assert told == ["STK", "OPT", "OPT", "FUT", "FOP", "FxConversion", "CFD", "CRYPTO", "RowProblem"]
    assert isinstance(rows[-1], RowProblem)
    assert "MYSTERY" in rows[-1].reason


def test_positions_without_a_date_are_of_the_day_that_their_own_statement_ends() -> None:
    rows, reading = read("two_days_positions_without_report_date.xml")
    days = [(row.as_of, row.mark_price) for row in rows if isinstance(row, Position)]
    assert days == [(date(2025, 11, 3), 190), (date(2025, 11, 4), 191)]
    assert reading.summary.summaries == 3
    assert "field-missing:positions:report-date" not in [finding.code for finding in reading.summary.findings]


def test_text_of_xml_is_read_as_it_is_meant() -> None:
    rows, _ = read("two_days_positions_without_report_date.xml")
    fee = next(row for row in rows if isinstance(row, CashTransaction))
    assert (fee.kind, fee.description) == (CashKind.FEE, "D&B <SNAPSHOT>")
