"""Sections and rows that look like trades, transfers or positions and are none: nothing counts twice."""

from __future__ import annotations

from io import BytesIO

import pytest

from stonks.brokers.ibkr.statement import FlexReading, read_statement
from stonks.core.records import Record, RowProblem, Trade
from tests.statements import buy, statement


def read(*lines: str) -> tuple[list[Record | RowProblem], FlexReading]:
    reading = read_statement(BytesIO(("\n".join(lines) + "\n").encode()))
    return list(reading), reading


@pytest.mark.parametrize(
    ("header", "row"),
    {
        "Commission Details": (
            "Symbol,ISIN,DateTime,Buy/Sell,Quantity,Price,TradeID,TotalCommission,BrokerExecutionCharge,CurrencyPrimary",
            "AAPL,US0378331005,20251103;093000,BUY,10,189.5,1,-1,-1,USD",
        ),
        "Option Exercises, Assignments and Expirations": (
            "Symbol,AssetClass,ReportDate,TransactionType,Quantity,MarkPrice,CurrencyPrimary",
            "SA 250919C00017000,OPT,20250919,Assignment,1,0,USD",
        ),
        "Unsettled Transfers": (
            "Symbol,ISIN,Stage,Date,TargetSettlement,Direction,Quantity,TransactionID,CurrencyPrimary",
            "AAPL,US0378331005,Pending,20251103,20251105,IN,10,5,USD",
        ),
        "Trade Transfers": (
            "Symbol,ISIN,ReportDate,Quantity,TradePrice,Direction,Delivered/Received,CurrencyPrimary",
            "AAPL,US0378331005,20251103,10,189.5,From,Received,USD",
        ),
    }.values(),
)  # fmt: skip
def test_a_section_that_tells_trades_again_is_left_alone(header: str, row: str) -> None:
    rows, reading = read(statement([buy(1)]).decode().strip(), header, row)
    assert [type(each) for each in rows] == [Trade]
    assert reading.summary.ignored == 1


def test_the_lots_of_a_transfer_do_not_move_it_again() -> None:
    rows, reading = read(
        "Symbol,ISIN,CurrencyPrimary,Date,Type,Direction,Quantity,TransactionID,LevelOfDetail",
        "GLOB,LU0974299876,USD,20260430,FOP,IN,94,39,TRANSFER",
        "GLOB,LU0974299876,USD,20260430,FOP,IN,94,,LOT",
    )
    assert (len(rows), reading.summary.summaries) == (1, 1)


def test_a_closed_lot_is_no_trade_although_it_bears_the_transaction_of_one() -> None:
    rows, reading = read(
        "Symbol,ISIN,TradeID,TransactionID,TradeDate,Buy/Sell,Quantity,TradePrice,IBCommission,CurrencyPrimary",
        "AAPL,US0378331005,8,500,20251103,SELL,-10,189.5,-1,USD",
        "AAPL,US0378331005,,500,20251103,SELL,10,150,,USD",
    )
    assert (len(rows), reading.summary.summaries) == (1, 1)


@pytest.mark.parametrize(("attribute", "told"), [("", False), ('accountId="U1" ', True)])
def test_xml_of_several_accounts_must_say_whose_its_rows_are_too(attribute: str, told: bool) -> None:
    fields = 'symbol="AAPL" isin="US0378331005" tradeID="1" tradeDate="20251103" buySell="BUY" quantity="10"'
    trade = f'<Trades><Trade {attribute}{fields} tradePrice="189.5" currency="USD" /></Trades><CashTransactions />'
    accounts = "".join(f'<FlexStatement accountId="U{number}">{trade}</FlexStatement>' for number in (1, 2))
    _, reading = read(f'<FlexQueryResponse type="AF"><FlexStatements>{accounts}</FlexStatements></FlexQueryResponse>')
    assert ("accounts-untold" not in [finding.code for finding in reading.summary.findings]) is told
