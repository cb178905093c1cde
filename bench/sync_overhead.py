"""What the queue costs one sync: the same runs stepped by hand, and through Redis, scheduler and an RQ worker.

A broker in memory answers (one HTTP request each, by its contract) with a ticket, once "not yet", and a statement in
which nothing is new; its reading and the ledger's part are in both. CPU time of one process that does it all.
Run: python -m bench.sync_overhead [syncs]
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from redis import Redis
from redis.connection import AbstractConnection
from sqlalchemy import select, update

from stonks.accounts.tables import User
from stonks.brokers.contract import Credentials, Pending, Ready, Ticket
from stonks.config import read_settings
from stonks.db import db, transaction
from stonks.factory import create_app
from stonks.ledger.tables import Portfolio
from stonks.queue import JobQueue
from stonks.sync import connecting, runner, schedule
from stonks.sync.tables import Connection, SyncRun
from tests.conftest import Clock
from tests.servers import redis_server
from tests.sync.conftest import FIELDS, FakeBroker
from worker import Worker

SYNCS = 40
TURNS = 7
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)


class OnceNotYet(FakeBroker):
    """A ticket; "not yet" for its first look; the statement."""

    def __init__(self) -> None:
        super().__init__()
        self._looked: set[str] = set()

    def collect(self, credentials: Credentials, ticket: Ticket, place: str | None = None) -> Ready | Pending:
        token = credentials["token"]
        if token in self._looked:
            self._looked.remove(token)
            return super().collect(credentials, ticket, place)
        self._looked.add(token)
        self.calls.append(("collect", ticket.reference))
        return Pending(code="1019")


def portfolios(count: int) -> None:
    """Connected ones, whose first sync has been."""
    with transaction():
        db.session.add(User(id=1, email="a@example.com", password_hash="-", session_epoch=0, created_at=NOW))
        for number in range(1, count + 1):
            db.session.add(Portfolio(id=number, user_id=1, name="P", base_currency="EUR", created_at=NOW))
    for number in range(1, count + 1):
        token = f"{number:024}"
        told: dict[str, Any] = {"only_currency": None, "token_expires_on": None, "day_first": None}
        connecting.save(number, "ibkr", {**FIELDS, "token": token}, now=NOW, **told)


def by_hand(clock: Clock) -> None:
    """Every live run, step by step, without a queue."""
    while True:
        db.session.rollback()
        live = db.session.execute(select(SyncRun.id, SyncRun.step).where(SyncRun.finished_at.is_(None))).all()
        if not live:
            return
        clock.now += timedelta(seconds=61)
        for run_id, step in live:
            runner.advance(run_id, step, clock())
            db.session.remove()


def through_the_queue(clock: Clock, worker: Worker) -> None:
    while True:
        worker.work(burst=True, logging_level="WARNING")
        db.session.rollback()
        if db.session.scalar(select(SyncRun.id).where(SyncRun.finished_at.is_(None)).limit(1)) is None:
            return
        db.session.rollback()
        clock.now += timedelta(seconds=61)
        schedule.wake_due(None, clock())


def make_due(clock: Clock) -> None:
    clock.now += timedelta(days=1)
    with transaction():
        db.session.execute(update(Connection).values(next_run_at=clock.now))


def cpu(what: Callable[[], object]) -> float:
    began = time.process_time()
    what()
    return time.process_time() - began


def main(count: int) -> None:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as folder, redis_server(Path(folder)) as url:
        clock, broker = Clock(), OnceNotYet()
        clock.now = NOW
        app = create_app(read_settings({"STONKS_DATA": folder, "REDIS_URL": url}), clock)
        app.extensions["stonks"] = replace(app.extensions["stonks"], brokers={"ibkr": broker}, queue=Silent())
        with app.app_context():
            db.create_all()
            portfolios(count)
            by_hand(clock)
            redis = Redis.from_url(url)
            worker, silent, loud = Worker.of(redis), Silent(), JobQueue(redis)

            def synced(step: Callable[[], None], queue: JobQueue) -> float:
                app.extensions["stonks"] = replace(app.extensions["stonks"], queue=queue)
                make_due(clock)

                def whole() -> None:
                    schedule.start_due(clock())
                    step()

                return 1000 * cpu(whole) / count

            def hand() -> float:
                return synced(lambda: by_hand(clock), silent)

            def queued() -> float:
                return synced(lambda: through_the_queue(clock, worker), loud)

            hand(), queued()  # the first time imports and registers scripts
            broker.calls.clear()
            sent = count_sent()
            turns = [(hand(), queued()) for _ in range(TURNS)]
            parts = sorted(through - by for by, through in turns)
            asked, trips = len(broker.calls) / count / TURNS / 2, sent[0] / count / TURNS
            print("| By hand, ms a sync | Through the queue, ms | The queue's part, ms | Requests to the broker "
                  "| Round trips to Redis |\n|---:|---:|---:|---:|---:|")  # fmt: skip
            print(
                f"| {median(by for by, _ in turns):.1f} | {median(through for _, through in turns):.1f} "
                f"| {median(parts):.1f} ({parts[0]:.1f} to {parts[-1]:.1f}) | {asked:.1f} | {trips:.1f} |"
            )
            db.session.remove()
            db.engine.dispose()


class Silent(JobQueue):
    """A queue that wakes nobody."""

    def __init__(self) -> None:
        pass

    def enqueue(self, task: str, *args: int, job_id: str) -> bool:
        return True


def count_sent() -> list[int]:
    """From now on, what was sent to Redis: a pipeline is one."""
    sent, send = [0], AbstractConnection.send_packed_command

    def counted(self: AbstractConnection, *args: Any, **more: Any) -> Any:
        sent[0] += 1
        return send(self, *args, **more)

    AbstractConnection.send_packed_command = counted  # type: ignore[method-assign]
    return sent


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else SYNCS)
