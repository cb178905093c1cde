"""Waking workers: enqueue a task by its dotted name, ids only as arguments. The rows in the database are the truth;
a wake-up call that is lost is made again by the scheduler.

There are no delayed jobs: what is due later stands in the database, and the scheduler looks there. A flushed Redis
loses nothing then, and two schedulers wake the same job once.
"""

from __future__ import annotations

from redis import Redis
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.serializers import JSONSerializer

QUEUE_NAME = "sync"
LATER_QUEUE_NAME = "later"  # looked at while the first one is empty
STEP_SECONDS = 600  # the longest a task may take
# A failed job's id blocks a unique one for as long as the failure is kept.
_KEEP_FAILURE_SECONDS = 60


def all_queues(redis: Redis) -> list[Queue]:
    """In the order in which a worker looks at them."""
    return [Queue(name, connection=redis, serializer=JSONSerializer) for name in (QUEUE_NAME, LATER_QUEUE_NAME)]


class JobQueue:
    """The calls that go before the others; `later` takes those that let them go first."""

    def __init__(self, redis: Redis, name: str = QUEUE_NAME) -> None:
        self._queue = Queue(name, connection=redis, serializer=JSONSerializer)

    @property
    def later(self) -> JobQueue:
        return JobQueue(self._queue.connection, LATER_QUEUE_NAME)

    def enqueue(self, task: str, *args: int, job_id: str) -> bool:
        """Wake a worker for `task(*args)`; False when a job of this id waits in the queue already.

        One that a worker has taken is called again: nobody would ask if its step had been begun, so that worker may be
        dead, and whoever comes second does nothing.
        Raises redis.RedisError when Redis is away.
        """
        try:
            self._push(task, args, job_id)
        except DuplicateJobError:
            if self._waits(job_id):
                return False
            # Its id stands in the way.
            self._forget(job_id)
            try:
                self._push(task, args, job_id)
            except DuplicateJobError:  # somebody else was as quick
                return False
        return True

    def _push(self, task: str, args: tuple[int, ...], job_id: str) -> None:
        self._queue.enqueue(
            task,
            *args,
            job_id=job_id,
            unique=True,
            job_timeout=STEP_SECONDS,
            result_ttl=0,
            failure_ttl=_KEEP_FAILURE_SECONDS,
        )

    def _waits(self, job_id: str) -> bool:
        """Its status alone does not tell: a worker killed just after taking it leaves it QUEUED in no queue."""
        return self._queue.connection.lpos(self._queue.key, job_id) is not None

    def _forget(self, job_id: str) -> None:
        """Not by RQ's own delete, which finds nothing to delete when a worker that was still busy with a deleted job
        has left half of it behind. What RQ's registries say of it runs out by itself."""
        self._queue.intermediate_queue.remove(job_id)
        self._queue.connection.delete(Job.key_for(job_id))
