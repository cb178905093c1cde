"""The longest names and figures there are, at every width: nothing runs out of its place or over its neighbour."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Product
from tests.statements import buy, dividend, statement, withheld

PAGES = ("", "/holdings", "/gains?year=all", "/income", "/performance", "/transactions", "/review", "/prices")
WIDTHS = (360, 690, 730, 900, 1050, 1280)

# Of a row on a phone the two texts of each line, and of a chart what it is labelled with.
RUN_OVER = """() => {
  const box = (of) => { const all = document.createRange(); all.selectNodeContents(of); return all.getBoundingClientRect(); };
  const found = [];
  for (const [left, right] of [[".lead", ".figure"], [".sub", ".second"]])
    for (const row of document.querySelectorAll(".table.rows tbody tr")) {
      const [one, other] = [left, right].map((part) => row.querySelector(`:scope > ${part}`));
      if (!one?.checkVisibility() || !other?.checkVisibility() || getComputedStyle(one).overflow === "hidden") continue;
      if (box(one).right > box(other).left + 1 && box(one).bottom > box(other).top + 3) found.push(one.innerText + " runs over");
    }
  for (const text of document.querySelectorAll("svg.chart text")) {
    const [inner, outer] = [text, text.closest("svg")].map((one) => one.getBoundingClientRect());
    if (inner.left < outer.left - 1 || inner.right > outer.right + 1) found.push(text.textContent + " cut off");
  }
  for (const figure of document.querySelectorAll(".key-figures dd, .page-head h1"))
    if (figure.scrollWidth > figure.clientWidth + 1) found.push(figure.innerText + " runs out of its place");
  const [legend, table] = [".u-legend", ".time-chart ~ details"].map((one) => document.querySelector(one));
  if (legend && box(legend).bottom > box(table).top + 1) found.push("legend over what stands below");
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) found.push("page scrolls sideways");
  return found;
}"""


@pytest.fixture
def long(signed_in: Page, a_portfolio: Callable[..., str]) -> str:
    rows = [
        buy(1, quantity="1000000000000000", price="0.000012345678"),
        buy(2, quantity="12345", price="98765")
        .replace("AAPL", "A.VERY.LONG.SYMBOL.OF.MANY.LETTERS")
        .replace("US0378331005", "JP0000000001"),
        buy(3, quantity="98765432109", price="99999999.12345678").replace("US0378331005", "JP0000000002"),
    ]
    portfolio = a_portfolio(suffix=" " + "W" * 50)
    signed_in.goto(portfolio + "/import")
    file = FilePayload(name="long.csv", mimeType="text/csv", buffer=statement(rows))
    signed_in.get_by_label("Statement file").set_input_files(file)
    signed_in.get_by_role("button", name="Upload").click()
    expect(signed_in.locator("#import-outcome .result")).to_contain_text("3 new")
    return portfolio


def test_a_menu_of_many_portfolios_stays_on_the_screen_and_leads_to_the_last(
    signed_in: Page, a_portfolio: Callable[..., str]
) -> None:
    for number in range(25):
        portfolio = a_portfolio(suffix=f" {number}")
    signed_in.set_viewport_size({"width": 360, "height": 600})
    signed_in.goto(portfolio)
    signed_in.locator(".topbar summary").first.click()
    menu = signed_in.locator(".topbar .menu[open] > div").bounding_box()
    assert menu is not None
    assert (menu["x"] + menu["width"] <= 360, menu["y"] + menu["height"] <= 600) == (True, True)
    signed_in.get_by_role("link", name="All portfolios").click()
    expect(signed_in.get_by_role("heading", name="Portfolios")).to_be_visible()


def test_long_names_and_figures_stay_in_their_places(signed_in: Page, product: Product, long: str) -> None:
    found = []
    for page in PAGES:
        signed_in.goto(long + page)
        for width in WIDTHS:
            signed_in.set_viewport_size({"width": width, "height": 800})
            signed_in.wait_for_function("!document.querySelector('canvas') || document.querySelector('.u-legend')")
            signed_in.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            found += [f"{page} at {width}: {one}" for one in signed_in.evaluate(RUN_OVER)]
    assert found == []


def test_on_a_phone_the_net_of_each_line_of_income_ends_at_the_right_edge(
    signed_in: Page, product: Product, a_portfolio: Callable[..., str]
) -> None:
    portfolio = a_portfolio()
    signed_in.goto(portfolio + "/import")
    file = FilePayload(name="income.csv", mimeType="text/csv", buffer=statement([buy(1)], [dividend(5), withheld(6)]))
    signed_in.get_by_label("Statement file").set_input_files(file)
    signed_in.get_by_role("button", name="Upload").click()
    expect(signed_in.locator("#import-outcome .result")).to_contain_text("3 new")
    signed_in.set_viewport_size({"width": 360, "height": 800})
    signed_in.goto(portfolio + "/income?year=all")
    ends = signed_in.locator(".income-lines .figure .num, .income-lines .second").evaluate_all(
        "all => [...new Set(all.map(one => Math.round(one.getBoundingClientRect().right)))]"
    )
    assert len(ends) == 1
