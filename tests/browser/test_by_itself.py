"""What happens without a person: the guide that needs no account, the daily sync."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from stonks.db import db, transaction
from stonks.factory import utc_now
from stonks.practice.server import PracticeBroker
from stonks.sync import views
from stonks.sync.tables import Connection
from tests.browser.conftest import Product, beside, save_connection, token_for
from tests.statements import buy, statement


def test_the_guide_can_be_read_without_signing_in_and_copies_field_names(browser: Browser, product: Product) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(product.address + "/help/interactive-brokers")
    for words in ("Last 365 Calendar Days", "read-only", "6 hours", "30 minutes", "Executions"):
        expect(page.get_by_text(words).first).to_be_visible()
    page.get_by_role("button", name="TradePrice").first.click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text === 'TradePrice')")
    context.close()


def test_new_trades_arrive_by_themselves_and_only_once(
    signed_in: Page, a_portfolio: Callable[..., str], product: Product, broker: PracticeBroker
) -> None:
    token, page = token_for("5001"), signed_in
    broker.add_query(token, "5001", statement([buy(1)]))
    portfolio = a_portfolio()
    save_connection(page, portfolio, "5001", token)
    expect(page.get_by_text("1 new transaction was imported").first).to_be_visible(timeout=30_000)
    page.goto(portfolio + "/review")
    page.get_by_role("button", name="Done").click()
    broker.add_query(token, "5001", statement([buy(1), buy(2, "20251110")]))
    for _ in range(2):
        a_day_passes(product, portfolio)
    page.goto(portfolio)
    expect(page.get_by_text("1 new transaction was imported").first).to_be_visible()
    page.goto(portfolio + "/transactions")
    expect(page.get_by_role("table").first.get_by_text("Buy", exact=True)).to_have_count(2)


def a_day_passes(product: Product, portfolio: str) -> None:
    """For the portfolio's connection, whose next sync is due; until that has ended."""
    portfolio_id = int(portfolio.rpartition("/")[2])
    with beside(product):
        before = {run.id for run in views.runs(portfolio_id)}
        with transaction():
            mine = update(Connection).where(Connection.portfolio_id == portfolio_id)
            db.session.execute(mine.values(next_run_at=utc_now()))

        def synced() -> bool:
            db.session.rollback()
            return any(run.finished and run.id not in before for run in views.runs(portfolio_id))

        product.running.wait(synced, 60)
