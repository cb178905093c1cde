"""What a page that is open says when its request is refused or unanswered: it keeps what was typed, and where one was."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from stonks.practice.server import PracticeBroker
from tests.browser.conftest import Product, fill_connection, sign_in, token_for
from tests.browser.fitness import complaints_in_every_view
from tests.statements import buy, statement

Portfolio = Callable[..., str]


def test_a_page_that_was_signed_out_elsewhere_goes_on_after_signing_in_beside_it(
    page: Page, product: Product, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    broker.add_query(token_for("2101"), "2101", statement([buy(1)]))
    sign_in(page, product)
    fill_connection(page, a_portfolio(), "2101")
    page.context.clear_cookies()
    test, trouble = page.get_by_role("button", name="Test Connection"), page.locator("#trouble")
    test.click()
    expect(trouble.get_by_role("alert")).to_contain_text("You are signed out.")
    assert complaints_in_every_view(page) == []
    with page.context.expect_page() as another:
        trouble.get_by_role("link", name="Sign in, in another tab").click()
    sign_in(another.value, product)
    test.click()
    expect(trouble).to_contain_text("press the button once more")
    test.click()
    expect(page.get_by_role("region", name="Connection test")).to_contain_text("Connected: 1 trade", timeout=30_000)
    expect(trouble).to_be_empty()
    expect(page.get_by_label("Flex Web Service Token")).to_have_value(token_for("2101"))


def test_without_an_answer_the_page_says_so_and_closing_that_leads_back_to_the_button(
    signed_in: Page, a_portfolio: Portfolio
) -> None:
    fill_connection(signed_in, a_portfolio(), "2102")
    signed_in.route("**/settings/test", lambda route: route.abort())
    test = signed_in.get_by_role("button", name="Test Connection")
    test.press("Enter")
    alert = signed_in.get_by_role("alert")
    expect(alert).to_contain_text("No answer came.")
    alert.get_by_role("button", name="Close").press("Enter")
    expect(alert).to_have_count(0)
    expect(test).to_be_focused()


def test_a_refused_test_is_tied_to_its_fields_until_the_next(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    broker.add_query(token_for("2103"), "2103", statement([buy(1)]))
    fill_connection(signed_in, a_portfolio(), "21o3", token_for("2103"))
    field, test = signed_in.get_by_label("Flex Query ID"), signed_in.get_by_role("button", name="Test Connection")
    test.click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("digits only.*The number behind the information icon"))
    assert complaints_in_every_view(signed_in) == []
    field.fill("2103")
    test.click()
    expect(signed_in.get_by_role("region", name="Connection test")).to_contain_text("Connected:", timeout=30_000)
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("^The number behind"))
