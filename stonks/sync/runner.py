"""One step of a sync run, with at most one call to the broker.

Claim the row by compare-and-set and count the attempt; call, outside any transaction, when the token's pace allows it
(pace.py); decide (deciding.py); write all that follows, the import included, in one transaction that first checks that
nothing changed meanwhile (settling.py). A worker that dies anywhere in between leaves a lease; once its death is proven
or the lease is over, the step is due again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO

from stonks import presence
from stonks.apart import LARGE_BYTES
from stonks.brokers.contract import Pending, Ready
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.core.errors import NotFound, SecretUnreadable, StatementUnreadable
from stonks.db import db, transaction
from stonks.ledger import archive, repeats, snapshot
from stonks.ledger.repeats import ReadAs
from stonks.services import services
from stonks.sync import borrowing, lockouts, pace, runs
from stonks.sync.deciding import lockout
from stonks.sync.settling import Arrival, settle
from stonks.sync.states import (
    LIVE,
    MOST_ATTEMPTS,
    Arrived,
    Ending,
    Locked,
    Outcome,
    Postponed,
    Requested,
    RunState,
    Unusable,
)
from stonks.sync.step import DAYS_BACK, Step, read
from stonks.sync.tables import SyncRun

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=330)  # longer than a call may take; a slower import loses no more than its turn
# Of a large import in a process of its own. Where its death can be seen, nobody waits for this to end.
LEASE_APART = timedelta(minutes=30)
_EARLY = timedelta(seconds=2)  # by which a worker's clock may be behind
_STUMBLED = timedelta(seconds=30)
# Until this worker's one process for large statements is looked for again.
_BUSY = timedelta(seconds=20)  # with a statement that will be fetched anew
_BUSY_BUT_HERE = timedelta(seconds=3)  # with one that is kept
_BUSY_WORDS = "The statement is large and waits for another large one to be read."
_TEST_UNDER_WAY = timedelta(seconds=2)
_TEST_UNDER_WAY_WORDS = "Waiting for the connection test, whose statement will be imported."
# Has the rest of a claimed step done by another process, see apart.py: run, step, the body or a kept statement's id.
Elsewhere = Callable[[int, int, BinaryIO | int], bool]
SEALED = Unusable(
    Ending.SEALED, "The saved token can't be opened, paste it again.", remedy="Paste the token again and save."
)
GAVE_UP = Unusable(
    Ending.GAVE_UP,
    f"Stonksfolio gave up after {MOST_ATTEMPTS} tries that ended without an answer.",
    remedy="It is tried again later by itself. The log tells why.",
)


def advance(run_id: int, step: int, now: datetime, elsewhere: Elsewhere | None = None) -> None:
    """Takes the run from `step` to its next one; does nothing when someone else has, or when it is not due yet. A large
    statement is let in `elsewhere`; without that, here like any other.

    Needs an app context. Touches database and Redis, and calls the broker at most once.
    """
    run = db.session.get(SyncRun, run_id, populate_existing=True)
    if run is None or run.step != step or run.state not in LIVE or run.due_at is None or run.due_at > now + _EARLY:
        return
    if run.attempts >= MOST_ATTEMPTS:
        settle(run_id, step, GAVE_UP, now)
        return
    broker = services().brokers.get(run.broker)
    if broker is None:
        _cancel_as_unknown(run_id, step, now)
        return
    try:
        this = read(run, broker)
    except SecretUnreadable:
        settle(run_id, step, SEALED, now)
        return
    if not _claim(this, now):
        return
    kept = this.kept_statement or borrowing.instead_of_asking(this, now)
    if kept is not None:
        _import_kept(this, kept, elsewhere)
        return
    if borrowing.is_being_tested(this):
        settle(run_id, this.claimed, Postponed(_TEST_UNDER_WAY, _TEST_UNDER_WAY_WORDS), now)
        return
    locked = lockouts.ends(this.allowance, now)
    if locked is not None:
        settle(run_id, this.claimed, Locked(locked), now)
        return
    wait = pace.wait_before_call(this)
    if wait is None:
        log.info("run %s: taken over or ended meanwhile, nothing was asked", run_id, extra=this.ids)
        return
    if wait > timedelta(0):
        settle(run_id, this.claimed, Postponed(wait), services().clock())
        return
    _ask(this, elsewhere)


def take_over(run_id: int, step: int, statement: BinaryIO | int, now: datetime) -> None:
    """The rest of a step that another process has claimed and handed over: lets its statement in, unless the run has
    gone on meanwhile. Needs an app context."""
    with transaction():
        run = runs.locked_run(run_id)
        if run is None or run.step != step + 1 or run.state not in LIVE or run.lease_until is None:
            return
        run.lease_until = now + LEASE_APART
        run.held_by = presence.name()
    try:
        this = replace(read(run, services().brokers[run.broker]), number=step)
    except SecretUnreadable:
        settle(run_id, step + 1, SEALED, now)
        return
    if isinstance(statement, int):
        _import_kept(this, statement)
    else:
        _take_in(this, statement, now, kept_statement=None)
    snapshot.refresh(this.portfolio_id)  # nobody waits for this process


def let_go(run_id: int, step: int, now: datetime) -> None:
    """After advance(run_id, step) raised: the step is due again soon; its attempt stays counted."""
    with transaction():
        run = runs.locked_run(run_id)
        if run is not None and run.step == step + 1 and run.lease_until is not None:
            run.step += 1
            run.lease_until = None
            run.due_at = now + _STUMBLED


def _cancel_as_unknown(run_id: int, step: int, now: datetime) -> None:
    with transaction():
        run = runs.locked_run(run_id)
        if run is not None and run.step == step and run.state in LIVE:
            log.warning("run %s: no broker %r is known here", run_id, run.broker, extra={"run": run_id})
            runs.cancel(run, runs.CANCELLED_AS_UNKNOWN, now)


def _claim(this: Step, now: datetime) -> bool:
    """Compare-and-set: whoever raises the step first does it. The attempt is counted before anything can go wrong."""
    with transaction():
        run = runs.locked_run(this.run_id)
        if run is None or run.step != this.number or run.state not in LIVE:
            return False
        run.step = this.claimed
        run.attempts += 1
        run.lease_until = now + LEASE
        run.held_by = presence.name()
    return True


def _ask(this: Step, elsewhere: Elsewhere | None) -> None:
    try:
        answer: Outcome | Ready = _call(this)
    except BrokerError as error:
        answer = error
    now = services().clock()
    if not isinstance(answer, Ready):
        if isinstance(answer, BrokerError):
            _log_refusal(this, answer)
            _note_lockout(this, answer, now)
            kept = borrowing.instead_of_a_refused_one(this, answer, now)
            if kept is not None:
                _import_kept(this, kept)
                return
        settle(this.run_id, this.claimed, answer, now)
        return
    with closing(answer.body) as body:
        if elsewhere is None or answer.size <= LARGE_BYTES:
            _take_in(this, body, now, kept_statement=None)
        elif not elsewhere(this.run_id, this.number, body):  # the broker keeps it: it is fetched again
            settle(this.run_id, this.claimed, Postponed(_BUSY, _BUSY_WORDS), now)


def _note_lockout(this: Step, error: BrokerError, now: datetime) -> None:
    """Whatever became of the run or its portfolio meanwhile: whoever asks next with this token has to know."""
    lock = lockout(error)
    if lock is not None and this.allowance is not None:
        with transaction():
            lockouts.note(this.allowance, now + lock)


def _call(this: Step) -> Outcome | Ready:
    """The one call. Raises BrokerError."""
    if this.state is RunState.QUEUED or this.ticket is None:
        return Requested(this.broker.request(this.tested.fields, this.asks_for, this.place))
    got: Ready | Pending = this.broker.collect(this.tested.fields, this.ticket, this.place)
    return got


def _import_kept(this: Step, statement_id: int, elsewhere: Elsewhere | None = None) -> None:
    now = services().clock()
    if elsewhere is not None and archive.size_of(statement_id) > LARGE_BYTES:
        if not elsewhere(this.run_id, this.number, statement_id):
            settle(this.run_id, this.claimed, Postponed(_BUSY_BUT_HERE, _BUSY_WORDS), now)
        return
    try:
        body = archive.open_kept(statement_id)
    except (NotFound, SecretUnreadable):
        archive.withdraw(statement_id)
        settle(this.run_id, this.claimed, Postponed(timedelta(0)), now, forget_kept=True)
        return
    with closing(body):
        _take_in(this, body, now, kept_statement=statement_id)


def _take_in(this: Step, body: BinaryIO, now: datetime, kept_statement: int | None) -> None:
    """Reads the statement to its end and compares it, so that no lock is held meanwhile; then has it let in."""
    try:
        # Days back also when they were refused and the query's own period came: a year is what is wanted.
        asked_days = DAYS_BACK if this.window is None else None
        read_as = ReadAs(this.broker, this.tested.only_currency, this.tested.day_first, asked_days)
        if this.is_test:
            reading = read_as.read(body)
            for _ in reading:  # only its summary matters
                pass
            arrival = Arrival(body, reading.summary, this.credentials_name, kept_statement)
        else:
            compared = repeats.compare(this.portfolio_id, body, read_as)
            arrival = Arrival(body, compared.summary, this.credentials_name, kept_statement, compared)
    except StatementUnreadable as error:
        log.warning("run %s: statement unreadable (%s)", this.run_id, error.reason, extra=this.ids)
        outcome = Unusable(Ending.STATEMENT, str(error), error.reason)
        settle(this.run_id, this.claimed, outcome, services().clock())
        return
    settle(this.run_id, this.claimed, Arrived(), services().clock(), arrival)


def _log_refusal(this: Step, error: BrokerError) -> None:
    level = logging.WARNING if error.kind is FailureKind.UNKNOWN else logging.INFO
    log.log(level, "run %s: %s (%s)", this.run_id, error.kind, error.code, extra=this.ids)
