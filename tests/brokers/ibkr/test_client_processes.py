"""One client in many threads and across a fork: workers share it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from stonks.brokers.contract import Ready, Window
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.practice.server import PracticeBroker


@pytest.fixture
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker(looks=0) as server:
        for number in range(20):
            server.add_query(f"1234567890{number}", "777", str(number).encode())
        yield server


def fetch(broker: IbkrBroker, number: int) -> bytes:
    credentials = {"token": f"1234567890{number}", "query_id": "777"}
    outcome = broker.collect(credentials, broker.request(credentials, Window()))
    assert isinstance(outcome, Ready)
    with outcome.body as body:
        return body.read()


def test_threads_get_their_own_answers(practice: PracticeBroker) -> None:
    broker = IbkrBroker(practice.url, first_wait=timedelta())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: fetch(broker, number), range(20))) == [b"%d" % n for n in range(20)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_worker_leaves_its_parents_connection_alone(practice: PracticeBroker) -> None:
    broker = IbkrBroker(practice.url, first_wait=timedelta())
    assert fetch(broker, 0) == b"0"
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writable, b"".join(fetch(broker, number) for number in (1, 2, 3)))
        finally:
            os._exit(0)  # never back into pytest; a failure shows as missing bytes
    assert [fetch(broker, number) for number in (4, 5, 6)] == [b"4", b"5", b"6"]
    os.waitpid(child, 0)
    os.close(writable)
    assert os.read(readable, 10) == b"123"
    os.close(readable)


def test_a_connection_is_kept_between_calls_of_a_thread(
    practice: PracticeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "urllib3")
    broker = IbkrBroker(practice.url, first_wait=timedelta())
    fetch(broker, 0)
    fetch(broker, 1)
    assert caplog.text.count("Starting new") == 1
