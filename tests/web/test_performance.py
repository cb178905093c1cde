"""The performance page, as a person sees it."""

from __future__ import annotations

import html
import json
import re
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from stonks.core.records import CashKind, Side
from stonks.ledger import prices
from stonks.ledger.tables import Portfolio
from stonks.portfolio.valuation import UPLOADED
from stonks.practice import demo_statement
from stonks.web.ranges import asked_for
from tests.conftest import Clock
from tests.listening import statements_sent
from tests.readings import dividend, position, trade
from tests.web.test_earnings import table
from tests.web.test_overview import Let, let, see, withheld

__all__ = ["let"]

TODAY = date(2026, 11, 20)


@pytest.fixture
def earned(mine: Portfolio, let: Let) -> Portfolio:
    let(
        trade("1", quantity="10", price="100", on=date(2025, 11, 21), commission="-1"),
        trade("2", side=Side.SELL, quantity="4", price="120", on=date(2026, 3, 2), commission="-1"),
        trade("3", quantity="1", price="50", on=date(2026, 3, 2), commission=None, symbol="SAP", currency="EUR"),
        trade("4", side=Side.SELL, quantity="1", price="60", on=date(2026, 3, 4), symbol="SAP", currency="EUR"),
        dividend("5", "20", on=date(2026, 4, 1)),
        withheld("6", "-3", on=date(2026, 4, 1)),
        dividend("7", "5", on=date(2025, 12, 1)),
        position("6", date(2026, 11, 19)),
    )
    return mine


def test_returns_are_told_with_their_methods(signed_in: FlaskClient, earned: Portfolio) -> None:
    text = see(signed_in, earned, "/performance")
    assert "Return on what was invested in securities" in text
    assert "Gain on securities +710.24 USD 20 Nov 2025 to 20 Nov 2026 : 0.00 at the start, 489.76 put in" in text
    assert re.search(r"Money-weighted return \+1\d\d\.\d % money-weighted \(XIRR\); less than a year", text)
    assert re.search(r"Time-weighted return \+1\d\d\.\d % time-weighted, 5 known values linked, 2 of", text)


def test_the_chart_and_its_table_hold_the_same_days(signed_in: FlaskClient, earned: Portfolio) -> None:
    page = signed_in.get(f"/portfolios/{earned.id}/performance").text
    series = re.search(r'data-series="([^"]+)"', page)
    assert series
    days, invested, values, at_last = json.loads(html.unescape(series[1]))
    assert days[0] == "2025-11-20"
    assert (invested[1], values[1]) == (1001, 1000)
    assert (days[-1], values[-1]) == ("2026-11-20", 1200)
    assert (values[days.index("2026-04-01")], at_last[days.index("2026-04-01")]) == (None, 720)
    table = page[page.index("Value and net invested, the newest day first") :]
    assert table.count("<tr>") - 1 >= len(days)
    assert re.search(r"720\.00.{0,9} at old prices", table)


def test_its_table_is_a_file_of_the_same_range(signed_in: FlaskClient, earned: Portfolio) -> None:
    for query in ("range=year", "first=2026-01-01&last=2026-11-20"):
        page = signed_in.get(f"/portfolios/{earned.id}/performance?{query}").text
        (link,) = (html.unescape(one) for one in re.findall(r'href="([^"]+as=csv[^"]*)"', page))
        values = table(signed_in, link)
        assert (values[0]["Day"], values[0]["Value USD"]) == ("2025-12-31", "")
        assert values[-1] == {
            "Day": "2026-11-20",
            "Net invested USD": "511.7609",
            "Value USD": "1200",
            "Value at last prices USD": "1200",
        }


def test_deposits_make_it_the_accounts_return(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    deposit = dividend("1", "1000", on=date(2026, 1, 5))._replace(kind=CashKind.DEPOSIT, symbol=None, isin=None)
    let(
        deposit,
        trade("2", quantity="5", price="100", on=date(2026, 1, 6), commission=None),
        position("5", date(2026, 11, 19)),
    )
    text = see(signed_in, mine, "/performance")
    assert "Return on the account" in text
    assert "Gain +500.00 USD" in text
    assert "Money-weighted return +50.0 %" in text


def test_what_is_no_part_of_it_is_named(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(trade("2", side=Side.SELL, quantity="4", price="120", on=date(2026, 3, 2)))
    text = see(signed_in, mine, "/performance")
    assert "No part of it" in text
    assert "AAPL" in text


def test_the_demo_year_has_both_returns(signed_in: FlaskClient, mine: Portfolio, clock: Clock) -> None:
    year = BytesIO(demo_statement.whole_year(clock.now.date()))
    signed_in.post(f"/portfolios/{mine.id}/import", data={"statement": (year, "year.csv")})
    text = see(signed_in, mine, "/performance")
    assert "Return on" in text
    assert "not defined" not in text
    assert "is missing" not in text


def test_an_empty_portfolio_has_nothing_to_measure(
    signed_in: FlaskClient, mine: Portfolio, anothers: Portfolio
) -> None:
    assert "Nothing to measure yet" in see(signed_in, mine, "/performance")
    assert signed_in.get(f"/portfolios/{anothers.id}/performance").status_code == 404


def test_a_range_that_makes_no_sense_is_said_and_shows_everything(signed_in: FlaskClient, earned: Portfolio) -> None:
    for query in ("first=soon", "first=2026-05-01&last=2026-04-01", "first=2027-01-01", "last=0001-01-02"):
        text = see(signed_in, earned, f"/performance?{query}")
        assert "All time is shown." in text
        assert "20 Nov 2025 to 20 Nov 2026" in text


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, None, TODAY),
        ({"range": "nonsense"}, None, TODAY),
        ({"range": "year"}, date(2026, 1, 1), TODAY),
        ({"range": "last-year"}, date(2025, 1, 1), date(2025, 12, 31)),
        ({"range": "12-months"}, date(2025, 11, 21), TODAY),
        ({"first": "2026-02-01"}, date(2026, 2, 1), TODAY),
        ({"last": "2030-02-01"}, None, TODAY),
        ({"first": "2026-02-01", "last": "2026-02-01"}, date(2026, 2, 1), date(2026, 2, 1)),
    ],
)
def test_ranges_by_name_and_by_day(query: dict[str, str], first: date | None, last: date) -> None:
    found = asked_for(MultiDict(query), TODAY)
    assert (found.first, found.last, found.problem) == (first, last, "")


def test_twelve_months_until_a_leap_day() -> None:
    assert asked_for(MultiDict({"range": "12-months"}), date(2028, 2, 29)).first == date(2027, 3, 1)


def test_the_page_reads_no_transactions_and_another_range_reads_no_days_again(
    signed_in: FlaskClient, earned: Portfolio
) -> None:
    see(signed_in, earned, "/holdings")
    sent = statements_sent()
    see(signed_in, earned, "/performance")
    see(signed_in, earned, "/performance?range=year")
    assert not [sql for sql, _ in sent if "FROM entries" in sql]
    see(signed_in, earned, "?range=last-year")
    assert len([sql for sql, _ in sent if "FROM snapshot_years" in sql]) == 1


def test_a_price_counts_on_its_day_as_soon_as_it_is_there(signed_in: FlaskClient, earned: Portfolio) -> None:
    key = "US0378331005/USD"
    for price, value in (("130", "780"), ("140", "840")):
        prices.save(earned.id, UPLOADED, {(key, date(2026, 4, 1)): Decimal(price)})
        values = table(signed_in, f"/portfolios/{earned.id}/performance?as=csv")
        assert [row["Value USD"] for row in values if row["Day"] == "2026-04-01"] == [value]
    prices.remove(earned.id, UPLOADED, key, date(2026, 4, 1))
    values = table(signed_in, f"/portfolios/{earned.id}/performance?as=csv")
    assert [row["Value USD"] for row in values if row["Day"] == "2026-04-01"] == [""]
