"""Entries by hand, uploads, exports, and one identity for all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from stonks.practice.server import PracticeBroker
from tests.browser.conftest import Product, new_portfolio, save_connection, token_for
from tests.needs import not_shipped
from tests.statements import buy, dividend, statement, withheld

Portfolio = Callable[..., str]
SAMPLES = Path(__file__).parents[3] / "shared" / "flex-samples" / "derived"


def upload(page: Page, portfolio: str, name: str, body: bytes) -> None:
    page.goto(portfolio + "/import")
    page.get_by_label("Statement file").set_input_files({"name": name, "mimeType": "text/csv", "buffer": body})
    page.get_by_role("button", name="Upload").click()


def test_an_upload_tells_its_outcome_inline_and_the_second_one_adds_nothing(
    signed_in: Page, a_portfolio: Portfolio
) -> None:
    portfolio, body = a_portfolio(), statement([buy(1), buy(2, "20251110")], [dividend(3)])
    upload(signed_in, portfolio, "year.csv", body)
    expect(signed_in.get_by_text("3 new").first).to_be_visible()
    upload(signed_in, portfolio, "again.csv", body)
    expect(signed_in.get_by_text("3 known").first).to_be_visible()
    expect(signed_in.get_by_text("0 new").first).to_be_visible()


def test_a_file_that_is_no_statement_is_refused_and_says_what_to_do(signed_in: Page, a_portfolio: Portfolio) -> None:
    portfolio = a_portfolio()
    upload(signed_in, portfolio, "page.csv", b"<!doctype html><html><body>We are sorry</body></html>")
    expect(signed_in.get_by_text("Nothing was imported", exact=False).first).to_be_visible()


def test_our_own_export_uploaded_again_adds_nothing(signed_in: Page, a_portfolio: Portfolio) -> None:
    portfolio = a_portfolio()
    upload(signed_in, portfolio, "year.csv", statement([buy(1), buy(2, "20251110")], [dividend(3), withheld(4)]))
    expect(signed_in.get_by_text("4 new").first).to_be_visible()
    signed_in.goto(portfolio + "/transactions")
    with signed_in.expect_download() as download:
        signed_in.get_by_role("link", name="Export CSV").click()
    upload(signed_in, portfolio, "export.csv", Path(download.value.path()).read_bytes())
    expect(signed_in.get_by_text("4 known").first).to_be_visible()


def test_a_transaction_is_added_edited_and_deleted_by_hand(signed_in: Page, a_portfolio: Portfolio) -> None:
    portfolio = a_portfolio()
    signed_in.goto(portfolio + "/transactions")
    signed_in.get_by_role("link", name="Add transaction").first.click()
    signed_in.get_by_label("Date").fill("2025-11-03")
    signed_in.get_by_label("Type").select_option("BUY")
    signed_in.get_by_label("Symbol").fill("MSFT")
    signed_in.get_by_label("Quantity").fill("4")
    signed_in.get_by_label("Price").fill("508.11")
    signed_in.get_by_label("Currency", exact=True).fill("USD")
    signed_in.get_by_role("button", name="Save", exact=True).click()
    expect(signed_in.get_by_text("MSFT").first).to_be_visible()
    signed_in.get_by_role("link", name="Edit").first.click()
    signed_in.get_by_label("Quantity").fill("5")
    signed_in.get_by_role("button", name="Save", exact=True).click()
    expect(signed_in.get_by_text("540.55").first).to_be_visible()
    signed_in.get_by_role("link", name="Edit").first.click()
    signed_in.get_by_role("button", name="Delete").click()
    expect(signed_in.get_by_role("link", name="Edit")).to_have_count(0)


def test_filtering_tells_how_many_there_are_and_back_and_forward_show_what_was_there(
    signed_in: Page, a_portfolio: Portfolio
) -> None:
    portfolio = a_portfolio()
    upload(signed_in, portfolio, "year.csv", statement([buy(1), buy(2, "20251110")], [dividend(3)]))
    expect(signed_in.get_by_text("3 new").first).to_be_visible()
    signed_in.goto(portfolio + "/transactions")
    rows, kind = signed_in.locator("#entries tbody tr"), signed_in.get_by_label("Type", exact=True)
    kind.select_option("DIVIDEND")
    expect(rows).to_have_count(1)
    expect(signed_in.locator("#announcer")).to_have_text("1 transaction shown.")
    kind.select_option("BUY")
    expect(rows).to_have_count(2)
    for go, shown, chosen in (
        (signed_in.go_back, 1, "DIVIDEND"), (signed_in.go_back, 3, ""), (signed_in.go_forward, 1, "DIVIDEND"),
    ):  # fmt: skip
        go()
        expect(rows).to_have_count(shown)
        expect(kind).to_have_value(chosen)


def test_two_portfolios_on_one_query_split_by_currency_hold_each_row_once(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker, product: Product
) -> None:
    both = statement([buy(1), buy(2, currency="EUR"), buy(3, "20251110", currency="EUR")], [dividend(4)])
    token = token_for("9005")
    broker.add_query(token, "3001", both)
    dollars = a_portfolio("USD")
    euros = new_portfolio(signed_in, product, "Euro half", "EUR")
    for portfolio, currency in ((dollars, "USD"), (euros, "EUR")):
        save_connection(signed_in, portfolio, "3001", token, currency)
        expect(signed_in.get_by_text("2 new transactions were imported").first).to_be_visible(timeout=45_000)
    signed_in.goto(dollars + "/transactions")
    expect(signed_in.get_by_text("SAP")).to_have_count(0)
    signed_in.goto(euros + "/transactions")
    expect(signed_in.get_by_text("AAPL")).to_have_count(0)


def test_a_real_year_arrives_whole_and_the_same_file_by_hand_adds_nothing(
    signed_in: Page, a_portfolio: Portfolio, broker: PracticeBroker
) -> None:
    path = SAMPLES / "vroonhof__opensteuerauszug--vtandchill_2025.spec.csv"
    if not path.exists():
        not_shipped("the shared flex samples")
    token = token_for("9006")
    broker.add_query(token, "3002", path.read_bytes())
    portfolio = a_portfolio("CHF")
    save_connection(signed_in, portfolio, "3002", token)
    expect(signed_in.get_by_text("9 new transactions were imported").first).to_be_visible(timeout=30_000)
    signed_in.goto(portfolio + "/transactions")
    table = signed_in.get_by_role("table").first
    expect(table.get_by_text("Buy", exact=True)).to_have_count(5)
    expect(table.get_by_text("Conversion", exact=True)).to_have_count(2)
    expect(table.get_by_text("144.976").or_(table.get_by_title("144.976")).first).to_be_attached()
    signed_in.goto(portfolio)
    holdings = signed_in.get_by_role("table").filter(has_text="VT").first
    expect(holdings).to_contain_text("200")
    expect(holdings).not_to_contain_text("USD.CHF")
    upload(signed_in, portfolio, path.name, path.read_bytes())
    expect(signed_in.get_by_text("9 known").first).to_be_visible()
    expect(signed_in.get_by_text("0 new").first).to_be_visible()
