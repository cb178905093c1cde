"""What an instrument is when a query with the guide's fields does not say it, and identifiers that a script changed."""

from __future__ import annotations

from io import BytesIO

import pytest

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import Record, RowProblem, Trade
from tests.statements import buy, statement


def read(body: bytes) -> list[Record | RowProblem]:
    return list(read_statement(BytesIO(body)))


@pytest.mark.parametrize(
    ("symbol", "isin"),
    [
        ("T 4 11/15/34", "US91282CLW90"), ("DBR 1 3/4 02/15/24", "DE0001102333"), ("NYC GO 5.0 08/01/34", "US64966QBE73"),
        ("WMIH 13 03/19/30 LLB6", "US929CALLB67"), ("912797GB7", "US912797GB76"), ("US912828ZT58", "US912828ZT58"),
    ],
)  # fmt: skip
def test_a_bond_is_told_by_its_name_so_that_its_price_is_per_hundred(symbol: str, isin: str) -> None:
    (trade,) = read(statement([f"{symbol},{isin},5,20251103,BUY,10000,98.5,-1,USD"]))
    assert isinstance(trade, Trade)
    assert trade.asset_class == "BOND"


def test_what_is_named_by_its_cusip_may_be_a_bond_and_is_asked_for() -> None:
    (problem,) = read(statement(["037833CJ9,US037833CJ94,5,20251103,BUY,10000,98.5,-1,USD"]))
    assert isinstance(problem, RowProblem)
    assert "Asset Class" in problem.reason


def test_a_share_named_like_a_future_is_asked_for_where_no_isin_can_tell() -> None:
    columns = "Symbol,TradeID,TradeDate,Buy/Sell,Quantity,TradePrice,IBCommission,CurrencyPrimary"
    share, other = read(f"{columns}\nPAH3,1,20251103,BUY,1,38,-1,EUR\nSAP,2,20251103,BUY,1,220,-1,EUR\n".encode())
    assert isinstance(share, RowProblem)
    assert isinstance(other, Trade)
    (told,) = read(statement(["PAH3,DE000PAH0038,1,20251103,BUY,1,38,-1,EUR"]))
    assert isinstance(told, Trade)
    assert told.asset_class == "STK"


def test_an_identifier_that_became_a_decimal_number_is_the_same() -> None:
    (whole,), (floated,) = read(statement([buy(123456)])), read(statement([buy(123456).replace("123456", "123456.0")]))
    assert isinstance(whole, Trade)
    assert isinstance(floated, Trade)
    assert whole.fingerprint == floated.fingerprint


@pytest.mark.parametrize("told", ['="123456"', "1.2E+5", "1,2E+05"])
def test_an_identifier_that_a_spreadsheet_changed_is_parked(told: str) -> None:
    body = statement([buy(123456)]).decode().replace('"123456"', '"' + told.replace('"', '""') + '"')
    (problem,) = read(body.encode())
    assert isinstance(problem, RowProblem)
    assert "changed by a spreadsheet" in problem.reason


@pytest.mark.parametrize(("quantity", "price"), [("9" * 19, "1"), ("1", "9" * 19), ("1", "0." + "1" * 41)])
def test_a_number_that_nobody_could_reckon_with_is_parked(quantity: str, price: str) -> None:
    (problem,) = read(statement([buy(1, quantity=quantity, price=price)]))
    assert isinstance(problem, RowProblem)


@pytest.mark.parametrize("price", ["9" * 18, "0." + "1" * 40, "123456789012345678.5", ".5"])
def test_long_numbers_are_read_to_their_last_digit(price: str) -> None:
    (trade,) = read(statement([buy(1, price=price)]))
    assert isinstance(trade, Trade)
    assert format(trade.price, "f").lstrip("0") == price.lstrip("0")
