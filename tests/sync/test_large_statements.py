"""A large statement is let in by a process of its own: real ones, stopped and killed in the middle of it."""

from __future__ import annotations

import io
import os
import signal
from datetime import timedelta

import pytest

from stonks.apart import LARGE_BYTES
from stonks.db import db, transaction
from stonks.factory import utc_now
from stonks.ledger.tables import Portfolio
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting, runner
from stonks.sync.tables import SyncRun
from tests.product import lives
from tests.statements import buy, statement
from tests.sync.conftest import Desk
from tests.sync.engine import (
    BODY,
    FIELDS,
    TOKEN,
    a_scheduler,
    a_worker,
    ended,
    entries,
    fresh_run,
    requests_of,
    save,
    wait_until,
)

ROWS = 5_000
WIDE = "x" * (LARGE_BYTES // ROWS)  # few rows, so that a busy machine reads them in time
LARGE = b"".join(
    b"%s,%s\n" % (row, b'"Description"' if number == 0 else WIDE.encode())
    for number, row in enumerate(statement([buy(number) for number in range(ROWS)]).splitlines())
)
OTHER = {"query_id": "7654321", "token": "777788889999000011112222"}


@pytest.fixture
def large(practice: PracticeBroker) -> PracticeBroker:
    assert len(LARGE) > LARGE_BYTES
    practice.add_query(TOKEN, FIELDS["query_id"], LARGE)
    return practice


def process_of(run_id: int) -> int:
    """The process that holds the run; 0 when none does."""
    held_by = fresh_run(run_id).held_by
    lock = services().settings.workers_folder / f"{held_by}.worker"
    return int(lock.read_text()) if held_by and lock.exists() else 0


def wait_for_the_importer(run_id: int, worker: int | None) -> int:
    """The process that has taken the statement over from the worker."""
    wait_until(lambda: process_of(run_id) not in (0, worker))
    return process_of(run_id)


@pytest.mark.usefixtures("here")
def test_others_go_on_while_a_large_statement_is_let_in(large: PracticeBroker) -> None:
    large.add_query(OTHER["token"], OTHER["query_id"], BODY)
    with transaction():
        db.session.add(Portfolio(id=2, user_id=1, name="Q", base_currency="EUR", created_at=utc_now()))
    first = save()
    with a_scheduler(), a_worker() as worker:
        importer = wait_for_the_importer(first, worker.process.pid)
        os.kill(importer, signal.SIGSTOP)
        told = {"only_currency": None, "token_expires_on": None, "day_first": None}
        other = connecting.save(2, "ibkr", OTHER, now=utc_now(), **told).run_id  # type: ignore[arg-type]
        assert other is not None
        wait_until(lambda: ended(other))
        assert (fresh_run(other).state, ended(first), entries()) == ("SUCCEEDED", False, 3)
        os.kill(importer, signal.SIGCONT)
        wait_until(lambda: ended(first))
    assert (fresh_run(first).state, entries(), requests_of(large)) == ("SUCCEEDED", ROWS + 3, 2)


@pytest.mark.usefixtures("here")
def test_a_killed_import_is_begun_again_without_a_second_request(large: PracticeBroker) -> None:
    run_id = save()
    with a_scheduler(), a_worker() as worker:
        os.kill(wait_for_the_importer(run_id, worker.process.pid), signal.SIGKILL)
        wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(large)) == ("SUCCEEDED", ROWS, 1)


@pytest.mark.usefixtures("here")
def test_an_import_ends_with_its_worker_and_is_begun_again_by_the_next(large: PracticeBroker) -> None:
    run_id = save()
    with a_scheduler():
        with a_worker() as worker:
            importer = wait_for_the_importer(run_id, worker.process.pid)
            os.kill(importer, signal.SIGSTOP)
            worker.kill()
        os.kill(importer, signal.SIGCONT)
        with a_worker("next"):
            wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(large)) == ("SUCCEEDED", ROWS, 1)


@pytest.mark.usefixtures("here")
def test_a_large_statement_that_was_only_tested_is_let_in_apart_too(large: PracticeBroker) -> None:
    told = {"only_currency": None, "day_first": None, "now": utc_now()}
    test_id = connecting.start_test(1, "ibkr", FIELDS, **told)  # type: ignore[arg-type]
    with a_scheduler(), a_worker() as worker:
        reader = wait_for_the_importer(test_id, worker.process.pid)
        wait_until(lambda: ended(test_id) and not lives(reader))  # as long as it lives, the next one waits
        run_id = save()
        wait_for_the_importer(run_id, worker.process.pid)
        wait_until(lambda: ended(run_id))
    assert (fresh_run(run_id).state, entries(), requests_of(large)) == ("SUCCEEDED", ROWS, 1)


# Of the fake broker.
LARGE_BODY = b"".join(b"%d 2026-11-19\n" % number for number in range(LARGE_BYTES // 10))


def made(desk: Desk) -> SyncRun:
    """A run whose statement, a large one, is there to be fetched."""
    desk.broker.body = LARGE_BODY
    desk.save()
    run = desk.step()
    desk.clock.now += timedelta(minutes=5)
    return run


def test_while_a_worker_is_busy_with_one_large_statement_the_next_one_waits(desk: Desk) -> None:
    run = made(desk)
    runner.advance(run.id, run.step, desk.clock(), elsewhere=lambda *_: False)
    waiting = desk.run(run.id)
    assert waiting.state == "AWAITING_STATEMENT"
    assert waiting.waiting_for == "The statement is large and waits for another large one to be read."
    assert waiting.due_at is not None
    assert timedelta(0) < waiting.due_at - desk.clock() <= timedelta(seconds=30)
    assert desk.entries() == 0


def test_who_saves_at_once_after_testing_a_large_statement_waits_seconds_for_the_test_to_end(desk: Desk) -> None:
    desk.broker.body = LARGE_BODY
    desk.finish(desk.test())
    desk.save()
    run = desk.run()
    runner.advance(run.id, run.step, desk.clock(), elsewhere=lambda *_: False)
    waiting = desk.run(run.id)
    assert waiting.waiting_for == "The statement is large and waits for another large one to be read."
    assert waiting.due_at is not None
    assert timedelta(0) < waiting.due_at - desk.clock() <= timedelta(seconds=5)


def test_what_was_handed_over_is_left_alone_once_the_run_has_gone_on(desk: Desk) -> None:
    run = made(desk)
    handed: list[tuple[int, int]] = []

    def take(run_id: int, step: int, _statement: object) -> bool:
        handed.append((run_id, step))
        return True

    runner.advance(run.id, run.step, desk.clock(), elsewhere=take)
    connecting.disconnect(desk.portfolio_id, desk.clock())
    runner.take_over(*handed[0], io.BytesIO(desk.broker.body), desk.clock())
    assert (desk.run(run.id).state, desk.entries()) == ("CANCELLED", 0)
