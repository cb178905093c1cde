"""Wake-up calls in a real Redis: once while they wait, again when whoever took one is gone."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from stonks.queue import QUEUE_NAME, JobQueue, all_queues
from worker import Worker

TASK = "stonks.tasks.advance_run"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def queue(redis: Redis) -> JobQueue:
    return JobQueue(redis)


def waiting(redis: Redis) -> list[str]:
    return Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer).get_job_ids()


def take(redis: Redis) -> Job:
    """What a worker does first."""
    queue = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
    taken = Queue.dequeue_any([queue], None, connection=redis, serializer=JSONSerializer)
    assert taken is not None
    return taken[0]


def test_a_call_that_waits_is_not_made_twice(queue: JobQueue, redis: Redis) -> None:
    assert queue.enqueue(TASK, 1, 0, job_id="advance-1-0")
    assert not queue.enqueue(TASK, 1, 0, job_id="advance-1-0")
    assert waiting(redis) == ["advance-1-0"]


def test_what_may_come_later_lets_the_syncs_go_first(queue: JobQueue, redis: Redis) -> None:
    queue.later.enqueue("stonks.tasks.fetch_prices", 7, job_id="prices-7")
    queue.enqueue(TASK, 1, 0, job_id="advance-1-0")
    order = []
    while taken := Queue.dequeue_any(all_queues(redis), None, connection=redis, serializer=JSONSerializer):
        order.append(taken[0].id)
    assert order == ["advance-1-0", "prices-7"]


@pytest.mark.parametrize("began", [False, True], ids=["before it began", "after it began"])
def test_a_call_whose_worker_was_killed_is_made_again_at_once(queue: JobQueue, redis: Redis, began: bool) -> None:
    queue.enqueue(TASK, 1, 0, job_id="advance-1-0")
    job = take(redis)
    if began:
        with redis.pipeline() as pipeline:
            job.prepare_for_execution("killed", pipeline)
            pipeline.execute()
    assert queue.enqueue(TASK, 1, 0, job_id="advance-1-0")
    assert waiting(redis) == ["advance-1-0"]
    assert redis.llen(f"rq:queue:{QUEUE_NAME}:intermediate") == 0


def test_half_of_a_job_that_a_busy_worker_left_behind_stands_in_no_way(queue: JobQueue, redis: Redis) -> None:
    """Deleted under a worker that then notes its heartbeat: RQ itself takes what is left for no job at all."""
    redis.hset(Job.key_for("advance-1-0"), mapping={"last_heartbeat": "2026-11-20T12:00:00.000000Z"})
    assert queue.enqueue(TASK, 1, 0, job_id="advance-1-0")
    assert waiting(redis) == ["advance-1-0"]
    assert take(redis).args == [1, 0]


@pytest.mark.parametrize(("task", "errors"), [("nothing", 0), ("stumble", 1), ("no_such_task", 1)])
def test_a_call_that_fails_is_told_once_and_the_next_one_is_made(
    queue: JobQueue,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    errors: int,
) -> None:
    queue.enqueue(f"{__name__}.{task}", job_id="advance-1-0")
    queue.enqueue(f"{__name__}.note", 7, job_id="advance-7-0")
    noted.clear()
    work(redis, monkeypatch)
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == errors
    assert (noted, waiting(redis)) == ([7], [])


def test_a_call_that_another_worker_ended_first_is_no_error(
    queue: JobQueue, redis: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "nothing", lambda: redis.delete(Job.key_for("advance-1-0")))
    queue.enqueue(f"{__name__}.nothing", job_id="advance-1-0")
    work(redis, monkeypatch)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_call_that_takes_too_long_is_ended_and_the_worker_goes_on(
    queue: JobQueue, redis: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stonks.queue.STEP_SECONDS", 1)
    queue.enqueue(f"{__name__}.last", job_id="advance-1-0")
    queue.enqueue(f"{__name__}.note", 7, job_id="advance-7-0")
    noted.clear()
    work(redis, monkeypatch)
    assert noted == [7]
    assert "JobTimeoutException" in caplog.text


def test_of_a_call_that_is_done_nothing_stays(queue: JobQueue, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue(f"{__name__}.nothing", job_id="advance-1-0")
    assert redis.keys("*advance-1-0*")
    work(redis, monkeypatch)
    assert redis.keys("*advance-1-0*") == []
    assert redis.zrange(f"rq:wip:{QUEUE_NAME}", 0, -1) == []
    assert queue.enqueue(f"{__name__}.nothing", job_id="advance-1-0")


def test_a_call_costs_three_trips_to_redis(
    queue: JobQueue, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trips(calls: int) -> int:
        for number in range(calls):
            queue.enqueue(f"{__name__}.nothing", job_id=f"advance-{number}-0")
        with Counted.from_url(redis_url) as counted:
            work(counted, monkeypatch)
            return counted.trips

    alone = trips(1)
    assert trips(11) - alone <= 35


class Counted(Redis):
    """Knows how often it went to Redis; a pipeline goes once."""

    trips = 0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self.trips += 1
        return super().execute_command(*args, **options)

    def pipeline(self, *args: Any, **options: Any) -> Pipeline:
        self.trips += 1
        return super().pipeline(*args, **options)


def work(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the queues are empty."""
    monkeypatch.setattr(Worker, "_install_signal_handlers", lambda _: None)  # this process is pytest's
    Worker.of(redis).work(burst=True)


def nothing() -> None:
    """A call that does nothing."""


def note(number: int) -> None:
    noted.append(number)


noted: list[int] = []


def last() -> None:
    time.sleep(20)


def stumble() -> None:
    raise RuntimeError
