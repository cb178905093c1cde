"""How fast the pages of a large portfolio come: 1,000,000 transactions and 400 holdings on SQLite, two web processes,
two clients at once, beside a tiny file that the same processes serve in the same run. "CPU ms" is what a request cost
the web process, whatever else ran on the machine.

Run: python -m bench.pages [--entries N] [--asked N] [--data FOLDER]; with a folder, what was filled in once is used
again. The ledger is filled through its own bulk insert, then its figures are reckoned as an import would.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from stonks import embedded_redis, migrating
from stonks.accounts import users
from stonks.config import ROOT, Settings, read_settings
from stonks.core.records import Position
from stonks.db import db, transaction
from stonks.factory import create_app
from stonks.ledger import entries, marks, portfolios, reported, snapshot
from stonks.ledger.bulk import BATCH_ROWS, BulkInsert
from stonks.ledger.entries import EntryFilter
from stonks.ledger.recording import COLUMNS
from stonks.ledger.tables import Entry, ReportedRate

EMAIL, PASSWORD = "bench@example.com", "a password to measure with"
HOLDINGS = 400
YEARS = 10
PROCESSES = 2
CURRENCIES = ("USD", "USD", "EUR", "GBP")
WARM_UP = 20
ON_AND_ON = "and on, page after page"  # in a page's name: each request is for the one that its "Older" leads to


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--entries", type=int, default=1_000_000)
    options.add_argument("--asked", type=int, default=200, help="how often each client asks for each page")
    options.add_argument("--data", type=Path)
    asked = options.parse_args()
    with ExitStack() as stack:
        data = asked.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stonks-bench-")))
        settings = read_settings({"STONKS_DATA": str(data)})
        stack.enter_context(_running(embedded_redis.command(settings)))
        embedded_redis.wait_for(settings.effective_redis_url, seconds=5)
        pages = _filled(settings, asked.entries)
        webs = [stack.enter_context(_web(data)) for _ in range(PROCESSES)]
        _report(pages, webs, asked.asked)


def _filled(settings: Settings, count: int) -> dict[str, str]:
    """The addresses to ask for, of a portfolio that is made if it is not there."""
    app = create_app(settings)
    migrating.init_app(app)
    migrating.upgrade(app)
    with app.app_context():
        now = datetime.now(UTC)
        if not users.count():
            user = users.create(EMAIL, PASSWORD, now)
            portfolio_id = portfolios.create(user.id, "Large", "EUR", now).id
            began = time.monotonic()
            _fill(portfolio_id, count, now)
            _say(f"{count:,} entries inserted in {time.monotonic() - began:.0f} s")
            began = time.monotonic()
            snapshot.refresh(portfolio_id)
            _say(f"all figures reckoned in {time.monotonic() - began:.0f} s")
            began = time.monotonic()
            with transaction():
                marks.entries(portfolio_id, [entries.page(portfolio_id, EntryFilter(type="BUY")).entries[0].id])
            snapshot.refresh(portfolio_id)
            _say(f"figures after one more trade in {time.monotonic() - began:.2f} s")
        portfolio = portfolios.list_for(1)[0]
        snapshot.refresh(portfolio.id)  # the version that filled it in may have reckoned otherwise
        deep = date(now.year - YEARS // 2, 6, 1).isoformat()
        here = f"/portfolios/{portfolio.id}"
        found = {
            "hello (a static file)": "/static/icon.svg",
            "overview": here,
            "holdings": f"{here}/holdings",
            "holdings, by gain, second page": f"{here}/holdings?sort=-gain&page=2",
            "one instrument": f"{here}/instruments/US0000000040/USD",
            "transactions": f"{here}/transactions",
            "transactions, half way down": f"{here}/transactions?after={deep}.1",
            f"transactions, half way down {ON_AND_ON}": f"{here}/transactions?after={deep}.1",
            "transactions of one symbol": f"{here}/transactions?symbol=S004",
            "dividends of one year": f"{here}/transactions?type=DIVIDEND&first={now.year - 3}-01-01&last={now.year - 3}-12-31",
            "what was added by hand (nothing)": f"{here}/transactions?origin=manual",
            "realised gains of one year": f"{here}/gains?year={now.year - 3}",
            "income of all years": f"{here}/income?year=all",
            "performance since the first day": f"{here}/performance",
            "performance of 12 months": f"{here}/performance?range=12-months",
            "prices": f"{here}/prices",
        }
        db.session.remove()
        db.engine.dispose()
    return found


def _fill(portfolio_id: int, count: int, now: datetime) -> None:
    inserting = BulkInsert(Entry, COLUMNS, ("portfolio_id", "origin", "created_at"))
    source = ([row[name] for name in COLUMNS] for row in _rows(count, now.date()))
    parts = iter(lambda: list(islice(source, BATCH_ROWS)), [])
    with transaction():
        inserting.write(map(inserting.ready, parts), count, (portfolio_id, "sync", now))
        yesterday = now.date() - timedelta(days=1)
        reported.ChangedFacts({(yesterday, None): list(_positions(count, yesterday))}, [], {}).write(portfolio_id)
        for back in range(YEARS * 365):
            for currency, rate in (("USD", "0.9"), ("GBP", "1.15")):
                told = {"from_currency": currency, "to_currency": "EUR", "rate": Decimal(rate)}
                on = yesterday - timedelta(days=back)
                db.session.add(ReportedRate(portfolio_id=portfolio_id, on=on, **told))


def _rows(count: int, today: date) -> Iterator[dict[str, Any]]:
    """Nine trades to a dividend, over ten years; two purchases to a sale, a few trades a day taken back."""
    empty: dict[str, Any] = dict.fromkeys(COLUMNS)
    first = today - timedelta(days=365 * YEARS)
    for number in range(count):
        which = number * 7 % HOLDINGS
        on = first + timedelta(days=number * 365 * YEARS // count)
        row = empty | {
            "fingerprint": number.to_bytes(20, "big"), "entry_date": on, "symbol": f"S{which:03d}",
            "isin": f"US{which:09d}0", "currency": CURRENCIES[which % len(CURRENCIES)], "cancels": False,
            "external_id": str(number), "description": f"HOLDING NUMBER {which}",
        }  # fmt: skip
        if number % 10 == 9:
            kind = "WITHHOLDING_TAX" if number % 20 == 9 else "DIVIDEND"
            amount = Decimal(-3 if kind == "WITHHOLDING_TAX" else 20) + Decimal(number % 97) / 100
            yield row | {"kind": "CASH", "type": kind, "amount": amount}
            continue
        side = "SELL" if number % 3 == 2 else "BUY"
        quantity, price = Decimal(1 + number % 50), Decimal(1000 + which + number % 301) / 100
        yield row | {
            "kind": "TRADE", "type": side, "quantity": quantity, "price": price, "asset_class": "STK",
            "amount": quantity * price * (1 if side == "SELL" else -1), "commission": Decimal("-1.25"),
        }  # fmt: skip


def _positions(count: int, on: date) -> Iterator[Position]:
    held = dict.fromkeys(range(HOLDINGS), 0)
    for number in range(count):
        if number % 10 != 9:
            held[number * 7 % HOLDINGS] += (1 + number % 50) * (-1 if number % 3 == 2 else 1)
    for which, quantity in held.items():
        yield Position(
            as_of=on, quantity=Decimal(quantity), mark_price=Decimal(1200 + which) / 100, cost_basis=None,
            currency=CURRENCIES[which % len(CURRENCIES)], symbol=f"S{which:03d}", isin=f"US{which:09d}0",
            asset_class="STK", multiplier=None, account=None, description=f"HOLDING NUMBER {which}", line=1,
            fingerprint=b"",
        )  # fmt: skip


@contextmanager
def _web(data: Path) -> Iterator[tuple[int, int]]:
    """A web process as it is deployed; gives its port and its number."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        command = [sys.executable, "-m", "stonks.serve", str(listener.fileno())]
        environment = os.environ | {"STONKS_DATA": str(data)}
        with _running(command, cwd=ROOT, env=environment, pass_fds=(listener.fileno(),)) as number:
            yield listener.getsockname()[1], number


@contextmanager
def _running(command: list[str], **more: Any) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **more)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


class _Client:
    """A browser that keeps its connection, signed in."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies: dict[str, str] = {}
        _, form = self.ask("/sign-in")
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        assert token is not None, form[:500]
        fields = {"email": EMAIL, "password": PASSWORD, "csrf_token": token[1]}
        status, text = self.ask("/sign-in", urlencode(fields))
        assert status == 303, text

    def ask(self, address: str, body: str | None = None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request("POST" if body is not None else "GET", address, body, headers)
        answer = self._connection.getresponse()
        for name, value in answer.getheaders():
            if name == "Set-Cookie":
                cookie, _, content = value.partition(";")[0].partition("=")
                self._cookies[cookie] = content
        return answer.status, answer.read().decode()


def _cpu_seconds(webs: list[tuple[int, int]]) -> float:
    """What the web processes have used so far (Linux)."""
    ticks = 0
    for _port, number in webs:
        after_name = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _report(pages: dict[str, str], webs: list[tuple[int, int]], asked: int) -> None:
    clients = [_Client(port) for port, _number in webs]
    print("| Page | p50 ms | p99 ms | CPU ms | KB |\n|---|---:|---:|---:|---:|")
    for name, address in pages.items():
        times: list[float] = []
        given = (address, ON_AND_ON in name, asked, times)
        threads = [threading.Thread(target=_ask, args=(client, *given)) for client in clients]
        size = len(clients[0].ask(address)[1])
        used = _cpu_seconds(webs)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cpu = (_cpu_seconds(webs) - used) / (len(clients) * (asked + WARM_UP)) * 1000
        times.sort()
        p50, p99 = (times[int(len(times) * part)] * 1000 for part in (0.5, 0.99))
        print(f"| {name} | {p50:.1f} | {p99:.1f} | {cpu:.1f} | {size / 1024:.0f} |", flush=True)
    print(f"\nLoad of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")


def _ask(client: _Client, address: str, on: bool, asked: int, times: list[float]) -> None:
    for number in range(asked + WARM_UP):
        began = time.perf_counter()
        status, text = client.ask(address)
        if number >= WARM_UP:
            times.append(time.perf_counter() - began)
        assert status == 200, text[:500]
        if on:
            older = re.search(r'rel="next" href="([^"]+)"', text)
            assert older is not None, address
            address = older[1]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
