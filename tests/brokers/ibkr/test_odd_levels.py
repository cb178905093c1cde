"""Sums told beside what they sum up, or alone: each amount counts once, and none is lost."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

import pytest

from stonks.brokers.ibkr.statement import FlexReading, read_statement
from stonks.core.records import CashTransaction, CorporateAction, Position, Record, RowProblem, Trade, Transfer
from tests.statements import TRADE_COLUMNS, buy, statement

Rows = list[Record | RowProblem]

CASH = "ClientAccountID,Symbol,ISIN,Date/Time,Amount,Type,TransactionID,CurrencyPrimary"
ACTIONS = "Symbol,ISIN,CurrencyPrimary,Report Date,Quantity,Type,ActionID,TransactionID,LevelOfDetail"
TRANSFERS = "Symbol,ISIN,CurrencyPrimary,Date,Type,Direction,Quantity,CashTransfer,TransactionID,LevelOfDetail"
POSITIONS = "Symbol,ISIN,CurrencyPrimary,ReportDate,Quantity,MarkPrice,LevelOfDetail"


def read(*lines: str) -> tuple[Rows, FlexReading]:
    reading = read_statement(BytesIO(("\n".join(lines) + "\n").encode()))
    return list(reading), reading


def amounts(rows: Rows) -> list[Decimal]:
    return [row.amount for row in rows if isinstance(row, CashTransaction)]


def test_the_dash_for_an_account_tells_a_sum_of_cash() -> None:
    details = ["U1,,,20251105;180000,-10,Other Fees,1,USD", "U2,,,20251105;180000,-4.5,Other Fees,2,USD"]
    sums = ["-,,,20251105,-10,Other Fees,,USD", "-,,,20251105,-7,Other Fees,,USD"]
    rows, reading = read(CASH, *details, *sums)
    assert (amounts(rows), reading.summary.summaries) == ([Decimal(-10), Decimal("-4.5")], 2)


def test_a_masked_account_hides_no_row_that_has_an_id() -> None:
    rows, _ = read(CASH, *(f"-,,,20251105,-10,Other Fees,{own},USD" for own in (1, 2)))
    assert len(rows) == 2
    header = "ClientAccountID,Symbol,ISIN,CurrencyPrimary,Date/Time,Quantity,Type,ActionDescription,TransactionID"
    rows, _ = read(header, *(f"-,NVDA,US67066G1040,USD,20240607,{size},FS,SPLIT,{size}" for size in (90, 30)))
    assert len(rows) == 2


def test_sums_of_all_accounts_count_where_nothing_is_told_in_detail() -> None:
    rows, reading = read(CASH, "-,,,20251105,-10,Other Fees,,USD", "U1,,,20251105,3,Broker Interest Received,4,USD")
    assert (amounts(rows), reading.summary.summaries) == ([Decimal(-10), Decimal(3)], 0)


def test_several_sums_of_a_day_are_known_by_what_they_add_up_to() -> None:
    fees = [("-10", "1"), ("-4", "2"), ("-0.5", "3"), ("-10", ""), ("-4.5", "")]
    columns = CASH.removeprefix("ClientAccountID,")
    rows, reading = read(columns, *(f",,20251105,{amount},Other Fees,{told_id},USD" for amount, told_id in fees))
    assert (sum(amounts(rows)), reading.summary.summaries) == (Decimal("-14.5"), 2)


def test_a_row_without_an_id_that_adds_up_to_nothing_told_counts() -> None:
    columns = CASH.removeprefix("ClientAccountID,")
    rows, _ = read(columns, ",,20251105,-10,Other Fees,1,USD", ",,20251105,-3,Other Fees,,USD")
    assert amounts(rows) == [Decimal(-10), Decimal(-3)]


def test_a_sum_in_the_base_currency_is_left_out_beside_its_details_and_else_parked() -> None:
    columns = f"{CASH},LevelOfDetail"
    detail = "U1,,,20251105;120000,500,Deposits/Withdrawals,7,USD,DETAIL"
    total = "-,,,20251105,460,Deposits/Withdrawals,,BASE_SUMMARY,SUMMARY"
    rows, reading = read(columns, detail, total)
    assert (amounts(rows), reading.summary.summaries) == ([Decimal(500)], 1)
    (problem,), _ = read(columns, total)
    assert isinstance(problem, RowProblem)
    assert "not a currency" in problem.reason


def test_corporate_actions_told_as_sums_alone_count() -> None:
    total, detail = "MRVL,US5738741041,USD,20210421,40,IC,,,SUMMARY", "MRVL,US5738741041,USD,20210421,40,IC,8,9,DETAIL"
    rows, reading = read(ACTIONS, total)
    assert [type(row) for row in rows] == [CorporateAction]
    rows, reading = read(ACTIONS, total, detail)
    assert (len(rows), reading.summary.summaries) == (1, 1)


@pytest.mark.parametrize(
    ("columns", "total", "details"),
    [
        ("ClientAccountID,TransactionID", "-,", ["U1,8", "U2,9"]), ("ClientAccountID", "-", ["U1", "U2"]),
        ("TransactionID", "", ["8", "9"]),
    ],
)  # fmt: skip
def test_a_split_told_as_a_sum_too_splits_once(columns: str, total: str, details: list[str]) -> None:
    action = "NVDA,US67066G1040,USD,20240607{},{},FS,{}"
    header = f"Symbol,ISIN,CurrencyPrimary,Date/Time,Quantity,Type,ActionDescription,{columns}"
    rows, reading = read(
        header,
        action.format("", 90, f"SPLIT 10 FOR 1,{total}"),
        action.format(";202500", 60, f"SPLIT 10 FOR 1,{details[0]}"),
        action.format(";202500", 30, f"SPLIT 10 FOR 1,{details[1]}"),
    )
    assert [row.quantity for row in rows if isinstance(row, CorporateAction)] == [60, 30]
    assert reading.summary.summaries == 1


def test_a_corporate_action_without_an_id_that_nothing_adds_up_to_counts() -> None:
    header = "Symbol,ISIN,CurrencyPrimary,Date/Time,Quantity,Type,ActionDescription,TransactionID"
    rows, _ = read(
        header, *(f"NVDA,US67066G1040,USD,20240607,{size},FS,SPLIT,{own}" for size, own in ((90, ""), (30, 8)))
    )
    assert len(rows) == 2


def test_a_short_position_with_a_quantity_above_nothing_is_parked() -> None:
    columns = POSITIONS.replace("LevelOfDetail", "Side")
    rows, _ = read(columns, *(f"AAPL,US0378331005,USD,20251119,{size},190,Short" for size in (-10, 10)))
    assert [type(row) for row in rows] == [Position, RowProblem]


def test_the_lots_of_transfers_count_where_the_transfers_are_not_told() -> None:
    lots = [f"GLOB,LU0974299876,USD,20260430,FOP,IN,{size},0,,LOT" for size in (90, 4)]
    rows, _ = read(TRANSFERS, *lots)
    assert [row.quantity for row in rows if isinstance(row, Transfer)] == [90, 4]
    rows, reading = read(TRANSFERS, "GLOB,LU0974299876,USD,20260430,FOP,IN,94,0,39,TRANSFER", *lots)
    assert (len(rows), reading.summary.summaries) == (1, 2)


def test_a_transfer_of_cash_needs_no_quantity() -> None:
    (sent, got), _ = read(
        TRANSFERS,
        "--,,EUR,20230609,INTERNAL,OUT,,-7000,1,TRANSFER",
        "--,,EUR,20230610,INTERNAL,-,0,250.5,2,TRANSFER",
    )
    assert isinstance(sent, Transfer)
    assert isinstance(got, Transfer)
    assert (sent.direction, sent.quantity, sent.cash) == ("OUT", 0, -7000)
    assert (got.direction, got.cash) == ("IN", Decimal("250.5"))
    (problem,), _ = read(TRANSFERS, "GLOB,LU0974299876,USD,20260430,FOP,IN,,0,3,TRANSFER")
    assert isinstance(problem, RowProblem)
    assert "Quantity" in problem.reason


@pytest.mark.parametrize(("levels", "said"), [(["LOT", "LOT"], True), (["SUMMARY", "LOT"], False)])
def test_positions_told_by_lots_alone_are_a_finding(levels: list[str], said: bool) -> None:
    _, reading = read(POSITIONS, *(f"AAPL,US0378331005,USD,20251119,10,190,{level}" for level in levels))
    assert ("positions-lots-alone" in {finding.code for finding in reading.summary.findings}) is said


def test_lots_of_positions_are_known_by_their_opening_where_no_level_tells() -> None:
    columns = POSITIONS.replace("LevelOfDetail", "OpenDateTime")
    held = "{},USD,20251119,{},190,{}"
    rows, reading = read(
        columns,
        held.format("AAPL,US0378331005", 10, ""),
        held.format("AAPL,US0378331005", 4, "20250101;100000"),
        held.format("AAPL,US0378331005", 6, "20250102;100000"),
        held.format("SAP,DE0007164600", 5, "20250102;100000"),
    )
    assert [row.quantity for row in rows if isinstance(row, Position)] == [10, 5]
    assert reading.summary.summaries == 2


@pytest.mark.parametrize("level", ["ORDER", "Symbol Summary", "ASSET_SUMMARY", "Closed Lot", "WASH_SALE"])
def test_a_level_of_trades_that_sums_up_is_left_out(level: str) -> None:
    rows, reading = read(f"{TRADE_COLUMNS},LevelOfDetail", f"{buy(1)},Execution", f"{buy(1)},{level}")
    assert (len(rows), reading.summary.summaries) == (1, 1)


def test_an_unknown_level_of_trades_is_parked() -> None:
    rows, _ = read(f"{TRADE_COLUMNS},LevelOfDetail", f"{buy(1)},EXECUTION", f"{buy(1)},BASKET")
    assert isinstance(rows[1], RowProblem)
    assert "“BASKET”" in rows[1].reason


SOLD = "AAPL,US0378331005,{},20251104,SELL,{},190,-1,USD"


def test_what_has_the_side_of_a_sale_and_the_sign_of_a_purchase_is_parked_as_it_may_be_a_lot() -> None:
    rows = list(read_statement(BytesIO(statement([buy(1), SOLD.format(2, -5), SOLD.format(3, 5)]))))
    assert [type(row) for row in rows] == [Trade, Trade, RowProblem]
    assert isinstance(rows[2], RowProblem)
    assert "Level of Detail" in rows[2].reason


def test_a_file_that_signs_no_sale_tells_them_by_their_word() -> None:
    rows = list(read_statement(BytesIO(statement([buy(1), SOLD.format(2, 5), SOLD.format(3, 6)]))))
    assert [row.side for row in rows if isinstance(row, Trade)] == ["BUY", "SELL", "SELL"]


def test_a_purchase_of_less_than_nothing_is_parked() -> None:
    (problem,) = read_statement(BytesIO(statement([buy(1, quantity="-10")])))
    assert isinstance(problem, RowProblem)


@pytest.mark.parametrize("quantity", ["-10", "10"])
def test_a_cancel_is_told_by_its_mark_whatever_its_sign(quantity: str) -> None:
    (cancel,) = read_statement(BytesIO(statement([buy(1, quantity=quantity).replace("BUY", "BUY (Ca.)")])))
    assert isinstance(cancel, Trade)
    assert (cancel.cancels, cancel.quantity) == (True, 10)
