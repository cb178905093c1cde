"""One request a second and ten a minute, counted in a real Redis at the moment of each call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from sqlalchemy.engine import Connection

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


def test_one_request_a_second(redis: Redis) -> None:
    assert take(redis, "a", NOW, None) == GO
    assert take(redis, "a", NOW + timedelta(milliseconds=300), None) == timedelta(milliseconds=700)
    assert take(redis, "a", NOW + timedelta(seconds=1), None) == GO


def test_ten_requests_a_minute(redis: Redis) -> None:
    for second in range(0, 20, 2):
        assert take(redis, "a", NOW + timedelta(seconds=second), None) == GO
    assert take(redis, "a", NOW + timedelta(seconds=20), None) == timedelta(seconds=40)
    assert take(redis, "a", NOW + timedelta(seconds=60), None) == GO


def test_tokens_do_not_share(redis: Redis) -> None:
    assert take(redis, "a", NOW, None) == GO
    assert take(redis, "b", NOW, None) == GO


def test_a_flushed_redis_errs_on_the_slow_side(redis: Redis) -> None:
    called = NOW - timedelta(seconds=20)
    assert take(redis, "a", NOW, called) == timedelta(seconds=40)
    assert take(redis, "a", NOW + timedelta(seconds=40), called) == GO


def test_a_clock_set_back_does_not_block_for_long(redis: Redis) -> None:
    assert take(redis, "a", NOW + timedelta(hours=3), None) == GO
    assert take(redis, "a", NOW, NOW + timedelta(hours=3)) == GO


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


def waits_for_the_database(desk: Desk, write: int, seconds: float) -> None:
    """The `write`th transaction from here on gets its lock so much later."""
    begun = 0

    def begin(connection: Connection) -> None:
        nonlocal begun
        begun += bool(connection.get_execution_options().get("stonks_write"))
        if begun == write:
            begun += 1
            desk.clock.advance(seconds=seconds)

    listen("begin", begin)
