"""The real product under one supervisor, a practice broker beside it, and a real browser in front."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from stonks.practice.server import PracticeBroker
from tests.needs import missing

ROOT = Path(__file__).parent.parent.parent
EMAIL, PASSWORD = "owner@example.com", "a long enough password"
START_SECONDS = 40

expect.set_options(timeout=15_000)


def token_for(query_id: str) -> str:
    """A token of the query's own: IBKR's allowance is per token, and tests should not wait for each other's."""
    return f"99887766554433221100{query_id}"


@dataclass
class Product:
    """Stonksfolio as a person runs it: `python app.py` on its own data folder."""

    address: str
    data: Path
    process: subprocess.Popen[str]
    output: list[str]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)


def _chromium() -> str:
    path = os.environ.get("STONKS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
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
    ]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    return {**browser_type_launch_args, "executable_path": _chromium(), "args": flags}


@pytest.fixture(scope="session")
def broker() -> Iterator[PracticeBroker]:
    server = PracticeBroker()
    server.start()
    yield server
    server.stop()


def start_product(data: Path, broker_url: str, **environment: str) -> Product:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("STONKS_", "DATABASE_", "REDIS_"))
    }
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={
            **kept,
            "STONKS_DATA": str(data),
            "STONKS_PORT": str(port),
            "STONKS_FLEX_URL": broker_url,
            "STONKS_POLL_SECONDS": "1",
            "STONKS_TICK_SECONDS": "1",
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if "Stonksfolio is ready at" in line:
                ready.set()
        ready.set()

    threading.Thread(target=listen, daemon=True).start()
    ready.wait(START_SECONDS)
    if process.poll() is not None or not ready.is_set():
        process.kill()
        pytest.fail("the product did not start:\n" + "".join(output[-40:]))
    return Product(f"http://127.0.0.1:{port}", data, process, output)


@pytest.fixture
def fresh_product(tmp_path: Path, broker: PracticeBroker) -> Iterator[Product]:
    """A product that nobody has visited yet."""
    product = start_product(tmp_path / "data", broker.url)
    yield product
    if product.process.poll() is None:
        product.stop()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, broker: PracticeBroker, browser: Any) -> Iterator[Product]:
    """One product for the session, with an owner."""
    product = start_product(tmp_path_factory.mktemp("product") / "data", broker.url)
    page = browser.new_page()
    create_owner(page, product)
    page.close()
    yield product
    product.stop()


def create_owner(page: Page, product: Product) -> None:
    page.goto(product.address)
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_attached()


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
    sign_in(page, product)
    return page


@pytest.fixture
def a_portfolio(signed_in: Page, product: Product, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Makes portfolios named after the test."""

    def make(currency: str = "USD", suffix: str = "") -> str:
        name = request.node.name.removeprefix("test_").split("[")[0].replace("_", " ")[:80]
        return new_portfolio(signed_in, product, f"{name}{suffix}", currency)

    return make
