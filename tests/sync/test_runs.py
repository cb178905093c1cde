"""A run from its start to its end, through the public functions, with a broker that says what the test wants."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from stonks.brokers.contract import Pending
from stonks.brokers.errors import FailureKind
from stonks.core.errors import InvalidInput, StonksError
from stonks.db import db
from stonks.ledger import portfolios, snapshot
from stonks.ledger.tables import KeptStatement
from stonks.sync import connecting, credentials, runner, schedule, views
from stonks.sync.states import ConnectionState
from tests.sync.conftest import FIELDS, QUERY, TOKEN, Desk, refusal

GOOD = ("SUCCEEDED", None)


def test_saving_starts_the_first_run_which_imports(desk: Desk) -> None:
    outcome = desk.save()
    run = desk.finish()
    assert (run.id, run.state, run.reason) == (outcome.run_id, "SUCCEEDED", "first")
    assert desk.entries() == 2
    assert desk.broker.calls == [("request", 365), ("collect", "4711")]
    connection = desk.connection()
    assert connection.state == "ACTIVE"
    assert connection.accepted_at is not None
    assert connection.covered_until == date(2026, 11, 19)


def test_the_same_statement_next_day_adds_nothing(desk: Desk) -> None:
    desk.save()
    desk.finish()
    desk.clock.now = desk.connection().next_run_at
    assert schedule.tick(desk.clock()) == 1
    run = desk.finish()
    view = views.tested(desk.portfolio_id, run.id)
    assert (run.reason, run.state, view.result["new"], view.result["known"]) == ("schedule", "SUCCEEDED", 0, 2)
    assert desk.entries() == 2


def test_the_very_same_statement_is_not_read_again_and_all_else_is_as_if_it_were(desk: Desk) -> None:
    desk.save()
    desk.finish()
    began = desk.clock()
    desk.clock.now = desk.connection().next_run_at
    schedule.tick(desk.clock())
    run = desk.finish()
    view = views.tested(desk.portfolio_id, run.id)
    assert desk.broker.reads == 1
    assert (run.state, view.same_as, view.result["known"], view.result["trades"]) == ("SUCCEEDED", began, 2, 2)
    connection = desk.connection()
    assert (connection.last_success_at, connection.covered_until) == (desk.clock(), date(2026, 11, 19))
    assert run.statement_id is not None
    kept = db.session.scalars(select(KeptStatement)).one()
    assert (kept.id, kept.kept_at) == (run.statement_id, desk.clock())


def test_other_settings_of_the_connection_have_the_same_statement_read_again(desk: Desk) -> None:
    desk.save()
    desk.finish()
    for change in ({"only_currency": "USD"}, {"only_currency": "USD", "day_first": True}):
        desk.save(**change)
        desk.finish()
    assert desk.broker.reads == 3


def test_a_pending_statement_is_asked_for_by_the_same_ticket_with_growing_waits(desk: Desk) -> None:
    desk.broker.answers = ["ticket", *[Pending(code="1019")] * 8]
    desk.save()
    asked_at = []
    desk.broker.meanwhile = lambda: asked_at.append(desk.clock())
    run = desk.finish()
    waits = [later - earlier for earlier, later in pairwise(asked_at[1:])]
    assert [call[0] for call in desk.broker.calls].count("request") == 1
    assert waits == sorted(waits)
    assert waits[0] >= timedelta(milliseconds=500)
    assert waits[-1] > timedelta(seconds=3)
    assert run.state == "SUCCEEDED"


def test_a_statement_that_never_comes_ends_the_run_after_half_an_hour(desk: Desk) -> None:
    desk.broker.answers = ["ticket", *[Pending(code="1001")] * 500]
    desk.save()
    run = desk.finish()
    assert (run.state, run.failure) == ("FAILED", "too_slow")
    assert run.finished_at - run.queued_at < timedelta(minutes=33)
    assert [call[0] for call in desk.broker.calls].count("request") == 1
    assert desk.connection().state == "ACTIVE"
    assert desk.connection().next_run_at is not None


def test_refused_with_a_period_it_is_tried_once_without(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.NO_SUCH_PERIOD, "1003"), refusal(FailureKind.NO_SUCH_PERIOD, "1003")]
    desk.save()
    run = desk.finish()
    assert desk.broker.calls == [("request", 365), ("request", None)]
    assert run.state == "FAILED"


def test_a_lost_ticket_is_replaced_once(desk: Desk) -> None:
    lost = refusal(FailureKind.START_OVER, "1017")
    desk.broker.answers = ["ticket", lost, "ticket", lost]
    desk.save()
    assert desk.finish().state == "FAILED"
    assert [call[0] for call in desk.broker.calls] == ["request", "collect", "request", "collect"]


@pytest.mark.parametrize(
    ("kind", "state"), [(FailureKind.CREDENTIALS, "AUTH_FAILED"), (FailureKind.QUERY, "QUERY_REJECTED")]
)
def test_refused_credentials_stop_the_automatic_sync_until_saved_anew(
    desk: Desk, kind: FailureKind, state: str
) -> None:
    desk.broker.answers = [refusal(kind, "1012", remedy="Make a new one.")]
    desk.save()
    assert desk.finish().state == "FAILED"
    view = views.connection(desk.portfolio_id)
    assert (view.state, view.state_code, view.next_run_at) == (state, "1012", None)
    assert view.state_remedy == "Make a new one."
    desk.clock.advance(days=3)
    assert schedule.tick(desk.clock()) == 0
    with pytest.raises(StonksError):
        connecting.sync_now(desk.portfolio_id, desk.clock())

    desk.save({"query_id": QUERY, "token": "111122223333444455556666"})
    assert desk.finish().state == "SUCCEEDED"
    view = views.connection(desk.portfolio_id)
    assert (view.state, view.state_message, view.state_remedy) == ("ACTIVE", None, None)
    assert view.next_run_at > desk.clock()


def test_credentials_saved_while_their_token_is_locked_wait_until_it_is_not(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.LOCKED_OUT, "1025")]
    desk.save()
    desk.finish()
    calls = len(desk.broker.calls)
    outcome = desk.save({**FIELDS, "query_id": "7654321"})
    view = views.connection(desk.portfolio_id)
    assert outcome.run_id is None
    assert (view.state, view.locked_until) == ("LOCKED_OUT", view.next_run_at)
    assert view.locked_until >= desk.clock() + timedelta(hours=11)
    desk.clock.advance(hours=11)
    assert schedule.tick(desk.clock()) == 0
    assert len(desk.broker.calls) == calls


def test_unchanged_credentials_saved_again_after_a_refusal_try_again(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.CREDENTIALS, "1011")]
    desk.save()
    desk.finish()
    mask = views.connection(desk.portfolio_id).mask
    desk.save({"query_id": QUERY, "token": mask})
    assert desk.finish().state == "SUCCEEDED"


def test_a_busy_broker_never_stops_the_automatic_sync_and_is_asked_at_most_three_times_a_day(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.NOT_NOW, "1001") for _ in range(50)]
    desk.save()
    desk.finish()
    began = desk.clock.now
    while desk.clock.now < began + timedelta(days=3):
        desk.clock.advance(minutes=30)
        schedule.tick(desk.clock())
        if desk.run().finished_at is None:
            desk.finish()
    times = len(desk.broker.calls)
    assert 4 <= times <= 11
    assert desk.connection().state == "ACTIVE"
    assert desk.connection().next_run_at is not None


def test_a_lockout_is_waited_out_and_blames_no_credentials(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.LOCKED_OUT, "1025")]
    desk.save()
    desk.finish()
    view = views.connection(desk.portfolio_id)
    assert view.state == "LOCKED_OUT"
    assert view.locked_until >= desk.clock() + timedelta(hours=12)
    with pytest.raises(StonksError):
        connecting.sync_now(desk.portfolio_id, desk.clock())
    with pytest.raises(InvalidInput):
        desk.test()
    desk.clock.advance(hours=11)
    assert schedule.tick(desk.clock()) == 0
    desk.clock.now = view.next_run_at
    assert schedule.tick(desk.clock()) == 1
    assert desk.finish().state == "SUCCEEDED"
    assert views.connection(desk.portfolio_id).state == "ACTIVE"


def test_a_new_token_that_is_not_active_yet_is_tried_every_ten_minutes_for_an_hour(desk: Desk) -> None:
    new = refusal(FailureKind.CREDENTIALS, "1015", may_be_activating=True)
    desk.broker.answers = [new, new]
    desk.save()
    run = desk.step()
    assert (run.state, views.connection(desk.portfolio_id).state) == ("QUEUED", "ACTIVATING")
    assert run.due_at - desk.clock() == timedelta(minutes=10)
    assert desk.finish().state == "SUCCEEDED"
    assert views.connection(desk.portfolio_id).state == "ACTIVE"


def test_a_token_that_never_becomes_active_is_given_up_after_an_hour(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.CREDENTIALS, "1015", may_be_activating=True) for _ in range(20)]
    desk.save()
    assert desk.finish().state == "FAILED"
    assert len(desk.broker.calls) == 7
    assert views.connection(desk.portfolio_id).state == "AUTH_FAILED"


def test_disconnecting_in_mid_air_imports_nothing_and_leaves_no_secret(desk: Desk) -> None:
    desk.save()
    desk.step()
    desk.clock.advance(seconds=2)
    desk.broker.meanwhile = lambda: desk.save({"query_id": QUERY, "token": ""})
    run = desk.step()
    assert (run.state, desk.entries()) == ("CANCELLED", 0)
    connection = desk.connection()
    assert (connection.state, connection.sealed_credentials, connection.next_run_at) == ("DISCONNECTED", None, None)
    assert views.connection(desk.portfolio_id).mask is None


def test_a_new_token_in_mid_air_cancels_the_old_run_and_starts_another(desk: Desk) -> None:
    old = desk.save().run_id
    desk.step()
    desk.clock.advance(seconds=2)
    outcomes = []

    def change() -> None:
        desk.broker.meanwhile = None
        outcomes.append(desk.save({"query_id": QUERY, "token": "111122223333444455556666"}))

    desk.broker.meanwhile = change
    assert desk.step(old).state == "CANCELLED"
    assert desk.entries() == 0
    assert outcomes[0].run_id not in (None, old)
    assert desk.finish(outcomes[0].run_id).state == "SUCCEEDED"


def test_a_portfolio_deleted_in_mid_air_imports_nothing(desk: Desk) -> None:
    desk.save()
    run = desk.step()
    desk.clock.advance(seconds=2)
    desk.broker.meanwhile = lambda: portfolios.delete(desk.portfolio())
    runner.advance(run.id, run.step, desk.clock())
    assert desk.entries() == 0
    assert views.connection(desk.portfolio_id) is None


def test_an_unchanged_mask_keeps_the_token_and_asks_for_nothing(desk: Desk) -> None:
    desk.save()
    desk.finish()
    mask = views.connection(desk.portfolio_id).mask
    assert mask == credentials.MASK_PREFIX + TOKEN[-4:]
    outcome = desk.save({"query_id": QUERY, "token": mask}, token_expires_on=date(2027, 1, 1))
    assert (outcome.run_id, outcome.disconnected) == (None, False)
    assert views.connection(desk.portfolio_id).token_expires_on == date(2027, 1, 1)


def test_a_mask_without_a_saved_token_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput) as refused:
        desk.save({"query_id": QUERY, "token": credentials.MASK_PREFIX + "1234"})
    assert "token" in refused.value.fields


def test_an_unreadable_statement_fails_the_run_and_not_the_connection(desk: Desk) -> None:
    desk.broker.body = b"<html>sorry</html>"
    desk.save()
    run = desk.finish()
    assert (run.state, run.failure, run.code) == ("FAILED", "statement", "html")
    assert desk.connection().state == "ACTIVE"
    assert desk.connection().next_run_at is not None


def test_a_token_sealed_under_a_lost_key_stops_with_a_clear_word(desk: Desk) -> None:
    desk.save()
    connection = desk.connection()
    connection.sealed_credentials = b"gAAAA-of-another-key"
    db.session.commit()
    run = desk.finish()
    assert (run.state, run.failure) == ("FAILED", "sealed")
    view = views.connection(desk.portfolio_id)
    assert (view.unreadable, view.state, view.next_run_at) == (True, ConnectionState.AUTH_FAILED, None)
    desk.clock.advance(days=2)
    assert schedule.tick(desk.clock()) == 0
    assert desk.broker.calls == []
    desk.save()
    assert desk.finish().state == "SUCCEEDED"


def test_only_one_run_at_a_time(desk: Desk) -> None:
    desk.save()
    with pytest.raises(StonksError, match="under way"):
        connecting.sync_now(desk.portfolio_id, desk.clock())
    desk.finish()
    connecting.sync_now(desk.portfolio_id, desk.clock())
    assert desk.finish().reason == "manual"


def test_a_statement_without_the_last_business_day_is_asked_for_once_more_hours_later(desk: Desk) -> None:
    desk.broker.stated_until = date(2026, 11, 18)
    desk.save()
    desk.finish()
    assert desk.connection().next_run_at - desk.clock() <= timedelta(hours=4)
    desk.clock.now = desk.connection().next_run_at
    schedule.tick(desk.clock())
    desk.finish()
    assert desk.connection().next_run_at.date() == date(2026, 11, 21)


def test_a_run_by_hand_says_no_after_many_failures(desk: Desk) -> None:
    desk.save()
    desk.finish()
    desk.broker.answers = [refusal(FailureKind.NOT_NOW, "1001") for _ in range(9)]
    for _ in range(connecting.MOST_FAILURES_AN_HOUR):
        connecting.sync_now(desk.portfolio_id, desk.clock())
        desk.finish()
    with pytest.raises(StonksError, match="hour"):
        connecting.sync_now(desk.portfolio_id, desk.clock())


def test_a_step_is_taken_once_even_when_woken_twice(desk: Desk) -> None:
    desk.save()
    run_id, step = desk.run().id, desk.run().step
    runner.advance(run_id, step, desk.clock())
    runner.advance(run_id, step, desk.clock())
    assert len(desk.broker.calls) == 1


def test_secrets_stay_out_of_reprs_and_the_list(desk: Desk) -> None:
    desk.save()
    desk.finish()
    shown = repr((views.connection(desk.portfolio_id), views.runs(desk.portfolio_id), views.every()))
    assert TOKEN not in shown
    assert "ACTIVE" in str(views.every()[0])
    assert TOKEN not in repr(FIELDS.keys())


def test_a_sync_is_not_held_up_by_figures_that_take_long(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 10**9, 100))
    monkeypatch.setattr(snapshot, "monotonic", lambda: next(moments))
    desk.save()
    assert desk.finish().state == "SUCCEEDED"
    portfolio = desk.portfolio()
    assert not snapshot.is_fresh(portfolio, snapshot.state(portfolio.id))
    assert snapshot.refresh(portfolio.id)
    assert snapshot.is_fresh(portfolio, snapshot.state(portfolio.id))
