"""Wake-up calls in a real Redis: once while they wait, again when whoever took one is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from stonks.queue import QUEUE_NAME, JobQueue

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
