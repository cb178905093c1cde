"""When one of IBKR's two hosts is down, the other one is asked: a step of its own, at the token's pace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from flask import Flask

from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.brokers.ibkr.hosts import origin
from stonks.practice.answers import receipt
from stonks.practice.server import PracticeBroker
from stonks.services import services
from tests.conftest import Clock
from tests.statements import buy, statement
from tests.sync.conftest import FIELDS, Desk, FakeBroker, make_desk

PAGE = b"<html><body>maintenance</body></html>"
BODY = statement([buy(1)])


@pytest.fixture
def hosts() -> Iterator[tuple[PracticeBroker, PracticeBroker]]:
    with PracticeBroker(looks=0) as here, PracticeBroker(looks=0) as there:
        for host in (here, there):
            host.add_query(FIELDS["token"], FIELDS["query_id"], BODY)
        yield here, there


@pytest.fixture
def ibkr(app: Flask, clock: Clock, hosts: tuple[PracticeBroker, PracticeBroker]) -> Desk:
    here, there = hosts
    desk = make_desk(app, clock, FakeBroker())
    broker = IbkrBroker(here.url, first_wait=timedelta(), pair=(origin(here.url), origin(there.url)))
    app.extensions["stonks"] = replace(services(), brokers={"ibkr": broker})
    return desk


def steps(host: PracticeBroker) -> str:
    return "".join(call.step[0] for call in host.calls)


def test_a_host_in_maintenance_is_replaced_at_either_step_one_call_a_step(
    ibkr: Desk, hosts: tuple[PracticeBroker, PracticeBroker]
) -> None:
    here, there = hosts
    here.script("SendRequest", [PAGE])
    there.script("SendRequest", [receipt("4310000001", here.url + "/GetStatement")])
    here.script("GetStatement", [PAGE])
    there.script("GetStatement", ["1019", "1019", BODY])
    ibkr.save()
    run, moments = ibkr.run(), []
    while run.finished_at is None:
        calls = len(here.calls) + len(there.calls)
        run = ibkr.step(run.id)
        called = len(here.calls) + len(there.calls) - calls
        assert called <= 1
        moments += [ibkr.clock()] * called
    assert run.state == "SUCCEEDED"
    assert (steps(here), steps(there)) == ("SG", "SGGG")  # looked for where it was found being made
    assert min(later - earlier for earlier, later in pairwise(moments)) >= timedelta(seconds=1)
    assert ibkr.entries() == 1


def test_two_hosts_in_maintenance_are_each_asked_once_for_a_statement(
    ibkr: Desk, hosts: tuple[PracticeBroker, PracticeBroker]
) -> None:
    here, there = hosts
    here.script("SendRequest", [PAGE], repeat=True)
    there.script("SendRequest", [PAGE], repeat=True)
    ibkr.save()
    run = ibkr.finish()
    assert (run.state, run.code) == ("FAILED", "html")
    assert (steps(here), steps(there)) == ("S", "S")
    assert ibkr.connection().state == "ACTIVE"


def test_the_usual_host_is_tried_again_when_the_other_one_fails_too(
    ibkr: Desk, hosts: tuple[PracticeBroker, PracticeBroker]
) -> None:
    here, there = hosts
    here.script("GetStatement", [PAGE])
    there.script("GetStatement", [PAGE])
    ibkr.save()
    assert ibkr.finish().state == "SUCCEEDED"
    assert (steps(here), steps(there)) == ("SGG", "G")
