"""One request a second and ten a minute, counted in a real Redis at the moment of each call."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from redis import Redis
from sqlalchemy.engine import Connection

from stonks.services import services
from stonks.sync.allowance import SPACING, take
from tests.listening import listen
from tests.sync.conftest import Desk

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GO = timedelta(0)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    client.close()


def ask(redis: Redis, at: datetime, last_known: datetime | None = None, name: str = "a") -> timedelta:
    """By one clock that everybody shares."""
    return take(redis, name, another(), at, last_known, at)


def another() -> str:
    return secrets.token_hex(8)


def test_one_request_a_second(redis: Redis) -> None:
    assert ask(redis, NOW) == GO
    assert ask(redis, NOW + timedelta(milliseconds=300)) == timedelta(milliseconds=700)
    assert ask(redis, NOW + timedelta(seconds=1)) == GO


def test_ten_requests_a_minute(redis: Redis) -> None:
    for second in range(0, 20, 2):
        assert ask(redis, NOW + timedelta(seconds=second)) == GO
    assert ask(redis, NOW + timedelta(seconds=20)) == timedelta(seconds=40)
    assert ask(redis, NOW + timedelta(seconds=60)) == GO


def test_a_request_that_has_not_gone_is_counted_once_and_at_its_last_moment(redis: Redis) -> None:
    assert take(redis, "a", "slow", NOW, None, NOW) == GO
    later = NOW + timedelta(milliseconds=400)
    assert take(redis, "a", "slow", later, None, later) == GO
    assert ask(redis, later + timedelta(milliseconds=900)) == timedelta(milliseconds=100)
    assert ask(redis, later + SPACING) == GO
    after = later + timedelta(milliseconds=1200)
    assert take(redis, "a", "slow", after, None, after) == timedelta(milliseconds=800)  # another has gone meanwhile
    assert redis.zcard("stonks:allowance:a") == 1


def test_tokens_do_not_share(redis: Redis) -> None:
    assert ask(redis, NOW, name="a") == GO
    assert ask(redis, NOW, name="b") == GO


def test_a_flushed_redis_errs_on_the_slow_side(redis: Redis) -> None:
    called = NOW - timedelta(seconds=20)
    assert ask(redis, NOW, called) == timedelta(minutes=1)
    assert ask(redis, NOW + timedelta(seconds=40), called) == timedelta(seconds=20)
    assert ask(redis, NOW + timedelta(minutes=1), called) == GO


@pytest.mark.parametrize(
    "off", [timedelta(minutes=-10), timedelta(minutes=10), timedelta(hours=50)], ids=["behind", "ahead", "set back"]
)
def test_a_flushed_redis_errs_on_the_slow_side_also_when_the_caller_s_clock_was_off(
    redis: Redis, off: timedelta
) -> None:
    assert ask(redis, NOW, NOW + off) == timedelta(minutes=1)
    assert ask(redis, NOW + timedelta(minutes=1), NOW + off) == GO


def test_a_token_that_rested_is_remembered_as_one_that_may_go(redis: Redis) -> None:
    assert ask(redis, NOW) == GO
    assert ask(redis, NOW + timedelta(minutes=10), NOW) == GO
    redis.flushall()
    assert ask(redis, NOW + timedelta(minutes=50), NOW + timedelta(minutes=10)) == GO


def test_a_redis_clock_set_back_forgets_no_call_and_does_not_block_for_long(redis: Redis) -> None:
    later = NOW + timedelta(hours=3)
    for second in range(10):
        assert ask(redis, later + timedelta(seconds=second)) == GO
    assert ask(redis, NOW) == timedelta(seconds=1)
    assert ask(redis, NOW + timedelta(seconds=1)) == timedelta(seconds=59)
    assert ask(redis, NOW + timedelta(minutes=1)) == GO


def test_machines_with_clocks_minutes_apart_keep_the_distance(redis: Redis) -> None:
    assert take(redis, "a", another(), NOW, None) == GO
    for off in (timedelta(minutes=-5), timedelta(0), timedelta(minutes=5)):
        assert GO < take(redis, "a", another(), NOW + off, NOW) <= SPACING


ANOTHER_MACHINE = """
import sys, time
from datetime import UTC, datetime, timedelta
from redis import Redis
from stonks.sync.allowance import take
redis, off = Redis.from_url(sys.argv[1]), timedelta(minutes=int(sys.argv[2]))
last_known, until = None, time.monotonic() + 2.5
while time.monotonic() < until:
    now = datetime.now(UTC) + off
    if not take(redis, "a", f"{off} {now}", now, last_known):
        last_known = now
        print(now)
    time.sleep(0.02)
"""


def test_processes_with_clocks_minutes_apart_go_one_at_a_time(redis: Redis, redis_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", ANOTHER_MACHINE, redis_url, off], stdout=subprocess.PIPE, text=True)
        for off in ("-4", "3")
    ]
    went = sum(len(one.communicate(timeout=30)[0].splitlines()) for one in processes)
    counted_at = [at for _, at in redis.zrange("stonks:allowance:a", 0, -1, withscores=True)]
    assert went == len(counted_at) >= 2
    assert all(later - earlier >= 1000 for earlier, later in pairwise(counted_at))


@pytest.mark.parametrize("write", [1, 2], ids=["the claim", "the note of the call"])
def test_a_call_that_waited_for_the_database_is_counted_when_it_is_made(desk: Desk, write: int) -> None:
    desk.save()
    first, second = desk.run().id, desk.test()  # with the same token
    called: list[datetime] = []
    desk.broker.meanwhile = lambda: called.append(desk.clock())

    waits_for_the_database(desk, write, seconds=5)
    desk.step(first)
    desk.clock.advance(milliseconds=300)
    desk.step(second)
    assert len(called) == 1
    desk.finish(second)
    assert called[1] - called[0] >= SPACING


def test_a_call_is_counted_again_when_the_clock_is_set_back_before_it_goes(desk: Desk) -> None:
    """Nobody can tell then how long it waited."""
    desk.save()
    waits_for_the_database(desk, 2, seconds=-3600)
    desk.step()
    counted = services().redis.zrange(f"stonks:allowance:{desk.connection().allowance}", 0, -1, withscores=True)
    assert [at for _, at in counted] == [desk.clock().timestamp() * 1000]
    assert desk.finish().state == "SUCCEEDED"


@pytest.mark.parametrize("seconds", [0.2, 0.9, 3])
def test_a_database_that_is_slow_with_each_note_holds_no_call_up_for_ever(desk: Desk, seconds: float) -> None:
    desk.save()
    listen("begin", lambda connection: desk.clock.advance(seconds=seconds if is_write(connection) else 0))
    called: list[datetime] = []
    desk.broker.meanwhile = lambda: called.append(desk.clock())
    run = desk.finish()
    assert (run.state, run.requests, len(called)) == ("SUCCEEDED", 1, 2)
    assert called[1] - called[0] >= SPACING


def waits_for_the_database(desk: Desk, write: int, seconds: float) -> None:
    """The `write`th transaction from here on gets its lock so much later."""
    begun = 0

    def begin(connection: Connection) -> None:
        nonlocal begun
        begun += is_write(connection)
        if begun == write:
            begun += 1
            desk.clock.advance(seconds=seconds)

    listen("begin", begin)


def is_write(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("stonks_write"))
