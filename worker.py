"""The entry of background processes: `python worker.py` does what queues hold, `python worker.py --schedule` says when.

A worker does not fork per job: a step is one short call. A large statement it hands to a process of its own, which is
`python worker.py --import RUN STEP [STATEMENT]`, with the statement as its input unless a kept one's id is given.
One that dies is started again by its supervisor; what it was doing becomes due again by itself.
"""

from __future__ import annotations

import atexit
import logging
import signal
import sys
import threading
import time
from datetime import timedelta
from types import FrameType

from flask import Flask
from redis import Redis, RedisError
from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException
from rq.utils import now
from rq.worker import WorkerStatus
from sqlalchemy.exc import SQLAlchemyError

from stonks import apart, logs, presence, process, tasks
from stonks.config import settings_or_exit
from stonks.db import db
from stonks.factory import create_app
from stonks.queue import all_queues
from stonks.services import services
from stonks.sync import schedule

log = logging.getLogger("stonks.worker")

_LOOK_SECONDS = 0.5  # between two looks for steps that have become due
_LONGEST_PAUSE = 4.0  # between two tries while database or Redis are away
_IDLE_SECONDS = 60  # RQ's longest wait for a job
_BEAT = timedelta(seconds=15)  # between two signs of life in RQ's list of workers
_MOST_JOBS = 2_000  # then a new process: memory that fragments over weeks is given back


def main(arguments: list[str]) -> None:
    settings = settings_or_exit()
    logs.configure(settings.json_logs)
    process.follow_parent()
    app = create_app(settings, pages=False)
    process.settle()
    if arguments == ["--schedule"]:
        keep_schedule(app)
    elif arguments[:1] == ["--import"]:
        let_in(app, *map(int, arguments[1:]))
    elif arguments:
        sys.exit("usage: python worker.py [--schedule]")
    else:
        work(app)


def work(app: Flask) -> None:
    """Until told to stop: the job under way is finished first, a second request ends it at once."""
    with app.app_context():
        presence.enter(services().settings.workers_folder)
        _take_up_what_the_dead_left()
        process.keep_beating(services().redis, "worker")
        atexit.register(apart.end)
        pause, began = _LOOK_SECONDS, time.monotonic()
        while not _worked_to_its_end():
            signal.signal(signal.SIGTERM, _leave)  # RQ's own would ask Redis first
            signal.signal(signal.SIGINT, _leave)
            lasted = time.monotonic() - began > 2 * _LONGEST_PAUSE
            pause = _LOOK_SECONDS if lasted else min(pause * 2, _LONGEST_PAUSE)
            log.warning("Redis is away, this worker looks again in %.1f s", pause)
            time.sleep(pause)
            began = time.monotonic()


def let_in(app: Flask, run_id: int, step: int, statement_id: int | None = None) -> None:
    """One large statement; handed over by a worker."""
    process.give_way()
    with app.app_context():
        presence.enter(services().settings.workers_folder)
        tasks.let_in(run_id, step, sys.stdin.buffer if statement_id is None else statement_id)


class Worker(SimpleWorker):
    """Takes calls from the queues and makes them. RQ keeps books beside that, of each call's execution, failure and end,
    in thirty trips to Redis; here the database tells what was done, so the call itself is all that is left.

    And it tells why its work ended: RQ's own returns alike when it was told to stop and when Redis went away.
    """

    max_connection_wait_time = _LONGEST_PAUSE
    at_its_end = False
    _begun = 0
    _now = ""

    @classmethod
    def of(cls, redis: Redis) -> Worker:
        """One for all queues."""
        return cls(
            all_queues(redis),
            connection=redis,
            serializer=JSONSerializer,
            worker_ttl=_IDLE_SECONDS,
            maintenance_interval=30,
            log_job_description=False,
        )

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.at_its_end = True
        super().request_stop(signum, frame)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Raises RedisError after the call, when the queue's word of it cannot be taken back; no harm is in that."""
        self._begun += 1
        self.at_its_end = self.at_its_end or self._begun >= _MOST_JOBS
        self.set_state(WorkerStatus.BUSY)  # a request to stop waits for the call's end
        try:
            with self.death_penalty_class(job.timeout, JobTimeoutException, job_id=job.id):
                job.func(*job.args)
        except Exception:  # tasks raise nothing: this call cannot be made, or took too long
            log.exception("the call %s failed", job.id)
        finally:
            self.set_state(WorkerStatus.IDLE)
        job.connection.delete(job.key)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        self._now = state

    def get_state(self) -> str:
        return self._now

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """RQ beats twice for each call, and each beat holds for `worker_ttl` and a minute."""
        if self.last_heartbeat is None or now() - self.last_heartbeat > _BEAT:
            super().heartbeat(timeout, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        """Nobody suspends workers here."""

    def subscribe(self) -> None:
        """Nobody sends them commands either: a thread that listens for some would be waited for when a worker ends."""


def _worked_to_its_end() -> bool:
    """False when Redis went away: what was under way is in the database, and the queue's notes on it are not needed."""
    # A connection of its own: waiting for a job outlasts redis-py's ordinary patience of five seconds, and RQ can
    # raise that only for connections that are not open yet.
    redis = Redis.from_url(services().settings.effective_redis_url, socket_timeout=_IDLE_SECONDS + 30)
    worker = None
    try:
        worker = Worker.of(redis)
        worker.work(logging_level="WARNING", max_jobs=_MOST_JOBS)
    except RedisError as error:
        log.warning("Redis is away (%s)", type(error).__name__)
    return worker is not None and worker.at_its_end


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _take_up_what_the_dead_left() -> None:
    """The scheduler does it too, but may be on another machine."""
    try:
        schedule.free_held_by_dead(services().clock())
    except SQLAlchemyError as error:
        log.warning("database is away (%s): what a dead worker held is found later", type(error).__name__)
    finally:
        db.session.remove()


def keep_schedule(app: Flask) -> None:
    """Ticks until told to stop, whatever happens to database and Redis meanwhile."""
    stop = threading.Event()

    def leave(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    pause, next_tick, next_beat, looked_until = _LOOK_SECONDS, 0.0, 0.0, None
    while not stop.is_set():
        try:
            with app.app_context():
                now = services().clock()
                if time.monotonic() >= next_beat:
                    process.beat(services().redis, "scheduler")
                    next_beat = time.monotonic() + 5
                if time.monotonic() >= next_tick:
                    schedule.tick(now)
                    next_tick = time.monotonic() + services().settings.tick.total_seconds()
                else:
                    schedule.free_held_by_dead(now)
                    schedule.wake_due(looked_until, now)
                looked_until, pause = now, _LOOK_SECONDS
        except (RedisError, SQLAlchemyError) as error:
            log.warning("database or Redis is away (%s), trying again in %.0f s", type(error).__name__, pause * 2)
            pause = min(pause * 2, _LONGEST_PAUSE)
            next_tick = 0.0
        except Exception:
            log.exception("the scheduler stumbled")
            pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            with app.app_context():
                db.session.remove()
        stop.wait(pause)


if __name__ == "__main__":
    main(sys.argv[1:])
