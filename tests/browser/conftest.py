"""The real product under one supervisor, a practice broker beside it, and a real browser in front."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from stonks.config import read_settings
from stonks.db import db
from stonks.factory import create_app, utc_now
from stonks.ledger import portfolios
from stonks.practice.server import PracticeBroker
from tests.needs import missing
from tests.product import Running
from tests.product import product as running_product

EMAIL, PASSWORD, OWNER_ID = "owner@example.com", "a long enough password", 1

expect.set_options(timeout=15_000)

# What chromium should do without. The first row makes every window load two pages for its address bar, and keep a
# process ready for the next site: more than half of what a window costs. The rest is what Playwright leaves out
# itself, whose own list this one replaces, as far as it concerns plain http or asks hosts elsewhere.
LEFT_OUT = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess",
    "HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "PaintHolding", "MediaRouter",
    "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch",
)  # fmt: skip

# The first is the same browser without its windows, which Playwright's own would be too: a quarter less work.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser")


def token_for(query_id: str) -> str:
    """A token of the query's own: IBKR's allowance is per token, and tests should not wait for each other's."""
    return f"99887766554433221100{query_id}"


@dataclass
class Product:
    """Stonksfolio as a person runs it, at an address."""

    address: str
    data: Path
    running: Running
    signed_in: Any = None  # cookies of its owner, for a new context's `storage_state`


def _chromium() -> str:
    path = os.environ.get("STONKS_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if not path:
        missing("chromium")
    return path


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    flags = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-quic",
        f"--disable-features={','.join(LEFT_OUT)}",
    ]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    return {**browser_type_launch_args, "executable_path": _chromium(), "args": flags}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A person who asked for less motion: else the sign of waiting is drawn anew sixty times a second, without a
    graphics card, for as long as a test waits."""
    return {**browser_context_args, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def broker() -> Iterator[PracticeBroker]:
    server = PracticeBroker()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, broker: PracticeBroker, browser: Any) -> Iterator[Product]:
    """One product for the session, with an owner who has signed in."""
    variables = {"STONKS_FLEX_URL": broker.url, "STONKS_POLL_SECONDS": "0"}
    with running_product(tmp_path_factory.mktemp("product") / "data", **variables) as running:
        product = Product(f"http://127.0.0.1:{running.port}", running.data, running)
        page = browser.new_page()
        create_owner(page, product)
        product.signed_in = page.context.storage_state()
        page.close()
        yield product


def create_owner(page: Page, product: Product) -> None:
    """What a person does on the first visit."""
    page.goto(product.address)
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_attached()


@contextmanager
def beside(product: Product) -> Iterator[None]:
    """An app on the product's own data, as the command line has."""
    with create_app(read_settings({"STONKS_DATA": str(product.data)}), pages=False).app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def sign_in(page: Page, product: Product, email: str = EMAIL, password: str = PASSWORD) -> None:
    page.goto(product.address + "/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile(r"/portfolios"))


def new_portfolio(page: Page, product: Product, name: str, currency: str = "USD") -> str:
    """The address of a new portfolio's own page."""
    page.goto(product.address + "/portfolios")
    page.get_by_role("link", name="New portfolio").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    field = page.get_by_label("Base currency")
    if field.evaluate("element => element.tagName") == "SELECT":
        field.select_option(currency)
    else:
        field.fill(currency)
    page.get_by_role("button", name=re.compile("Create portfolio|New portfolio")).click()
    page.wait_for_url(re.compile(r"/portfolios/\d+"))
    found = re.search(r"/portfolios/\d+", page.url)
    assert found
    return product.address + found.group()


def fill_connection(page: Page, portfolio: str, query_id: str, token: str | None = None, currency: str = "") -> None:
    page.goto(portfolio + "/settings")
    page.get_by_label("Broker", exact=True).select_option(label="Interactive Brokers")
    page.get_by_label("Flex Query ID").fill(query_id)
    page.get_by_label("Flex Web Service Token").fill(token or token_for(query_id))
    if currency:
        page.get_by_label("Only this currency").fill(currency)


def save_connection(page: Page, portfolio: str, query_id: str, token: str | None = None, currency: str = "") -> None:
    fill_connection(page, portfolio, query_id, token, currency)
    page.get_by_role("button", name="Save", exact=True).click()


@pytest.fixture
def signed_in(page: Page, product: Product) -> Page:
    """A page of the owner's; how one signs in is for tests of its own."""
    page.context.add_cookies(product.signed_in["cookies"])
    return page


@pytest.fixture
def a_portfolio(product: Product, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Makes portfolios named after the test, as the page does, and answers their addresses."""

    def make(currency: str = "USD", suffix: str = "") -> str:
        name = request.node.name.removeprefix("test_").split("[")[0].replace("_", " ")[:80]
        with beside(product):
            mine = portfolios.create(OWNER_ID, f"{name}{suffix}", currency, utc_now())
        return f"{product.address}/portfolios/{mine.id}"

    return make
