"""The engine as real processes on a test's data, and what a test asks of its database meanwhile.

What is killed here is killed with SIGKILL. Processes start again in no time, so the tests play the supervisor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import ColumnElement, func, select

from stonks.db import Base, db, transaction
from stonks.factory import utc_now
from stonks.ledger.tables import Entry
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting
from stonks.sync.tables import SyncRun
from tests.statements import buy, dividend, statement
from tests.sync.processes import Running, running

TOKEN = "424242424242424242424242"
FIELDS = {"query_id": "1234567", "token": TOKEN}
BODY = statement([buy(1), buy(2, "20251104")], [dividend(3)])


def a_process(
    name: str, *arguments: str, dies_in_mid_import: bool = False, **environment: str
) -> AbstractContextManager[Running]:
    """A process of the product on this test's data, told to write its log under `name`."""
    settings = services().settings
    told = {
        "STONKS_DATA": str(settings.data),
        "REDIS_URL": settings.effective_redis_url,
        "STONKS_FLEX_URL": settings.flex_url,
        "STONKS_POLL_SECONDS": "0",
        "STONKS_TICK_SECONDS": "1",
        "STONKS_LOG": "json",
        **environment,
    }
    log = settings.data / f"{name}.log"
    return running(told, log, *arguments, dies_in_mid_import=dies_in_mid_import)


def a_worker(name: str = "worker", **more: Any) -> AbstractContextManager[Running]:
    return a_process(name, **more)


def a_scheduler(name: str = "scheduler", **more: Any) -> AbstractContextManager[Running]:
    return a_process(name, "--schedule", **more)


def save(fields: dict[str, str] = FIELDS, **more: Any) -> int:
    told = {"only_currency": None, "token_expires_on": None, "day_first": None, **more}
    outcome = connecting.save(1, "ibkr", fields, now=utc_now(), **told)
    assert outcome.run_id is not None
    return outcome.run_id


def wait_until(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds  # a busy machine takes long to start a process
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def fresh_run(run_id: int) -> SyncRun:
    db.session.rollback()
    run = db.session.get(SyncRun, run_id, populate_existing=True)
    assert run is not None
    return run


def ended(run_id: int) -> bool:
    return fresh_run(run_id).finished_at is not None


def entries() -> int:
    return count(Entry)


def count(table: type[Base], *where: ColumnElement[bool]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def end_lease(run_id: int) -> None:
    """What the passing of time does to a dead worker's lease."""
    with transaction():
        run = db.session.get(SyncRun, run_id)
        assert run is not None
        assert run.lease_until is not None
        run.lease_until = utc_now()


def requests_of(practice: PracticeBroker) -> int:
    return sum(call.step == "SendRequest" for call in practice.calls)
