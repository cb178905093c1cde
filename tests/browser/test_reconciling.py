"""A difference from the broker's word, from the overview to the tick: mended by an opening entry, or dismissed."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.fitness import complaints_in_every_view, on_a_phone
from tests.statements import buy, statement

Portfolio = Callable[..., str]
SOLD = buy(1).replace("BUY,10", "SELL,-4")


def reported(apple: str, sap: str, cash: str) -> bytes:
    """Sections with what the broker says is held and there."""
    lines = [
        "Symbol,ISIN,Quantity,MarkPrice,CostBasisMoney,CurrencyPrimary,ReportDate",
        f"AAPL,US0378331005,{apple},200,1100,USD,20251120",
        f"SAP,DE0007164600,{sap},150,900,EUR,20251120",
        "CurrencyPrimary,LevelOfDetail,ToDate,EndingCash",
        f"USD,Currency,20251120,{cash}",
    ]
    return "".join(line + "\n" for line in lines).encode()


def upload(page: Page, portfolio: str, body: bytes) -> None:
    page.goto(portfolio + "/import")
    page.get_by_label("Statement file").set_input_files({"name": "year.csv", "mimeType": "text/csv", "buffer": body})
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("2 new").first).to_be_visible()


def test_a_difference_is_mended_by_an_opening_entry_and_another_dismissed(
    signed_in: Page, a_portfolio: Portfolio
) -> None:
    portfolio = a_portfolio("USD")
    upload(signed_in, portfolio, statement([SOLD, buy(2, currency="EUR")]) + reported("6", "12", "800"))
    signed_in.goto(portfolio)
    expect(signed_in.get_by_text("2 of 2 quantities differ")).to_be_visible()
    signed_in.get_by_role("link", name="Compare", exact=True).click()
    expect(signed_in.get_by_text("more was sold than had come in")).to_be_visible()

    signed_in.get_by_role("link", name="Add an opening entry for AAPL").click()
    expect(signed_in.get_by_label("Type")).to_have_value("OPENING")
    expect(signed_in.get_by_label("Quantity")).to_have_value("10")
    signed_in.get_by_label("Amount").fill("1100")
    signed_in.get_by_role("button", name="Save", exact=True).click()
    expect(signed_in.get_by_role("table").get_by_text("Opening entry").first).to_be_visible()

    signed_in.goto(portfolio)
    expect(signed_in.get_by_text("1 of 2 quantities differs")).to_be_visible()
    signed_in.goto(portfolio + "/reconciliation")
    signed_in.get_by_text("Dismiss the difference of SAP").click()
    signed_in.get_by_label("Why it is as it should be").first.fill("Two came as a gift")
    signed_in.get_by_role("button", name="Dismiss with this note").first.click()
    expect(signed_in.get_by_role("heading", name="Nothing is open")).to_be_visible()
    expect(signed_in.get_by_text("Two came as a gift")).to_be_visible()
    signed_in.goto(portfolio)
    expect(signed_in.get_by_text("1 quantity agrees with what the broker reported")).to_contain_text("1 dismissed")
    expect(signed_in.locator(".certainty .good")).to_have_count(0)
    signed_in.goto(portfolio + "/reconciliation")
    signed_in.get_by_role("button", name="Take back the difference of SAP").click()
    expect(signed_in.get_by_role("link", name="Add an opening entry for SAP")).to_be_visible()


def test_the_pages_are_fit_for_everyone_and_fit_a_phone(signed_in: Page, a_portfolio: Portfolio) -> None:
    portfolio = a_portfolio("USD")
    upload(signed_in, portfolio, statement([SOLD, buy(2, currency="EUR")]) + reported("6", "12", "800"))
    on_a_phone(signed_in)
    signed_in.goto(portfolio + "/reconciliation")
    signed_in.get_by_text("Dismiss the difference of SAP").click()
    assert complaints_in_every_view(signed_in) == []

    prices = b"date,symbol,price,currency\n2025-11-21,SAP,151.5,EUR\nsoon,SAP,1,EUR\n"
    on_a_phone(signed_in)
    signed_in.goto(portfolio + "/prices")
    signed_in.get_by_label("Price file").set_input_files(
        {"name": "prices.csv", "mimeType": "text/csv", "buffer": prices}
    )
    signed_in.get_by_role("button", name="Upload", exact=True).click()
    expect(signed_in.get_by_text("2 rows in the file.")).to_be_visible()
    assert complaints_in_every_view(signed_in) == []
