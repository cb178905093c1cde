"""Every code at both steps: what the sync engine is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from stonks.brokers.contract import Pending, Ready, Ticket, Window
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.brokers.ibkr.errors import MEANINGS
from stonks.practice.answers import MESSAGES, error
from stonks.practice.server import PracticeBroker

TOKEN, QUERY = "314159265358979323846264", "777001"
CREDENTIALS = {"token": TOKEN, "query_id": QUERY}
YEAR = Window(days_back=365)
K = FailureKind
PENDING = "pending"

# code: at SendRequest, at GetStatement, may be a token that is not active yet
TABLE = {
    "1001": (K.NOT_NOW, PENDING, False),
    "1003": (K.NO_SUCH_PERIOD, K.START_OVER, False),
    "1004": (K.NOT_NOW, PENDING, False),
    "1005": (K.NOT_NOW, PENDING, False),
    "1006": (K.NOT_NOW, PENDING, False),
    "1007": (K.NOT_NOW, PENDING, False),
    "1008": (K.NOT_NOW, PENDING, False),
    "1009": (K.NOT_NOW, PENDING, False),
    "1010": (K.QUERY, K.QUERY, False),
    "1011": (K.CREDENTIALS, K.CREDENTIALS, False),
    "1012": (K.CREDENTIALS, K.CREDENTIALS, False),
    "1013": (K.CREDENTIALS, K.CREDENTIALS, True),
    "1014": (K.QUERY, K.QUERY, False),
    "1015": (K.CREDENTIALS, K.CREDENTIALS, True),
    "1016": (K.QUERY, K.QUERY, False),
    "1017": (K.START_OVER, K.START_OVER, False),
    "1018": (K.RATE_LIMITED, K.RATE_LIMITED, False),
    "1019": (K.NOT_NOW, PENDING, False),
    "1020": (K.CREDENTIALS, K.CREDENTIALS, True),
    "1021": (K.NOT_NOW, PENDING, False),
    "1025": (K.LOCKED_OUT, K.LOCKED_OUT, False),
}


@pytest.fixture(scope="module")
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker() as server:
        server.add_query(TOKEN, QUERY, b'"Symbol"\n')
        yield server


@pytest.fixture(autouse=True)
def _ordinary_course(practice: PracticeBroker) -> Iterator[None]:
    yield
    practice.clear_scripts()
    practice.calls.clear()


@pytest.fixture
def broker(practice: PracticeBroker) -> IbkrBroker:
    return IbkrBroker(practice.url, first_wait=timedelta(seconds=10))


def refused(broker: IbkrBroker, window: Window = YEAR) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        broker.request(CREDENTIALS, window)
    return caught.value


def collected(broker: IbkrBroker, ticket: Ticket | None = None) -> Ready | Pending | BrokerError:
    try:
        return broker.collect(CREDENTIALS, ticket or Ticket("4310000001"))
    except BrokerError as failure:
        return failure


def test_the_table_knows_every_code_that_the_product_and_the_practice_broker_know() -> None:
    assert set(TABLE) == set(MEANINGS) == set(MESSAGES)


@pytest.mark.parametrize("code", TABLE)
@pytest.mark.parametrize("status", ["Fail", "Warn", "Success"])
def test_a_code_decides_at_the_request_whatever_its_status_word(
    broker: IbkrBroker, practice: PracticeBroker, code: str, status: str
) -> None:
    practice.script("SendRequest", [error(code, status=status)])
    failure = refused(broker)
    assert (failure.kind, failure.code, failure.may_be_activating) == (TABLE[code][0], code, TABLE[code][2])
    assert code in str(failure)
    assert failure.remedy


@pytest.mark.parametrize("code", TABLE)
@pytest.mark.parametrize("status", ["Fail", "Warn", "Success"])
def test_a_code_decides_while_collecting_whatever_its_status_word(
    broker: IbkrBroker, practice: PracticeBroker, code: str, status: str
) -> None:
    practice.script("GetStatement", [error(code, status=status)])
    outcome = collected(broker)
    if TABLE[code][1] == PENDING:
        assert outcome == Pending(timedelta(seconds=60 if code == "1009" else 10), code)
    else:
        assert isinstance(outcome, BrokerError)
        assert (outcome.kind, outcome.code, outcome.may_be_activating) == (TABLE[code][1], code, TABLE[code][2])


def test_1003_without_a_period_is_no_reason_to_leave_the_period_out(
    broker: IbkrBroker, practice: PracticeBroker
) -> None:
    practice.script("SendRequest", ["1003"])
    assert refused(broker, Window()).kind is K.NOT_NOW


@pytest.mark.parametrize("code", ["1003", "1020"])
def test_days_that_are_refused_blame_neither_token_nor_query_and_say_what_to_upload(
    broker: IbkrBroker, practice: PracticeBroker, code: str
) -> None:
    practice.script("SendRequest", [code])
    failure = refused(broker, Window(first=date(2026, 1, 5), last=date(2026, 1, 9)))
    assert (failure.kind, failure.code) == (K.NO_SUCH_PERIOD, code)
    assert "Custom Date Range" in failure.remedy
    assert "upload" in failure.remedy


def test_too_many_requests_wait_a_minute_and_a_lockout_half_a_day(broker: IbkrBroker, practice: PracticeBroker) -> None:
    practice.script("SendRequest", ["1018", "1025"])
    assert (refused(broker).retry_after or timedelta()) >= timedelta(seconds=60)
    assert (refused(broker).retry_after or timedelta()) >= timedelta(hours=12)


@pytest.mark.parametrize(
    ("words", "at_request", "at_collect"),
    [
        ("Statement is being moved. Please try again shortly.", K.NOT_NOW, PENDING),
        ("Tax data is NOT READY at this time.", K.NOT_NOW, PENDING),
        ("Your Token has expired.", K.CREDENTIALS, K.CREDENTIALS),
        ("The token is not valid any more.", K.CREDENTIALS, K.CREDENTIALS),
        ("Token service is busy, please try again.", K.NOT_NOW, PENDING),
        ("Flex Query not found.", K.QUERY, K.QUERY),
        ("Too many requests, try again shortly.", K.RATE_LIMITED, K.RATE_LIMITED),
        ("Too many failed attempts with this token. Please try again later.", K.LOCKED_OUT, K.LOCKED_OUT),
        ("This offer has expired.", K.UNKNOWN, K.UNKNOWN),
        ("This has never been seen.", K.UNKNOWN, K.UNKNOWN),
        ("", K.UNKNOWN, K.UNKNOWN),
    ],
)
def test_an_unknown_code_is_judged_by_its_words(
    broker: IbkrBroker, practice: PracticeBroker, words: str, at_request: K, at_collect: K | str
) -> None:
    answer = error("1077", words)
    practice.script("SendRequest", [answer])
    practice.script("GetStatement", [answer])
    failure = refused(broker)
    assert (failure.kind, failure.code) == (at_request, "1077")
    assert words.rstrip(".") in str(failure)
    outcome = collected(broker)
    if at_collect == PENDING:
        assert isinstance(outcome, Pending)
    else:
        assert isinstance(outcome, BrokerError)
        assert outcome.kind is at_collect


def test_an_unknown_code_is_logged_with_its_words_and_without_the_token(
    broker: IbkrBroker, practice: PracticeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    answer = error("1077", f"Being moved for {TOKEN}. Please try again shortly.")
    practice.script("GetStatement", [answer, "1019"])
    practice.script("SendRequest", [answer])
    assert isinstance(collected(broker), Pending)
    refused(broker)
    assert isinstance(collected(broker), Pending)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 2
    assert all("1077" in line and "Being moved" in line and TOKEN not in line for line in told)


def test_a_refusal_without_a_code_is_never_waited_for(broker: IbkrBroker, practice: PracticeBroker) -> None:
    practice.script("GetStatement", [error("", "Please try again shortly.")])
    outcome = collected(broker)
    assert isinstance(outcome, BrokerError)
    assert (outcome.kind, outcome.code) == (K.UNKNOWN, "no-code")


def test_words_of_the_broker_are_quoted_without_the_token(broker: IbkrBroker, practice: PracticeBroker) -> None:
    practice.script("SendRequest", [error("1099", f"No service for {TOKEN} or 998877665544332211")])
    text = str(refused(broker))
    assert "No service for" in text
    assert TOKEN not in text
    assert "998877665544332211" not in text


def test_the_request_asks_for_the_days_that_the_window_says(broker: IbkrBroker, practice: PracticeBroker) -> None:
    broker.request(CREDENTIALS, YEAR)
    broker.request(CREDENTIALS, Window(first=date(2025, 1, 2), last=date(2025, 12, 30)))
    broker.request(CREDENTIALS, Window())
    asked = [dict(call.parameters) for call in practice.calls]
    plain = {"t": TOKEN, "q": QUERY, "v": "3"}
    assert asked == [{**plain, "p": "365"}, {**plain, "fd": "20250102", "td": "20251230"}, plain]
    assert practice.calls[0].headers["user-agent"].startswith("Stonksfolio/")


def test_a_statement_is_asked_for_waited_for_and_handed_over_at_its_start(
    broker: IbkrBroker, practice: PracticeBroker
) -> None:
    ticket = broker.request(CREDENTIALS, YEAR)
    assert collected(broker, ticket) == Pending(timedelta(seconds=10), "1019")
    ready = collected(broker, ticket)
    assert isinstance(ready, Ready)
    assert (ready.body.read(), ready.size) == (b'"Symbol"\n', 9)
    ready.body.close()
    assert set(practice.calls[-1].parameters) == {"t", "q", "v"}
