"""Sections that lack a column, or tell a fact in another one than usual; and records named like days."""

from __future__ import annotations

from io import BytesIO

import pytest

from stonks.brokers.ibkr.statement import FlexReading, read_statement
from stonks.core.records import (
    CashKind,
    CashTransaction,
    CorporateAction,
    Position,
    Record,
    RowProblem,
    Trade,
    Transfer,
)
from tests.statements import CASH_COLUMNS, TRADE_COLUMNS, buy, statement

Rows = list[Record | RowProblem]


def read(*lines: str) -> tuple[Rows, FlexReading]:
    reading = read_statement(BytesIO(("\n".join(lines) + "\n").encode()))
    return list(reading), reading


UNSIDED = "Symbol,Description,ISIN,CurrencyPrimary,Quantity,TradePrice,TradeDate"


@pytest.mark.parametrize("start", ["", "TRNT,"])
def test_trades_without_buy_or_sell_are_told_by_their_sign(start: str) -> None:
    header, data = (f"{word},{start}" if start else "" for word in ("HEADER", "DATA"))
    rows, reading = read(
        f"{header}{UNSIDED}",
        f"{data}VT,VANGUARD TOT WORLD,US9220427424,USD,100,113,2024-06-24",
        f"{data}VT,VANGUARD TOT WORLD,US9220427424,USD,-40,115,2024-06-25",
    )
    assert [(row.side, row.quantity) for row in rows if isinstance(row, Trade)] == [("BUY", 100), ("SELL", 40)]
    assert "field-missing:trades:buy-sell" in {finding.code for finding in reading.summary.findings}


@pytest.mark.parametrize(
    ("code", "columns", "row", "lost"),
    [
        (
            "TRNT",
            "Symbol,ISIN,TradeDate,Buy/Sell,TradePrice,CurrencyPrimary",
            "AAPL,US0378331005,20251103,BUY,1,USD",
            "Quantity",
        ),
        ("CTRN", "Symbol,ISIN,Date/Time,Amount,CurrencyPrimary", "AAPL,US0378331005,20251103,2.6,USD", "Type"),
        ("CTRN", "Symbol,ISIN,Date/Time,Type,CurrencyPrimary", "AAPL,US0378331005,20251103,Dividends,USD", "Amount"),
    ],
)
def test_a_section_known_by_its_code_alone_says_what_its_rows_lack(
    code: str, columns: str, row: str, lost: str
) -> None:
    (problem,), _ = read(f"HEADER,{code},{columns}", f"DATA,{code},{row}")
    assert isinstance(problem, RowProblem)
    assert lost in problem.reason


@pytest.mark.parametrize(
    ("header", "row"),
    {
        "Client Fees": (
            "ClientAccountID,FeeType,Date,TradeID,Buy/Sell,Quantity,TradePrice,Symbol,CurrencyPrimary,Revenue,Expense",
            "U1,Commission,20251103,1,BUY,10,189.5,AAPL,USD,2,1",
        ),
        "Transaction Fees": (
            "ClientAccountID,Symbol,ISIN,Date,TradeID,TradeDate,Quantity,TradePrice,TaxDescription,TaxAmount,CurrencyPrimary",
            "U1,AAPL,US0378331005,20251103,1,20251103,10,189.5,Stamp duty,-1,USD",
        ),
        "Routing Commissions": (
            "ClientAccountID,Symbol,ISIN,TradeID,TradeDate,Buy/Sell,Quantity,Price,LowestFeeExchange,RoutingFee,CurrencyPrimary",
            "U1,AAPL,US0378331005,1,20251103,BUY,10,189.5,ARCA,-1,USD",
        ),
        "Trade Transfers": (
            "ClientAccountID,Symbol,ISIN,TradeID,TradeDate,Quantity,TradePrice,Direction,CurrencyPrimary",
            "U1,AAPL,US0378331005,1,20251103,10,189.5,From,USD",
        ),
    }.values(),
)  # fmt: skip
def test_what_tells_trades_for_another_purpose_is_left_alone(header: str, row: str) -> None:
    rows, reading = read(statement([buy(1)]).decode().strip(), header, row)
    assert ([type(each) for each in rows], reading.summary.ignored) == ([Trade], 1)


def test_the_security_id_tells_the_isin_where_that_has_no_column() -> None:
    elsewhere = "SecurityID,SecurityIDType"
    rows, reading = read(
        TRADE_COLUMNS.replace("ISIN", elsewhere),
        buy(1).replace("US0378331005", "US0378331005,ISIN"),
        buy(2).replace("US0378331005", "037833100,CUSIP"),
        CASH_COLUMNS.replace("ISIN", elsewhere),
        "AAPL,US0378331005,ISIN,20251113,2.6,Dividends,,USD",
        f"Symbol,{elsewhere},CurrencyPrimary,ReportDate,Quantity,MarkPrice",
        "AAPL,US0378331005,ISIN,USD,20251119,10,190",
    )
    assert isinstance(rows[0], Trade)
    assert isinstance(rows[1], RowProblem)  # no ISIN, so it may be anything
    assert isinstance(rows[2], CashTransaction)
    assert isinstance(rows[3], Position)
    assert rows[0].isin == rows[2].isin == rows[3].isin == "US0378331005"
    assert reading.tells("TRADE", "isin")
    assert not {"field-missing:trades:isin", "field-missing:cash:isin"} & {
        finding.code for finding in reading.summary.findings
    }
    (usual,) = read_statement(BytesIO(statement(None, ["AAPL,US0378331005,20251113,2.6,Dividends,,USD"])))
    assert not isinstance(usual, RowProblem)
    assert usual.fingerprint == rows[2].fingerprint


def test_a_security_without_a_symbol_of_its_own_is_asked_for() -> None:
    (problem,) = read_statement(BytesIO(statement(["IBCID123456789,US80281LAR69,1,20251103,BUY,10000,98,-1,USD"])))
    assert isinstance(problem, RowProblem)
    assert "Asset Class" in problem.reason


@pytest.mark.parametrize("name", ["2024-2025", "20240101", "My query"])
@pytest.mark.parametrize("account", ["U1", "12345678"])
def test_a_query_named_like_a_day_states_no_period(name: str, account: str) -> None:
    start, end = (
        f"BOF,{account},{name},1,20250101,20251119,20251120;010203,100,100\nBOA,{account}",
        f"EOA,{account}\nEOF",
    )
    _, reading = read(start, "BOS,TRNT,Trades", TRADE_COLUMNS, buy(1), "EOS,TRNT,1,0", end)
    period = reading.summary.period
    assert period is not None
    assert (period.first.isoformat(), period.last.isoformat(), reading.summary.period_is_stated) == (
        "2025-01-01", "2025-11-19", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "amount", "kind"),
    [
        ("Fees", "-219.27", CashKind.FEE), ("Broker Interest", "-2", CashKind.INTEREST),
        ("Deposits and Withdrawals", "5", CashKind.DEPOSIT),
        ("Deposits", "5", CashKind.DEPOSIT), ("Withdrawals", "-5", CashKind.WITHDRAWAL),
    ],
)  # fmt: skip
def test_types_of_cash_go_by_several_names(text: str, amount: str, kind: CashKind) -> None:
    (row,) = read_statement(BytesIO(statement(None, [f",,20250701;180000,{amount},{text},1,USD"])))
    assert isinstance(row, CashTransaction)
    assert row.kind is kind


LEG, DAX, APPLE = "P LEG  20230317 69 M", "FDAX 20251219 M", "AAPL  260116C00150000"


@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        ([APPLE], None), ([LEG], f"The contract {LEG} tells no multiplier"),
        ([LEG, DAX, LEG, "ESZ5"], "ESZ5 and 2 more options or futures tell no multiplier"),
    ],
)  # fmt: skip
def test_contracts_that_tell_no_multiplier_are_a_finding(symbols: list[str], said: str | None) -> None:
    rows = [f"{symbol},,{number},20251103,SELL,-1,1.5,-1,USD" for number, symbol in enumerate(symbols, 1)]
    reading = read_statement(BytesIO(statement(rows)))
    assert {type(row) for row in reading} == {Trade}
    told = [finding.message for finding in reading.summary.findings if finding.code == "multiplier-untold"]
    assert [message.startswith(said or "") for message in told] == ([True] if said else [])
    multiplied = (statement(rows).decode().replace('"CurrencyPrimary"\n', '"CurrencyPrimary","Multiplier"\n')).replace(
        '"USD"\n', '"USD","25"\n'
    )
    reading = read_statement(BytesIO(multiplied.encode()))
    assert [row.multiplier for row in reading if isinstance(row, Trade)] == [25] * len(symbols)
    assert "multiplier-untold" not in {finding.code for finding in reading.summary.findings}


@pytest.mark.parametrize(
    ("columns", "cells", "kind"),
    [
        ("Report Date,Description,Amount,Quantity,Type", "20251105,SPLIT 4 FOR 1,0,30,FS", CorporateAction),
        ("Date,Type,Quantity,TransferPrice", "20251105,FOP,-5,0", Transfer),
        ("ReportDate,Position", "20251119,40", Position),
    ],
)
def test_few_columns_tell_a_section(columns: str, cells: str, kind: type) -> None:
    (row,), _ = read(f"Symbol,ISIN,CurrencyPrimary,{columns}", f"AAPL,US0378331005,USD,{cells}")
    assert isinstance(row, kind)
    if isinstance(row, Transfer):
        assert (row.direction, row.quantity) == ("OUT", 5)


@pytest.mark.parametrize(
    ("code", "columns", "cells", "kind"),
    [
        ("POST", "ReportDate,Quantity", "20251119,40", Position),
        ("CORP", "Report Date,Type", "20251105,FS", RowProblem),
        ("TRFR", "Date,Quantity", "20251105,5", Transfer),
        ("EQUT", "Date,Quantity", "20251105,5", None),
    ],
)
def test_a_section_code_tells_what_few_columns_leave_open(
    code: str, columns: str, cells: str, kind: type | None
) -> None:
    rows, _ = read(f"HEADER,{code},Symbol,ISIN,CurrencyPrimary,{columns}", f"DATA,{code},AAPL,US0378331005,USD,{cells}")
    assert [type(row) for row in rows] == [kind] * (kind is not None)
