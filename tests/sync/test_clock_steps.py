"""The machine's clock is set forward or back by days: every run still ends soon, and nobody is asked more for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from stonks.brokers.contract import Pending
from stonks.brokers.errors import FailureKind
from stonks.db import db
from stonks.sync import runner, schedule
from stonks.sync.tables import SyncRun
from tests.sync.conftest import Desk, refusal

STEP = timedelta(days=2)


def live(desk: Desk, span: timedelta, until_ended: int | None = None) -> None:
    """What scheduler and worker do in so much time, or until that run has ended."""
    until = desk.clock() + span
    while desk.clock() < until and not (until_ended and desk.run(until_ended).finished_at):
        schedule.tick(desk.clock())
        for run in list(db.session.scalars(select(SyncRun).where(SyncRun.due_at <= desk.clock()))):
            if run.lease_until is None:
                runner.advance(run.id, run.step, desk.clock())
        desk.clock.advance(minutes=1)


def requests(desk: Desk) -> int:
    return [name for name, _ in desk.broker.calls].count("request")


def just_saved(desk: Desk) -> None:
    pass


def waiting_for_its_statement(desk: Desk) -> None:
    desk.broker.answers = [None, *[Pending(None)] * 1000]
    desk.step()


def waiting_for_the_rate(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.RATE_LIMITED, "1018")]
    desk.step()


def held_by_a_worker_that_died(desk: Desk) -> None:
    def die() -> None:
        desk.broker.meanwhile = None
        raise SystemExit

    desk.broker.meanwhile = die
    with pytest.raises(SystemExit):
        desk.step()


STAGES = [just_saved, waiting_for_its_statement, waiting_for_the_rate, held_by_a_worker_that_died]


@pytest.mark.parametrize("step", [STEP, -STEP], ids=["forward", "back"])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_run_under_way_ends_within_the_hour(desk: Desk, stage: Callable[[Desk], None], step: timedelta) -> None:
    desk.save()
    stage(desk)
    first = desk.run().id
    desk.clock.now += step
    live(desk, timedelta(minutes=40), until_ended=first)
    assert desk.run(first).finished_at is not None
    assert requests(desk) <= 3
    assert len(desk.broker.calls) < 60


def test_a_regular_sync_put_off_by_a_clock_that_was_ahead_comes_at_its_own_time(desk: Desk) -> None:
    desk.save()
    desk.finish()
    expected = desk.connection().next_run_at
    desk.clock.now += STEP
    live(desk, timedelta(minutes=10))
    assert desk.connection().next_run_at > expected + timedelta(days=1)
    desk.clock.now -= STEP
    live(desk, timedelta(minutes=1))
    assert desk.connection().next_run_at == expected


def test_a_lockout_met_by_a_clock_that_was_ahead_is_not_cut_short(desk: Desk) -> None:
    desk.clock.now += STEP
    desk.broker.answers = [refusal(FailureKind.LOCKED_OUT, "1025")]
    desk.save()
    desk.finish()
    met = desk.connection()
    lockout = met.locked_until, met.next_run_at
    desk.clock.now -= STEP
    live(desk, timedelta(hours=1))
    after = desk.connection()
    assert (after.locked_until, after.next_run_at) == lockout
    assert requests(desk) == 1


def test_a_clock_that_jumps_to_and_fro_asks_at_most_once_a_jump(desk: Desk) -> None:
    desk.save()
    desk.finish()
    for jump in range(6):
        desk.clock.now += STEP if jump % 2 == 0 else -STEP
        live(desk, timedelta(minutes=10))
    assert requests(desk) <= 4
    assert all(run.finished_at is not None for run in db.session.scalars(select(SyncRun)))


def test_a_token_saved_while_the_clock_was_ahead_is_not_tried_for_longer_than_an_hour(desk: Desk) -> None:
    desk.clock.advance(days=2)
    desk.save()
    desk.clock.advance(days=-2)
    not_active = refusal(FailureKind.CREDENTIALS, "1015", may_be_activating=True)
    desk.broker.answers = [not_active] * 1000
    live(desk, timedelta(hours=5), desk.run().id)
    assert desk.run().finished_at is not None
    assert requests(desk) <= 7
    assert desk.connection().state == "AUTH_FAILED"
