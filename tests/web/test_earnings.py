"""Realised gains and income: the page and its CSV say the same, to the last digit."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from stonks.core.records import Side
from stonks.ledger.importing import import_reading
from stonks.ledger.tables import Portfolio
from tests.conftest import Clock
from tests.readings import ReadingOf, dividend, trade
from tests.web.test_overview import see, withheld


@pytest.fixture
def earned(mine: Portfolio, clock: Clock) -> Portfolio:
    rows = [
        trade("1", quantity="3", price="100", on=date(2025, 2, 3), commission="-1"),
        trade("2", side=Side.SELL, quantity="1", price="120", on=date(2025, 9, 2), commission="-1"),
        trade("3", side=Side.SELL, quantity="2", price="130", on=date(2026, 3, 2), commission="-1"),
        dividend("4", "20", date(2026, 4, 1)),
        withheld("5", "-3", date(2026, 4, 1)),
        dividend("6", "10", date(2025, 4, 1)),
    ]
    import_reading(mine.id, ReadingOf(rows), origin="upload", now=clock.now)
    return mine


def table(client: FlaskClient, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_gains_are_this_years_until_asked_for_others(signed_in: FlaskClient, earned: Portfolio) -> None:
    assert "Total +58.33" in see(signed_in, earned, "/gains")
    assert "Total +18.67" in see(signed_in, earned, "/gains?year=2025")
    assert "Total +77.00" in see(signed_in, earned, "/gains?year=all")


def test_the_csv_of_gains_adds_up_to_all_digits(signed_in: FlaskClient, earned: Portfolio) -> None:
    rows = table(signed_in, f"/portfolios/{earned.id}/gains?year=all&as=csv")
    assert sum(Decimal(row["Gain USD"]) for row in rows) == Decimal(77)
    assert [row["Days held"] for row in rows] == ["392", "211"]


def test_income_is_by_month_instrument_and_currency(signed_in: FlaskClient, earned: Portfolio) -> None:
    text = see(signed_in, earned, "/income")
    assert "Apr 2026 gross 20.00 -3.00 withheld 17.00" in text
    assert "AAPL gross 20.00" in text
    assert "USD gross 20.00" in text
    rows = table(signed_in, f"/portfolios/{earned.id}/income?year=all&as=csv")
    assert sum(Decimal(row["Net USD"]) for row in rows) == 27
    assert sum(Decimal(row["Fees USD"]) for row in rows) == -3


def test_the_portfolios_setting_says_which_lots_a_sale_closes(
    signed_in: FlaskClient, mine: Portfolio, clock: Clock
) -> None:
    """Table 3 of the Internal Revenue Service's Publication 564 (2009): a basis of 5,000 or, on average, 4,660.98."""
    rows = [
        trade("1", quantity="160", price="25", on=date(2008, 2, 6), commission=None),
        trade("2", quantity="240", price="20", on=date(2008, 8, 7), commission=None),
        trade("3", quantity="10", price="30", on=date(2008, 12, 18), commission=None),
        trade("4", side=Side.SELL, quantity="210", price="32", on=date(2009, 10, 1), commission=None),
    ]
    import_reading(mine.id, ReadingOf(rows), origin="upload", now=clock.now)
    text = see(signed_in, mine, "/gains?year=2009")
    assert "first in, first out" in text
    assert "Total +1720.00" in text
    form = {"name": mine.name, "base_currency": "USD", "lot_method": "average"}
    assert signed_in.post(f"/portfolios/{mine.id}/edit", data=form).status_code == 303
    text = see(signed_in, mine, "/gains?year=2009")
    assert "at average cost" in text
    assert "Total +2059.02" in text
    assert "22.195" in see(signed_in, mine)  # the average cost of what is left
    assert "4439.02" in see(signed_in, mine, "/instruments/US0378331005/USD")


@pytest.mark.parametrize("rest", ["/gains", "/income"])
def test_nothing_earned_is_said(signed_in: FlaskClient, mine: Portfolio, anothers: Portfolio, rest: str) -> None:
    assert "Back to the overview" in see(signed_in, mine, rest)
    assert signed_in.get(f"/portfolios/{anothers.id}{rest}").status_code == 404
