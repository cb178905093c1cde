"""Worker, scheduler, web and Redis are killed at random moments while many portfolios sync, and Redis loses its memory.
Nothing is lost, nothing comes twice, no connection has two runs at once, every run ends, and the next sync works without
a hand.

The suite plays a short round. The long one, of 200 runs, is one command, and on PostgreSQL another:

    STONKS_CHAOS_RUNS=200 .venv/bin/python -m pytest tests/sync/test_chaos.py -s
    STONKS_CHAOS_RUNS=200 STONKS_CHAOS_ON=postgresql .venv/bin/python -m pytest tests/sync/test_chaos.py -s

STONKS_CHAOS_SEED=<the number it printed> plays the same round again, as far as processes can be made to.
"""

from __future__ import annotations

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from redis import RedisError
from sqlalchemy import func, select, update

from stonks.accounts import users
from stonks.config import read_settings
from stonks.db import db, transaction
from stonks.factory import create_app, utc_now
from stonks.ledger import portfolios
from stonks.ledger.tables import Entry, ImportBatch, KeptStatement
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting
from stonks.sync.states import RunState
from stonks.sync.tables import Connection, SyncRun
from tests.product import free_port
from tests.sync.chaos import Part, Person, RedisProcess, Statements, logs
from tests.sync.engine import a_process, a_scheduler, a_worker, count, wait_until

RUNS = int(os.environ.get("STONKS_CHAOS_RUNS", "12"))
SEED = int(os.environ.get("STONKS_CHAOS_SEED") or random.randrange(1_000_000))
CONNECTIONS = max(6, RUNS // 5)
KILLS = max(20, RUNS // 2)
FLUSHES = RUNS // 25  # besides the last one: after each, every token waits for a minute
ON_POSTGRESQL = os.environ.get("STONKS_CHAOS_ON") == "postgresql"
PASSWORD = "a long enough password"


@dataclass
class Round:
    broker: PracticeBroker
    person: Person
    parts: list[Part]
    statements: dict[int, Statements]  # by portfolio
    random: random.Random


def token_of(portfolio_id: int) -> str:
    """One of its own: the allowance is per token, and portfolios should not wait for each other's."""
    return f"4242424242424242424{portfolio_id:05}"


@pytest.fixture
def round_(short_path: Path, request: pytest.FixtureRequest) -> Iterator[Round]:
    with PracticeBroker(looks=1) as broker:
        port = free_port()
        more = {"STONKS_SYNC_EVERY": "5", "STONKS_PORT": str(port)}
        if ON_POSTGRESQL:
            more["DATABASE_URL"] = request.getfixturevalue("pg_url")
        settings = read_settings({"STONKS_DATA": str(short_path), "STONKS_FLEX_URL": broker.url, **more})
        app = create_app(settings)
        parts = [
            Part("redis", RedisProcess),  # type: ignore[arg-type]
            Part("web", lambda: a_process("web", "web", **more)),
            Part("worker-1", lambda: a_worker("worker-1", **more)),
            Part("worker-2", lambda: a_worker("worker-2", **more)),
            Part("scheduler", lambda: a_scheduler("scheduler", **more)),
        ]
        with app.app_context():
            db.create_all()
            playing = Round(broker, Person(f"http://127.0.0.1:{port}"), parts, {}, random.Random(SEED))
            try:
                yield playing
            finally:
                for part in parts:
                    part.kill()
                db.session.remove()
                db.engine.dispose()


def test_whatever_is_killed_and_whenever_each_transaction_is_there_once_and_every_run_ends(round_: Round) -> None:
    print(f"chaos: seed {SEED}, {RUNS} runs, {KILLS} kills, {CONNECTIONS} connections, {db.engine.name}")
    began = time.monotonic()
    open_everything(round_)
    flushes = play(round_)
    before_the_end = len(round_.broker.calls)
    kills = {part.name: part.kills for part in round_.parts}
    quiet_down(round_)
    last_runs = [connecting.sync_now(portfolio_id, utc_now()) for portfolio_id in round_.statements]
    wait_for_all_runs(round_)

    took = time.monotonic() - began
    print(f"chaos: {count(SyncRun)} runs, kills {kills}, {flushes} flushes, {before_the_end} calls, {took:.0f} s")
    ends = {run.id: (run.state, run.message) for run in db.session.scalars(select(SyncRun))}
    assert {ends[run_id][0] for run_id in last_runs} == {RunState.SUCCEEDED}, ends
    for portfolio_id, statements in round_.statements.items():
        check_ledger(portfolio_id, statements)
        check_runs(round_, portfolio_id)
    check_calls(round_.broker, before_the_end)


def open_everything(round_: Round) -> None:
    for part in round_.parts:
        part.start()
    owner = users.create("owner@example.com", PASSWORD, utc_now())
    wait_until(lambda: round_.person.look("/sign-in"))
    round_.person.sign_in("owner@example.com", PASSWORD)
    for number in range(CONNECTIONS):
        mine = portfolios.create(owner.id, f"P{number}", "EUR", utc_now()).id
        query = str(1_000_000 + mine)
        round_.statements[mine] = Statements(seed=SEED + mine)
        round_.broker.add_query(token_of(mine), query, round_.statements[mine])
        fields = {"query_id": query, "token": token_of(mine)}
        connecting.save(mine, "ibkr", fields, only_currency=None, token_expires_on=None, day_first=None, now=utc_now())


def play(round_: Round) -> int:
    """Kills and clicks until there were enough of both. The kills are spread over the runs: on a busy machine parts that
    die faster than they start would never get anything done. Answers how often Redis was flushed, the last time with
    runs under way and at the same moment as a death."""
    kills = ended = flushes = 0
    deadline = time.monotonic() + 90 + 6 * RUNS + 75 * FLUSHES
    while kills < KILLS or ended < RUNS:
        ended = count(SyncRun, SyncRun.finished_at.is_not(None))
        assert time.monotonic() < deadline, (kills, ended, logs(services().settings.data))
        for part in round_.parts:
            part.tend()
        if round_.random.random() < 0.3:
            round_.person.sync_now(round_.random.choice(list(round_.statements)))
        if flushes < FLUSHES * ended // RUNS:
            flushes += forget_everything()
        part = round_.random.choice(round_.parts)
        if part.runs and kills < min(KILLS, 8 + KILLS * ended // RUNS):
            if part.name.startswith("worker"):  # more often in the middle of something
                wait_for_a_call(round_.broker)
            time.sleep(round_.random.uniform(0, 0.15))
            part.kill(away=round_.random.uniform(0, 0.4))
            kills += 1
        time.sleep(round_.random.uniform(0, 0.2))
    wait_until(lambda: all_tended(round_) and count(SyncRun, SyncRun.finished_at.is_(None)) > 0)
    wait_for_a_call(round_.broker)
    flushes += forget_everything()
    round_.random.choice(round_.parts).kill()
    return flushes


def forget_everything() -> bool:
    """FLUSHALL; False while Redis is away."""
    try:
        return bool(services().redis.flushall())
    except RedisError:
        return False


def wait_for_a_call(broker: PracticeBroker) -> None:
    calls, deadline = len(broker.calls), time.monotonic() + 0.3
    while len(broker.calls) == calls and time.monotonic() < deadline:
        time.sleep(0.005)


def quiet_down(round_: Round) -> None:
    """Everything runs from here on, no run begins by itself any more, and all that began ends."""
    round_.broker.looks = 0
    wait_until(lambda: all_tended(round_) and round_.person.look("/portfolios"))
    wait_for_all_runs(round_)


def all_tended(round_: Round) -> bool:
    for part in round_.parts:
        part.tend()
    return all(part.runs for part in round_.parts)


def wait_for_all_runs(round_: Round) -> None:
    next_minute = time.monotonic()
    deadline = time.monotonic() + 90 + RUNS

    begin_nothing_more()  # before each count: with none under way and none due, none comes any more
    while count(SyncRun, SyncRun.finished_at.is_(None)):
        assert time.monotonic() < deadline, logs(services().settings.data)
        if time.monotonic() >= next_minute:
            let_a_minute_pass()
            next_minute = time.monotonic() + 2
        time.sleep(0.2)
        begin_nothing_more()


def begin_nothing_more() -> None:
    """Each run that ends says when the next one begins: seconds later, in this test."""
    with transaction():
        db.session.execute(update(Connection).values(next_run_at=utc_now() + timedelta(days=1)))


def let_a_minute_pass() -> None:
    """What time does to a token's allowance and to the runs that wait for it."""
    redis = services().redis
    for key in redis.scan_iter("stonks:allowance:*"):
        redis.delete(key)
    later = utc_now() + timedelta(seconds=5)
    with transaction():
        db.session.execute(update(SyncRun).values(called_at=None))
        waits = update(SyncRun).where(SyncRun.due_at > later, SyncRun.lease_until.is_(None))
        db.session.execute(waits.values(due_at=utc_now()))


def check_ledger(portfolio_id: int, statements: Statements) -> None:
    ids = list(db.session.scalars(select(Entry.external_id).where(Entry.portfolio_id == portfolio_id)))
    assert sorted(ids, key=int) == [str(number) for number in range(1, statements.newest + 1)]
    told = select(func.sum(ImportBatch.new)).where(ImportBatch.portfolio_id == portfolio_id)
    assert db.session.scalar(told) == len(ids)
    assert count(KeptStatement, KeptStatement.portfolio_id == portfolio_id, KeptStatement.imported_at.is_(None)) == 0


def check_runs(round_: Round, portfolio_id: int) -> None:
    """One after the other, and no more requests than they counted."""
    of_it = select(SyncRun).where(SyncRun.portfolio_id == portfolio_id).order_by(SyncRun.id)
    runs = list(db.session.scalars(of_it))
    for earlier, later in pairwise(runs):
        assert earlier.finished_at is not None
        assert earlier.finished_at <= later.queued_at
    calls = [call for call in round_.broker.calls if call.token == token_of(portfolio_id)]
    assert sum(call.step == "SendRequest" for call in calls) <= sum(run.requests for run in runs)
    asked_for = [int(call.reference) for call in calls if call.step == "GetStatement"]
    assert asked_for == sorted(asked_for), "a statement was asked for after a newer one had been begun"


def check_calls(broker: PracticeBroker, before_the_end: int) -> None:
    """Ten a minute and no more, whoever was killed between counting and calling."""
    at = defaultdict(list)
    for call in broker.calls[:before_the_end]:
        at[call.token].append(call.at)
    for moments in at.values():
        for eleventh, first in zip(moments[10:], moments, strict=False):
            assert eleventh - first > 59
