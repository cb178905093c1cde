"""Tiingo's adapter against a server of our own that answers as Tiingo does, and as it shouldn't."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest

from stonks.portfolio.valuation import Instrument
from stonks.practice.answers import Answer
from stonks.practice.loopback import LoopbackServer
from stonks.prices.contract import PriceTrouble, Quote, Trouble
from stonks.prices.tiingo.adapter import TiingoSource
from stonks.prices.tiingo.client import Limits

KEY = "b2f9c56d8554dea1e733"
SINCE = date(2026, 11, 10)
# Two days of the answer that tiingo.com/documentation/end-of-day describes.
ANSWER = b"""[
 {"date":"2026-11-18T00:00:00.000Z","close":271.10,"high":272,"low":270,"open":270.5,"volume":58939294,
  "adjClose":271.1,"adjHigh":272,"adjLow":270,"adjOpen":270.5,"adjVolume":58939294,"divCash":0.0,"splitFactor":1.0},
 {"date":"2026-11-19T00:00:00.000Z","close":272,"volume":1}]"""

Ask = Callable[..., list[Quote]]


class Tiingo:
    """Says `answer` to everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer = Answer(ANSWER, content_type="application/json")
        self.calls: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.server = LoopbackServer("127.0.0.1", 0, self._handle)

    def _handle(self, path: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        self.calls.append((path, dict(parameters), dict(headers)))
        return self.answer


@pytest.fixture
def tiingo() -> Iterator[Tiingo]:
    service = Tiingo()
    service.server.start()
    yield service
    service.server.stop()


@pytest.fixture
def source(tiingo: Tiingo) -> TiingoSource:
    limits = Limits(connect_seconds=1, read_seconds=0.5, total_seconds=1, body_bytes=4096)
    return TiingoSource(tiingo.server.origin, KEY, limits=limits)


def trouble(source: TiingoSource) -> PriceTrouble:
    with pytest.raises(PriceTrouble) as caught:
        source.fetch("AAPL", SINCE)
    assert KEY not in str(caught.value)
    return caught.value


def test_closing_prices_are_exact_and_of_the_markets_day(source: TiingoSource, tiingo: Tiingo) -> None:
    quotes = source.fetch("AAPL", SINCE)
    assert quotes == [(date(2026, 11, 18), Decimal("271.10")), (date(2026, 11, 19), Decimal(272))]
    assert str(quotes[0].price) == "271.10"
    path, parameters, _headers = tiingo.calls[0]
    assert (path, parameters) == ("/tiingo/daily/AAPL/prices", {"startDate": "2026-11-10"})


def test_the_key_goes_in_a_header_and_into_no_address_or_log(
    source: TiingoSource, tiingo: Tiingo, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source.fetch("AAPL", SINCE)
    assert tiingo.calls[0][2]["authorization"] == f"Token {KEY}"
    assert KEY not in caplog.text
    assert KEY not in repr(source)


def test_a_redirect_is_not_followed(source: TiingoSource, tiingo: Tiingo) -> None:
    tiingo.answer = Answer(b"", status=302, headers={"Location": tiingo.server.origin + "/elsewhere"})
    assert trouble(source).trouble is Trouble.WAIT
    assert len(tiingo.calls) == 1


@pytest.mark.parametrize(
    ("answer", "expected", "wait"),
    [
        (Answer(b"{}", status=401), Trouble.REFUSED, None),
        (Answer(b"{}", status=403), Trouble.REFUSED, None),
        (Answer(b'{"detail":"Not found."}', status=404), Trouble.NO_SUCH_TICKER, None),
        (Answer(b"", status=429), Trouble.WAIT, timedelta(hours=1)),
        (Answer(b"", status=429, headers={"Retry-After": "120"}), Trouble.WAIT, timedelta(minutes=2)),
        (Answer(b"", status=429, headers={"Retry-After": "9" * 5000}), Trouble.WAIT, timedelta(hours=1)),
        (Answer(b"", status=429, headers={"Retry-After": "999999"}), Trouble.WAIT, timedelta(days=1)),
        (Answer(b"", status=503), Trouble.WAIT, None),
        (Answer(b"You have run over your 500 symbol look up for this month."), Trouble.WAIT, None),
        (Answer(b'{"detail":"soon"}'), Trouble.WAIT, None),
        (Answer(b'[{"date":"2026-11-19","close":NaN}]'), Trouble.WAIT, None),
        (Answer(b'[{"date":"2026-11-19","close":"1"}]'), Trouble.WAIT, None),
        (Answer(b'[{"date":"2026-11-19","close":-1}]'), Trouble.WAIT, None),
        (Answer(b'[{"date":"19 November","close":1}]'), Trouble.WAIT, None),
        (Answer(b'[{"close":1}]'), Trouble.WAIT, None),
        (Answer(b"[" + b" " * 5000 + b"]"), Trouble.WAIT, None),
        (Answer(ANSWER, break_after=40), Trouble.WAIT, None),
        (Answer(ANSWER, delay=2), Trouble.WAIT, None),
        (Answer(ANSWER, trickle=0.1), Trouble.WAIT, None),
        (Answer(b"no gzip", headers={"Content-Encoding": "gzip"}), Trouble.WAIT, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_answer_says_when_to_ask_again(
    source: TiingoSource, tiingo: Tiingo, answer: Answer, expected: Trouble, wait: timedelta | None
) -> None:
    tiingo.answer = answer
    found = trouble(source)
    assert (found.trouble, found.retry_after) == (expected, wait)


def test_a_head_that_comes_drop_by_drop_ends_at_the_total_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def trickle() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as taken:
                taken.recv(4096)
                for number in range(400):
                    taken.sendall(b"HTTP/1.1 200 OK\r\n"[number % 17].to_bytes())
                    time.sleep(0.02)

        threading.Thread(target=trickle, daemon=True).start()
        limits = Limits(connect_seconds=1, read_seconds=0.5, total_seconds=0.6)
        source = TiingoSource(f"http://127.0.0.1:{listening.getsockname()[1]}", KEY, limits=limits)
        began = time.monotonic()
        assert trouble(source).trouble is Trouble.WAIT
        assert time.monotonic() - began < 3


def test_nobody_there_is_asked_again_later(tiingo: Tiingo) -> None:
    tiingo.server.stop()
    found = trouble(TiingoSource(tiingo.server.origin, KEY))
    assert found.trouble is Trouble.WAIT
    assert found.__cause__ is None
    assert found.__context__ is None


def test_a_days_close_that_is_not_there_yet_is_no_price(source: TiingoSource, tiingo: Tiingo) -> None:
    tiingo.answer = Answer(b"[]")
    assert source.fetch("AAPL", SINCE) == []


@pytest.mark.parametrize(
    ("symbol", "isin", "currency", "asset_class", "ticker"),
    [
        ("AAPL", "US0378331005", "USD", "STK", "AAPL"),
        ("AAPL", "US0378331005", "USD", None, "AAPL"),
        ("BRK B", "US0846707026", "USD", "STK", "BRK-B"),
        ("BF.B", "US1156372096", "USD", "STK", "BF-B"),
        ("SAP", "DE0007164600", "EUR", "STK", None),
        ("CSPX", "IE00B5BMR087", "USD", "STK", None),
        ("AAPL", None, "USD", "STK", None),
        ("AAPL", "US0378331005", "EUR", "STK", None),
        ("AAPL  261218C00200000", None, "USD", "OPT", None),
        ("T 4 5/8", "US912810TV08", "USD", "BOND", None),
        ("BAC PRL", "US0605056821", "USD", "STK", None),
        ("../../", "US0000000000", "USD", "STK", None),
    ],
)
def test_only_what_surely_is_the_same_share_is_asked_for(
    source: TiingoSource, symbol: str, isin: str | None, currency: str, asset_class: str | None, ticker: str | None
) -> None:
    one = Instrument("key", symbol, isin, currency, asset_class, None)
    assert source.ticker(one) == ticker
