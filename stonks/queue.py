"""Waking workers: enqueue a task by its dotted name, ids only as arguments. The rows in the database are the truth;
a wake-up call that is lost is made again by the scheduler."""

from __future__ import annotations

from datetime import timedelta

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

QUEUE_NAME = "sync"


class JobQueue:
    def __init__(self, redis: Redis) -> None:
        self._queue = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)

    def enqueue(self, task: str, *args: int, job_id: str, delay: timedelta | None = None) -> None:
        """Wake a worker for `task(*args)`, now or after `delay`. Raises redis.RedisError when Redis is away."""
        if delay is None:
            self._queue.enqueue(task, *args, job_id=job_id, result_ttl=0, failure_ttl=3600)
        else:
            self._queue.enqueue_in(delay, task, *args, job_id=job_id, result_ttl=0, failure_ttl=3600)
