"""Two workers on one run, and a connection that changes under one: whoever comes late does nothing.

The other worker, or the other hand, is let in at the one moment where it matters: between a step's first look and its
claim, or while the broker is being asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from stonks.brokers.contract import Ticket
from stonks.crypto import Vault
from stonks.db import db, transaction
from stonks.services import Services
from stonks.sync import runner, schedule
from stonks.sync.tables import Connection, SyncRun
from tests.sync.conftest import Desk


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

    def change_credentials() -> None:
        desk.broker.meanwhile = None
        elsewhere(desk, lambda: write(change))

    desk.broker.meanwhile = change_credentials
    run = desk.finish()

    assert run.state == "CANCELLED"
    assert desk.entries() == 0


def write(change: dict[str, object]) -> None:
    with transaction():
        db.session.execute(update(Connection).values(**change))
