"""What a web process remembers of a page is shown only while it is true, and only to whose it is."""

import html
import re
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stonks.accounts import users
from stonks.ledger import entries, manual, portfolios, review
from stonks.ledger.entries import EntryFilter
from stonks.ledger.manual import ManualEntry
from stonks.ledger.tables import Portfolio
from tests.conftest import Clock
from tests.statements import buy, statement
from tests.web.conftest import PASSWORD

DAY = date(2026, 11, 18)
BANNER = "1 new transaction</strong>"


@pytest.fixture
def address(mine: Portfolio) -> str:
    return f"/portfolios/{mine.id}/transactions"


def paid(portfolio: Portfolio, symbol: str, clock: Clock, day: date = DAY) -> int:
    manual.add(portfolio.id, ManualEntry("DIVIDEND", day, "EUR", symbol, amount=Decimal(5)), clock.now)
    return max(entry.id for entry in entries.page(portfolio.id, EntryFilter()).entries)


def bought(portfolio: Portfolio, symbol: str, clock: Clock) -> None:
    trade = ManualEntry("BUY", DAY, "USD", symbol, quantity=Decimal(1), price=Decimal(5))
    manual.add(portfolio.id, trade, clock.now)


def rows(page: str) -> list[str]:
    return re.findall(r'<th scope="row" class="lead">([^<]*)</th>', page)


def symbols_to_choose_from(page: str) -> list[str]:
    return re.findall(r'<option value="([^"]*)"></option>', page)


def test_each_change_of_an_entry_shows_at_once(
    signed_in: FlaskClient, mine: Portfolio, address: str, clock: Clock
) -> None:
    first = paid(mine, "AAA", clock)
    assert rows(signed_in.get(address).text) == ["AAA"]
    second = paid(mine, "BBB", clock)
    page = signed_in.get(address).text
    assert (rows(page), symbols_to_choose_from(page)) == (["BBB", "AAA"], ["AAA", "BBB"])
    manual.edit(mine.id, first, ManualEntry("DIVIDEND", DAY, "EUR", "CCC", amount=Decimal(5)), clock.now)
    assert rows(signed_in.get(address).text) == ["BBB", "CCC"]
    review.discard(mine.id, second, clock.now)
    assert rows(signed_in.get(address).text) == ["CCC"]
    review.restore(mine.id, second)
    assert rows(signed_in.get(address).text) == ["BBB", "CCC"]
    manual.remove(mine.id, second, clock.now)
    assert rows(signed_in.get(address).text) == ["CCC"]


def test_each_filter_each_cursor_and_each_face_of_the_table_is_another_page(
    signed_in: FlaskClient, mine: Portfolio, address: str, clock: Clock
) -> None:
    number = paid(mine, "AAA", clock)
    paid(mine, "BBB", clock, DAY + timedelta(days=1))
    for _ in range(2):  # made, then remembered
        assert rows(signed_in.get(address).text) == ["BBB", "AAA"]
        assert rows(signed_in.get(f"{address}?symbol=AAA").text) == ["AAA"]
        assert rows(signed_in.get(f"{address}?type=AAA").text) == ["BBB", "AAA"]
        assert rows(signed_in.get(f"{address}?first=2026-11-19").text) == ["BBB"]
        assert rows(signed_in.get(f"{address}?last=2026-11-18").text) == ["AAA"]
        assert rows(signed_in.get(f"{address}?origin=sync").text) == []
        assert rows(signed_in.get(f"{address}?after=2026-11-19.{number + 1}").text) == ["AAA"]
        assert rows(signed_in.get(f"{address}?before=2026-11-18.{number}").text) == ["BBB"]
        part = signed_in.get(address, headers={"HX-Request": "true"}).text
        assert rows(part) == ["BBB", "AAA"]
        assert ("Add transaction" in part, "<html" in part) == (False, False)
        assert "Add transaction" in signed_in.get(address).text
        wrong = signed_in.get(f"{address}?first=soon")
        assert (wrong.status_code, "Not a valid date value." in wrong.text) == (422, True)


def test_a_new_portfolio_shows_nothing_of_a_deleted_one_whose_number_it_got(
    signed_in: FlaskClient, owner: users.User, mine: Portfolio, address: str, clock: Clock
) -> None:
    number = mine.id
    bought(mine, "OLD", clock)
    assert rows(signed_in.get(address).text) == ["OLD"]
    assert "OLD" in signed_in.get(f"/portfolios/{number}").text
    portfolios.delete(mine)
    clock.advance(minutes=1)
    again = portfolios.create(owner.id, "Long term", "USD", clock.now)
    assert again.id == number, "the database gave it another number: this test shows nothing"
    bought(again, "NEW", clock)
    assert rows(signed_in.get(address).text) == ["NEW"]
    assert "OLD" not in signed_in.get(f"/portfolios/{number}").text


def test_what_stands_around_the_table_is_of_now(
    signed_in: FlaskClient, owner: users.User, mine: Portfolio, address: str, clock: Clock
) -> None:
    paid(mine, "AAA", clock)
    assert "<h1>Long term</h1>" in signed_in.get(address).text
    portfolios.rename(mine, "Long term", "EUR")
    assert "<h1>Long term</h1><span>base currency EUR</span>" in signed_in.get(address).text
    portfolios.rename(mine, "Pension <!--content-->", "EUR")
    page = signed_in.get(address).text
    assert "<h1>Pension &lt;!--content--&gt;</h1><span>base currency EUR</span>" in page
    assert rows(page) == ["AAA"]
    portfolios.create(owner.id, "Another", "EUR", clock.now)
    assert ">Another</a>" in signed_in.get(address).text
    assert ">Import</a>" in page
    assert '<a href="' + address + '" aria-current="page">' in page
    assert (
        f'<a href="{address.removesuffix("/transactions")}" aria-current="page">'
        in signed_in.get(address.removesuffix("/transactions")).text
    )


@pytest.mark.usefixtures("paper")
def test_a_banner_comes_and_goes_on_a_page_whose_entries_stay_the_same(
    signed_in: FlaskClient, mine: Portfolio, address: str
) -> None:
    body = {"statement": (BytesIO(statement([buy(1)])), "year.csv")}
    assert BANNER not in signed_in.get(address).text
    signed_in.post(f"/portfolios/{mine.id}/import", data=body)
    assert BANNER in signed_in.get(address).text
    shown = signed_in.get(f"/portfolios/{mine.id}/review").text.split('name="up_to" value="')[1].split('"')[0]
    signed_in.post(f"/portfolios/{mine.id}/review/done", data={"up_to": shown})
    assert BANNER not in signed_in.get(address).text


def test_each_session_has_its_own_token_in_a_page_that_is_remembered(
    app: Flask, signed_in: FlaskClient, mine: Portfolio, address: str, clock: Clock
) -> None:
    paid(mine, "AAA", clock)
    app.config["WTF_CSRF_ENABLED"] = True
    elsewhere = app.test_client()
    form = elsewhere.get("/sign-in").text
    elsewhere.post("/sign-in", data={"email": "owner@example.com", "password": PASSWORD, "csrf_token": token_of(form)})
    here, there = signed_in.get(address).text, elsewhere.get(address).text
    assert rows(here) == rows(there) == ["AAA"]
    assert token_of(here) != token_of(there)
    assert token_of(signed_in.get(address).text) == token_of(here)
    assert elsewhere.post("/sign-out", data={"csrf_token": token_of(here)}).status_code == 400
    assert elsewhere.post("/sign-out", data={"csrf_token": token_of(there)}).status_code == 303
    assert signed_in.post("/sign-out", data={"csrf_token": token_of(here)}).status_code == 303


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return html.unescape(found[1])
