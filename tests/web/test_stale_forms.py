"""A form whose session has ended: nothing is done, what was typed is not lost, and no other site can have it shown."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stonks.accounts import users
from stonks.ledger import entries
from stonks.ledger.tables import Portfolio
from tests.web.conftest import PASSWORD

TYPED = {"type": "BUY", "symbol": "AAPL", "quantity": "3", "price": "187.5", "commission": "1", "currency": "USD"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(app: Flask, owner: users.User) -> FlaskClient:
    """One that checks tokens, not signed in."""
    app.config["WTF_CSRF_ENABLED"] = True
    return app.test_client()


def sign_in(browser: FlaskClient) -> None:
    form = {"email": "owner@example.com", "password": PASSWORD, "csrf_token": token_of(browser, "/sign-in")}
    assert browser.post("/sign-in", data=form).status_code == 303


def token_of(browser: FlaskClient, address: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(address).text)
    assert found
    return found[1]


def from_page(address: str) -> dict[str, str]:
    return {"Referer": f"http://localhost{address}"}


def test_what_was_typed_waits_in_the_form_after_signing_in_again(browser: FlaskClient, mine: Portfolio) -> None:
    adding = f"/portfolios/{mine.id}/transactions/new"
    refused = browser.post(adding, data={**TYPED, "csrf_token": "old"}, headers=from_page(adding))
    assert refused.status_code == 400
    assert "You are signed out" in refused.text
    assert "Nothing was changed" in refused.text
    link = re.search(r'class="alone" href="([^"]+)">Sign in<', refused.text)
    assert link
    address = html.unescape(link[1])
    form = {"email": "owner@example.com", "password": PASSWORD, "csrf_token": token_of(browser, address)}
    page = browser.get(browser.post(address, data=form).location).text
    for name in ("symbol", "quantity", "price", "commission"):
        assert re.search(rf'<input[^>]+name="{name}"[^>]+value="{TYPED[name]}"', page), name
    assert not entries.are_there(mine.id)


def test_what_no_address_can_hold_is_shown_to_be_copied_but_never_a_secret(
    browser: FlaskClient, mine: Portfolio
) -> None:
    settings = f"/portfolios/{mine.id}/settings"
    typed = {"query_id": "1234567", "token": "111122223333444455556666", "only_currency": "EUR", "password": PASSWORD}
    sign_in(browser)
    answer = browser.post(
        f"{settings}/save", data={**typed, "csrf_token": "old"}, headers=from_page(f"{settings}/save")
    )
    assert answer.status_code == 400
    assert "You have signed in again" in answer.text
    assert "<dt>Flex Query ID</dt><dd>1234567</dd>" in answer.text
    assert typed["token"] not in answer.text
    assert PASSWORD not in answer.text
    link = re.search(r'class="alone" href="([^"]+)" target="_blank">Open the form again, in another tab<', answer.text)
    assert link
    assert browser.get(link[1]).location == settings  # though a form was refused at that address


@pytest.mark.parametrize("referrer", [{}, {"Referer": "http://elsewhere.example/portfolios"}])
def test_what_another_site_sends_is_not_shown(browser: FlaskClient, mine: Portfolio, referrer: dict[str, str]) -> None:
    sign_in(browser)
    address = f"/portfolios/{mine.id}/transactions/new"
    answer = browser.post(address, data={"description": "call this number"}, headers=referrer)
    assert answer.status_code == 400
    assert "This form is no longer valid" in answer.text
    assert "call this number" not in answer.text


def test_a_page_that_is_still_open_says_to_sign_in_beside_it_and_then_gets_a_token_that_holds(
    browser: FlaskClient, mine: Portfolio
) -> None:
    settings = f"/portfolios/{mine.id}/settings"
    sync = f"/portfolios/{mine.id}/sync"
    asking = {**HTMX, **from_page(settings)}
    answer = browser.post(sync, data={"csrf_token": "old"}, headers=asking)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (400, "#trouble")
    assert 'href="/sign-in" target="_blank"' in answer.text
    assert "data-token" not in answer.text
    sign_in(browser)
    answer = browser.post(sync, data={"csrf_token": "old"}, headers=asking)
    assert "press the button once more" in answer.text
    token = re.search(r'data-token="([^"]+)"', answer.text)
    assert token
    assert browser.post(sync, data={"csrf_token": token[1]}, headers=asking).status_code == 422  # not connected


def test_a_stale_sign_in_form_leads_back_to_itself(browser: FlaskClient) -> None:
    form = {"email": "owner@example.com", "password": PASSWORD, "csrf_token": "old"}
    answer = browser.post("/sign-in", data=form, headers=from_page("/sign-in?next=/account"))
    assert answer.status_code == 400
    assert 'href="/sign-in?next=/account">Open the page again' in answer.text
    assert "cookies" in answer.text


@pytest.mark.parametrize("address", ["/settings/save", "/settings/test", "/sync", "/delete"])
def test_the_address_of_a_refused_form_opened_anew_is_the_forms_page(
    signed_in: FlaskClient, mine: Portfolio, anothers: Portfolio, address: str
) -> None:
    page = "/edit" if address == "/delete" else "/settings"
    assert signed_in.get(f"/portfolios/{mine.id}{address}").location == f"/portfolios/{mine.id}{page}"
    assert signed_in.get(f"/portfolios/{anothers.id}{address}").status_code == 404
