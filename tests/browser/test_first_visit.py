"""Starting, the owner's account, signing in and out."""

from __future__ import annotations

import stat

from playwright.sync_api import Browser, Page, expect

from stonks.accounts import users
from stonks.factory import utc_now
from tests.browser.conftest import EMAIL, PASSWORD, Product, beside, new_portfolio, sign_in


def test_the_first_visit_creates_the_owner_and_the_next_one_signs_in(page: Page, product: Product) -> None:
    """The first one was made by `product`, see create_owner."""
    page.goto(product.address)
    expect(page.get_by_role("button", name="Create account")).to_have_count(0)
    sign_in(page, product)
    page.get_by_role("button", name="Sign out").click(force=True)
    page.goto(product.address + "/portfolios")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_keys_are_made_on_the_first_start_for_the_owner_of_the_files_only(product: Product) -> None:
    keys = [path for path in product.data.glob("*.key*") if path.is_file()]
    assert len(keys) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys)


def test_a_wrong_password_says_so_and_lets_nobody_in(page: Page, product: Product) -> None:
    page.goto(product.address + "/sign-in")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("do not match")).to_be_visible()
    page.goto(product.address + "/portfolios")
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_changing_the_password_ends_other_sessions(browser: Browser, product: Product) -> None:
    with beside(product):
        users.create("changing@example.com", PASSWORD, utc_now())
    here, elsewhere = browser.new_page(), browser.new_page()
    for page in (here, elsewhere):
        sign_in(page, product, "changing@example.com")
    here.goto(product.address + "/account")
    here.get_by_label("Current password").fill(PASSWORD)
    here.get_by_label("New password").fill("another long password")
    here.get_by_role("button", name="Change password").click()
    expect(here.get_by_text("password was changed")).to_be_visible()
    elsewhere.goto(product.address + "/portfolios")
    expect(elsewhere.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    here.close()
    elsewhere.close()


def test_a_portfolio_is_created_renamed_and_deleted_by_typing_its_name(signed_in: Page, product: Product) -> None:
    page = signed_in
    address = new_portfolio(page, product, "Long term", "EUR")
    page.goto(address + "/edit")
    page.get_by_label("Name", exact=True).fill("Retirement")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Retirement").first).to_be_visible()
    page.goto(address + "/edit")
    page.get_by_label("Type the portfolio’s name").fill("Retirement")
    page.get_by_role("button", name="Delete portfolio").click()
    page.wait_for_url("**/portfolios")
    assert page.goto(address).status == 404  # type: ignore[union-attr]
