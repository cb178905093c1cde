"""Answers that are no envelope: statements, pages, breakages, floods."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import timedelta

import pytest

from stonks.brokers.contract import Pending, Ready, Ticket, Window
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.brokers.ibkr.client import Limits
from stonks.brokers.ibkr.envelope import read_envelope
from stonks.practice.answers import Answer
from stonks.practice.server import PracticeBroker

CREDENTIALS = {"token": "314159265358979323846264", "query_id": "777001"}
TICKET = Ticket("4310000001")
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker() as server:
        yield server


@pytest.fixture
def broker(practice: PracticeBroker) -> Iterator[IbkrBroker]:
    limits = Limits(connect_seconds=1, read_seconds=0.3, total_seconds=0.8, body_bytes=4 * MEGABYTE)
    yield IbkrBroker(practice.url, first_wait=timedelta(), limits=limits)
    practice.clear_scripts()


def collected(broker: IbkrBroker, ticket: Ticket = TICKET) -> bytes:
    outcome = broker.collect(CREDENTIALS, ticket)
    assert isinstance(outcome, Ready)
    with outcome.body as body:
        return body.read()


def failure_of(broker: IbkrBroker, step: str = "GetStatement") -> BrokerError:
    def call() -> object:
        if step == "GetStatement":
            return broker.collect(CREDENTIALS, TICKET)
        return broker.request(CREDENTIALS, Window(days_back=365))

    with pytest.raises(BrokerError) as caught:
        call()
    return caught.value


XML = b"<FlexQueryResponse queryName='x' type='AF'><FlexStatements count='0'></FlexStatements></FlexQueryResponse>"


@pytest.mark.parametrize(
    "body",
    [
        b'"Symbol","ISIN"\n"AAPL","US0378331005"\n',
        b'\xef\xbb\xbf"Symbol"\n',
        b"BOF,U1,x\n",
        b"",
        XML,
        b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<!-- a note -->\n" + XML,
    ],
)
def test_a_statement_is_handed_over_byte_for_byte(broker: IbkrBroker, practice: PracticeBroker, body: bytes) -> None:
    practice.script("GetStatement", [body])
    assert collected(broker) == body


def test_a_packed_statement_is_unpacked(broker: IbkrBroker, practice: PracticeBroker) -> None:
    body = b'"Symbol"\n' + b'"AAPL"\n' * 100_000
    practice.script("GetStatement", [Answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})])
    assert collected(broker) == body


@pytest.mark.parametrize(
    "envelope",
    [
        "<FlexStatementResponse timestamp='x'><Status>Warn</Status><ErrorCode>1019</ErrorCode></FlexStatementResponse>",
        '<?xml version="1.0"?><flexstatementresponse timestamp="x"><STATUS>fail</STATUS><errorcode> 1019 </errorcode>'
        "</flexstatementresponse>",
        "\n <f:FlexStatementResponse xmlns:f='u'><f:Status>Warn</f:Status><f:ErrorCode>1019</f:ErrorCode>"
        "</f:FlexStatementResponse>",
    ],
)
def test_an_envelope_is_known_by_its_root_however_it_is_spelled(
    broker: IbkrBroker, practice: PracticeBroker, envelope: str
) -> None:
    practice.script("GetStatement", [envelope.encode()])
    outcome = broker.collect(CREDENTIALS, TICKET)
    assert isinstance(outcome, Pending)
    assert outcome.code == "1019"


BOMB = (
    b"<?xml version='1.0'?><!DOCTYPE FlexStatementResponse [<!ENTITY a 'aaaaaaaaaa'>]>"
    b"<FlexStatementResponse><Status>Success</Status><ReferenceCode>&a;</ReferenceCode></FlexStatementResponse>"
)
INNER_BOMB = BOMB.replace(b"<?xml version='1.0'?>", b"<FlexStatementResponse>")


@pytest.mark.parametrize("step", ["SendRequest", "GetStatement"])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"<!doctype html><html><body>We are sorry</body></html>", "html"),
        (b"  \n<HTML><head></head></HTML>", "html"),
        (b"<SomethingElse/>", "unknown-answer"),
        (b"<FlexStatementResponse><Status>Fail</Status><ErrorCode>1012", "unknown-answer"),
        (b"<FlexStatementResponse></FlexStatementResponse>", "unknown-answer"),
        (b"<FlexStatementResponse><Status>Success</Status></FlexStatementResponse>", "unknown-answer"),
        (BOMB, "html"),
        (INNER_BOMB, "unknown-answer"),
        (Answer(b"no gzip at all", headers={"Content-Encoding": "gzip"}), "unknown-answer"),
        (Answer(b"nothing here", status=404), "http-404"),
        (Answer(b'"Symbol"\n', status=206), "http-206"),
    ],
)
def test_what_is_neither_statement_nor_envelope_is_refused(
    broker: IbkrBroker, practice: PracticeBroker, step: str, answer: bytes | Answer, code: str
) -> None:
    practice.script(step, [answer])  # type: ignore[arg-type]
    failure = failure_of(broker, step)
    assert (failure.kind, failure.code) == (FailureKind.UNREADABLE, code)


def test_no_document_type_is_ever_read() -> None:
    assert read_envelope(BOMB) is None
    assert read_envelope(INNER_BOMB) is None


def test_a_receipt_must_look_like_one(broker: IbkrBroker, practice: PracticeBroker) -> None:
    odd = b"<FlexStatementResponse><Status>Success</Status><ReferenceCode>1 &amp; 2</ReferenceCode></FlexStatementResponse>"
    practice.script("SendRequest", [b'"Symbol"\n', odd])
    assert failure_of(broker, "SendRequest").kind is FailureKind.UNREADABLE
    assert failure_of(broker, "SendRequest").kind is FailureKind.UNREADABLE


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_server_in_trouble_is_asked_again_later(broker: IbkrBroker, practice: PracticeBroker, status: int) -> None:
    practice.script("GetStatement", [status])
    failure = failure_of(broker)
    assert (failure.kind, failure.code) == (FailureKind.NOT_NOW, f"http-{status}")


def test_http_429_waits_like_1018(broker: IbkrBroker, practice: PracticeBroker) -> None:
    practice.script("SendRequest", [429])
    failure = failure_of(broker, "SendRequest")
    assert failure.kind is FailureKind.RATE_LIMITED
    assert failure.retry_after == timedelta(seconds=60)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("told", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("7200", timedelta(minutes=30)),
        ("9" * 5000, timedelta(minutes=30)),
        ("soon", None),
        ("²", None),
        ("-5", None),
    ],
)
def test_a_wait_that_is_asked_for_is_kept_within_reason(
    broker: IbkrBroker, practice: PracticeBroker, status: int, told: str, wait: timedelta | None
) -> None:
    practice.script("GetStatement", [Answer(b"", status=status, headers={"Retry-After": told})])
    least = timedelta(minutes=1) if status == 429 else None
    assert failure_of(broker).retry_after == (wait or least)


def test_no_wait_that_is_asked_for_is_shorter_than_a_minute_after_too_many_requests(
    broker: IbkrBroker, practice: PracticeBroker
) -> None:
    practice.script("SendRequest", [Answer(b"", status=429, headers={"Retry-After": "1"})])
    assert failure_of(broker, "SendRequest").retry_after == timedelta(minutes=1)


def test_an_envelope_beside_a_refusing_status_still_tells_the_code(
    broker: IbkrBroker, practice: PracticeBroker
) -> None:
    body = b"<FlexStatementResponse><Status>Fail</Status><ErrorCode>1012</ErrorCode></FlexStatementResponse>"
    practice.script("SendRequest", [Answer(body, status=403)])
    assert failure_of(broker, "SendRequest").code == "1012"


def test_too_large_an_answer_is_not_read_to_its_end(broker: IbkrBroker, practice: PracticeBroker) -> None:
    practice.script("GetStatement", [b"\0" * (5 * MEGABYTE)])
    failure = failure_of(broker)
    assert (failure.kind, failure.code) == (FailureKind.UNREADABLE, "too-large")
    assert "4 MB" in str(failure)


@pytest.mark.parametrize("packing", ["gzip", "deflate", "gzip, gzip"])
def test_a_small_answer_that_unpacks_to_200_megabytes_is_stopped_within_little_memory(
    broker: IbkrBroker, practice: PracticeBroker, packing: str
) -> None:
    packer = zlib.compressobj(9, wbits=31 if packing != "deflate" else 15)
    bomb = b"".join(packer.compress(b"\0" * MEGABYTE) for _ in range(200)) + packer.flush()
    if packing == "gzip, gzip":
        bomb = gzip.compress(bomb)
    practice.script("GetStatement", [Answer(bomb, headers={"Content-Encoding": packing})])
    tracemalloc.start()
    failure = failure_of(broker)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert failure.code == "too-large"
    assert peak < 16 * MEGABYTE


def test_a_silent_server_and_a_trickling_one_both_run_into_a_timeout(
    broker: IbkrBroker, practice: PracticeBroker
) -> None:
    practice.script("GetStatement", [Answer(b"late", delay=0.6), Answer(b"drop by drop " * 100, trickle=0.02)])
    for _ in range(2):
        failure = failure_of(broker)
        assert (failure.kind, failure.code) == (FailureKind.NOT_NOW, "timeout")


@pytest.mark.parametrize("drop", [b"HTTP/1.1 200 OK\r\n", b"X-Slow: and slower\r\n"])
def test_a_head_that_comes_drop_by_drop_ends_at_the_total_timeout(drop: bytes) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        with contextlib.suppress(OSError):
            taken, _ = listening.accept()
            with taken:
                taken.recv(4096)
                if drop.startswith(b"X-"):
                    taken.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(400):
                    taken.sendall(drop[number % len(drop)].to_bytes())
                    time.sleep(0.02)

    thread = threading.Thread(target=trickle, daemon=True)
    thread.start()
    limits = Limits(connect_seconds=1, read_seconds=0.3, total_seconds=0.6)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/FlexWebService"
    began = time.monotonic()
    failure = failure_of(IbkrBroker(address, first_wait=timedelta(), limits=limits))
    assert (failure.kind, failure.code) == (FailureKind.NOT_NOW, "timeout")
    assert time.monotonic() - began < 3
    listening.close()
    thread.join()


def test_a_host_that_never_takes_the_connection_runs_into_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):  # nobody accepts: the queue is full, and the next one is left without an answer
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        limits = Limits(connect_seconds=0.3, read_seconds=30, total_seconds=60)
        address = f"http://127.0.0.1:{full.getsockname()[1]}/FlexWebService"
        began = time.monotonic()
        failure = failure_of(IbkrBroker(address, first_wait=timedelta(), limits=limits))
        assert (failure.kind, failure.code) == (FailureKind.NOT_NOW, "timeout")
        assert time.monotonic() - began < 5


def test_a_receipt_is_capped_far_below_a_statement(broker: IbkrBroker, practice: PracticeBroker) -> None:
    practice.script("SendRequest", [b"<" + b"x" * (2 * MEGABYTE)])
    assert failure_of(broker, "SendRequest").code == "too-large"


def test_a_large_statement_goes_to_a_file_and_not_to_memory(practice: PracticeBroker) -> None:
    body = b'"Symbol"\n' + b'"AAPL"\n' * (6 * MEGABYTE)  # 42 MB
    practice.script("GetStatement", [body])
    broker = IbkrBroker(practice.url, first_wait=timedelta())
    tracemalloc.start()
    outcome = broker.collect(CREDENTIALS, TICKET)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(outcome, Ready)
    assert outcome.size == len(body)
    outcome.body.close()
    assert peak < 8 * MEGABYTE


def test_a_connection_that_breaks_off_brings_nothing_rather_than_half(
    broker: IbkrBroker, practice: PracticeBroker
) -> None:
    practice.script("GetStatement", [Answer(b'"Symbol"\n"AAPL"\n' * 1000, break_after=900)])
    failure = failure_of(broker)
    assert (failure.kind, failure.code) == (FailureKind.NOT_NOW, "incomplete")


def test_nobody_at_the_address_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    broker = IbkrBroker(f"http://127.0.0.1:{port}/FlexWebService", first_wait=timedelta())
    for step in ("SendRequest", "GetStatement"):
        failure = failure_of(broker, step)
        assert (failure.kind, failure.code) == (FailureKind.NOT_NOW, "unreachable")
        assert failure.remedy
