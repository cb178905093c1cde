"""The practice broker keeps to the protocol, and its demo data to what an account could hold."""

from __future__ import annotations

import csv
import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from stdnum import isin

from stonks.brokers.contract import Pending, Ready, Window
from stonks.brokers.errors import BrokerError
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.core.records import CashTransaction, FxConversion, RowProblem, Trade
from stonks.demo import QUERY_ID
from stonks.demo import TOKEN as TOKEN_OF_THE_DEMO
from stonks.practice import demo, demo_statement
from stonks.practice.answers import MESSAGES
from stonks.practice.server import PracticeBroker

ROOT = Path(__file__).parent.parent.parent
TOKEN, QUERY = "314159265358979323846264", "777001"
GOOD = {"t": TOKEN, "q": QUERY, "v": "3"}


@pytest.fixture
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker() as server:
        server.add_query(TOKEN, QUERY, b"the statement")
        yield server


def ask(
    server: PracticeBroker, step: str, parameters: dict[str, str], agent: str | None = "Test/1", method: str = "GET"
) -> tuple[int, str]:
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    query, headers = urlencode(parameters), {"User-Agent": agent} if agent else {}
    if method == "POST":
        connection.request("POST", f"{parts.path}/{step}", query, headers)
    else:
        connection.request("GET", f"{parts.path}/{step}?{query}", headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def reference_of(body: str) -> str:
    return body.split("<ReferenceCode>")[1].split("<")[0]


def test_a_statement_takes_two_steps_and_1019_comes_first(practice: PracticeBroker) -> None:
    status, body = ask(practice, "SendRequest", GOOD)
    assert status == 200
    assert "<Status>Success</Status>" in body
    assert f"<Url>{practice.url}/GetStatement</Url>" in body
    ticket = {**GOOD, "q": reference_of(body)}
    assert "<ErrorCode>1019</ErrorCode>" in ask(practice, "GetStatement", ticket)[1]
    assert ask(practice, "GetStatement", ticket) == (200, "the statement")
    assert [(call.step, call.query) for call in practice.calls] == [
        ("SendRequest", QUERY),
        ("GetStatement", QUERY),
        ("GetStatement", QUERY),
    ]


def test_a_form_is_taken_as_well(practice: PracticeBroker) -> None:
    assert "<Status>Success</Status>" in ask(practice, "SendRequest", GOOD, method="POST")[1]


def test_without_a_user_agent_nothing_is_given(practice: PracticeBroker) -> None:
    assert ask(practice, "SendRequest", GOOD, agent=None)[0] == 403


@pytest.mark.parametrize(
    ("step", "change", "code"),
    [
        ("SendRequest", {"t": "1" * 24}, "1015"),
        ("SendRequest", {"t": ""}, "1020"),
        ("SendRequest", {"q": "888"}, "1014"),
        ("SendRequest", {"v": "2"}, "1020"),
        ("SendRequest", {"p": "366"}, "1003"),
        ("SendRequest", {"fd": "20250101"}, "1003"),
        ("GetStatement", {"q": "999"}, "1017"),
    ],
)
def test_what_is_wrong_is_told_by_ibkrs_code(
    practice: PracticeBroker, step: str, change: dict[str, str], code: str
) -> None:
    assert f"<ErrorCode>{code}</ErrorCode>" in ask(practice, step, {**GOOD, **change})[1]


TODAY = date(2026, 11, 20)  # a Friday
DATED = (
    b'"BOF","U1","q","1","20250101","20261119","20261120;050000"\n'
    b'"Symbol","TradeDate","Quantity"\n"OLD","20251119","1"\n"YEAR","20251120","1"\n"MON","20261116","1"\n'
    b'"Symbol","Date/Time","ReportDate"\n"LATE","20250303","20261117"\n"NOW","20261119;202000","20261119"\n'
)


@pytest.mark.parametrize(
    ("days", "symbols", "period"),
    [
        ({}, ["OLD", "YEAR", "MON", "LATE", "NOW"], ["20250101", "20261119"]),
        ({"p": "365"}, ["YEAR", "MON", "LATE", "NOW"], ["20251120", "20261119"]),
        ({"p": "1"}, ["NOW"], ["20261119", "20261119"]),
        ({"fd": "20261114", "td": "20261117"}, ["MON", "LATE"], ["20261114", "20261117"]),
    ],
)
def test_with_a_today_a_statement_holds_the_days_asked_for(
    days: dict[str, str], symbols: list[str], period: list[str]
) -> None:
    with PracticeBroker(looks=0, today=lambda: TODAY) as server:
        server.add_query(TOKEN, QUERY, DATED)
        reference = reference_of(ask(server, "SendRequest", {**GOOD, **days})[1])
        rows = list(csv.reader(ask(server, "GetStatement", {**GOOD, "q": reference})[1].splitlines()))
    assert rows[0][4:6] == period
    assert [row[0] for row in rows if row[0] not in ("BOF", "Symbol")] == symbols


@pytest.mark.parametrize(
    ("fd", "td", "code"),
    [
        ("20261114", "20261115", "1003"),  # a weekend
        ("20251119", "20251121", "1003"),  # more than 365 days back
        ("20261118", "20261117", "1003"),
        ("2026-11-16", "20261117", "1003"),
        ("20261119", "20261120", "1004"),  # today's books are open
    ],
)
def test_with_a_today_days_that_no_statement_can_hold_are_refused(fd: str, td: str, code: str) -> None:
    with PracticeBroker(today=lambda: TODAY) as server:
        server.add_query(TOKEN, QUERY, DATED)
        assert f"<ErrorCode>{code}</ErrorCode>" in ask(server, "SendRequest", {**GOOD, "fd": fd, "td": td})[1]


def test_a_reference_is_good_for_its_own_token_only(practice: PracticeBroker) -> None:
    practice.add_query("2" * 24, QUERY, b"")
    reference = reference_of(ask(practice, "SendRequest", GOOD)[1])
    assert "1017" in ask(practice, "GetStatement", {"t": "2" * 24, "q": reference, "v": "3"})[1]


def test_scripts_come_in_order_for_their_token_and_then_the_ordinary_course_returns(practice: PracticeBroker) -> None:
    practice.script("SendRequest", ["1001", "ok", 503], token=TOKEN)
    practice.script("SendRequest", ["1015"], token="5" * 24)
    seen = [ask(practice, "SendRequest", GOOD) for _ in range(4)]
    assert "1001" in seen[0][1]
    assert "Success" in seen[1][1]
    assert seen[2][0] == 503
    assert "Success" in seen[3][1]


def test_a_repeated_script_goes_on_until_it_is_cleared(practice: PracticeBroker) -> None:
    practice.script("SendRequest", ["1012"], token=TOKEN, repeat=True)
    assert all("1012" in ask(practice, "SendRequest", GOOD)[1] for _ in range(3))
    practice.clear_scripts()
    assert "Success" in ask(practice, "SendRequest", GOOD)[1]


def test_the_allowance_of_a_token_can_be_kept() -> None:
    with PracticeBroker(per_minute=2) as server:
        server.add_query(TOKEN, QUERY, b"")
        assert ["1018" in ask(server, "SendRequest", GOOD)[1] for _ in range(3)] == [False, False, True]


def test_stopping_cuts_the_connections_that_clients_keep(practice: PracticeBroker) -> None:
    broker = IbkrBroker(practice.url, first_wait=timedelta())
    credentials = {"token": TOKEN, "query_id": QUERY}
    broker.request(credentials, Window())
    practice.stop()
    with pytest.raises(BrokerError) as caught:
        broker.request(credentials, Window())
    assert caught.value.code in ("unreachable", "incomplete")


# The demo's data


def sections(body: bytes) -> tuple[list[dict[str, str]], ...]:
    """Trades, cash transactions, positions and rates."""
    rows = list(csv.reader(body.decode().splitlines()))
    made = demo_statement
    headers = (made.TRADE_COLUMNS, made.CASH_COLUMNS, made.POSITION_COLUMNS, made.RATE_COLUMNS)
    starts = [rows.index(list(header)) for header in headers]
    return tuple(
        [dict(zip(rows[start], row, strict=True)) for row in rows[start + 1 : end]]
        for start, end in zip(starts, [*starts[1:], None], strict=True)
    )


DAYS = [date(2026, 11, 22) + timedelta(days=17 * step) for step in range(25)]


def test_every_isin_has_its_right_check_digit() -> None:
    assert all(isin.is_valid(share.isin) for share in demo_statement.SHARES)


@pytest.mark.parametrize("today", DAYS)
def test_whatever_the_day_the_year_holds_what_a_newcomer_should_see(today: date) -> None:
    trades, cash, positions, rates = sections(demo_statement.whole_year(today))
    oldest, newest = today - timedelta(days=365), today - timedelta(days=1)
    assert all(f"{oldest:%Y%m%d}" <= row["TradeDate"] <= f"{newest:%Y%m%d}" for row in trades)
    assert {row["CurrencyPrimary"] for row in trades} == {"EUR", "USD", "GBP"}
    assert 1 <= len([row for row in trades if row["Symbol"] == "EUR.USD"]) <= 2
    assert len([row for row in trades if row["Buy/Sell"] == "SELL" and row["ISIN"]]) >= 3
    assert len([row for row in cash if row["Type"] == "Dividends"]) >= 12
    known = ("Dividends", "Withholding Tax", "Deposits/Withdrawals")
    assert [row["Symbol"] for row in cash if row["Type"] not in known] == ["KO"]
    held: dict[str, int] = defaultdict(int)
    for day in sorted({row["Date/Time"] for row in rates}):
        for row in trades:
            if row["ISIN"] and row["TradeDate"] == day:
                held[row["Symbol"]] += int(row["Quantity"])
        assert min(held.values(), default=0) >= 0
        told = {row["Symbol"]: int(row["Quantity"]) for row in positions if row["ReportDate"] == day}
        assert told == {name: size for name, size in held.items() if size}
    assert day == f"{newest - timedelta(days=max(0, newest.weekday() - 4)):%Y%m%d}"
    names = [row["TradeID"] for row in trades if row["TradeID"]] + [row["TransactionID"] for row in cash]
    assert len(names) - len(set(names)) == 1  # the replacement of the cancelled trade


@pytest.mark.parametrize("today", DAYS)
def test_what_is_bought_was_paid_in(today: date) -> None:
    trades, cash, *_ = sections(demo_statement.whole_year(today))
    left: dict[str, Decimal] = defaultdict(Decimal)
    for row in cash:
        left[row["CurrencyPrimary"]] += Decimal(row["Amount"])
    for row in trades:
        paid = Decimal(row["Quantity"]) * Decimal(row["TradePrice"])
        left[row["CurrencyPrimary"]] += Decimal(row["IBCommission"]) - paid
        if row["Symbol"] == "EUR.USD":
            left["EUR"] += Decimal(row["Quantity"])
    assert min(left.values()) > 0


def test_tomorrow_repeats_today_and_adds_now_and_then() -> None:
    added = 0
    for day in range(60):
        today = date(2026, 11, 22) + timedelta(days=day)
        days = today, today + timedelta(days=1)
        oldest = f"{today - timedelta(days=364):%Y%m%d}"
        before, after = (
            list(csv.DictReader(body.decode().splitlines())) for body in map(demo_statement.trades_only, days)
        )
        kept = [row for row in before if row["TradeDate"] >= oldest]
        known = [row for row in after if row in before]
        # Only a sale may fall out before its time: none is shown within the first weeks.
        assert all(row["Buy/Sell"] == "SELL" for row in kept if row not in known)
        added += len(after) - len(known)
    assert added >= 8


def test_the_demo_signs_in_with_what_the_practice_broker_knows() -> None:
    assert TOKEN_OF_THE_DEMO == demo.TOKEN
    assert QUERY_ID in demo.QUERIES


@pytest.mark.parametrize("query", demo.QUERIES)
def test_each_demo_query_can_be_fetched(query: str) -> None:
    server = demo.demo_broker("127.0.0.1", 0)
    with server:
        broker = IbkrBroker(server.url, first_wait=timedelta())
        credentials = {"token": demo.TOKEN, "query_id": query}
        ticket = broker.request(credentials, Window(days_back=365))
        assert isinstance(broker.collect(credentials, ticket), Pending)
        outcome = broker.collect(credentials, ticket)
        assert isinstance(outcome, Ready)
        with outcome.body as body:
            assert body.readline().startswith(b'"Symbol"')


def test_the_demo_year_is_read_with_one_row_for_the_review_to_show() -> None:
    broker = IbkrBroker("http://127.0.0.1:1/FlexWebService", first_wait=timedelta())
    reading = broker.read(io.BytesIO(demo_statement.whole_year(date(2026, 11, 22))))
    rows = list(reading)
    assert [row.reason for row in rows if isinstance(row, RowProblem)] == ["Type “Shareholder Perk” is not known."]
    assert len([row for row in rows if isinstance(row, FxConversion)]) == 2
    assert len([row for row in rows if isinstance(row, Trade) and row.cancels]) == 1
    assert len({row.fingerprint for row in rows if isinstance(row, Trade | CashTransaction | FxConversion)}) == 124
    careless = broker.read(io.BytesIO(demo_statement.careless(date(2026, 11, 22))))
    assert not [row for row in careless if isinstance(row, RowProblem)]
    assert {finding.code for finding in careless.summary.findings} >= {
        "field-missing:trades:isin",
        "section-missing:cash",
    }


def test_each_code_has_a_token_that_shows_it_and_one_token_fades() -> None:
    server = demo.demo_broker("127.0.0.1", 0)
    with server:
        shown = {}
        for code in MESSAGES:
            parameters = {"t": demo.failing_token(code), "q": "1234567", "v": "3"}
            _, body = ask(server, "SendRequest", parameters)
            if "Success" in body:
                body = ask(server, "GetStatement", {**parameters, "q": reference_of(body)})[1]
            shown[code] = f"<ErrorCode>{code}</ErrorCode>" in body
        assert all(shown.values())
        fading = {"t": demo.FADING_TOKEN, "q": "1234567", "v": "3"}
        answers = [ask(server, "SendRequest", fading)[1] for _ in range(3)]
        assert ["1012" in body for body in answers] == [False, True, True]


def test_it_runs_alone_lists_what_can_be_tried_and_ends_on_a_signal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "stonks.practice", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert str(port) in process.stdout.readline()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    page = connection.getresponse().read().decode()
    assert demo.TOKEN in page
    assert all(demo.failing_token(code) in page for code in MESSAGES)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0
    assert time.monotonic() - began < 2
    connection.close()
    process.stdout.close()
