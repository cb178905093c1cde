"""One request a second and ten a minute, counted in a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from stonks.sync.allowance import take

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
