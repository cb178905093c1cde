"""Another process holds the database's write lock while runs are under way: they wait or are tried again, none is lost.

Two seconds stand for twenty; STONKS_LOCKED_SECONDS=20 makes it so.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from stonks import tasks
from stonks.config import Settings
from stonks.db import db
from stonks.practice.answers import Answer
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import allowance, runner, schedule
from tests.listening import listen
from tests.sync.conftest import Desk
from tests.sync.engine import BODY, a_scheduler, a_worker, ended, entries, fresh_run, requests_of, save, wait_until

LOCKED_SECONDS = int(os.environ.get("STONKS_LOCKED_SECONDS", "2"))


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    with closing(sqlite3.connect(settings.data / "stonks.db", isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.usefixtures("here")
def test_a_run_outlasts_a_lock_that_is_taken_while_its_statement_comes(practice: PracticeBroker) -> None:
    practice.script("GetStatement", [Answer(BODY, delay=0.5)])
    with a_scheduler() as scheduler, a_worker() as worker:
        run_id = save()
        wait_until(lambda: any(call.step == "GetStatement" for call in practice.calls))
        with locked(services().settings):
            time.sleep(LOCKED_SECONDS)
            assert entries() == 0  # reading goes on
        wait_until(lambda: ended(run_id))
        assert scheduler.process.is_alive()
        assert worker.process.is_alive()
    run = fresh_run(run_id)
    assert (run.state, entries(), requests_of(practice), len(practice.calls)) == ("SUCCEEDED", 3, 1, 2)


def test_a_lock_that_outlasts_a_step_costs_no_run(desk: Desk, settings: Settings) -> None:
    """The answer is in hand, and neither it nor a word on it can be written: the same ticket is asked for again."""
    desk.save()
    awaiting = desk.step()
    run_id, step = awaiting.id, awaiting.step
    desk.clock.now = awaiting.due_at + allowance.SPACING
    impatient()
    lock = locked(settings)
    desk.broker.meanwhile = lock.__enter__
    tasks.advance_run(run_id, step)
    assert desk.run().lease_until is not None
    lock.__exit__(None, None, None)

    desk.broker.meanwhile = None
    desk.clock.now += runner.LEASE
    schedule.tick(desk.clock())
    run = desk.finish()
    assert (run.state, run.requests, desk.entries()) == ("SUCCEEDED", 1, 2)
    assert [name for name, _ in desk.broker.calls] == ["request", "collect", "collect"]


def impatient() -> None:
    """From here on a write waits for nobody."""
    db.session.remove()
    db.engine.dispose()
    listen("connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 50"))
