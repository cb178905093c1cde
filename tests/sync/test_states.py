"""decide(), as a table: every kind of answer in each state, for a sync and for a test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonks.brokers.contract import Pending, Ticket
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.brokers.ibkr.errors import MEANINGS, Step, refusal, still_pending
from stonks.sync.deciding import decide
from stonks.sync.states import (
    LIVE,
    Arrived,
    ConnectionState,
    Ending,
    Facts,
    NextSync,
    Postponed,
    Requested,
    RunState,
    Unusable,
)

NOW = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
ASKING = Facts(
    RunState.QUEUED, "IBKR", first_wait=timedelta(seconds=10), started_at=NOW - timedelta(seconds=5), accepted=True,
    saved_at=NOW - timedelta(days=9),
)  # fmt: skip
AWAITING = replace(ASKING, state=RunState.AWAITING_STATEMENT, ticket_at=NOW - timedelta(seconds=30))
NEW = replace(ASKING, accepted=False, saved_at=NOW - timedelta(minutes=5))
TESTING = replace(ASKING, accepted=False, saved_at=None, is_test=True)

QUEUED, AWAITS, FAILED = RunState.QUEUED, RunState.AWAITING_STATEMENT, RunState.FAILED
STOPPED, HOURS, UNLOCKED = NextSync.STOPPED, NextSync.HOURS, NextSync.UNLOCKED
AUTH, QUERY, LOCKED = ConnectionState.AUTH_FAILED, ConnectionState.QUERY_REJECTED, ConnectionState.LOCKED_OUT
SAME = None  # the connection's state stays

# kind: (asked for a statement: run, connection, next sync), (looked for it: the same)
TABLE = {
    FailureKind.CREDENTIALS: ((FAILED, AUTH, STOPPED), (FAILED, AUTH, STOPPED)),
    FailureKind.QUERY: ((FAILED, QUERY, STOPPED), (FAILED, QUERY, STOPPED)),
    FailureKind.LOCKED_OUT: ((FAILED, LOCKED, UNLOCKED), (FAILED, LOCKED, UNLOCKED)),
    FailureKind.RATE_LIMITED: ((QUEUED, SAME, None), (AWAITS, SAME, None)),
    FailureKind.NOT_NOW: ((FAILED, SAME, HOURS), (AWAITS, SAME, None)),
    FailureKind.START_OVER: ((FAILED, SAME, HOURS), (QUEUED, SAME, None)),
    FailureKind.NO_SUCH_PERIOD: ((QUEUED, SAME, None), (FAILED, SAME, HOURS)),
    FailureKind.UNREADABLE: ((FAILED, SAME, HOURS), (AWAITS, SAME, None)),
    FailureKind.UNKNOWN: ((FAILED, SAME, HOURS), (FAILED, SAME, HOURS)),
}


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize(("facts", "column"), [(ASKING, 0), (AWAITING, 1)], ids=["asking", "awaiting"])
def test_every_kind_of_refusal(kind: FailureKind, facts: Facts, column: int) -> None:
    found = decide(facts, BrokerError(kind, "x", "Words."), NOW)
    assert (found.run, found.connection, found.next_sync) == TABLE[kind][column]
    if found.run in LIVE:
        assert found.waiting_for
        assert found.ticket is None
    else:
        assert (found.failure, found.code, found.message) == (kind, "x", "Words.")


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_codes_that_only_mean_wait_never_cause_a_new_request(code: str) -> None:
    pending = still_pending(code, "", timedelta(seconds=10))
    if pending is None:
        error = refusal(Step.COLLECT, code, "", token="")
        asks_anew = decide(AWAITING, error, NOW).run is QUEUED
        assert asks_anew == (code in ("1003", "1017"))
    else:
        found = decide(AWAITING, pending, NOW)
        assert (found.run, found.connection) == (AWAITS, SAME)
        assert found.wait >= timedelta(seconds=10)


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_only_refused_credentials_and_queries_stop_the_automatic_sync(code: str) -> None:
    found = decide(ASKING, refusal(Step.REQUEST, code, "", token="", with_period=True), NOW)
    stops = found.next_sync is STOPPED
    assert stops == (code in ("1010", "1011", "1012", "1013", "1014", "1015", "1016", "1020"))


def test_a_request_that_was_taken_shows_that_the_credentials_are() -> None:
    found = decide(ASKING, Requested(Ticket("1")), NOW)
    assert (found.run, found.connection, found.accepted) == (AWAITS, ConnectionState.ACTIVE, True)
    assert (found.ticket, found.wait) == (Ticket("1"), timedelta(seconds=10))


def test_waits_for_one_ticket_grow_and_end() -> None:
    waits = [
        decide(replace(AWAITING, ticket_at=NOW - timedelta(seconds=age)), Pending(), NOW).wait.total_seconds()
        for age in (1, 10, 30, 60, 100, 600, 1700)
    ]
    assert waits == [10, 10, 15, 30, 50, 60, 60]
    ended = decide(replace(AWAITING, ticket_at=NOW - timedelta(minutes=30)), Pending(), NOW)
    assert (ended.run, ended.failure, ended.next_sync) == (FAILED, Ending.TOO_SLOW, HOURS)


def test_a_longer_wait_that_the_broker_asks_for_is_kept() -> None:
    assert decide(AWAITING, Pending(timedelta(minutes=2)), NOW).wait == timedelta(minutes=2)


def test_trouble_while_waiting_asks_for_the_same_ticket_until_time_is_up() -> None:
    trouble = BrokerError(FailureKind.NOT_NOW, "http-503", "No.")
    assert decide(AWAITING, trouble, NOW).wait >= timedelta(seconds=30)
    late = replace(AWAITING, ticket_at=NOW - timedelta(minutes=31))
    assert decide(late, trouble, NOW).run is FAILED
    assert decide(AWAITING, BrokerError(FailureKind.UNREADABLE, "too-large", "No."), NOW).run is FAILED


@pytest.mark.parametrize("facts", [ASKING, AWAITING], ids=["asking", "awaiting"])
def test_the_broker_s_other_address_is_asked_at_once_and_once(facts: Facts) -> None:
    trouble = BrokerError(FailureKind.UNREADABLE, "html", "A page.", other_place="there")
    found = decide(facts, trouble, NOW)
    assert (found.run, found.place, found.wait, found.ticket) == (facts.state, "there", timedelta(0), None)
    back = BrokerError(FailureKind.UNREADABLE, "html", "A page.", other_place="here")
    again = decide(replace(facts, place="there"), back, NOW)
    assert (again.run, again.place) == ((FAILED if facts is ASKING else AWAITS), None)
    assert again.wait > timedelta(0) or again.run is FAILED


def test_the_address_that_answers_is_asked_until_a_ticket_says_where_to_look() -> None:
    there = replace(AWAITING, place="there")
    assert decide(there, Pending(), NOW).place == "there"
    assert decide(there, Postponed(timedelta(seconds=1)), NOW).place == "there"
    refused = BrokerError(FailureKind.NO_SUCH_PERIOD, "1003", "No.")
    assert decide(replace(ASKING, place="there"), refused, NOW).place == "there"
    assert decide(replace(ASKING, place="there"), Requested(Ticket("1")), NOW).place is None


def test_a_rate_limit_waits_a_minute_and_more_and_only_so_often() -> None:
    limited = BrokerError(FailureKind.RATE_LIMITED, "1018", "Slow.")
    assert decide(ASKING, limited, NOW).wait >= timedelta(seconds=60)
    later = replace(ASKING, started_at=NOW - timedelta(minutes=4))
    assert decide(later, limited, NOW).wait >= timedelta(minutes=4)
    assert decide(replace(ASKING, started_at=NOW - timedelta(minutes=11)), limited, NOW).run is FAILED


def test_without_a_period_once_and_a_new_ticket_once() -> None:
    no_period = BrokerError(FailureKind.NO_SUCH_PERIOD, "1003", "No.")
    found = decide(ASKING, no_period, NOW)
    assert (found.run, found.with_period) == (QUEUED, False)
    assert decide(replace(ASKING, with_period=False), no_period, NOW).run is FAILED
    lost = BrokerError(FailureKind.START_OVER, "1017", "No.")
    found = decide(replace(AWAITING, with_period=False), lost, NOW)
    assert (found.run, found.started_over, found.with_period) == (QUEUED, True, False)
    assert decide(replace(AWAITING, started_over=True), lost, NOW).run is FAILED


def test_a_lockout_lasts_at_least_twelve_hours() -> None:
    for told, lock in ((None, 12), (timedelta(hours=20), 20), (timedelta(hours=1), 12)):
        error = BrokerError(FailureKind.LOCKED_OUT, "1025", "No.", retry_after=told)
        assert decide(ASKING, error, NOW).lock == timedelta(hours=lock)


def test_only_new_credentials_may_be_waiting_for_activation() -> None:
    error = BrokerError(FailureKind.CREDENTIALS, "1015", "No.", may_be_activating=True)
    found = decide(NEW, error, NOW)
    assert (found.run, found.connection, found.wait) == (QUEUED, ConnectionState.ACTIVATING, timedelta(minutes=10))
    for facts in (ASKING, replace(NEW, saved_at=NOW - timedelta(hours=1)), replace(NEW, accepted=True), TESTING):
        assert decide(facts, error, NOW).run is FAILED
    assert "30 minutes" in decide(TESTING, error, NOW).remedy
    assert decide(NEW, BrokerError(FailureKind.CREDENTIALS, "1012", "No."), NOW).connection is AUTH


def test_a_used_up_allowance_changes_nothing_but_the_time() -> None:
    for facts in (ASKING, AWAITING):
        found = decide(facts, Postponed(timedelta(seconds=7)), NOW)
        assert (found.run, found.wait, found.connection, found.ticket) == (
            facts.state,
            timedelta(seconds=7),
            None,
            None,
        )


def test_an_arrival_ends_well_and_what_cannot_be_used_ends_without_blame() -> None:
    found = decide(AWAITING, Arrived(), NOW)
    assert (found.run, found.connection, found.next_sync) == (
        RunState.SUCCEEDED,
        ConnectionState.ACTIVE,
        NextSync.REGULAR,
    )
    for ending in (Ending.STATEMENT, Ending.GAVE_UP):
        found = decide(AWAITING, Unusable(ending, "Words."), NOW)
        assert (found.run, found.connection, found.next_sync, found.failure) == (FAILED, SAME, HOURS, ending)
    found = decide(AWAITING, Unusable(Ending.SEALED, "Words."), NOW)
    assert (found.connection, found.next_sync) == (AUTH, STOPPED)


WINDOW = replace(ASKING, is_window=True)


def test_a_window_moves_the_automatic_sync_only_when_the_broker_takes_nothing_at_all() -> None:
    for facts in (WINDOW, replace(WINDOW, state=AWAITS, ticket_at=NOW)):
        for kind in FailureKind:
            found = decide(facts, BrokerError(kind, "x", "Words.", remedy="Mend it."), NOW)
            assert found.next_sync in (None, STOPPED, UNLOCKED)
            if found.run is FAILED and found.next_sync is None and kind is not FailureKind.NO_SUCH_PERIOD:
                assert "by themselves" in found.remedy
    assert decide(WINDOW, Arrived(), NOW).next_sync is None


def test_refused_days_are_not_asked_for_without_them_and_keep_the_broker_s_remedy() -> None:
    found = decide(WINDOW, BrokerError(FailureKind.NO_SUCH_PERIOD, "1003", "No.", remedy="Upload a file."), NOW)
    assert (found.run, found.remedy, found.next_sync) == (FAILED, "Upload a file.", None)
