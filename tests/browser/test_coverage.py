"""A gap on the page of covered days: seen, asked for and closed, in a narrow dark browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, expect

from stonks.practice.answers import Answer
from stonks.practice.server import PracticeBroker
from tests.browser.conftest import Product, new_portfolio, save_connection, token_for
from tests.browser.fitness import complaints
from tests.statements import buy, statement

TODAY = datetime.now(UTC).date()


def telling(first: int, last: int, *trades: str) -> bytes:
    """A statement that tells its period, in days before today."""
    days = ",".join(f'"{TODAY - timedelta(days=number):%Y%m%d}"' for number in (first, last))
    head = f'"BOF","U1","q","1",{days},"{TODAY:%Y%m%d};050000"\n"BOA","U1"\n'
    return head.encode() + statement(list(trades)) + b'"EOA","U1"\n"EOF"\n'


def bought(number: int, days_ago: int) -> str:
    return buy(number, f"{TODAY - timedelta(days=days_ago):%Y%m%d}")


def test_a_gap_is_seen_asked_for_and_closed(
    browser: Browser, product: Product, broker: PracticeBroker, tmp_path: Path
) -> None:
    token = token_for("9010")
    broker.add_query(token, "4010", telling(30, 1, bought(1, 20)))
    context = browser.new_context(
        color_scheme="dark", viewport={"width": 360, "height": 800}, storage_state=product.signed_in
    )
    page = context.new_page()
    portfolio = new_portfolio(page, product, "With a gap")
    save_connection(page, portfolio, "4010", token)
    expect(page.get_by_text("1 new, 0 known").first).to_be_visible(timeout=30_000)
    for number, (first, last) in enumerate(((90, 60), (900, 700))):
        (tmp_path / f"{number}.csv").write_bytes(telling(first, last, bought(number + 2, last + 5)))
        page.goto(portfolio + "/import")
        page.get_by_label("Statement file").set_input_files(tmp_path / f"{number}.csv")
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_text("1 new, 0 known")).to_be_visible()

    page.get_by_role("link", name="Which days are here").click()
    expect(page.get_by_role("heading", name="2 gaps since")).to_be_visible()
    expect(page.get_by_text("A request reaches back 365 days only.")).to_be_visible()
    assert complaints(page) == []

    filled = telling(60, 30, bought(1, 20), bought(4, 45))
    broker.script("GetStatement", [Answer(filled, delay=1)], token=token)
    ask = page.get_by_role("button", name="Ask Interactive Brokers for")
    expect(ask).to_have_count(2)
    ask.first.click()
    expect(page.get_by_role("heading", name="1 gap since")).to_be_visible(timeout=30_000)
    expect(ask).to_have_count(1)
    window = [call.parameters for call in broker.calls if call.token == token and "fd" in call.parameters]
    assert len(window) == 1
    assert window[0]["fd"] >= f"{TODAY - timedelta(days=60):%Y%m%d}"
    assert window[0]["td"] <= f"{TODAY - timedelta(days=30):%Y%m%d}"
    page.goto(portfolio + "/transactions")
    expect(page.get_by_role("row", name="Buy AAPL")).to_have_count(4)
    context.close()
