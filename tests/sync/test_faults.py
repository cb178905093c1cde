"""Real processes that die at the worst moments: nothing is lost, nothing comes twice, every run ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import func, select

from stonks.accounts.tables import User
from stonks.config import Settings
from stonks.db import db, transaction
from stonks.factory import create_app, utc_now
from stonks.ledger.tables import Entry, Portfolio
from stonks.practice.answers import Answer
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting
from stonks.sync.tables import Connection, SyncRun
from tests.statements import buy, dividend, statement
from tests.sync.processes import Running, running

TOKEN = "424242424242424242424242"
FIELDS = {"query_id": "1234567", "token": TOKEN}
BODY = statement([buy(1), buy(2, "20251104")], [dividend(3)])


@pytest.fixture
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker(looks=1) as broker:
        broker.add_query(TOKEN, FIELDS["query_id"], BODY)
        yield broker


@pytest.fixture
def here(settings: Settings, practice: PracticeBroker) -> Iterator[Flask]:
    app = create_app(replace(settings, flex_url=practice.url))
    with app.app_context():
        db.create_all()
        with transaction():
            db.session.add(User(id=1, email="a@example.com", password_hash="x", session_epoch=0, created_at=utc_now()))
            db.session.flush()
            db.session.add(Portfolio(id=1, user_id=1, name="P", base_currency="EUR", created_at=utc_now()))
        yield app
        db.session.remove()
        db.engine.dispose()


def a_process(name: str, *arguments: str, dies_in_mid_import: bool = False) -> AbstractContextManager[Running]:
    """A process of the product on this test's data, told to write its log under `name`."""
    settings = services().settings
    environment = {
        "STONKS_DATA": str(settings.data),
        "REDIS_URL": settings.effective_redis_url,
        "STONKS_FLEX_URL": settings.flex_url,
        "STONKS_POLL_SECONDS": "0",
        "STONKS_TICK_SECONDS": "1",
        "STONKS_LOG": "json",
    }
    log = settings.data / f"{name}.log"
    return running(environment, log, *arguments, dies_in_mid_import=dies_in_mid_import)


def a_worker(name: str = "worker", **more: bool) -> AbstractContextManager[Running]:
    return a_process(name, **more)


def a_scheduler(name: str = "scheduler") -> AbstractContextManager[Running]:
    return a_process(name, "--schedule")


def save(**more: Any) -> int:
    told = {"only_currency": None, "token_expires_on": None, "day_first": None, **more}
    outcome = connecting.save(1, "ibkr", FIELDS, now=utc_now(), **told)
    assert outcome.run_id is not None
    return outcome.run_id


def wait_until(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds  # a busy machine takes long to start a process
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def fresh_run(run_id: int) -> SyncRun:
    db.session.rollback()
    run = db.session.get(SyncRun, run_id, populate_existing=True)
    assert run is not None
    return run


def ended(run_id: int) -> bool:
    return fresh_run(run_id).finished_at is not None


def entries() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Entry)) or 0


def end_lease(run_id: int) -> None:
    """What the passing of time does to a dead worker's lease."""
    with transaction():
        run = db.session.get(SyncRun, run_id)
        assert run is not None
        assert run.lease_until is not None
        run.lease_until = utc_now()


def requests_of(practice: PracticeBroker) -> int:
    return sum(call.step == "SendRequest" for call in practice.calls)


@pytest.mark.usefixtures("here")
def test_a_worker_killed_while_it_calls_is_replaced_without_a_second_request(practice: PracticeBroker) -> None:
    practice.script("GetStatement", [Answer(b"", delay=30)])
    run_id = save()
    with a_scheduler():
        with a_worker() as worker:
            wait_until(lambda: any(call.step == "GetStatement" for call in practice.calls))
            worker.kill()
        assert fresh_run(run_id).attempts == 1
        end_lease(run_id)
        with a_worker():
            wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(practice)) == ("SUCCEEDED", 3, 1)


@pytest.mark.usefixtures("here")
def test_a_worker_killed_in_mid_import_leaves_nothing_half_done(practice: PracticeBroker) -> None:
    run_id = save()
    with a_scheduler():
        with a_worker(dies_in_mid_import=True) as worker:
            assert worker.wait() == -signal.SIGKILL
        assert (entries(), fresh_run(run_id).state) == (0, "AWAITING_STATEMENT")
        end_lease(run_id)
        with a_worker():
            wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(practice)) == ("SUCCEEDED", 3, 1)


@pytest.mark.usefixtures("here")
def test_a_redis_flushed_again_and_again_only_delays(practice: PracticeBroker) -> None:
    practice.looks = 3
    run_id = save()
    redis = services().redis
    with a_scheduler(), a_scheduler("other"), a_worker():
        for _ in range(4):
            redis.flushall()
            time.sleep(0.3)
        # Its memory of the allowance is gone too, which errs on the slow side: as if the minute had passed.
        with transaction():
            run = db.session.get(SyncRun, run_id, populate_existing=True)
            assert run is not None
            run.called_at = None
            if run.lease_until is None:
                run.due_at = utc_now()
        wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(practice)) == ("SUCCEEDED", 3, 1)


@pytest.mark.usefixtures("here")
def test_a_disconnection_while_the_statement_comes_imports_nothing(practice: PracticeBroker) -> None:
    practice.script("GetStatement", [Answer(BODY, delay=1)])
    run_id = save()
    with a_scheduler(), a_worker() as worker:
        wait_until(lambda: any(call.step == "GetStatement" for call in practice.calls))
        connecting.disconnect(1, utc_now())
        assert fresh_run(run_id).state == "CANCELLED"
        time.sleep(1.3)
        assert worker.end(signal.SIGTERM) == 0
    assert entries() == 0
    assert db.session.scalar(select(Connection.sealed_credentials)) is None


@pytest.mark.usefixtures("here")
def test_processes_stop_cleanly_and_say_nothing_of_the_token(practice: PracticeBroker) -> None:
    practice.script("SendRequest", ["1009"])
    run_id = save()
    with a_scheduler() as scheduler, a_worker() as worker:
        wait_until(lambda: ended(run_id))
        again = connecting.sync_now(1, utc_now())
        wait_until(lambda: ended(again))
        assert [process.end(signal.SIGTERM) for process in (worker, scheduler)] == [0, 0]
    assert fresh_run(again).state == "SUCCEEDED"
    assert f'"run": {again}' in worker.log.read_text()
    for path in services().settings.data.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in _all_of(services().redis)


def _all_of(redis: Redis) -> str:
    return repr([(key, redis.dump(key)) for key in redis.scan_iter()])
