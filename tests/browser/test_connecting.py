"""From the settings form to reviewed transactions: the reason the product exists."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from stonks.practice.server import PracticeBroker
from tests.browser.conftest import fill_connection, save_connection, token_for
from tests.statements import buy, dividend, statement, withheld

Portfolio = Callable[..., str]
YEAR = statement([buy(1), buy(2, "20251110"), buy(3, "20251117")], [dividend(11), withheld(12)])


def wait_for_banner(page: Page, portfolio: str, text: str | re.Pattern[str]) -> None:
    """The banner comes by itself on the settings page while a sync runs, and stands on the portfolio page."""
    expect(page.get_by_text(text).first).to_be_visible(timeout=30_000)
    page.goto(portfolio)
    expect(page.get_by_text(text).first).to_be_visible()


def test_a_connection_test_tells_what_it_found_and_keeps_the_form(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    broker.add_query(token_for("2001"), "2001", YEAR)
    portfolio = a_portfolio()
    fill_connection(signed_in, portfolio, "2001")
    signed_in.get_by_role("button", name="Test Connection").click()
    region = signed_in.get_by_role("region", name="Connection test")
    expect(region).to_contain_text("Connected: 3 trades and 1 dividend", timeout=30_000)
    expect(signed_in.get_by_label("Flex Query ID")).to_have_value("2001")
    expect(signed_in.get_by_label("Flex Web Service Token")).to_have_value(token_for("2001"))
    signed_in.goto(portfolio + "/transactions")
    expect(signed_in.get_by_text("AAPL")).to_have_count(0)


def test_the_tested_statement_becomes_the_first_import_without_asking_again(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    broker.add_query(token_for("2002"), "2002", YEAR)
    portfolio = a_portfolio()
    fill_connection(signed_in, portfolio, "2002")
    signed_in.get_by_role("button", name="Test Connection").click()
    expect(signed_in.get_by_role("region", name="Connection test")).to_contain_text("Connected:", timeout=30_000)
    signed_in.get_by_role("button", name="Save", exact=True).click()
    wait_for_banner(signed_in, portfolio, "5 new transactions were imported")
    asked = [call for call in broker.calls if call.step == "SendRequest" and call.query == "2002"]
    assert len(asked) == 1


def test_saving_syncs_at_once_and_the_review_lists_discards_and_acknowledges(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    broker.add_query(token_for("2003"), "2003", YEAR)
    portfolio = a_portfolio()
    save_connection(signed_in, portfolio, "2003")
    wait_for_banner(signed_in, portfolio, "5 new transactions were imported")
    signed_in.get_by_role("link", name="Review").click()
    rows = signed_in.get_by_role("button", name="Discard")
    expect(rows).to_have_count(5)
    rows.first.click()
    expect(signed_in.get_by_role("button", name="Discard")).to_have_count(4)
    signed_in.get_by_role("button", name="Done").click()
    signed_in.goto(portfolio)
    expect(signed_in.get_by_role("link", name="Review")).to_have_count(0)

    signed_in.goto(portfolio + "/settings")
    signed_in.get_by_role("button", name="Sync now").click()
    expect(signed_in.get_by_role("region", name="Connection status")).to_contain_text("5 known", timeout=30_000)
    signed_in.goto(portfolio)
    expect(signed_in.get_by_role("link", name="Review")).to_have_count(0)


def test_an_unreadable_row_is_shown_with_its_line_and_reason(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    odd = buy(4).replace("BUY", "BORROW")
    broker.add_query(token_for("2004"), "2004", statement([buy(1), odd]))
    portfolio = a_portfolio()
    save_connection(signed_in, portfolio, "2004")
    wait_for_banner(signed_in, portfolio, re.compile("1 new transaction was imported"))
    signed_in.goto(portfolio + "/review")
    expect(signed_in.get_by_text("line 3", exact=False).first).to_be_visible()
    expect(signed_in.get_by_text("BORROW").first).to_be_attached()


def test_the_token_is_masked_kept_and_gone_when_cleared(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    broker.add_query(token_for("2005"), "2005", YEAR)
    portfolio = a_portfolio()
    save_connection(signed_in, portfolio, "2005")
    wait_for_banner(signed_in, portfolio, "5 new transactions were imported")
    signed_in.goto(portfolio + "/settings")
    field = signed_in.get_by_label("Flex Web Service Token")
    assert token_for("2005") not in signed_in.content()
    assert field.input_value().endswith("2005")
    signed_in.get_by_role("button", name="Save", exact=True).click()
    status = signed_in.get_by_role("region", name="Connection status")
    expect(status).to_contain_text("Connected")
    signed_in.get_by_label("Flex Web Service Token").fill("")
    signed_in.get_by_role("button", name="Save", exact=True).click()
    expect(signed_in.get_by_role("region", name="Connection status")).to_contain_text("Disconnected")
    expect(signed_in.get_by_text("revoke", exact=False).first).to_be_visible()
    signed_in.goto(portfolio + "/transactions")
    expect(signed_in.get_by_text("AAPL").first).to_be_visible()


def test_a_wrongly_shaped_query_id_is_answered_beside_the_field(signed_in: Page, a_portfolio: Portfolio) -> None:
    portfolio = a_portfolio()
    fill_connection(signed_in, portfolio, "12a45")
    with signed_in.expect_response(lambda answer: answer.request.method == "POST") as response:
        signed_in.get_by_role("button", name="Save", exact=True).click()
    assert response.value.status == 422
    expect(signed_in.get_by_label("Flex Query ID")).to_have_value("12a45")
    expect(signed_in.get_by_text("digits").first).to_be_visible()


def test_dead_credentials_stop_the_sync_and_new_ones_resume_it(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    dying, fresh = token_for("9001"), token_for("9002")
    broker.add_query(dying, "2006", YEAR)
    portfolio = a_portfolio()
    save_connection(signed_in, portfolio, "2006", dying)
    wait_for_banner(signed_in, portfolio, "5 new transactions were imported")
    broker.script("SendRequest", ["1012"], token=dying)
    signed_in.goto(portfolio + "/settings")
    signed_in.get_by_role("button", name="Sync now").click()
    expect(signed_in.get_by_text(re.compile("auth failed", re.IGNORECASE)).first).to_be_visible(timeout=30_000)
    signed_in.goto(portfolio)
    expect(signed_in.get_by_text(re.compile("auth failed", re.IGNORECASE)).first).to_be_visible()
    expect(signed_in.get_by_text("1012").first).to_be_visible()
    broker.add_query(fresh, "2006", statement([buy(1), buy(2, "20251110"), buy(3, "20251117"), buy(9, "20251118")]))
    save_connection(signed_in, portfolio, "2006", fresh)
    expect(signed_in.get_by_role("region", name="Connection status")).to_contain_text("1 new", timeout=30_000)
    signed_in.goto(portfolio)
    expect(signed_in.get_by_text(re.compile("auth failed", re.IGNORECASE))).to_have_count(0)


def test_a_failed_test_names_the_code_and_what_to_do(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    dead = token_for("9003")
    broker.add_query(dead, "2007", YEAR)
    broker.script("SendRequest", ["1015"], token=dead)
    fill_connection(signed_in, a_portfolio(), "2007", dead)
    signed_in.get_by_role("button", name="Test Connection").click()
    region = signed_in.get_by_role("region", name="Connection test")
    expect(region).to_contain_text("1015", timeout=30_000)
    expect(region).to_contain_text("30 minutes")


def test_focus_stays_on_the_button_that_was_pressed_while_its_answer_comes_and_goes(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    broker.add_query(token_for("2011"), "2011", YEAR)
    portfolio = a_portfolio()
    fill_connection(signed_in, portfolio, "2011")
    test = signed_in.get_by_role("button", name="Test Connection")
    test.press("Enter")
    expect(signed_in.get_by_role("region", name="Connection test")).to_contain_text("Connected:", timeout=30_000)
    expect(test).to_be_focused()
    signed_in.get_by_role("button", name="Save", exact=True).click()
    wait_for_banner(signed_in, portfolio, "5 new transactions were imported")
    signed_in.goto(portfolio + "/settings")
    sync, history = signed_in.get_by_role("button", name="Sync now"), signed_in.locator("details.history")
    history.get_by_text("History", exact=True).click()
    sync.focus()
    sync.dblclick()  # which asks once
    expect(signed_in.get_by_role("region", name="Connection status")).to_contain_text("5 known", timeout=30_000)
    expect(signed_in.get_by_role("alert")).to_have_count(0)
    expect(sync).to_be_focused()
    expect(history).to_have_attribute("open", "")


def test_by_keyboard_a_discard_or_an_ignore_leads_to_its_undo_and_back(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    odd = [buy(number).replace("BUY", "BORROW") for number in (4, 5)]
    broker.add_query(token_for("2012"), "2012", statement([buy(1), *odd]))
    portfolio = a_portfolio()
    save_connection(signed_in, portfolio, "2012")
    wait_for_banner(signed_in, portfolio, "1 new transaction was imported")
    signed_in.goto(portfolio + "/review")
    discard, undo = signed_in.get_by_role("button", name="Discard"), signed_in.get_by_role("button", name="Undo")
    discard.press("Enter")
    expect(undo).to_be_focused()
    expect(signed_in.locator("#announcer")).to_contain_text("Buy AAPL, 3 Nov 2025: discarded.")
    undo.press("Enter")
    expect(discard).to_be_focused()
    ignore = signed_in.get_by_role("button", name="Ignore")
    ignore.first.press("Enter")
    expect(undo).to_be_focused()
    expect(signed_in.locator("#announcer")).to_contain_text("of Trades: ignored.")
    undo.press("Enter")
    expect(ignore.first).to_be_focused()
    expect(ignore).to_have_count(2)
