"""Dates as spreadsheets, zones and missing separators leave them, and what settles day or month first."""

from __future__ import annotations

from datetime import date, datetime
from io import BytesIO

import pytest

from stonks.brokers.ibkr.statement import FlexReading, read_statement
from stonks.core.records import CorporateAction, Record, RowProblem, Trade

COLUMNS = "Symbol,ISIN,TradeID,DateTime,Buy/Sell,Quantity,TradePrice,CurrencyPrimary,Expiry"


def read(body: str) -> tuple[list[Record | RowProblem], FlexReading]:
    reading = read_statement(BytesIO(body.encode()))
    return list(reading), reading


def traded(moment: str, expiry: str = "") -> str:
    return f'{COLUMNS}\nAAPL,US0378331005,1,"{moment}",BUY,10,189.5,USD,{expiry}\n'


@pytest.mark.parametrize("day", ["20251113", "2025-11-13", "11/13/2025", "13/11/25", "13-Nov-25", "13-NOV-2025"])
@pytest.mark.parametrize(
    "time",
    [
        ";093000",
        "093000",
        "09:30:00",
        ", 09:30:00",
        " 09:30:00 EST",
        ";09:30:00 +0000",
        " 9:30",
        " 09:30:00 -05:00",
        ";093000 US/Eastern",
    ],
)
def test_a_moment_is_read_in_every_spelling(day: str, time: str) -> None:
    (trade,), _ = read(traded(day + time))
    assert isinstance(trade, Trade)
    assert (trade.trade_date, trade.executed_at) == (date(2025, 11, 13), datetime(2025, 11, 13, 9, 30))


@pytest.mark.parametrize(
    "told", ["20251399", "30-Feb-25", "30-Okt-25", "20251103;256199", "45964", "11/13/2025 9:30 PM"]
)
def test_what_is_no_date_is_told_as_it_stands(told: str) -> None:
    (problem,), _ = read(traded(told))
    assert isinstance(problem, RowProblem)
    assert problem.reason == f"“{told}” is not a date."


@pytest.mark.parametrize(
    ("told", "taken"), [("99991231", False), ("00010101", False), ("19000101", True), ("21991231", True)]
)
def test_a_day_on_which_nothing_is_traded_is_parked(told: str, taken: bool) -> None:
    (row,), _ = read(traded(told))
    assert isinstance(row, Trade if taken else RowProblem)
    if isinstance(row, RowProblem):
        assert row.reason == f"“{told}” is not a day on which anything is traded."


def test_the_stated_period_settles_which_number_is_the_day() -> None:
    records = "BOF,U1,q,1,01/01/2025,31/12/2025,x,100\nBOA,U1\nBOS,TRNT,x\n{}EOS,TRNT,1,0\nEOA,U1\nEOF\n"
    (trade,), reading = read(records.format(traded("03/04/2025;093000")))
    assert isinstance(trade, Trade)
    assert (trade.trade_date, reading.summary.date_order_is_guess) == (date(2025, 4, 3), False)


def test_an_expiry_settles_it_too() -> None:
    (trade,), reading = read(traded("03/04/2025", expiry="19/12/2025"))
    assert isinstance(trade, Trade)
    assert (trade.trade_date, reading.summary.day_first) == (date(2025, 4, 3), True)


def test_a_corporate_action_is_known_by_its_action_and_says_which_date_it_lacks() -> None:
    header = "Symbol,ISIN,CurrencyPrimary,Report Date,Quantity,Type,ActionID"
    rows, _ = read(f"{header}\nAAPL,US0378331005,USD,20251105,30,FS,5\nAAPL,US0378331005,USD,,30,FS,6\n")
    assert isinstance(rows[0], CorporateAction)
    assert isinstance(rows[1], RowProblem)
    assert rows[1].reason == "The row has no date. Add the field Date/Time to the query."
