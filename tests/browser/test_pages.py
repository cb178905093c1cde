"""Every page, as everybody may meet it: narrow, dark, without JavaScript, by screen reader, under the strict policy."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from stonks.practice.server import PracticeBroker
from tests.browser.conftest import Product, new_portfolio, save_connection, sign_in, token_for
from tests.browser.fitness import complaints, on_a_phone, views
from tests.statements import buy, dividend, statement, withheld

OPEN_PAGES = ["/sign-in", "/help/interactive-brokers"]
OWN_PAGES = [
    "/portfolios",
    "/portfolios/new",
    "/account",
    "{portfolio}",
    "{portfolio}/performance",
    "{portfolio}/edit",
    "{portfolio}/transactions",
    "{portfolio}/transactions/new",
    "{portfolio}/import",
    "{portfolio}/coverage",
    "{portfolio}/settings",
    "{portfolio}/review",
]


@pytest.fixture(scope="module")
def filled(browser: Browser, product: Product, broker: PracticeBroker) -> str:
    """A portfolio with transactions, a corrected trade, a parked row and a banner; its path."""
    token = token_for("9007")
    taken_back = buy(7, "20251112").replace(",7,", ",,").replace("BUY,10", "BUY (Ca.),-10")
    corrected = [buy(7, "20251112"), taken_back, buy(7, "20251112", price="188.25")]
    rows = [buy(1), buy(2, "20251110"), buy(3, currency="EUR"), buy(4).replace("BUY", "BORROW"), *corrected]
    broker.add_query(token, "4001", statement(rows, [dividend(5), withheld(6)]))
    context = browser.new_context(storage_state=product.signed_in)
    page = context.new_page()
    portfolio = new_portfolio(page, product, "Every page")
    save_connection(page, portfolio, "4001", token)
    expect(page.get_by_text("8 new transactions were imported").first).to_be_visible(timeout=30_000)
    context.close()
    return portfolio.removeprefix(product.address)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)], ids=["wide-light", "narrow-dark"])
def test_axe_finds_nothing_and_no_page_scrolls_sideways(
    browser: Browser, product: Product, filled: str, scheme: Literal["light", "dark"], width: int
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    visitor = context.new_page()
    found: list[str] = []
    visitor.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    for pages in (OPEN_PAGES, OWN_PAGES):
        if pages is OWN_PAGES:
            sign_in(visitor, product)
        for page in pages:
            address = page.format(portfolio=filled)
            visitor.goto(product.address + address)
            found += [f"{address}: {complaint}" for complaint in complaints(visitor)]
    assert found == []
    context.close()


def test_on_a_phone_the_tab_of_the_page_is_in_view_and_a_whole_row_leads_where_its_name_does(
    signed_in: Page, product: Product, filled: str
) -> None:
    on_a_phone(signed_in)
    for tab in ("Transactions", "Import", "Settings"):
        signed_in.goto(f"{product.address}{filled}/{tab.lower()}")
        expect(signed_in.get_by_label("Portfolio", exact=True).get_by_role("link", name=tab)).to_be_in_viewport(ratio=1)
    signed_in.goto(f"{product.address}{filled}/holdings")
    row = signed_in.get_by_role("row").filter(has=signed_in.get_by_role("link", name="AAPL"))
    box = row.bounding_box()
    assert box is not None
    signed_in.mouse.click(box["x"] + box["width"] - 20, box["y"] + box["height"] - 6)
    expect(signed_in.get_by_role("heading", name="AAPL")).to_be_visible()


def test_values_over_time_are_drawn_and_stand_in_a_table_without_script(
    browser: Browser, product: Product, filled: str
) -> None:
    for script in (True, False):
        context = browser.new_context(
            java_script_enabled=script, viewport={"width": 360, "height": 800}, storage_state=product.signed_in
        )
        page = context.new_page()
        page.goto(f"{product.address}{filled}/performance?last=2025-11-14")
        expect(page.locator(".time-chart canvas")).to_have_count(1 if script else 0)
        if script:  # with nothing pointed at
            expect(page.locator(".time-chart .u-legend")).to_contain_text("14 Nov 2025")
        page.get_by_text("Table", exact=True).click()
        expect(page.get_by_role("rowheader", name="12 Nov 2025")).to_be_visible()
        context.close()


def test_with_forced_colours_and_on_paper_a_page_still_tells_where_one_is_and_shows_whole_tables(
    signed_in: Page, product: Product, filled: str
) -> None:
    signed_in.goto(f"{product.address}{filled}/holdings")
    signed_in.emulate_media(forced_colors="active")
    tabs = signed_in.get_by_label("Portfolio", exact=True)
    expect(tabs.get_by_role("link", name="Holdings")).to_have_css("text-decoration-line", "underline")
    expect(tabs.get_by_role("link", name="Settings")).to_have_css("text-decoration-line", "none")
    signed_in.emulate_media(forced_colors="none", media="print")
    signed_in.set_viewport_size({"width": 718, "height": 1000})  # A4 with its usual margins
    expect(tabs).to_be_hidden()
    for page in ("", "/holdings", "/transactions", "/review"):
        signed_in.goto(f"{product.address}{filled}{page}")
        tables = signed_in.locator(".panel .table:visible")
        expect(tables.first).to_be_visible()
        assert max(tables.evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")) <= 718, page


def test_bars_and_days_of_the_pictures_tell_their_figures_to_the_keyboard(
    signed_in: Page, product: Product, filled: str, a_portfolio: Callable[..., str]
) -> None:
    portfolio, today = a_portfolio(), datetime.now(UTC).strftime("%Y%m%d")
    signed_in.goto(portfolio + "/import")
    file = FilePayload(name="now.csv", mimeType="text/csv", buffer=statement([buy(1)], [dividend(5, today)]))
    signed_in.get_by_label("Statement file").set_input_files(file)
    signed_in.get_by_role("button", name="Upload").click()
    expect(signed_in.locator("#import-outcome .result")).to_contain_text("2 new")
    signed_in.goto(portfolio)
    bars = signed_in.locator(".chart .bar")
    bars.last.focus()
    expect(bars.last.locator(".told")).to_have_text(re.compile("2.60 net"))
    expect(bars.last.locator(".told")).to_be_visible()
    signed_in.keyboard.press("ArrowLeft")
    expect(bars.nth(10)).to_be_focused()
    expect(bars.nth(10).locator(".told")).to_be_visible()
    expect(bars.last.locator(".told")).to_be_hidden()
    assert complaints(signed_in) == []

    signed_in.goto(f"{product.address}{filled}/performance?last=2025-11-14")
    legend = signed_in.locator(".time-chart .u-legend")
    signed_in.locator(".time-chart").focus()
    signed_in.keyboard.press("ArrowLeft")
    expect(legend).to_contain_text("13 Nov 2025")
    signed_in.keyboard.press("End")
    expect(legend).to_contain_text("14 Nov 2025")


@pytest.mark.parametrize("width", [360, 1280])
def test_a_range_of_ones_own_is_asked_for_without_moving_what_stands_below(
    signed_in: Page, product: Product, filled: str, width: int
) -> None:
    signed_in.set_viewport_size({"width": width, "height": 800})
    signed_in.goto(product.address + filled)
    value = signed_in.locator(".key-figures")
    before, menu = value.bounding_box(), signed_in.locator("summary", has_text="Any range")
    menu.click()
    assert value.bounding_box() == before
    signed_in.get_by_label("From").fill("2025-11-11")
    signed_in.get_by_label("Until").fill("2025-11-14")
    assert complaints(signed_in) == []
    signed_in.get_by_role("button", name="Show").click()
    expect(signed_in.get_by_text("11 Nov 2025 to 14 Nov 2025", exact=True)).to_be_visible()
    expect(signed_in.get_by_text("Income, in this range, net")).to_be_visible()
    signed_in.get_by_text("Table", exact=True).first.click()
    expect(signed_in.get_by_role("rowheader", name="14 Nov 2025").first).to_be_visible()


def test_an_opened_history_with_a_long_file_name_fits_and_axe_finds_nothing(
    signed_in: Page, product: Product, filled: str
) -> None:
    visitor = signed_in
    on_a_phone(visitor)
    for body in (statement([buy(1)]), b"<!doctype html><html></html>"):
        visitor.goto(f"{product.address}{filled}/import")
        file = FilePayload(name="a_very_long_name_" * 10 + ".csv", mimeType="text/csv", buffer=body)
        visitor.get_by_label("Statement file").set_input_files(file)
        visitor.get_by_role("button", name="Upload").click()
        expect(visitor.locator("#import-outcome .result")).to_be_visible()
    visitor.goto(f"{product.address}{filled}/settings")
    visitor.get_by_text("History", exact=True).click()
    rows = visitor.get_by_role("table", name="Syncs, tests and uploads").get_by_role("row")
    expect(rows.filter(has_text="Upload of a_very_long_name_").first).to_be_visible()
    for view in views(visitor):
        assert complaints(visitor) == [], view
        why = rows.nth(1).get_by_role("cell").nth(1).bounding_box()
        assert why is not None
        assert why["width"] < 400


def test_everything_needed_to_connect_works_without_javascript(
    browser: Browser, product: Product, broker: PracticeBroker
) -> None:
    token = token_for("9008")
    broker.add_query(token, "4002", statement([buy(1)]))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, product)
    portfolio = new_portfolio(page, product, "Plain forms")
    save_connection(page, portfolio, "4002", token)
    for _ in range(60):
        page.goto(portfolio)
        if page.get_by_role("link", name="Review").count():
            break
        page.wait_for_timeout(500)
    page.get_by_role("link", name="Review").click()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("button", name="Discard")).to_have_count(0)
    context.close()
