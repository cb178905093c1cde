"""The words of a sync run: its states and its connection's, what a step can come to, and what follows from that.

What follows from what is in deciding.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stonks.brokers.contract import Pending, Ticket
from stonks.brokers.errors import BrokerError


class ConnectionState(StrEnum):
    ACTIVE = "ACTIVE"
    ACTIVATING = "ACTIVATING"  # a new token that the broker does not take yet, but may soon
    AUTH_FAILED = "AUTH_FAILED"  # stopped until the credentials are saved anew
    QUERY_REJECTED = "QUERY_REJECTED"  # stopped until the query is mended and saved
    LOCKED_OUT = "LOCKED_OUT"  # the broker takes nothing until locked_until; goes on by itself then
    DISCONNECTED = "DISCONNECTED"


class RunState(StrEnum):
    QUEUED = "QUEUED"  # no statement has been asked for yet
    AWAITING_STATEMENT = "AWAITING_STATEMENT"  # the broker gave a ticket
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"  # disconnected, or other credentials were saved meanwhile


LIVE = (RunState.QUEUED, RunState.AWAITING_STATEMENT)
STOPPED = (ConnectionState.AUTH_FAILED, ConnectionState.QUERY_REJECTED, ConnectionState.DISCONNECTED)


class Ending(StrEnum):
    """Why a run failed, where no FailureKind of the broker says it."""

    GAVE_UP = "gave_up"  # every try of one step ended without an answer
    TOO_SLOW = "too_slow"  # the statement was not made in time
    STATEMENT = "statement"  # it came, and cannot be read
    SEALED = "sealed"  # the saved token cannot be opened any more
    LOCKED = "locked"  # another run was told that the token is locked; nothing was asked


class NextSync(StrEnum):
    """When the connection is synced next, once a run has ended."""

    REGULAR = "regular"  # in the next daily window
    HOURS = "hours"  # some hours later, while the day's tries last
    UNLOCKED = "unlocked"  # when the lockout is over
    STOPPED = "stopped"  # not before a person does something


LONGEST_POLLING = timedelta(minutes=30)  # of one ticket
LONGEST_POLL_WAIT = timedelta(seconds=60)
SHORTEST_BROKEN_WAIT = timedelta(seconds=30)  # after a timeout or a 5xx: the same ticket again
RATE_WAIT = timedelta(seconds=60)
LONGEST_RATE_WAITING = timedelta(minutes=10)
LOCKOUT = timedelta(hours=12)
ACTIVATION = timedelta(hours=1)  # from saving, as long as the broker never took the credentials
ACTIVATION_WAIT = timedelta(minutes=10)
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision looks at."""

    state: RunState  # QUEUED or AWAITING_STATEMENT
    broker: str  # its name, for sentences
    first_wait: timedelta  # before the first look for a statement
    started_at: datetime
    ticket_at: datetime | None = None
    with_period: bool = True
    started_over: bool = False
    is_test: bool = False
    is_window: bool = False  # asks for certain days, once, because a person wanted them
    accepted: bool = False  # the broker has taken these credentials before
    saved_at: datetime | None = None  # None for a test
    place: str | None = None  # which of the broker's addresses was asked, where it was not the usual one


@dataclass(frozen=True, slots=True)
class Requested:
    """The answer to a request: the broker makes the statement."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing was decided: the token's allowance, or this machine, is used up for so long."""

    wait: timedelta
    why: str = "Keeping a polite distance between requests."


@dataclass(frozen=True, slots=True)
class Locked:
    """Nothing was asked: another run with the same token was told meanwhile that it is locked."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    """The statement is here, was read, and (unless this is a test) let into the ledger."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """The run cannot come to a good end: `ending` says why, in words `message` and `remedy`."""

    ending: Ending
    message: str
    code: str | None = None
    remedy: str = ""


Outcome = Requested | Pending | Postponed | Locked | Arrived | Unusable | BrokerError


@dataclass(frozen=True, slots=True)
class Transition:
    """The run's next state and what becomes of its connection. While the run lives, `wait` says when it goes on."""

    run: RunState
    wait: timedelta = timedelta(0)
    waiting_for: str = ""
    ticket: Ticket | None = None  # a new one; without it a run that stays AWAITING_STATEMENT keeps its own
    with_period: bool = True
    started_over: bool = False
    place: str | None = None  # ask there, instead of at the broker's usual address
    failure: str | None = None  # FailureKind or Ending
    code: str | None = None
    message: str = ""
    remedy: str = ""
    connection: ConnectionState | None = None  # None: stays as it is
    accepted: bool = False  # the broker took the credentials
    lock: timedelta | None = None  # ask for nothing this long
    next_sync: NextSync | None = None  # when the run has ended; None = as planned before
