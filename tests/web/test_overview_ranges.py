"""What the overview tells of a range of days: what was earned in it, its value over time, and how to ask for it."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
from flask.testing import FlaskClient

from stonks.core.records import CashKind, Side
from stonks.ledger.tables import Portfolio
from tests.readings import dividend, position, trade
from tests.web.test_earnings import table
from tests.web.test_overview import Let, let, see
from tests.web.test_performance import earned

__all__ = ["earned", "let"]


@pytest.mark.parametrize(
    ("query", "of", "net", "gain"),
    [
        ("", "", "22.00", "+88"),
        ("?range=year", ", 2026", "17.00", "+88"),
        ("?range=last-year", ", 2025", "5.00", "0.00"),
        ("?range=12-months", ", 12 months", "22.00", "+88"),
        ("?first=2026-03-03&last=2026-03-31", ", in this range", "0.00", "+10"),
    ],
)
def test_what_was_earned_is_of_the_range(
    signed_in: FlaskClient, earned: Portfolio, query: str, of: str, net: str, gain: str
) -> None:
    text = see(signed_in, earned, query)
    assert f"Income{of}, net {net}" in text
    assert f"Realised gain{of} {gain}" in text
    assert "Value 1200.00 USD" in text  # today's, whatever the range


def test_each_currency_has_its_own_figures(signed_in: FlaskClient, earned: Portfolio) -> None:
    text = see(signed_in, earned, "?range=year")
    assert "EUR 0.00 EUR 0.00 EUR +9.00 EUR 0.00 EUR 0.00 EUR 0.00 EUR -1.00 EUR" in text
    assert "USD 1200.00 USD +599.40 USD +78.60 USD 20.00 USD -3.00 USD 17.00 USD -1.00 USD" in text


def test_the_file_of_currencies_is_of_the_same_range(signed_in: FlaskClient, earned: Portfolio) -> None:
    for query, gain in (("range=year", "78.6"), ("first=2026-03-03&last=2026-11-20", "0")):
        page = signed_in.get(f"/portfolios/{earned.id}?{query}").text
        link = re.search(r'href="([^"]+table=currencies[^"]*)"', page)
        assert link
        found = {row["Currency"]: row["Realised gain"] for row in table(signed_in, html.unescape(link[1]))}
        assert found == {"EUR": "9", "USD": gain}


def test_value_and_net_invested_are_drawn_and_told(signed_in: FlaskClient, earned: Portfolio) -> None:
    text = see(signed_in, earned)
    # Ten for 1,001 less four for 480, and a euro share for 50 that went for 60, at the rates of their days.
    assert "20 Nov 2026 511.76 1200.00" in text
    assert "Value is 134 % above what was put in" in text
    picture = signed_in.get(f"/portfolios/{earned.id}").text
    assert picture.count('<path class="') == 2 * 3  # wide and narrow, one for the days of which a price is old
    assert (
        "20 Nov 2026"
        not in see(signed_in, earned, "?range=last-year").partition("Value and")[2].partition("Holdings")[0]
    )


def test_an_account_that_is_told_from_its_first_deposit_on_has_its_worth_with_cash(
    signed_in: FlaskClient, mine: Portfolio, let: Let
) -> None:
    deposit = dividend("1", "1000", on=date(2026, 1, 5))._replace(kind=CashKind.DEPOSIT, symbol=None, isin=None)
    bought = trade("2", quantity="5", price="100", on=date(2026, 1, 6), commission=None)
    let(deposit, bought, position("5", date(2026, 11, 19)))
    assert "Value 1000.00 USD 1 holding · prices since 19 Nov 2026 1500.00 with cash" in see(signed_in, mine)
    assert "Securities and cash are 50 % above what was put in" in see(signed_in, mine)
    assert "with cash" not in see(signed_in, mine, "?last=2026-11-18")


def test_a_portfolio_without_a_value_over_time_says_so(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(trade("1", side=Side.SELL, quantity="4", price="120", on=date(2026, 11, 18)))
    assert "There is no value over time to draw" in see(signed_in, mine)


def test_a_range_that_makes_no_sense_is_said_and_shows_everything(signed_in: FlaskClient, earned: Portfolio) -> None:
    text = see(signed_in, earned, "?first=2026-05-01&last=2026-04-01")
    assert "All time is shown." in text
    assert "Income, net 22.00" in text
