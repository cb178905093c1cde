"""Real processes that die at the worst moments: nothing is lost, nothing comes twice, every run ends."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from stonks import process
from stonks.db import db, transaction
from stonks.factory import utc_now
from stonks.ledger import portfolios
from stonks.ledger.tables import Entry, KeptStatement
from stonks.practice.answers import Answer
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting
from stonks.sync.tables import Connection, SyncRun
from tests.statements import buy, statement
from tests.sync.engine import (
    BODY,
    FIELDS,
    TOKEN,
    a_scheduler,
    a_worker,
    count,
    end_lease,
    ended,
    entries,
    fresh_run,
    requests_of,
    save,
    wait_until,
)


@pytest.mark.usefixtures("here")
def test_a_worker_killed_while_it_calls_is_replaced_at_once_without_a_second_request(practice: PracticeBroker) -> None:
    practice.script("GetStatement", [Answer(b"", delay=30)])
    run_id = save()
    with a_scheduler():
        with a_worker() as worker:
            wait_until(lambda: any(call.step == "GetStatement" for call in practice.calls))
            worker.kill()
        with a_worker("other"):
            wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(practice)) == ("SUCCEEDED", 3, 1)


@pytest.mark.usefixtures("here")
def test_a_worker_killed_in_mid_import_leaves_nothing_half_done(practice: PracticeBroker) -> None:
    run_id = save()
    with a_scheduler():
        with a_worker(dies_in_mid_import=True) as worker:
            assert worker.wait() == -signal.SIGKILL
        assert (entries(), fresh_run(run_id).state) == (0, "AWAITING_STATEMENT")
        with a_worker("other"):
            wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(practice)) == ("SUCCEEDED", 3, 1)


@pytest.mark.usefixtures("here")
def test_a_worker_started_again_on_a_machine_without_scheduler_gives_back_what_it_held(
    practice: PracticeBroker,
) -> None:
    practice.script("SendRequest", [Answer(b"", delay=30)])
    run_id = save()
    with a_worker() as worker:
        wait_until(lambda: bool(practice.calls))
        worker.kill()
    assert fresh_run(run_id).lease_until is not None
    with a_worker("again"):
        wait_until(lambda: fresh_run(run_id).lease_until is None)


@pytest.mark.usefixtures("here")
def test_a_slow_worker_is_not_taken_for_a_dead_one(practice: PracticeBroker) -> None:
    practice.script("SendRequest", [Answer(b"", delay=4)])
    with a_worker(), a_worker("other"):
        run_id = save()
        wait_until(lambda: bool(practice.calls))
        claimed = fresh_run(run_id).step
        with a_scheduler() as scheduler:
            wait_until(lambda: process.alive(services().redis, "scheduler") > 0)
            time.sleep(0.6)  # a look at everything, and a small one
            assert scheduler.end(signal.SIGTERM) == 0
        run = fresh_run(run_id)
        assert (run.step, run.attempts, len(practice.calls)) == (claimed, 1, 1)


@pytest.mark.usefixtures("here")
def test_what_a_dead_worker_of_another_machine_held_waits_for_its_lease(
    practice: PracticeBroker, tmp_path: Path
) -> None:
    """Nobody here can know that it is dead and not slow."""
    settings = services().settings
    elsewhere = {
        "STONKS_DATA": str(tmp_path / "elsewhere"),
        "DATABASE_URL": settings.database_url,
        "STONKS_TOKEN_KEYS": ",".join(settings.token_keys),
    }
    practice.script("GetStatement", [Answer(b"", delay=30)])
    run_id = save()
    with a_scheduler(), a_worker(**elsewhere) as worker:
        wait_until(lambda: any(call.step == "GetStatement" for call in practice.calls))
        worker.kill()
        time.sleep(1.6)
        assert fresh_run(run_id).lease_until is not None
        end_lease(run_id)
        with a_worker("other"):
            wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(practice)) == ("SUCCEEDED", 3, 1)


@pytest.mark.usefixtures("here")
def test_a_redis_flushed_again_and_again_only_delays(practice: PracticeBroker) -> None:
    practice.looks = 2  # what waited a minute is looked for after half its age again
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
        wait_until(lambda: ended(run_id), seconds=150)  # a call just before that waits the minute out
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
def test_a_new_token_and_a_deletion_in_mid_air_leave_only_what_came_for_the_newest(practice: PracticeBroker) -> None:
    """First the token is replaced while the old one's statement comes, then the portfolio is deleted under the worker."""
    other = {"query_id": FIELDS["query_id"], "token": TOKEN[::-1]}
    practice.add_query(other["token"], other["query_id"], statement([buy(7)]))
    practice.script("GetStatement", [Answer(BODY, delay=1)], token=TOKEN)
    with a_scheduler(), a_worker() as worker, a_worker("other") as second:
        old = save()
        wait_until(lambda: any(call.step == "GetStatement" for call in practice.calls))
        new = save(fields=other)
        assert fresh_run(old).state == "CANCELLED"
        wait_until(lambda: ended(new))
        assert list(db.session.scalars(select(Entry.external_id))) == ["7"]

        practice.script("SendRequest", [Answer(b"", delay=1)], token=other["token"])
        connecting.sync_now(1, utc_now())
        wait_until(lambda: sum(call.token == other["token"] for call in practice.calls) == 4)
        portfolios.delete(portfolios.get(1, 1))
        wait_until(lambda: [count(table) for table in (SyncRun, Connection, Entry, KeptStatement)] == [0] * 4)
        time.sleep(1.2)
        assert [process.end(signal.SIGTERM) for process in (worker, second)] == [0, 0]
    assert [count(table) for table in (SyncRun, Connection, Entry, KeptStatement)] == [0] * 4
    assert "stumbled" not in worker.log.read_text() + second.log.read_text()


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
