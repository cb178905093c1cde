"""Two workers on one run, and a connection that changes under one: whoever comes late does nothing.

The other worker, or the other hand, is let in at the one moment where it matters: between a step's first look and its
claim, between the claim and the call, or while the broker is being asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import pytest
from sqlalchemy import func, select, update

from stonks.brokers.contract import Credentials, Ticket
from stonks.brokers.errors import FailureKind
from stonks.crypto import Vault
from stonks.db import db, transaction
from stonks.ledger import portfolios
from stonks.services import Services
from stonks.sync import connecting, runner, schedule
from stonks.sync.tables import Connection, SyncRun
from tests.conftest import Clock
from tests.sync.conftest import Desk, FakeBroker, make_desk, refusal
from tests.sync.test_siblings import sibling_of


class InterruptedVault(Vault):
    """Opens a secret, but lets something else happen first, once."""

    def __init__(self, keys: list[str], meanwhile: Callable[[], None]) -> None:
        super().__init__(keys)
        self._meanwhile: Callable[[], None] | None = meanwhile

    def open(self, sealed: bytes, owner: str) -> bytes:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().open(sealed, owner)


def elsewhere(desk: Desk, work: Callable[[], None]) -> None:
    """Does it as another process would: with a session of its own, to its end."""

    def run() -> None:
        with desk.app.app_context():
            work()

    other = threading.Thread(target=run)
    other.start()
    other.join(timeout=30)
    assert not other.is_alive()


def test_a_step_that_another_worker_takes_between_look_and_claim_is_taken_once(desk: Desk) -> None:
    desk.save()
    run = desk.run()
    earlier = desk.clock()

    def faster_worker() -> None:
        elsewhere(desk, lambda: runner.advance(run.id, run.step, earlier))

    services: Services = desk.app.extensions["stonks"]
    interrupted = InterruptedVault(list(services.settings.token_keys), faster_worker)
    desk.app.extensions["stonks"] = replace(services, vault=interrupted)
    later = desk.clock.advance(minutes=2)  # when the token's allowance would let a second call go
    runner.advance(run.id, run.step, later)

    assert [name for name, _ in desk.broker.calls] == ["request"]
    assert desk.run().attempts == 0
    assert desk.finish().state == "SUCCEEDED"


def test_an_answer_that_comes_after_the_step_was_given_to_another_worker_changes_nothing(desk: Desk) -> None:
    desk.save()
    run = desk.run()
    desk.broker.answers = [Ticket("of the second worker"), Ticket("late")]

    def lease_runs_out() -> None:
        desk.broker.meanwhile = None
        desk.clock.advance(hours=1)
        elsewhere(desk, lambda: take_over(desk, run.id))

    desk.broker.meanwhile = lease_runs_out
    runner.advance(run.id, run.step, desk.clock())

    assert desk.finish().state == "SUCCEEDED"
    assert desk.broker.calls[-1] == ("collect", "of the second worker")


def held_up_after_its_claim(desk: Desk, meanwhile: Callable[[], None]) -> None:
    """A worker asks for the time once it has claimed a step, before it calls the broker."""
    before: Services = desk.app.extensions["stonks"]

    def slow_clock() -> datetime:
        desk.app.extensions["stonks"] = before
        elsewhere(desk, meanwhile)
        return desk.clock()

    desk.app.extensions["stonks"] = replace(before, clock=slow_clock)


def test_a_worker_held_up_after_its_claim_does_not_call_with_a_token_that_was_taken_back(desk: Desk) -> None:
    desk.save()
    held_up_after_its_claim(desk, lambda: connecting.disconnect(desk.portfolio_id, desk.clock()))
    assert desk.step().state == "CANCELLED"
    assert desk.broker.calls == []
    assert desk.run().requests == 0


def test_a_worker_held_up_until_its_lease_was_over_does_not_ask_a_second_time(desk: Desk) -> None:
    run_id = desk.save().run_id
    assert run_id is not None

    def lease_runs_out() -> None:
        desk.clock.advance(hours=1)
        take_over(desk, run_id)
        desk.clock.advance(minutes=2)  # when the token's allowance would let a second call go

    held_up_after_its_claim(desk, lease_runs_out)
    desk.step()
    assert [name for name, _ in desk.broker.calls] == ["request"]
    assert desk.finish().state == "SUCCEEDED"


def test_a_lockout_told_to_a_run_that_was_ended_meanwhile_is_left_in_peace(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.LOCKED_OUT, "1025")]
    desk.save()

    once_in_mid_call(desk, lambda: change_currency(desk))
    run = desk.run()
    runner.advance(run.id, run.step, desk.clock())
    assert desk.run(run.id).state == "CANCELLED"
    newer = desk.finish()
    assert (newer.state, newer.failure, newer.requests) == ("FAILED", "locked", 0)
    assert len(desk.broker.calls) == 1
    assert desk.connection().state == "LOCKED_OUT"


def once_in_mid_call(desk: Desk, act: Callable[[], object]) -> None:
    """While the broker is asked for the first time, by another process."""

    def meanwhile() -> None:
        desk.broker.meanwhile = None
        elsewhere(desk, act)

    desk.broker.meanwhile = meanwhile


def change_currency(desk: Desk) -> None:
    desk.save(only_currency="USD")


def take_over(desk: Desk, run_id: int) -> None:
    schedule.tick(desk.clock())
    found = db.session.get(SyncRun, run_id)
    assert found is not None
    runner.advance(run_id, found.step, desk.clock())


@pytest.mark.parametrize(
    "change",
    [{"credentials_version": Connection.credentials_version + 1}, {"sealed_credentials": None}],
    ids=["other credentials", "no credentials"],
)
def test_a_statement_that_comes_for_credentials_that_are_gone_is_not_let_in(
    desk: Desk, change: dict[str, object]
) -> None:
    """Whatever took them away, be it a hand in the database: the run itself was not cancelled."""
    desk.save()
    desk.step()

    once_in_mid_call(desk, lambda: write(change))
    run = desk.finish()

    assert run.state == "CANCELLED"
    assert desk.entries() == 0


def write(change: dict[str, object]) -> None:
    with transaction():
        db.session.execute(update(Connection).values(**change))


def test_an_answer_for_a_deleted_run_goes_to_no_later_run_that_got_its_number(desk: Desk) -> None:
    """SQLite gives a number again: of the last row, once that is deleted. Here it is another owner's."""
    stranger = sibling_of(desk, email="b@example.com")
    run_id = desk.test()
    desk.step(run_id)
    desk.clock.advance(seconds=2)
    others = []

    def another_takes_its_place() -> None:
        desk.broker.meanwhile = None
        portfolios.delete(desk.portfolio())
        others.append(stranger.test())
        desk.clock.advance(minutes=2)
        stranger.step()
        desk.clock.advance(seconds=2)
        desk.broker.meanwhile = a_worker_dies
        with pytest.raises(SystemExit):  # in mid-air too, at the same step
            stranger.step()
        desk.broker.meanwhile = None

    desk.broker.meanwhile = lambda: elsewhere(desk, another_takes_its_place)
    desk.step(run_id)
    assert others == [run_id]
    run = desk.run(run_id)
    assert (run.state, run.result, run.statement_id) == ("AWAITING_STATEMENT", None, None)


def a_worker_dies() -> None:
    raise SystemExit


class Meeting:
    """Where two hands wait for each other, for a while: one of them may be held up before it."""

    def __init__(self, seconds: float) -> None:
        self._barrier = threading.Barrier(2, timeout=seconds)

    def __call__(self) -> None:
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait()


class MeetingVault(Vault):
    def __init__(self, keys: list[str], meeting: Meeting) -> None:
        super().__init__(keys)
        self._meeting = meeting

    def seal(self, secret: bytes, owner: str) -> bytes:
        self._meeting()
        return super().seal(secret, owner)


@dataclass
class MeetingBroker(FakeBroker):
    meeting: Meeting | None = None

    def check_shape(self, values: Credentials) -> dict[str, str]:
        if self.meeting is not None:
            self.meeting()
        return super().check_shape(values)


@pytest.mark.parametrize("database", ["app", "pg_app"])
def test_pressed_twice_at_once_a_button_acts_once(request: pytest.FixtureRequest, clock: Clock, database: str) -> None:
    broker = MeetingBroker()
    desk = make_desk(request.getfixturevalue(database), clock, broker)
    before: Services = desk.app.extensions["stonks"]
    for press, runs in ((desk.save, 1), (desk.test, 2)):
        broker.meeting = Meeting(30)  # once both have read what is saved
        vault = MeetingVault(list(before.settings.token_keys), Meeting(1))  # and when one is about to write
        desk.app.extensions["stonks"] = replace(before, vault=vault)
        assert at_once(desk, press) == []
        assert db.session.scalar(select(func.count()).select_from(SyncRun)) == runs
        db.session.rollback()


def at_once(desk: Desk, press: Callable[[], object]) -> list[BaseException]:
    failed: list[BaseException] = []

    def one() -> None:
        with desk.app.app_context():
            try:
                press()
            except BaseException as error:
                failed.append(error)
            finally:
                db.session.remove()

    db.session.rollback()
    hands = [threading.Thread(target=one) for _ in range(2)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(timeout=60)
    return failed
