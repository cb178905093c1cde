"""The scheduler's tick: what it starts and wakes, and that any number of them may run at once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from stonks.db import db, transaction
from stonks.services import services
from stonks.sync import connecting, runner, runs, schedule
from stonks.sync.states import MOST_ATTEMPTS
from stonks.sync.tables import SyncRun
from stonks.sync.timing import SLOTS, slot_for
from tests.conftest import Clock
from tests.sync.conftest import Desk, FakeBroker, make_desk, sibling_of

QUEUE = "rq:queue:sync"


def queued() -> int:
    return int(services().redis.llen(QUEUE))


def test_a_connection_is_synced_once_a_day_in_its_window(desk: Desk) -> None:
    desk.save()
    desk.finish()
    times = []
    for _ in range(4 * 24 * 3):
        desk.clock.advance(minutes=15)
        desk.broker.stated_until = desk.broker.last_business_day(desk.clock())
        if schedule.tick(desk.clock()):
            times.append(desk.clock())
            desk.finish()
    assert len(times) == 3
    assert all(6 <= moment.hour < 11 for moment in times)


def test_slots_are_stable_and_spread() -> None:
    slots = [slot_for(number) for number in range(1, 2001)]
    assert all(0 <= slot < SLOTS for slot in slots)
    tenths = [sum(slot // (SLOTS // 10) == tenth for slot in slots) for tenth in range(10)]
    assert max(tenths) < 1.2 * min(tenths)


def test_waking_twice_queues_once(desk: Desk) -> None:
    desk.save()
    schedule.tick(desk.clock())
    schedule.tick(desk.clock())
    assert queued() == 1


def test_a_flushed_redis_loses_nothing(desk: Desk) -> None:
    desk.save()
    services().redis.flushall()
    assert schedule.tick(desk.clock()) == 1
    assert queued() == 1
    desk.step()
    services().redis.flushall()
    assert desk.finish().state == "SUCCEEDED"
    assert desk.entries() == 2


def test_a_step_is_woken_when_its_time_comes_and_not_before(desk: Desk) -> None:
    desk.save()
    run = desk.step()
    with transaction():
        runs.locked_run(run.id).due_at = desk.clock() + timedelta(seconds=10)
    services().redis.flushall()
    before, step = desk.clock(), run.step
    assert schedule.wake_due(before, before + timedelta(seconds=9)) == 0
    assert schedule.wake_due(before + timedelta(seconds=9), before + timedelta(seconds=11)) == 1
    runner.advance(run.id, step, before)
    assert desk.run(run.id).step == step


def test_a_step_whose_worker_died_is_taken_again_and_given_up_after_three(desk: Desk) -> None:
    desk.save()
    desk.broker.meanwhile = _die
    for attempt in range(MOST_ATTEMPTS):
        run = desk.run()
        assert run.attempts == attempt
        with pytest.raises(SystemExit):
            runner.advance(run.id, run.step, desk.clock())
        assert schedule.tick(desk.clock()) == 0
        desk.clock.now += runner.LEASE
        assert schedule.tick(desk.clock()) == 1
    run = desk.finish()
    assert (run.state, run.failure) == ("FAILED", "gave_up")
    assert len(desk.broker.calls) == MOST_ATTEMPTS
    assert desk.connection().next_run_at is not None


def _die() -> None:
    raise SystemExit


def test_the_database_refuses_a_second_live_run(desk: Desk) -> None:
    desk.save()
    with pytest.raises(IntegrityError), transaction():
        runs.start(desk.connection(), "manual", desk.clock())


def test_a_redis_that_is_away_delays_and_breaks_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        from redis import ConnectionError

        raise ConnectionError("away")

    with monkeypatch.context() as patch:
        patch.setattr(Redis, "execute_command", away)
        patch.setattr("redis.client.Pipeline.execute", away)
        run_id = desk.save().run_id
        runner.advance(run_id, desk.run(run_id).step, desk.clock())
    assert desk.broker.calls == []
    assert desk.finish(run_id).state == "SUCCEEDED"


def test_old_runs_are_forgotten(desk: Desk) -> None:
    desk.finish(desk.test())
    desk.save()
    desk.finish()
    schedule.prune(desk.clock() + timedelta(days=8))
    assert [run.reason for run in db.session.scalars(select(SyncRun))] == ["first"]
    schedule.prune(desk.clock() + timedelta(days=91))
    assert db.session.scalar(select(func.count()).select_from(SyncRun)) == 0


def test_a_connection_to_a_broker_that_is_not_known_any_more_holds_up_nobody_and_goes_on_when_it_is(
    desk: Desk, clock: Clock
) -> None:
    desk.save()
    desk.finish()
    other = sibling_of(desk)
    other.save()
    other.finish()
    with transaction():
        desk.connection().broker = "gone"
    clock.now = max(desk.connection().next_run_at, other.connection().next_run_at)  # type: ignore[type-var]
    assert schedule.tick(clock()) == 1
    assert other.finish().state == "SUCCEEDED"

    by_hand = connecting.sync_now(desk.portfolio_id, clock())
    ended = desk.finish(by_hand)
    assert (ended.state, ended.requests) == ("CANCELLED", 0)
    assert "does not know the broker" in (ended.message or "")

    with transaction():
        desk.connection().broker = "ibkr"
    clock.advance(hours=5)
    schedule.tick(clock())
    assert desk.finish().reason == "schedule"


@pytest.mark.parametrize("kind", ["app", "pg_app"])
def test_many_schedulers_and_workers_at_once_make_one_run_and_one_call_a_step(
    kind: str, request: pytest.FixtureRequest, clock: Clock, broker: FakeBroker
) -> None:
    app: Flask = request.getfixturevalue(kind)
    desk = make_desk(app, clock, broker)
    desk.save()
    desk.finish()
    calls = len(broker.calls)
    clock.now = desk.connection().next_run_at
    db.session.remove()

    at_once(app, lambda: schedule.tick(clock()))
    run = desk.run()
    assert run.reason == "schedule"
    assert len(list(db.session.scalars(select(SyncRun)))) == 2
    run_id, step = run.id, run.step
    db.session.remove()
    at_once(app, lambda: runner.advance(run_id, step, clock()))
    assert len(broker.calls) == calls + 1
    assert desk.finish().state == "SUCCEEDED"
    assert desk.entries() == 2


def at_once(app: Flask, work: object) -> None:
    """The same work in six threads, each with a session of its own, all let go together."""
    gate = threading.Barrier(6)
    failures: list[BaseException] = []

    def one() -> None:
        with app.app_context():
            gate.wait()
            try:
                work()  # type: ignore[operator]
            except BaseException as error:
                failures.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_sync_looks_at_no_table_of_connections_or_runs_as_a_whole(desk: Desk) -> None:
    """With a million of others in it, each such look would take seconds."""
    desk.save()
    desk.finish()
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        asked.append((statement, values))

    event.listen(db.engine, "before_cursor_execute", note)
    desk.clock.now = desk.connection().next_run_at  # type: ignore[assignment]
    assert schedule.start_due(desk.clock()) == 1
    assert desk.finish().state == "SUCCEEDED"
    event.remove(db.engine, "before_cursor_execute", note)

    # Without a WHERE it is the desk's own, which asks for the newest run.
    selects = {query: values for query, values in asked if query.startswith("SELECT") and "WHERE" in query}
    assert any("FROM lockouts" in statement for statement in selects)
    with db.engine.connect() as connection:
        for statement, values in selects.items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
            # A maximum without an index is a "SEARCH" too.
            steps = [one.detail for one in plan if one.detail.split()[1] in ("connections", "sync_runs", "lockouts")]
            assert all(" USING " in step for step in steps), (statement, steps)
