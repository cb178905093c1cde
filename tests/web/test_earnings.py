"""Realised gains and income: the page and its CSV say the same, to the last digit."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from stonks.accounts import users
from stonks.core.records import CashKind, Record, Side
from stonks.ledger import portfolios, realised
from stonks.ledger.importing import import_reading
from stonks.ledger.realised import Sale
from stonks.ledger.tables import Portfolio
from tests.conftest import Clock
from tests.ledger.test_tied import EXERCISE
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


def test_an_option_that_was_exercised_says_why_it_has_no_gain(
    signed_in: FlaskClient, mine: Portfolio, clock: Clock
) -> None:
    """What it cost is in what its shares cost, so that their sale has it."""
    import_reading(mine.id, ReadingOf(EXERCISE), origin="upload", now=clock.now)
    option = "NEW 251219C00007000"
    assert f"{option} premium in the shares 9 Dec 2025" in see(signed_in, mine, "/gains?year=2025")
    assert "premium in the shares" not in see(signed_in, mine, "/gains?year=2026")
    notes = [
        (row["Instrument"], row["Gain"], row["Note"])
        for row in table(signed_in, f"/portfolios/{mine.id}/gains?year=all&as=csv")
    ]
    assert notes == [("NEW", "80", ""), (EXERCISE[0].symbol, "0", "premium in the shares")]
    key = quote(f"{EXERCISE[0].symbol}/USD")
    assert "19 Dec 2025 premium in the shares" in see(signed_in, mine, f"/instruments/{key}")


def test_the_csv_of_gains_never_mixes_two_states(
    signed_in: FlaskClient, earned: Portfolio, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, parts = realised.sales, []

    def one_at_a_time(*asked, **how) -> list[Sale]:
        parts.append(how["skip"])
        if parts == [0, 1]:  # a cheaper purchase of before comes in between the first row and the second
            late = trade("7", quantity="3", price="10", on=date(2025, 1, 2), commission="-1")
            import_reading(earned.id, ReadingOf([late]), origin="upload", now=clock.now)
        return read(*asked, **how)

    monkeypatch.setattr(realised, "AT_ONCE", 1)
    monkeypatch.setattr(realised, "sales", one_at_a_time)
    rows = table(signed_in, f"/portfolios/{earned.id}/gains?year=all&as=csv")
    assert [row["Opened"] for row in rows] == ["2025-01-02", "2025-01-02"]


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


@pytest.fixture
def in_euros(owner: users.User, clock: Clock) -> Portfolio:
    """Dollars and a few cents at rates with no end, in a portfolio of euros."""
    found = portfolios.create(owner.id, "In euros", "EUR", clock.now)
    rows: list[Record] = []
    for number in range(1, 40):
        on = date(2024 + number % 2, 1 + number % 12, 1 + number % 27)
        rows.append(dividend(f"d{number}", f"{number}.{number:02}", on))
        rows.append(withheld(f"w{number}", f"-0.{number:02}", on))
        rows.append(trade(f"b{number}", quantity="3", price=f"10.{number:02}", on=on))
        rows.append(trade(f"s{number}", side=Side.SELL, quantity="1", price="11", on=on.replace(year=2026)))
    interest = dividend("i", "7.77", date(2025, 3, 3))
    rows.append(interest._replace(kind=CashKind.INTEREST, isin=None, symbol=None))
    import_reading(found.id, ReadingOf(rows), origin="upload", now=clock.now)
    return found


def total_row(client: FlaskClient, address: str, title: str) -> list[Decimal]:
    """The figures of a table's last row with all their digits, as a pointer shows them."""
    page = client.get(address).text
    foot = page[page.index(f'<caption class="hidden-text">{title}') :]
    foot = foot[foot.index("<tfoot") : foot.index("</tfoot")]
    shown = re.findall(r'title="([^"]+)"|<span class="num[^>]*>([^< ]+)<', foot)
    return [
        Decimal((exact or all_there).replace("\u2009", "").replace("\u2212", "-").lstrip("+"))
        for exact, all_there in shown
    ]


@pytest.mark.parametrize("name", ["year", "month", "instrument", "country"])
@pytest.mark.parametrize("year", ["all", "2025"])
def test_every_table_of_income_and_its_file_agree_to_the_last_digit(
    signed_in: FlaskClient, in_euros: Portfolio, name: str, year: str
) -> None:
    if (name, year) == ("year", "2025"):
        return
    address = f"/portfolios/{in_euros.id}/income?year={year}"
    rows = table(signed_in, f"{address}&as=csv&table={name}")
    sums = [sum(Decimal(row[f"{word} EUR"]) for row in rows) for word in ("Gross", "Withheld", "Net", "Fees")]
    assert total_row(signed_in, address, f"By {name}") == sums
    assert len(str(sums[0])) > 12


def test_gains_and_their_file_agree_to_the_last_digit(signed_in: FlaskClient, in_euros: Portfolio) -> None:
    address = f"/portfolios/{in_euros.id}/gains?year=2026"
    rows = table(signed_in, f"{address}&as=csv")
    assert len(rows) == 39
    by_lot = sum(Decimal(row["Gain EUR"]) for row in rows)
    assert total_row(signed_in, address, "Closed lots") == [by_lot]
    by_year = table(signed_in, f"/portfolios/{in_euros.id}/gains?year=all&as=csv&table=year")
    assert [(row["Year"], Decimal(row["Gain EUR"])) for row in by_year] == [("2026", by_lot)]


def test_income_is_by_the_country_of_the_isin(signed_in: FlaskClient, in_euros: Portfolio) -> None:
    rows = table(signed_in, f"/portfolios/{in_euros.id}/income?year=all&as=csv&table=country")
    assert [(row["Country"], row["Code"]) for row in rows] == [("United States", "US"), ("Without an instrument", "")]
    assert "United States US gross" in see(signed_in, in_euros, "/income?year=all")


def test_a_correction_after_the_years_end_is_marked_in_the_year_it_changes(
    signed_in: FlaskClient, earned: Portfolio, clock: Clock
) -> None:
    back = withheld("8", "1.50", date(2025, 4, 1))._replace(report_date=date(2026, 2, 20))
    import_reading(earned.id, ReadingOf([back]), origin="upload", now=clock.now)
    text = see(signed_in, earned, "/income?year=2025")
    assert "Apr 2025 corrected late gross 10.00 1.50 withheld 11.50" in text
    assert "AAPL Withholding tax 1 Apr 2025 booked 20 Feb 2026 2025 +1.50 USD" in text
    assert "Corrections after the year’s end" in see(signed_in, earned, "/income?year=2026")
    assert "Apr 2026 gross 20.00" in see(signed_in, earned, "/income?year=2026")
    rows = table(signed_in, f"/portfolios/{earned.id}/income?year=all&as=csv&table=corrections")
    assert [(row["Booked"], row["Belongs to"], row["Amount USD"]) for row in rows] == [("2026-02-20", "2025", "1.5")]


def test_without_corrections_nothing_is_said_of_them(signed_in: FlaskClient, earned: Portfolio) -> None:
    text = see(signed_in, earned, "/income?year=all")
    assert "corrected late" not in text
    assert "Corrections after" not in text


@pytest.mark.parametrize("rest", ["/gains", "/income"])
def test_nothing_earned_is_said(signed_in: FlaskClient, mine: Portfolio, anothers: Portfolio, rest: str) -> None:
    assert "Back to the overview" in see(signed_in, mine, rest)
    assert signed_in.get(f"/portfolios/{anothers.id}{rest}").status_code == 404
