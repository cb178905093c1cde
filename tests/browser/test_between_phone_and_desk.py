"""Between a phone and a desk: tables fit, their heads stay in view, and what a row does not show opens below it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.fitness import complaints
from tests.statements import buy, dividend, statement, withheld

CUT_OFF = """() => [...document.querySelectorAll(".panel > .table")]
  .filter(table => table.offsetWidth > table.parentElement.clientWidth).map(table => table.caption.innerText)"""


@pytest.fixture
def filled(signed_in: Page, a_portfolio: Callable[..., str]) -> str:
    portfolio = a_portfolio()
    signed_in.goto(portfolio + "/import")
    rows = [buy(number) for number in range(1, 60)]
    file = FilePayload(name="year.csv", mimeType="text/csv", buffer=statement(rows, [dividend(70), withheld(71)]))
    signed_in.get_by_label("Statement file").set_input_files(file)
    signed_in.get_by_role("button", name="Upload").click()
    expect(signed_in.locator("#import-outcome .result")).to_contain_text("61 new")
    return portfolio


@pytest.mark.parametrize("width", [730, 820, 1024])
def test_no_column_of_a_usual_table_is_cut_off(signed_in: Page, filled: str, width: int) -> None:
    signed_in.set_viewport_size({"width": width, "height": 800})
    for page in ("", "/holdings", "/transactions", "/review", "/income"):
        signed_in.goto(filled + page)
        assert signed_in.evaluate(CUT_OFF) == [], page


@pytest.mark.parametrize("width", [820, 1024, 1280])
@pytest.mark.parametrize("place", ["/transactions", "/review"])
def test_the_head_of_a_table_stays_in_view(signed_in: Page, filled: str, width: int, place: str) -> None:
    signed_in.set_viewport_size({"width": width, "height": 500})
    signed_in.goto(filled + place)
    signed_in.locator(".table.rows tbody tr").nth(40).scroll_into_view_if_needed()
    head = signed_in.get_by_role("columnheader", name="Amount").bounding_box()
    assert head is not None
    assert head["y"] == 0


@pytest.mark.parametrize("place", ["/transactions", "/review"])
def test_what_a_row_does_not_show_opens_below_it_and_closes_again(signed_in: Page, filled: str, place: str) -> None:
    signed_in.set_viewport_size({"width": 820, "height": 800})
    signed_in.goto(filled + place)
    row = signed_in.locator(".table.rows tbody tr", has_text="Dividend")
    isin = row.locator(".more").get_by_text("US0378331005")
    expect(row.get_by_text("US0378331005")).to_have_count(2)  # in its column, which is hidden, and in what opens
    expect(isin).to_be_hidden()
    more = row.locator(".more summary")
    more.click()
    expect(isin).to_be_visible()
    assert complaints(signed_in) == []
    signed_in.keyboard.press("Escape")
    expect(isin).to_be_hidden()
    expect(more).to_be_focused()
    more.click()
    signed_in.get_by_role("columnheader", name="Amount").click()
    expect(isin).to_be_hidden()
