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


@pytest.mark.parametrize("rest", ["/gains", "/income"])
def test_nothing_earned_is_said(signed_in: FlaskClient, mine: Portfolio, anothers: Portfolio, rest: str) -> None:
    assert "Back to the overview" in see(signed_in, mine, rest)
    assert signed_in.get(f"/portfolios/{anothers.id}{rest}").status_code == 404
