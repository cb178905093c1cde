"""The Redis that comes along: private, on a socket only, and nothing queued is lost by a kill."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from redis import Redis

from stonks import embedded_redis
from stonks.config import Settings, read_settings
from stonks.embedded_redis import RedisMissing


@pytest.fixture
def own(short_path: Path) -> Settings:
    return read_settings({"STONKS_DATA": str(short_path)})


def start(settings: Settings) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(embedded_redis.command(settings), stdout=subprocess.DEVNULL)
    embedded_redis.wait_for(settings.effective_redis_url, seconds=5)
    return process


def test_what_was_queued_is_there_after_a_kill(own: Settings) -> None:
    process = start(own)
    Redis.from_url(own.effective_redis_url).rpush("queue", "job")
    process.kill()
    process.wait()
    process = start(own)
    assert Redis.from_url(own.effective_redis_url).lrange("queue", 0, -1) == [b"job"]
    process.kill()
    process.wait()


def test_only_the_owner_reaches_it_and_only_by_its_socket(own: Settings) -> None:
    process = start(own)
    assert stat.S_IMODE(own.redis_socket.stat().st_mode) == 0o700
    assert Redis.from_url(own.effective_redis_url).config_get("port") == {"port": "0"}
    process.kill()
    process.wait()


def test_one_left_over_from_a_killed_supervisor_is_stopped(own: Settings) -> None:
    process = start(own)
    embedded_redis.stop_leftover(own)
    assert process.wait(timeout=5) == 0


def test_a_redis_that_does_not_answer_is_said_in_one_line() -> None:
    with pytest.raises(RedisMissing, match="REDIS_URL"):
        embedded_redis.wait_for("redis://:secret@127.0.0.1:1/0", seconds=0)


def test_no_redis_at_all_gives_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "_PACKAGES", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RedisMissing, match="Type: "):
        embedded_redis.find_server()
