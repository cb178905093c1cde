"""A CSV of prices as people make them: columns by name, each row taken or refused with a sentence."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from stonks.ledger.price_file import PriceFile, PricesUnreadable, read_prices
from stonks.portfolio.valuation import Instrument

D = Decimal
TODAY = date(2026, 11, 20)
APPLE, SAP, DOUBLE = "US0378331005/USD", "DE0007164600/EUR", "XX0000000001/USD"


def instrument(key: str, symbol: str) -> Instrument:
    isin, _, currency = key.partition("/")
    return Instrument(key, symbol, isin if len(isin) == 12 else None, currency, "STK", None)


HELD = [instrument(APPLE, "AAPL"), instrument(SAP, "SAP"), instrument("ESZ6/USD", "ESZ6")]


def read(*lines: str) -> PriceFile:
    return read_prices("\n".join(lines).encode(), HELD, TODAY)


@pytest.mark.parametrize(
    "lines",
    [
        ("date,symbol,price,currency", "2026-11-19,AAPL,271.5,USD"),
        ("Currency;Close;ISIN;Date", "usd;271,5;us0378331005;20261119"),
        ("Day\tTicker\tNAV\tCcy", "19.11.2026\taapl\t271.50\tUSD"),
        ('"As of","Symbol","ISIN","Price","Currency"', '"19/11/2026","Apple","US0378331005","271.5","USD"', "", " , "),
    ],
)
def test_columns_are_found_by_name_whatever_the_delimiter_and_the_date(lines: tuple[str, ...]) -> None:
    found = read(*lines)
    assert found.quotes == {(APPLE, date(2026, 11, 19)): D("271.5")}
    assert (found.rows, found.refused) == (1, [])


def test_with_slashes_one_certain_date_settles_all_of_them() -> None:
    found = read("date,symbol,price,currency", "3/4/2026,AAPL,1,USD", "4/13/2026,AAPL,2,USD")
    assert [on for _key, on in found.quotes] == [date(2026, 3, 4), date(2026, 4, 13)]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("date,symbol,price,currency", "3/4/2026,AAPL,1,USD"), "day or month first"),
        (("date,symbol,price,currency", "13/4/2026,AAPL,1,USD", "4/13/2026,AAPL,1,USD"), "day or month first"),
        (("date,symbol,price", "2026-11-19,AAPL,1"), "no column for currency"),
        (("when,what,price,currency", "2026-11-19,AAPL,1,USD"), "no column for date, symbol or ISIN"),
        (("date,symbol,price,currency",), "no prices in the file"),
        (("",), "no prices in the file"),
        (("<html>", "date,symbol,price,currency"), "no CSV file"),
        (("date,symbol,price,currency", '2026-11-19,AAPL,1,"USD'), "broken"),
    ],
)
def test_a_file_that_cant_be_read_is_refused_as_a_whole(lines: tuple[str, ...], why: str) -> None:
    with pytest.raises(PricesUnreadable, match=why) as refusal:
        read(*lines)
    assert "Nothing was saved." in str(refusal.value) or "no prices" in why


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("soon,AAPL,1,USD", "“soon” is no date. Write it as 2026-11-20."),
        ("2026-02-30,AAPL,1,USD", "“2026-02-30” is no date. Write it as 2026-11-20."),
        ("2026-11-22,AAPL,1,USD", "2026-11-22 is yet to come."),
        ("0001-01-01,AAPL,1,USD", "0001-01-01 is not a day on which anything is traded."),
        ("2026-11-19,AAPL,much,USD", "Enter a number, like 1500.55."),
        ("2026-11-19,AAPL,1.5.2,USD", "Enter a number, like 1500.55."),
        ("2026-11-19,AAPL,-1,USD", "A price is not negative."),
        ("2026-11-19,,1,USD", "It names no instrument: both symbol and ISIN are empty."),
        ("2026-11-19,AAPL,1,", "The currency is missing."),
        ("2026-11-19,AAPL,1,US$", "“US$” is no currency."),
        ("2026-11-19,AAPL,1", "The currency is missing."),
    ],
)
def test_a_row_that_cant_be_read_says_why_and_the_others_count(row: str, why: str) -> None:
    found = read("date,symbol,price,currency", row, "2026-11-18,AAPL,2,USD")
    assert found.refused == [(2, why)]
    assert list(found.quotes) == [(APPLE, date(2026, 11, 18))]


def test_tomorrow_may_have_come_elsewhere_and_nothing_may_be_worth_nothing() -> None:
    found = read("date,symbol,price,currency", "2026-11-21,AAPL,0,USD")
    assert found.quotes == {(APPLE, date(2026, 11, 21)): D(0)}


def test_what_is_not_in_the_portfolio_is_counted_by_name() -> None:
    rows = "2026-11-19,MSFT,,1,USD", "2026-11-18,MSFT,,1,USD", "2026-11-19,AAPL,,1,EUR", "2026-11-19,AAPL,US1,1,USD"
    found = read("date,symbol,isin,price,currency", *rows)
    assert found.quotes == {}
    assert found.elsewhere == {"MSFT": 2, "AAPL": 2}


def test_a_symbol_names_what_has_no_isin_and_one_of_two_needs_it() -> None:
    future = read("date,symbol,isin,price,currency", "2026-11-19,ESZ6,XX9,7000,USD")
    assert list(future.quotes) == [("ESZ6/USD", date(2026, 11, 19))]
    two = [*HELD, instrument(DOUBLE, "AAPL")]
    found = read_prices(b"date,symbol,price,currency\n2026-11-19,AAPL,1,USD", two, TODAY)
    assert found.refused == [(2, "AAPL in USD means more than one instrument here. Tell its ISIN.")]


def test_of_a_day_told_twice_the_later_row_counts() -> None:
    found = read("date,symbol,price,currency", "2026-11-19,AAPL,1,USD", "2026-11-19,AAPL,2,USD")
    assert list(found.quotes.values()) == [D(2)]


def test_a_spreadsheets_own_encoding_is_read() -> None:
    content = "date;symbol;price;currency;note\n2026-11-19;SAP;150;EUR;für uns".encode("cp1252")
    assert list(read_prices(content, HELD, TODAY).quotes) == [(SAP, date(2026, 11, 19))]
