"""Runs that ask for certain days: what they ask, what they leave alone, how they end. Today is Friday 20 November 2026."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from stonks.brokers.contract import Pending
from stonks.brokers.errors import FailureKind
from stonks.core.errors import InvalidInput, StonksError
from stonks.core.records import Period
from stonks.db import db
from stonks.ledger import coverage
from stonks.portfolio.coverage import Proof, Span
from stonks.sync import connecting, schedule, views, windows
from tests.sync.conftest import QUERY, Desk, refusal
from tests.sync.test_siblings import first_run_of, sibling_of

SOURCE = f"ibkr:{QUERY}"
WEEK = Period(date(2026, 11, 9), date(2026, 11, 13))


@pytest.fixture
def connected(desk: Desk) -> Desk:
    """Connected and synced; each test starts with nothing asked."""
    first_run_of(desk)
    desk.broker.calls.clear()
    desk.clock.advance(minutes=5)
    return desk


def ask(desk: Desk, window: Period = WEEK) -> int:
    return connecting.sync_now(desk.portfolio_id, desk.clock(), window)


def refuse(desk: Desk, window: Period) -> str:
    with pytest.raises(StonksError) as refused:
        ask(desk, window)
    return str(refused.value)


def test_a_window_asks_for_its_days_and_its_rows_arrive_once(connected: Desk) -> None:
    connected.broker.body = b"1 2026-11-18\n3 2026-11-11\n"
    run = connected.finish(ask(connected))
    assert connected.broker.calls == [("request", WEEK), ("collect", "4711")]
    assert (run.reason, run.state, connected.entries()) == ("window", "SUCCEEDED", 3)
    connected.finish(ask(connected))
    assert connected.entries() == 3
    assert views.tested(connected.portfolio_id, run.id).window == WEEK


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 11, 18), date(2026, 11, 20)),  # today is not over
        (date(2025, 11, 19), date(2025, 11, 28)),  # a day too old
        (date(2026, 11, 13), date(2026, 11, 9)),
    ],
)
def test_only_finished_days_of_the_last_365_can_be_asked_for(connected: Desk, first: date, last: date) -> None:
    with pytest.raises(InvalidInput):
        ask(connected, Period(first, last))
    assert connected.broker.calls == []
    ask(connected, Period(date(2025, 11, 20), date(2026, 11, 19)))


def test_a_window_moves_no_automatic_sync_whether_it_succeeds_or_fails(connected: Desk) -> None:
    def schedule_of(desk: Desk) -> tuple[object, ...]:
        row = desk.connection()
        return row.next_run_at, row.last_success_at, row.covered_until, row.tries, row.state

    before = schedule_of(connected)
    connected.broker.stated_until = WEEK.last
    assert connected.finish(ask(connected)).state == "SUCCEEDED"
    assert schedule_of(connected) == before
    connected.broker.answers = [refusal(FailureKind.NOT_NOW, "1001")]
    assert connected.finish(ask(connected)).state == "FAILED"
    assert schedule_of(connected) == before


def test_the_day_s_sync_comes_although_a_window_was_asked_for_and_even_while_one_is_under_way(connected: Desk) -> None:
    due = connected.connection().next_run_at
    assert due is not None
    connected.clock.now = due - timedelta(minutes=1)
    run_id = ask(connected)
    connected.broker.answers = ["ticket", *[Pending()] * 3]
    connected.step(run_id)
    connected.clock.now = max(due, connected.clock.now)
    assert schedule.tick(connected.clock()) <= 1  # it wakes the window at most
    assert connected.run().id == run_id
    assert connected.connection().next_run_at == connected.clock() + schedule.AFTER_A_WINDOW
    connected.finish(run_id)
    connected.clock.now = max(connected.clock.now, connected.connection().next_run_at)
    schedule.tick(connected.clock())
    assert connected.finish().reason == "schedule"


def test_refused_days_end_in_words_and_are_not_asked_for_without_a_period(connected: Desk) -> None:
    connected.broker.answers = [refusal(FailureKind.NO_SUCH_PERIOD, "1003", remedy="Upload a file with these days.")]
    run = connected.finish(ask(connected))
    assert connected.broker.calls == [("request", WEEK)]
    assert (run.state, run.failure, run.remedy) == ("FAILED", "no_such_period", "Upload a file with these days.")


def test_a_window_that_failed_otherwise_says_that_nothing_repeats_it(connected: Desk) -> None:
    connected.broker.answers = [refusal(FailureKind.NOT_NOW, "1001", remedy="It is tried again by itself.")]
    run = connected.finish(ask(connected))
    assert "not asked for again by themselves" in (run.remedy or "")
    connected.broker.answers = ["ticket", *[Pending()] * 200]
    run = connected.finish(ask(connected))
    assert (run.failure, "by themselves" in (run.remedy or "")) == ("too_slow", True)


def test_a_window_is_asked_for_at_most_three_times_a_day(connected: Desk) -> None:
    for _ in range(windows.MOST_A_DAY):
        connected.finish(ask(connected))
    assert "3 times within a day" in refuse(connected, WEEK)
    connected.clock.advance(hours=20)
    connected.finish(ask(connected))


def test_a_window_is_no_try_of_the_day_s_automatic_sync(connected: Desk) -> None:
    due = connected.connection().next_run_at
    assert due is not None
    connected.clock.now = due - timedelta(hours=1)
    for _ in range(windows.MOST_A_DAY):
        connected.finish(ask(connected))
    connected.clock.now = due
    connected.broker.answers = [refusal(FailureKind.NOT_NOW, "1001")]
    schedule.tick(connected.clock())
    connected.finish()
    assert connected.connection().next_run_at == connected.clock() + timedelta(hours=4)


def test_nothing_is_asked_for_during_a_lockout_and_a_window_that_meets_one_starts_it(connected: Desk) -> None:
    connected.broker.answers = [refusal(FailureKind.LOCKED_OUT, "1025")]
    connected.finish(ask(connected))
    row = connected.connection()
    assert row.state == "LOCKED_OUT"
    assert row.locked_until is not None
    assert row.next_run_at is not None
    assert row.next_run_at >= row.locked_until >= connected.clock() + timedelta(hours=12)
    assert "locked" in refuse(connected, WEEK)


def test_a_token_that_died_stops_the_automatic_sync_also_when_a_window_finds_out(connected: Desk) -> None:
    connected.broker.answers = [refusal(FailureKind.CREDENTIALS, "1012")]
    connected.finish(ask(connected))
    row = connected.connection()
    assert (row.state, row.next_run_at) == ("AUTH_FAILED", None)
    assert "stopped" in refuse(connected, WEEK)


def test_a_window_waits_for_the_token_s_allowance_like_any_request(connected: Desk) -> None:
    connected.broker.answers = [refusal(FailureKind.RATE_LIMITED, "1018")]
    run = connected.step(ask(connected))
    assert run.state == "QUEUED"
    assert run.due_at is not None
    assert run.due_at - connected.clock() >= timedelta(seconds=60)
    assert connected.finish(run.id).state == "SUCCEEDED"
    assert connected.broker.calls[:2] == [("request", WEEK), ("request", WEEK)]


def test_a_window_s_statement_is_nobody_s_statement_of_the_day(connected: Desk) -> None:
    connected.clock.advance(hours=19)  # the first run's statement is of yesterday now
    connected.finish(ask(connected))
    sibling = sibling_of(connected)
    connected.clock.advance(hours=2)
    connected.broker.answers = [refusal(FailureKind.NOT_NOW, "1001")]
    assert first_run_of(sibling).state == "FAILED"


def test_a_window_never_ends_with_a_sibling_s_statement(connected: Desk) -> None:
    first_run_of(sibling_of(connected))
    connected.broker.answers = [refusal(FailureKind.NOT_NOW, "1001")]
    assert connected.finish(ask(connected)).state == "FAILED"


def spans(desk: Desk) -> list[Span]:
    db.session.rollback()
    return sorted(coverage.spans(desk.portfolio_id))


def test_a_sync_covers_what_its_statement_tells_although_nothing_in_it_is_new(desk: Desk) -> None:
    first_run_of(desk)
    told = Span(SOURCE, None, None, Proof.TOLD, date(2025, 11, 20), date(2026, 11, 19))
    assert spans(desk) == [told]
    desk.clock.advance(days=3)
    desk.broker.stated_until = date(2026, 11, 20)
    connecting.sync_now(desk.portfolio_id, desk.clock())
    assert desk.finish().batch_id is None
    assert spans(desk) == [told._replace(last=date(2026, 11, 20))]


def test_a_statement_that_tells_no_period_leaves_what_was_asked_for_unproven(desk: Desk) -> None:
    desk.broker.stated_until = None
    first_run_of(desk)
    assert spans(desk) == [Span(SOURCE, None, None, Proof.ASKED, date(2025, 11, 20), date(2026, 11, 19))]
    desk.finish(ask(desk))
    assert len(spans(desk)) == 1


def test_the_first_import_covers_what_its_test_asked_for(desk: Desk) -> None:
    desk.broker.stated_until = None
    desk.finish(desk.test())
    first_run_of(desk)
    assert [span.proof for span in spans(desk)] == [Proof.ASKED]


def test_without_its_period_a_request_claims_nothing(desk: Desk) -> None:
    desk.broker.stated_until = None
    desk.broker.answers = [refusal(FailureKind.NO_SUCH_PERIOD, "1003")]
    first_run_of(desk)
    assert spans(desk) == []


def test_a_test_covers_nothing(desk: Desk) -> None:
    desk.finish(desk.test())
    assert spans(desk) == []


def test_a_connection_limited_to_a_currency_covers_that_one(desk: Desk) -> None:
    run_id = desk.save(only_currency="USD").run_id
    desk.finish(run_id)
    assert [span.currency for span in spans(desk)] == ["USD"]


def test_a_window_whose_statement_leaves_days_out_is_a_finding(connected: Desk) -> None:
    connected.broker.stated_until = date(2026, 11, 11)
    run = connected.finish(ask(connected))
    found = views.tested(connected.portfolio_id, run.id).result["findings"]  # type: ignore[index]
    assert [one["code"] for one in found] == ["period-short"]
    assert "9 Nov 2026 to 13 Nov 2026 was asked for" in found[0]["message"]
    connected.broker.stated_until = WEEK.last
    run = connected.finish(ask(connected))
    assert views.tested(connected.portfolio_id, run.id).result["findings"] == []  # type: ignore[index]


def test_failed_windows_and_syncs_by_hand_are_counted_together(connected: Desk) -> None:
    connected.broker.answers = [refusal(FailureKind.NOT_NOW, "1001") for _ in range(9)]
    for _ in range(2):
        connected.finish(ask(connected))
    for _ in range(connecting.MOST_FAILURES_AN_HOUR - 2):
        connecting.sync_now(connected.portfolio_id, connected.clock())
        connected.finish()
    assert "try again in an hour" in refuse(connected, WEEK)
