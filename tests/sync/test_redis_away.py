"""Redis goes away in the middle of everything and comes back: processes wait for it, pages answer, nothing is lost.

Three seconds stand for thirty; STONKS_AWAY_SECONDS=30 makes it so.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis, RedisError

from stonks.accounts import users
from stonks.config import read_settings
from stonks.factory import create_app, utc_now
from stonks.practice.answers import Answer
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting
from tests.product import free_port
from tests.sync.chaos import Part, Person, RedisProcess
from tests.sync.conftest import with_one_portfolio
from tests.sync.engine import (
    BODY,
    a_process,
    a_scheduler,
    a_worker,
    ended,
    entries,
    fresh_run,
    requests_of,
    save,
    wait_until,
)

AWAY_SECONDS = int(os.environ.get("STONKS_AWAY_SECONDS", "3"))
PASSWORD = "a long enough password"


@pytest.fixture
def redis(short_path: Path) -> Part:
    return Part("redis", RedisProcess)  # type: ignore[arg-type]


@pytest.fixture
def here(short_path: Path, redis: Part, practice: PracticeBroker) -> Iterator[Flask]:
    """As in conftest.py, on a Redis of its own."""
    app = create_app(replace(read_settings({"STONKS_DATA": str(short_path)}), flex_url=practice.url))
    with with_one_portfolio(app):
        redis.start()
        wait_until(redis_answers)
        yield app
        redis.kill()


def redis_answers() -> bool:
    try:
        with Redis.from_url(services().settings.effective_redis_url) as client:
            return bool(client.ping())
    except RedisError:
        return False


@pytest.mark.usefixtures("here")
def test_while_redis_is_away_pages_answer_and_afterwards_the_run_goes_on_by_itself(
    practice: PracticeBroker, redis: Part
) -> None:
    users.create("owner@example.com", PASSWORD, utc_now())
    port = free_port()
    person = Person(f"http://127.0.0.1:{port}")
    practice.script("GetStatement", [Answer(BODY, delay=1)])
    with a_scheduler() as scheduler, a_worker() as worker, a_process("web", "web", STONKS_PORT=str(port)):
        wait_until(lambda: person.look("/sign-in"))
        person.sign_in("owner@example.com", PASSWORD)
        run_id = save()
        wait_until(lambda: any(call.step == "GetStatement" for call in practice.calls))
        redis.kill()
        away_until = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < away_until:
            for page in ("/portfolios", "/portfolios/new", "/account"):
                began = time.monotonic()
                assert person.look(page), page
                assert time.monotonic() - began < 2
            assert person.healthy() == (503, "does not answer (ConnectionError)")
            time.sleep(0.2)
        again = None
        if ended(run_id):  # with its statement in hand it needed no Redis
            again = connecting.sync_now(1, utc_now())
        redis.start()
        wait_until(lambda: ended(again or run_id))
        wait_until(lambda: person.healthy()[0] == 200)
        assert scheduler.process.is_alive()
        assert worker.process.is_alive()
        assert [process.end(signal.SIGTERM) for process in (worker, scheduler)] == [0, 0]
    assert (fresh_run(run_id).state, entries()) == ("SUCCEEDED", 3)
    assert requests_of(practice) == (2 if again else 1)
