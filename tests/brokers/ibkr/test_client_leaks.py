"""A token goes to the broker and nowhere else: no exception, log line, `repr` or foreign request shows it."""

from __future__ import annotations

import logging
import pickle
import socket
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stonks.brokers.contract import Ready, Ticket, Window
from stonks.brokers.errors import BrokerError
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.brokers.ibkr.client import Limits
from stonks.practice.answers import Answer, Scripted, error
from stonks.practice.server import PracticeBroker

TOKEN = "314159265358979323846264"
CREDENTIALS = {"token": TOKEN, "query_id": "777001"}
LIMITS = Limits(connect_seconds=1, read_seconds=0.2, total_seconds=0.5, body_bytes=100_000)

TROUBLE: dict[str, Scripted] = {
    "a code": "1012",
    "an unknown code that repeats the token": error("1099", f"Bad token {TOKEN}"),
    "a page that repeats the token": f"<html>t={TOKEN}</html>".encode(),
    "a status": 503,
    "silence": Answer(b"late", delay=0.5),
    "a flood": b"x" * 2_000_000,
    "a break": Answer(b"x" * 1000, break_after=10),
    "a redirect away": Answer(status=302, headers={"Location": f"https://evil.example/?t={TOKEN}"}),
    "a redirect to nonsense": Answer(status=302, headers={"Location": f"http://[{TOKEN}"}),
    "bad packing": Answer(b"x", headers={"Content-Encoding": "gzip"}),
    "bad headers": Answer(b"x" * 10, headers={"X-Odd\r\n nonsense": "1"}),
}


@pytest.fixture
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker() as server:
        yield server


def chain(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__


def assert_clean(failure: BaseException, address: str) -> None:
    for link in chain(failure):
        shown = [str(link), repr(link), repr(link.args), repr(vars(link)), *traceback.format_exception(link)]
        shown += [str(pickle.dumps(link.args))]
        for text in shown:
            assert TOKEN not in text
            assert address not in text


@pytest.mark.parametrize("step", ["SendRequest", "GetStatement"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_no_failure_carries_the_token_or_the_address(
    practice: PracticeBroker, caplog: pytest.LogCaptureFixture, step: str, trouble: str
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = IbkrBroker(practice.url, first_wait=timedelta(), limits=LIMITS)
    practice.script(step, [TROUBLE[trouble]])  # type: ignore[arg-type]
    failure: BrokerError | None = None
    try:
        if step == "SendRequest":
            broker.request(CREDENTIALS, Window(days_back=365))
        else:
            outcome = broker.collect(CREDENTIALS, Ticket("4310000001"))
            assert isinstance(outcome, Ready)
            outcome.body.close()
    except BrokerError as caught:
        failure = caught
    if failure is not None:
        assert_clean(failure, practice.url)
        assert TOKEN not in failure.remedy
    assert practice.calls[0].token == TOKEN
    assert TOKEN not in caplog.text


def test_nobody_at_the_address_leaks_nothing_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/FlexWebService"
    broker = IbkrBroker(address, first_wait=timedelta(), limits=LIMITS)
    with pytest.raises(BrokerError) as caught:
        broker.request(CREDENTIALS, Window(days_back=365))
    assert_clean(caught.value, address)
    assert TOKEN not in caplog.text


def test_debug_logs_of_the_http_library_show_the_call_without_the_token(
    practice: PracticeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    practice.add_query(TOKEN, "777001", b"")
    IbkrBroker(practice.url, first_wait=timedelta()).request(CREDENTIALS, Window(days_back=365))
    assert "SendRequest" in caplog.text
    assert TOKEN not in caplog.text
    assert "777001" not in caplog.text


def test_reprs_show_no_secret(practice: PracticeBroker) -> None:
    practice.add_query(TOKEN, "777001", b"")
    broker = IbkrBroker(practice.url, first_wait=timedelta())
    ticket = broker.request(CREDENTIALS, Window(days_back=365))
    assert TOKEN not in "".join(map(repr, (broker, vars(broker), ticket, practice, practice.calls)))


def test_a_cookie_of_one_call_and_a_netrc_are_sent_to_nobody(
    practice: PracticeBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    broker = IbkrBroker(practice.url, first_wait=timedelta())
    practice.script("GetStatement", [Answer(b"a", headers={"Set-Cookie": "session=1"}), b"b"])
    for _ in range(2):
        outcome = broker.collect(CREDENTIALS, Ticket("4310000001"))
        assert isinstance(outcome, Ready)
        outcome.body.close()
    for call in practice.calls:
        assert not {"cookie", "authorization"} & set(call.headers)


def test_a_proxy_of_the_environment_sees_nothing_of_calls_to_this_machine(
    practice: PracticeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice.add_query(TOKEN, "777001", b"")
    with PracticeBroker() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        IbkrBroker(practice.url, first_wait=timedelta()).request(CREDENTIALS, Window(days_back=365))
        assert proxy.calls == []
