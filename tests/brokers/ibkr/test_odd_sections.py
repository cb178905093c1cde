"""Shares that were awarded, options settled in cash and the lots of transfers: in CSV and in XML alike."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from xml.sax.saxutils import quoteattr

import pytest

from stonks.brokers.ibkr.statement import FlexReading, read_statement
from stonks.core.records import CashKind, CashTransaction, Record, RowProblem, Transfer

Rows = list[Record | RowProblem]

GRANTS = "currency,assetCategory,symbol,isin,reportDate,activityDescription,awardDate,vestingDate,quantity,price,value"
OPTIONS = "currency,assetCategory,symbol,description,date,transactionType,quantity,tradePrice,proceeds,commisionsAndTax"
TRANSFERS = "currency,symbol,isin,date,type,direction,quantity,cashTransfer,transactionID"
NAMES = {"currency": "CurrencyPrimary", "assetCategory": "AssetClass", "isin": "ISIN"}


def read(body: str) -> tuple[Rows, FlexReading]:
    reading = read_statement(BytesIO(body.encode()))
    return list(reading), reading


def as_csv(columns: str, *rows: str) -> str:
    header = ",".join(NAMES.get(name, name[0].upper() + name[1:]) for name in columns.split(","))
    return "\n".join([header, *rows]) + "\n"


def as_xml(parent: str, element: str, columns: str, *rows: str) -> str:
    names = columns.split(",")
    told = ""
    for row in rows:
        cells = (f"{name}={quoteattr(cell)}" for name, cell in zip(names, row.split(","), strict=True))
        told += f"<{element} {' '.join(cells)} />"
    statement = f'<FlexStatement accountId="U1"><{parent}>{told}</{parent}><Trades></Trades></FlexStatement>'
    return f'<FlexQueryResponse type="AF"><FlexStatements>{statement}</FlexStatements></FlexQueryResponse>'


def both(parent: str, element: str, columns: str, *rows: str) -> tuple[Rows, FlexReading]:
    """What the CSV tells, which must be what the XML tells."""
    xml, told = read(as_xml(parent, element, columns, *rows))
    csv, reading = read(as_csv(columns, *rows))
    assert [row.fingerprint for row in xml if not isinstance(row, RowProblem)] == [
        row.fingerprint for row in csv if not isinstance(row, RowProblem)
    ]
    assert [type(row) for row in xml] == [type(row) for row in csv]
    assert (told.summary.ignored, told.summary.summaries) == (reading.summary.ignored, reading.summary.summaries)
    return csv, reading


AWARD = "USD,STK,IBKR,US45841N1072,{},Stock Award {},20250612,20260612,{},204.51,541.01"


def test_awarded_shares_come_with_the_award_and_go_with_its_return() -> None:
    rows, reading = both(
        "StockGrantActivities", "StockGrantActivity", GRANTS, AWARD.format(20250613, "Grant for Cash Deposit", "2.6454"),
        AWARD.format(20260613, "Vesting", "2.6454"), AWARD.format(20251001, "Return for Withdrawal", "-1"),
    )  # fmt: skip
    assert [
        (row.direction, row.transfer_date.isoformat(), row.quantity, row.value)
        for row in rows
        if isinstance(row, Transfer)
    ] == [
        ("IN", "2025-06-12", Decimal("2.6454"), Decimal("541.01")), ("OUT", "2025-10-01", Decimal(1), Decimal("541.01")),
    ]  # fmt: skip
    assert reading.summary.ignored == 1


def test_an_unknown_deed_with_awarded_shares_is_parked() -> None:
    (problem,), _ = both(
        "StockGrantActivities", "StockGrantActivity", GRANTS, AWARD.format(20250613, "Conversion", "2.6454")
    )
    assert isinstance(problem, RowProblem)
    assert "“Stock Award Conversion”" in problem.reason


OPTION = "USD,OPT,SPX   251219C05200000,SPX 19DEC25 5200 C,20251219,{},{},0,{},0"


def test_an_option_settled_in_cash_brings_what_only_its_section_tells() -> None:
    rows, reading = both(
        "OptionEAE", "OptionEAE", OPTIONS, OPTION.format("Assignment", 40, 0), OPTION.format("Cash Settlement", 0, -25000),
        OPTION.format("Exercise", -2, 0), OPTION.format("Cash Settlement", 0, "1500.5"), OPTION.format("Expiration", 1, 0),
    )  # fmt: skip
    assert [
        (row.kind, row.amount, row.symbol, row.paid_on.isoformat()) for row in rows if isinstance(row, CashTransaction)
    ] == [
        (CashKind.OTHER, -25000, "SPX   251219C05200000", "2025-12-19"),
        (CashKind.OTHER, Decimal("1500.5"), "SPX   251219C05200000", "2025-12-19"),
    ]
    assert (len(rows), reading.summary.ignored) == (2, 3)
    assert "field-missing:option-exercises:proceeds" not in {finding.code for finding in reading.summary.findings}


def test_a_settlement_in_cash_of_an_untold_amount_is_a_finding() -> None:
    columns, row = OPTIONS.replace("proceeds,", ""), OPTION.format("Cash Settlement", 0, "").replace(",0,,0", ",0,0")
    rows, reading = both("OptionEAE", "OptionEAE", columns, row)
    assert rows == []
    (finding,) = [each for each in reading.summary.findings if each.code == "field-missing:option-exercises:proceeds"]
    assert "tick Proceeds" in finding.remedy


def test_shares_that_an_option_delivered_are_told_by_trades_alone() -> None:
    delivered = "USD,STK,GME,GAMESTOP,20251219,Buy,100,20,-2000,0"
    rows, reading = both("OptionEAE", "OptionEAE", OPTIONS, OPTION.format("Assignment", 1, 0), delivered)
    assert (rows, reading.summary.ignored) == ([], 2)


INDEX, SHARE = "SPXW  251219P05200000", "GME   251219P00020000"


@pytest.mark.parametrize(
    ("symbol", "codes", "more", "said"),
    [
        (INDEX, "A;C", "", True), (INDEX, "Ex", "", True), ("C OESX 20251219 5000 M", "A", "", True), (INDEX, "C;P", "", False),
        (INDEX, "Ep", "", False), (SHARE, "A;C", "", False),
        (INDEX, "A", as_csv(OPTIONS, OPTION.format("Cash Settlement", 0, -25000)), False),
    ],
)  # fmt: skip
def test_an_index_option_assigned_without_the_section_that_tells_its_price_is_a_finding(
    symbol: str, codes: str, more: str, said: bool
) -> None:
    columns = "Symbol,AssetClass,Multiplier,TradeID,TradeDate,Buy/Sell,Quantity,TradePrice,CurrencyPrimary,Notes/Codes"
    _, reading = read(f"{columns}\n{symbol},OPT,100,1,20251219,BUY,1,0,USD,{codes}\n{more}")
    assert ("section-missing:option-exercises" in {finding.code for finding in reading.summary.findings}) is said


MOVED = "USD,GLOB,LU0974299876,20260430,FOP,{},{},0,{}"


@pytest.mark.parametrize(("direction", "sizes"), [("IN", (94, 90, 4)), ("OUT", (-94, -90, -4)), ("OUT", (94, -90, -4))])
def test_lots_without_an_id_move_nothing_beside_their_transfer(direction: str, sizes: tuple[int, ...]) -> None:
    whole, *lots = sizes
    rows, reading = both(
        "Transfers", "Transfer", TRANSFERS, MOVED.format(direction, whole, 39),
        *(MOVED.format(direction, lot, "") for lot in lots),
    )  # fmt: skip
    assert [(row.direction, row.quantity) for row in rows if isinstance(row, Transfer)] == [(direction, 94)]
    assert reading.summary.summaries == 2


def test_a_transfer_without_an_id_counts_where_none_adds_up_to_it() -> None:
    rows, _ = both("Transfers", "Transfer", TRANSFERS, MOVED.format("IN", 94, 39), MOVED.format("IN", 5, ""))
    assert len(rows) == 2


def test_lots_with_an_element_of_their_own_are_lots() -> None:
    transfer = as_xml("Transfers", "Transfer", TRANSFERS, MOVED.format("IN", 94, 39))
    lot = as_xml("Transfers", "TransferLot", TRANSFERS, MOVED.format("IN", 94, ""))
    row = lot[lot.index("<TransferLot ") : lot.index("</Transfers>")]
    rows, reading = read(transfer.replace("</Transfers>", f"{row}</Transfers>"))
    assert (len(rows), reading.summary.summaries) == (1, 1)
    (alone,), _ = read(lot)
    assert isinstance(alone, Transfer)
    assert alone.quantity == 94
