"""How IBKR is asked, through the real adapter: one request and then the same ticket, whatever the answers are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from flask import Flask

from stonks.brokers.errors import FailureKind
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.practice.answers import error
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting, schedule, views
from stonks.sync.timing import LATER
from tests.conftest import Clock
from tests.statements import buy, statement
from tests.sync.conftest import FIELDS, Desk, FakeBroker, make_desk, refusal

POLL = timedelta(seconds=7)
WAIT_ONLY = ["1001", "1004", "1005", "1006", "1007", "1008", "1009", "1019", "1021"]


@pytest.fixture
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker(looks=0) as server:
        server.add_query(FIELDS["token"], FIELDS["query_id"], statement([buy(1)]))
        yield server


@pytest.fixture
def ibkr(app: Flask, clock: Clock, practice: PracticeBroker) -> Desk:
    """A desk whose broker is IBKR's adapter, with a wait of seven seconds before the first look."""
    desk = make_desk(app, clock, FakeBroker())
    broker = IbkrBroker(practice.url, first_wait=POLL)
    settings = replace(services().settings, first_wait=POLL)
    app.extensions["stonks"] = replace(services(), brokers={"ibkr": broker}, settings=settings)
    return desk


def steps(practice: PracticeBroker) -> str:
    return "".join(call.step[0] for call in practice.calls)


@pytest.mark.parametrize("code", WAIT_ONLY)
def test_a_code_that_means_wait_is_answered_by_the_same_ticket(ibkr: Desk, practice: PracticeBroker, code: str) -> None:
    practice.script("GetStatement", [code] * 4)
    ibkr.save()
    assert ibkr.finish().state == "SUCCEEDED"
    assert steps(practice) == "SGGGGG"
    assert len({call.reference for call in practice.calls[1:]}) == 1


@pytest.mark.parametrize("code", ["1001", "1009", "1019"])
def test_a_code_that_means_wait_is_given_up_after_half_an_hour_without_a_second_request(
    ibkr: Desk, practice: PracticeBroker, code: str
) -> None:
    practice.script("GetStatement", [code], repeat=True)
    ibkr.save()
    run = ibkr.finish()
    assert (run.state, steps(practice).count("S")) == ("FAILED", 1)
    assert run.ticket_at is not None
    assert run.finished_at is not None
    assert timedelta(minutes=30) <= run.finished_at - run.ticket_at < timedelta(minutes=33)


def test_the_first_look_comes_after_the_poll_time_and_the_waits_grow_from_there(
    ibkr: Desk, practice: PracticeBroker
) -> None:
    practice.script("GetStatement", ["1019"] * 12)
    ibkr.save()
    run, looked = ibkr.run(), []
    while run.finished_at is None:
        calls = len(practice.calls)
        run = ibkr.step(run.id)
        if len(practice.calls) > calls:
            looked.append(ibkr.clock())
    waits = [later - earlier for earlier, later in pairwise(looked)]
    assert waits[0] == POLL
    assert waits == sorted(waits)
    assert waits[-1] <= timedelta(seconds=60)


def test_an_unknown_code_is_waited_for_or_ends_the_run_as_its_words_say(ibkr: Desk, practice: PracticeBroker) -> None:
    practice.script("GetStatement", [error("1077", "Being moved, please try again shortly.")])
    ibkr.save()
    assert ibkr.finish().state == "SUCCEEDED"
    practice.calls.clear()
    practice.script("GetStatement", [error("1078", "This has never been seen.")])
    connecting.sync_now(ibkr.portfolio_id, ibkr.clock())
    run = ibkr.finish()
    assert (run.state, run.code, steps(practice)) == ("FAILED", "1078", "SG")
    assert ibkr.connection().state == "ACTIVE"


def test_a_ticket_that_is_not_known_is_replaced_once(ibkr: Desk, practice: PracticeBroker) -> None:
    practice.script("GetStatement", ["1017", "1019", "1017"])
    ibkr.save()
    run = ibkr.finish()
    assert (run.state, run.code, steps(practice)) == ("FAILED", "1017", "SGSGG")


def test_too_many_requests_are_met_with_a_minute_of_silence_at_either_step(
    ibkr: Desk, practice: PracticeBroker
) -> None:
    practice.script("SendRequest", ["1018"])
    practice.script("GetStatement", ["1018"])
    ibkr.save()
    run, silent = ibkr.run(), []
    while run.finished_at is None:
        calls, before = len(practice.calls), ibkr.clock()
        run = ibkr.step(run.id)
        if len(practice.calls) > calls and run.code == "1018" and run.due_at is not None:
            silent.append(run.due_at - max(before, ibkr.clock()))
    assert run.state == "SUCCEEDED"
    assert len(silent) == 2
    assert min(silent) >= timedelta(seconds=60)


def test_a_lockout_is_told_and_nothing_is_asked_for_twelve_hours(ibkr: Desk, practice: PracticeBroker) -> None:
    practice.script("SendRequest", ["1025"])
    ibkr.save()
    ibkr.finish()
    view = views.connection(ibkr.portfolio_id)
    assert view is not None
    assert (view.state, view.state_code) == ("LOCKED_OUT", "1025")
    assert "Your token and query may well be right" in f"{view.state_message} {view.state_remedy}"
    assert view.locked_until is not None
    began = ibkr.clock()
    while ibkr.clock() < began + timedelta(hours=12):
        assert schedule.tick(ibkr.clock()) == 0
        ibkr.clock.advance(minutes=20)
    assert steps(practice) == "S"
    assert view.locked_until >= began + timedelta(hours=12)


def test_refused_requests_come_hours_apart_and_at_most_three_times_in_a_day(desk: Desk) -> None:
    asked = []
    desk.broker.answers = [refusal(FailureKind.NOT_NOW, "1001") for _ in range(99)]
    desk.broker.meanwhile = lambda: asked.append(desk.clock())
    desk.save()
    desk.finish()
    end = desk.clock() + timedelta(days=7)
    while desk.clock() < end:
        due = desk.connection().next_run_at
        assert due is not None
        assert schedule.tick(due - timedelta(seconds=1)) == 0
        desk.clock.now = due
        schedule.tick(desk.clock())
        desk.finish()
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert min(waits) >= LATER - timedelta(minutes=1)
    most = max(sum(timedelta(0) <= one - first < timedelta(hours=20) for one in asked) for first in asked)
    assert most == 3
    assert len(asked) >= 7  # and every day is tried
