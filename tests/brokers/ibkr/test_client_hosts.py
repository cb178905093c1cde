"""Where a token may go: the returned address, redirects, the other host."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from stonks.brokers.contract import Ready, Ticket, Window
from stonks.brokers.errors import BrokerError
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.brokers.ibkr.hosts import Hosts, origin
from stonks.practice.answers import Answer, receipt
from stonks.practice.server import PracticeBroker

CREDENTIALS = {"token": "314159265358979323846264", "query_id": "777001"}
YEAR = Window(days_back=365)
IBKR = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"
PAGE = b"<html><body>maintenance</body></html>"


@pytest.fixture
def here() -> Iterator[PracticeBroker]:
    with PracticeBroker(looks=0) as server:
        server.add_query(CREDENTIALS["token"], CREDENTIALS["query_id"], b"from here")
        yield server


@pytest.fixture
def there() -> Iterator[PracticeBroker]:
    with PracticeBroker(looks=0) as server:
        server.add_query(CREDENTIALS["token"], CREDENTIALS["query_id"], b"from there")
        yield server


def twins(here: PracticeBroker, there: PracticeBroker) -> IbkrBroker:
    """A broker at `here` with `there` as its equal, as IBKR's two hosts are."""
    return IbkrBroker(here.url, first_wait=timedelta(), pair=(origin(here.url), origin(there.url)))


def alone(here: PracticeBroker) -> IbkrBroker:
    return IbkrBroker(here.url, first_wait=timedelta())


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    ("told", "used"),
    [
        (f"{IBKR}/GetStatement", f"{IBKR}/GetStatement"),
        (f"{IBKR}/GetStatement".replace("ndc", "gdc"), f"{IBKR}/GetStatement".replace("ndc", "gdc")),
        (f"{IBKR}/GetStatement?t=1#x", f"{IBKR}/GetStatement"),
        (
            "https://GDCDYN.interactivebrokers.com:443/a/GetStatement",
            "https://gdcdyn.interactivebrokers.com/a/GetStatement",
        ),
        (
            "https://gdcdyn.interactivebrokers.com/Universal/servlet/FlexStatementService.GetStatement",
            f"{IBKR}/GetStatement".replace("ndc", "gdc"),
        ),
        (f"{IBKR}/GetStatement".replace("https", "http"), None),
        ("https://ndcdyn.interactivebrokers.com.evil.example/GetStatement", None),
        ("https://evil.example/ndcdyn.interactivebrokers.com", None),
        ("https://www.interactivebrokers.com/GetStatement", None),
        ("https://ndcdyn.interactivebrokers.com@evil.example/GetStatement", None),
        ("https://user@ndcdyn.interactivebrokers.com/GetStatement", None),
        ("https://evil.example\\@ndcdyn.interactivebrokers.com/GetStatement", None),
        ("https://ndcdyn.interactivebrokers.com:8443/GetStatement", None),
        ("https://ndcdyn.interactivebrokers.com:x/GetStatement", None),
        ("//ndcdyn.interactivebrokers.com/GetStatement", None),
        ("file:///etc/passwd", None),
        ("", None),
    ],
)
def test_only_https_on_ibkrs_two_hosts_is_taken_from_a_receipt(told: str, used: str | None) -> None:
    assert Hosts(IBKR).statement_url(told) == used


def test_beside_another_configured_service_only_that_very_address_counts() -> None:
    hosts = Hosts("http://127.0.0.1:8765/FlexWebService")
    assert hosts.statement_url("http://127.0.0.1:8765/x/GetStatement") == "http://127.0.0.1:8765/x/GetStatement"
    assert hosts.statement_url("http://127.0.0.1:8766/x/GetStatement") is None
    assert hosts.statement_url("http://localhost:8765/x/GetStatement") is None
    assert hosts.statement_url(f"{IBKR}/GetStatement") is None
    assert hosts.other("http://127.0.0.1:8765/FlexWebService") is None


def test_ibkrs_hosts_stand_for_each_other() -> None:
    hosts = Hosts(IBKR)
    other = hosts.other(f"{IBKR}/GetStatement")
    assert other == "https://gdcdyn.interactivebrokers.com"
    assert hosts.at(other, f"{IBKR}/GetStatement?a=b") == f"{IBKR}/GetStatement?a=b".replace("ndc", "gdc")


def test_the_address_in_a_receipt_is_used_when_it_is_the_equal_and_ignored_when_foreign(
    here: PracticeBroker, there: PracticeBroker
) -> None:
    here.script("SendRequest", [receipt("4310000001", there.url + "/GetStatement")] * 2)
    assert alone(here).request(CREDENTIALS, YEAR) == Ticket("4310000001", None)
    ticket = twins(here, there).request(CREDENTIALS, YEAR)
    assert ticket.url == there.url + "/GetStatement"
    there.script("GetStatement", [b"theirs"])
    assert collected(twins(here, there), ticket) == b"theirs"


def test_a_kept_ticket_with_a_foreign_address_is_collected_at_home(here: PracticeBroker, there: PracticeBroker) -> None:
    here.script("GetStatement", [b"ours"])
    assert collected(alone(here), Ticket("4310000001", there.url + "/GetStatement")) == b"ours"
    assert there.calls == []


def collected(broker: IbkrBroker, ticket: Ticket) -> bytes:
    return collected_at(broker, ticket, None)


def collected_at(broker: IbkrBroker, ticket: Ticket, place: str | None) -> bytes:
    outcome = broker.collect(CREDENTIALS, ticket, place)
    assert isinstance(outcome, Ready)
    with outcome.body as body:
        return body.read()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_service_is_followed(here: PracticeBroker, status: int) -> None:
    query = "?t=314159265358979323846264&q=4310000001&v=3"
    here.script("GetStatement", [Answer(status=status, headers={"Location": "GetStatement" + query}), b"arrived"])
    assert collected(alone(here), Ticket("4310000001")) == b"arrived"


def test_the_body_of_a_redirect_is_not_waited_for(here: PracticeBroker) -> None:
    slow = Answer(b"drop by drop " * 20, status=302, headers={"Location": "GetStatement?t=1&q=2&v=3"}, trickle=0.02)
    here.script("GetStatement", [slow, b"arrived"])
    began = time.monotonic()
    assert collected(alone(here), Ticket("4310000001")) == b"arrived"
    assert time.monotonic() - began < 1


def test_a_redirect_elsewhere_gets_no_token(here: PracticeBroker, there: PracticeBroker) -> None:
    away = Answer(status=302, headers={"Location": there.url + "/GetStatement?t=314159265358979323846264&q=1&v=3"})
    here.script("GetStatement", [away])
    here.script("SendRequest", [away])
    with pytest.raises(BrokerError) as caught:
        alone(here).collect(CREDENTIALS, Ticket("4310000001"))
    assert caught.value.code == "redirect"
    with pytest.raises(BrokerError):
        alone(here).request(CREDENTIALS, YEAR)
    assert there.calls == []


def test_redirects_in_a_circle_end(here: PracticeBroker) -> None:
    circle = Answer(status=302, headers={"Location": here.url + "/GetStatement?t=1&q=2&v=3"})
    here.script("GetStatement", [circle], repeat=True)
    with pytest.raises(BrokerError) as caught:
        alone(here).collect(CREDENTIALS, Ticket("4310000001"))
    assert caught.value.code == "http-302"
    assert len(here.calls) == 4


def test_a_host_that_cannot_be_reached_or_talks_nonsense_names_the_other_one(
    here: PracticeBroker, there: PracticeBroker
) -> None:
    dead = nobody()
    broker = IbkrBroker(f"{dead}/FlexWebService", first_wait=timedelta(), pair=(dead, origin(there.url)))
    with pytest.raises(BrokerError) as caught:
        broker.request(CREDENTIALS, YEAR)
    assert (caught.value.code, caught.value.other_place) == ("unreachable", origin(there.url))
    ticket = broker.request(CREDENTIALS, YEAR, caught.value.other_place)
    assert collected(broker, ticket) == b"from there"
    here.script("SendRequest", [PAGE])
    here.script("GetStatement", [PAGE])
    calls = len(there.calls)
    with pytest.raises(BrokerError) as refused:
        twins(here, there).request(CREDENTIALS, YEAR)
    with pytest.raises(BrokerError) as lost:
        twins(here, there).collect(CREDENTIALS, Ticket("4310000001"))
    assert refused.value.other_place == lost.value.other_place == origin(there.url)
    assert len(there.calls) == calls  # one call each; the second host is another step


def test_the_place_of_a_step_goes_before_the_address_in_the_receipt_and_only_within_the_service(
    here: PracticeBroker, there: PracticeBroker
) -> None:
    ticket = Ticket("4310000001", here.url + "/GetStatement")
    there.script("GetStatement", [b"theirs"])
    assert collected_at(twins(here, there), ticket, origin(there.url)) == b"theirs"
    here.script("GetStatement", [b"ours"] * 2)
    assert collected_at(alone(here), ticket, origin(there.url)) == b"ours"
    assert collected_at(twins(here, there), ticket, "https://evil.example") == b"ours"


def test_a_request_that_may_have_arrived_is_not_made_a_second_time_at_the_other_host(
    here: PracticeBroker, there: PracticeBroker
) -> None:
    for answer in (Answer(b"<Flex", break_after=2), 503, "1001"):
        here.script("SendRequest", [answer])
        with pytest.raises(BrokerError) as caught:
            twins(here, there).request(CREDENTIALS, YEAR)
        assert caught.value.other_place is None


def test_a_service_of_another_name_has_no_other_host(here: PracticeBroker) -> None:
    here.script("SendRequest", [PAGE])
    with pytest.raises(BrokerError) as caught:
        alone(here).request(CREDENTIALS, YEAR)
    assert caught.value.other_place is None
