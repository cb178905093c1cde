"""What happens to a sync run after any answer: one pure function over a run's facts, an outcome and the time.

Knows no database, no queue and no particular broker; a broker's codes arrive as FailureKind. The waits honour what is
known of IBKR's service: a new request for a statement that is still being made earns a lockout, asking for the same
ticket again does not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from stonks.brokers.contract import Pending
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.sync.states import (
    ACTIVATION,
    ACTIVATION_WAIT,
    LOCKOUT,
    LONGEST_POLL_WAIT,
    LONGEST_POLLING,
    LONGEST_RATE_WAITING,
    RATE_WAIT,
    SHORTEST_BROKEN_WAIT,
    Arrived,
    ConnectionState,
    Ending,
    Facts,
    Locked,
    NextSync,
    Outcome,
    Postponed,
    Requested,
    RunState,
    Transition,
    Unusable,
)

NOT_REPEATED = (
    "These days are not asked for again by themselves. Ask again tomorrow, since some accounts get one new statement a "
    "day, or upload a file with these days."
)


def decide(facts: Facts, outcome: Outcome, now: datetime) -> Transition:
    """The whole behaviour of a run. A finished run is never asked about."""
    found = _decided(facts, outcome, now)
    return _beside_the_schedule(found) if facts.is_window else found


def lockout(error: BrokerError) -> timedelta | None:
    """For how long a broker that said this takes nothing with the token; None = it did not speak of a lockout."""
    return max(LOCKOUT, error.retry_after or timedelta(0)) if error.kind is FailureKind.LOCKED_OUT else None


def _decided(facts: Facts, outcome: Outcome, now: datetime) -> Transition:
    stay = Transition(facts.state, with_period=facts.with_period, started_over=facts.started_over, place=facts.place)
    match outcome:
        case Requested(ticket):
            return replace(
                stay,
                run=RunState.AWAITING_STATEMENT,
                wait=facts.first_wait,
                ticket=ticket,
                place=None,  # the ticket says where to look
                waiting_for=f"{facts.broker} is making the statement.",
                connection=ConnectionState.ACTIVE,
                accepted=True,
            )
        case Postponed(wait, why):
            return replace(stay, wait=wait, waiting_for=why)
        case Pending(retry_after):
            return _poll_again(facts, stay, retry_after or timedelta(0), None, now)
        case Locked(until):
            return Transition(
                RunState.FAILED,
                failure=Ending.LOCKED,
                message=f"{facts.broker} has locked this token for some hours, as another sync with it was told.",
                remedy="Nothing was asked for, and nothing is until the lock is over. Files can be uploaded meanwhile.",
                connection=ConnectionState.LOCKED_OUT,
                lock=until - now,
                next_sync=NextSync.UNLOCKED,
            )
        case Arrived():
            return Transition(
                RunState.SUCCEEDED, connection=ConnectionState.ACTIVE, accepted=True, next_sync=NextSync.REGULAR
            )
        case Unusable(ending, message, code, remedy):
            sealed = ending is Ending.SEALED
            return Transition(
                RunState.FAILED,
                failure=ending,
                code=code,
                message=message,
                remedy=remedy,
                connection=ConnectionState.AUTH_FAILED if sealed else None,
                next_sync=NextSync.STOPPED if sealed else NextSync.HOURS,
            )
        case BrokerError(other_place=str(place)) if facts.place is None:
            return replace(stay, place=place, waiting_for=f"Asking {facts.broker} at its other address.")
        case BrokerError():
            return _refused(facts, stay, outcome, now)


def _refused(facts: Facts, stay: Transition, error: BrokerError, now: datetime) -> Transition:
    awaiting = facts.state is RunState.AWAITING_STATEMENT
    match error.kind:
        case FailureKind.CREDENTIALS | FailureKind.QUERY:
            return _turned_down(facts, stay, error, now)
        case FailureKind.LOCKED_OUT:
            return _failed(error, ConnectionState.LOCKED_OUT, NextSync.UNLOCKED, lock=lockout(error))
        case FailureKind.RATE_LIMITED:
            return _rate_limited(facts, stay, error, now)
        case FailureKind.NO_SUCH_PERIOD if not awaiting and facts.with_period and not facts.is_window:
            return replace(stay, with_period=False, waiting_for="Asking again, for the query’s own period.")
        case FailureKind.START_OVER if awaiting and not facts.started_over:
            return replace(stay, run=RunState.QUEUED, started_over=True, waiting_for="Asking for a new statement.")
        case FailureKind.NOT_NOW if awaiting:
            return _poll_again(facts, stay, max(SHORTEST_BROKEN_WAIT, error.retry_after or timedelta(0)), error, now)
        case FailureKind.UNREADABLE if awaiting and error.code != "too-large":
            # A page of maintenance, most likely: the ticket stays good.
            return _poll_again(facts, stay, LONGEST_POLL_WAIT, error, now)
        case _:
            return _failed(error, None, NextSync.HOURS)


def _beside_the_schedule(found: Transition) -> Transition:
    """A window's end moves no automatic sync, unless it shows that the broker takes nothing at all, and nothing repeats
    it."""
    if found.next_sync not in (NextSync.REGULAR, NextSync.HOURS):
        return found
    if found.run is not RunState.FAILED or found.failure == FailureKind.NO_SUCH_PERIOD:
        return replace(found, next_sync=None)
    return replace(found, next_sync=None, remedy=NOT_REPEATED)


def _poll_again(
    facts: Facts, stay: Transition, at_least: timedelta, error: BrokerError | None, now: datetime
) -> Transition:
    """The same ticket again, with waits that grow with its age; a run that was delayed itself has looked once by now."""
    asked_at = facts.ticket_at or facts.started_at
    age = now - asked_at
    if age >= LONGEST_POLLING:
        if error is not None:
            return _failed(error, None, NextSync.HOURS)
        return Transition(
            RunState.FAILED,
            failure=Ending.TOO_SLOW,
            message=f"{facts.broker} did not finish the statement within 30 minutes.",
            remedy="Nothing to do: it is tried again by itself." if not facts.is_test else "Test again later.",
            next_sync=NextSync.HOURS,
        )
    if error is not None:  # the usual address may be back by then
        stay = replace(stay, place=None)
    grown = min(max(facts.first_wait, age / 2), LONGEST_POLL_WAIT)
    doing = f"{facts.broker} is making the statement." if error is None else f"{error} It is asked for again."
    return replace(stay, wait=max(grown, min(at_least, LONGEST_POLLING)), waiting_for=doing)


def _rate_limited(facts: Facts, stay: Transition, error: BrokerError, now: datetime) -> Transition:
    waited = now - (facts.ticket_at or facts.started_at)
    limit = LONGEST_POLLING if facts.state is RunState.AWAITING_STATEMENT else LONGEST_RATE_WAITING
    if waited >= limit:
        return _failed(error, None, NextSync.HOURS)
    wait = max(RATE_WAIT, error.retry_after or timedelta(0), waited)
    return replace(stay, wait=wait, code=error.code, waiting_for=f"{error} It is asked again in a while.")


def _turned_down(facts: Facts, stay: Transition, error: BrokerError, now: datetime) -> Transition:
    perhaps_too_new = error.may_be_activating and not facts.accepted
    # A clock that was set back puts the saving into the future, and must not make the hour longer than it is.
    if perhaps_too_new and facts.saved_at is not None and abs(now - facts.saved_at) < ACTIVATION:
        return replace(
            stay,
            wait=ACTIVATION_WAIT,
            code=error.code,
            message=str(error),
            waiting_for=f"{error} A new token can take up to 30 minutes to become active: asking every ten minutes.",
            connection=ConnectionState.ACTIVATING,
        )
    state = ConnectionState.AUTH_FAILED if error.kind is FailureKind.CREDENTIALS else ConnectionState.QUERY_REJECTED
    failed = _failed(error, state, NextSync.STOPPED)
    if perhaps_too_new and facts.is_test:
        hint = f"If the token was made within the last half hour, wait: {facts.broker} can take up to 30 minutes to activate one."
        return replace(failed, remedy=f"{hint} {error.remedy}".strip())
    return failed


def _failed(
    error: BrokerError, connection: ConnectionState | None, next_sync: NextSync, *, lock: timedelta | None = None
) -> Transition:
    return Transition(
        RunState.FAILED,
        failure=error.kind,
        code=error.code,
        message=str(error),
        remedy=error.remedy,
        connection=connection,
        next_sync=next_sync,
        lock=lock,
    )
