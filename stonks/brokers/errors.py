"""Why a broker did not answer with a statement, in the few classes that the sync engine decides by."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from stonks.core.errors import StonksError


class FailureKind(StrEnum):
    CREDENTIALS = "credentials"  # the token is expired, invalid, switched off, blocked: stop until fixed
    QUERY = "query"  # the query or account is wrong: stop until fixed
    LOCKED_OUT = "locked_out"  # too many failed attempts: nothing is asked for hours
    RATE_LIMITED = "rate_limited"  # ask again after a minute or more
    NOT_NOW = "not_now"  # books not ready, busy servers, timeouts, 5xx: ask again later
    START_OVER = "start_over"  # the ticket is not known any more: one new request
    NO_SUCH_PERIOD = "no_such_period"  # refused with a period override: try once without
    UNREADABLE = "unreadable"  # an answer that is neither envelope nor statement, or too large
    UNKNOWN = "unknown"  # a code nobody knows whose words do not say "try again"


class BrokerError(StonksError):
    """The broker refused or could not be reached. The message is for people and never holds a secret or an address.

    code: the broker's own ("1012"), or "http-503", "timeout", "unreachable", "html", "too-large".
    remedy: what the person can do, "" when nothing.
    may_be_activating: a token never yet accepted may simply not be active yet (IBKR: up to 30 minutes).
    other_place: another address of the broker that is worth asking the same, as the adapter takes it for `place`.
    """

    def __init__(
        self,
        kind: FailureKind,
        code: str,
        message: str,
        *,
        remedy: str = "",
        retry_after: timedelta | None = None,
        may_be_activating: bool = False,
        other_place: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.remedy = remedy
        self.retry_after = retry_after
        self.may_be_activating = may_be_activating
        self.other_place = other_place
