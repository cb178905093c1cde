"""Waking workers: enqueue a task by its dotted name, ids only as arguments. The rows in the database are the truth;
a wake-up call that is lost is made again by the scheduler.

There are no delayed jobs: what is due later stands in the database, and the scheduler looks there. A flushed Redis
loses nothing then, and two schedulers wake the same job once.
"""

from __future__ import annotations

from redis import Redis
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

QUEUE_NAME = "sync"
STEP_SECONDS = 600  # the longest a task may take
# A failed job's id blocks a unique one for as long as the failure is kept.
_KEEP_FAILURE_SECONDS = 60
_WILL_RUN = (JobStatus.QUEUED, JobStatus.STARTED)


class JobQueue:
    def __init__(self, redis: Redis) -> None:
        self._queue = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)

    def enqueue(self, task: str, *args: int, job_id: str) -> bool:
        """Wake a worker for `task(*args)`; False when a job of this id waits or runs already.

        Raises redis.RedisError when Redis is away.
        """
        try:
            self._push(task, args, job_id)
        except DuplicateJobError:
            if self._will_run(job_id):
                return False
            # Left behind by a worker that died with it: its id stands in the way.
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

    def _will_run(self, job_id: str) -> bool:
        job = self._find(job_id)
        return job is not None and job.get_status() in _WILL_RUN

    def _forget(self, job_id: str) -> None:
        job = self._find(job_id)
        if job is not None:
            job.delete()

    def _find(self, job_id: str) -> Job | None:
        try:
            return Job.fetch(job_id, connection=self._queue.connection, serializer=JSONSerializer)
        except NoSuchJobError:
            return None
