"""Portfolios of one owner on one query: they share the day's statement, and nobody else's is ever used."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from stonks.brokers.errors import FailureKind
from stonks.db import db
from stonks.sync import connecting, schedule
from stonks.sync.allowance import SPACING
from stonks.sync.states import ConnectionState, RunState
from stonks.sync.tables import SyncRun
from tests.sync.conftest import Desk, refusal, sibling_of


def first_run_of(desk: Desk) -> SyncRun:
    run_id = desk.save().run_id
    assert run_id is not None
    return desk.finish(run_id)


def test_portfolios_on_one_query_share_the_day_s_statement(desk: Desk) -> None:
    sibling = sibling_of(desk)
    first_run_of(desk)
    first_run_of(sibling)
    desk.clock.now = max(desk.connection().next_run_at, sibling.connection().next_run_at)  # type: ignore[type-var]
    desk.broker.calls.clear()
    schedule.tick(desk.clock())
    live = db.session.scalars(select(SyncRun.id).where(SyncRun.finished_at.is_(None))).all()
    assert len(live) == 2
    assert [desk.finish(run_id).state for run_id in live] == [RunState.SUCCEEDED, RunState.SUCCEEDED]
    assert [step for step, _ in desk.broker.calls] == ["request", "collect"]


def test_a_sync_by_hand_asks_anew_though_a_sibling_has_the_day_s_statement(desk: Desk) -> None:
    sibling = sibling_of(desk)
    first_run_of(sibling)
    first_run_of(desk)
    desk.broker.calls.clear()
    assert desk.finish(connecting.sync_now(desk.portfolio_id, desk.clock())).state == "SUCCEEDED"
    assert [step for step, _ in desk.broker.calls] == ["request", "collect"]


def test_a_broker_that_makes_no_second_statement_today_is_answered_by_a_sibling_s(desk: Desk) -> None:
    first_run_of(desk)
    sibling = sibling_of(desk)
    desk.broker.answers = [refusal(FailureKind.NOT_NOW, "1001")]
    run = first_run_of(sibling)
    assert run.state == RunState.SUCCEEDED
    assert sibling.connection().state == ConnectionState.ACTIVE


def test_a_sibling_s_statement_is_taken_only_when_no_address_of_the_broker_makes_one(desk: Desk) -> None:
    first_run_of(desk)
    sibling = sibling_of(desk)
    desk.broker.answers = [refusal(FailureKind.NOT_NOW, "timeout", other_place="there")]
    assert first_run_of(sibling).ticket is not None
    desk.broker.places.clear()
    desk.broker.answers = [refusal(FailureKind.NOT_NOW, "timeout", other_place=name) for name in ("there", "here")]
    connecting.sync_now(sibling.portfolio_id, desk.clock())
    run = sibling.finish()
    assert (run.state, run.ticket) == (RunState.SUCCEEDED, None)
    assert desk.broker.places == [None, "there"]


def test_another_owner_s_statement_is_never_used(desk: Desk) -> None:
    first_run_of(desk)
    stranger = sibling_of(desk, email="stranger@example.com")
    desk.broker.answers = [refusal(FailureKind.NOT_NOW, "1001")]
    assert first_run_of(stranger).state == RunState.FAILED


@pytest.mark.parametrize("awaiting", [False, True], ids=["before its request", "with a ticket"])
def test_a_run_under_way_asks_nothing_once_another_has_met_a_lockout_of_their_token(desk: Desk, awaiting: bool) -> None:
    sibling = sibling_of(desk)
    run_id = desk.save().run_id
    if awaiting:
        desk.step(run_id)
    test_id = desk.test()
    desk.broker.answers = [refusal(FailureKind.LOCKED_OUT, "1025")]
    sibling.finish(sibling.save().run_id)
    until = sibling.connection().locked_until
    assert until is not None
    desk.broker.calls.clear()

    assert desk.finish(run_id).state == desk.finish(test_id).state == "FAILED"
    assert desk.broker.calls == []
    mine = desk.connection()
    assert (mine.state, mine.locked_until) == (ConnectionState.LOCKED_OUT, until)
    desk.clock.now = max(mine.next_run_at, sibling.connection().next_run_at)  # type: ignore[type-var]
    schedule.tick(desk.clock())
    live = db.session.scalars(select(SyncRun.id).where(SyncRun.finished_at.is_(None))).all()
    assert [desk.finish(run).state for run in live] == [RunState.SUCCEEDED, RunState.SUCCEEDED]


def test_one_that_is_disconnected_in_mid_air_leaves_the_other_its_token_and_its_pace(desk: Desk) -> None:
    sibling = sibling_of(desk)
    first, second = desk.save().run_id, sibling.save().run_id
    asked_at: list[datetime] = []

    def disconnected() -> None:
        asked_at.append(desk.clock())
        if len(asked_at) == 1:
            connecting.disconnect(desk.portfolio_id, desk.clock())

    desk.broker.meanwhile = disconnected
    assert desk.step(first).state == RunState.CANCELLED
    assert sibling.finish(second).state == RunState.SUCCEEDED
    assert all(later - earlier >= SPACING for earlier, later in pairwise(asked_at))
    assert len(asked_at) == 3
    assert desk.entries() == 2
    assert (desk.connection().sealed_credentials, sibling.connection().state) == (None, ConnectionState.ACTIVE)


def test_a_schedule_that_meets_anothers_lockout_asks_nothing_and_says_why(desk: Desk) -> None:
    sibling = sibling_of(desk)
    desk.finish(desk.save().run_id)
    desk.clock.now = desk.connection().next_run_at - timedelta(hours=1)
    desk.broker.answers = [refusal(FailureKind.LOCKED_OUT, "1025")]
    sibling.finish(sibling.save().run_id)
    until = sibling.connection().locked_until
    desk.clock.now = desk.connection().next_run_at
    desk.broker.calls.clear()
    schedule.tick(desk.clock())
    mine = desk.connection()
    assert (mine.state, mine.locked_until, desk.broker.calls) == (ConnectionState.LOCKED_OUT, until, [])
    assert mine.state_message == "The broker has locked this token for some hours."
