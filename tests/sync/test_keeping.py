"""How long statements and runs are kept, by the settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select

from stonks.db import db, transaction
from stonks.ledger.tables import KeptStatement, Portfolio
from stonks.services import Services
from stonks.sync import schedule
from stonks.sync.tables import SyncRun
from tests.sync.conftest import Desk


def keeping(desk: Desk, **spans: timedelta) -> None:
    services: Services = desk.app.extensions["stonks"]
    desk.app.extensions["stonks"] = replace(services, settings=replace(services.settings, **spans))


def kept(table: type[KeptStatement] | type[SyncRun] = KeptStatement) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def second_portfolio(desk: Desk) -> Desk:
    owner = desk.portfolio().user_id
    with transaction():
        portfolio = Portfolio(user_id=owner, name="Second", base_currency="EUR", created_at=desk.clock())
        db.session.add(portfolio)
        db.session.flush()
    return replace(desk, portfolio_id=portfolio.id)


def test_a_statement_stays_as_long_as_the_setting_says(desk: Desk) -> None:
    keeping(desk, keep_statements=timedelta(days=60))
    desk.save()
    desk.finish()
    schedule.prune(desk.clock() + timedelta(days=59))
    assert kept() == 1
    schedule.prune(desk.clock() + timedelta(days=61))
    assert kept() == 0


def test_a_shorter_time_set_later_counts_for_what_is_there(desk: Desk) -> None:
    desk.save()
    desk.finish()
    keeping(desk, keep_statements=timedelta(days=2))
    schedule.prune(desk.clock() + timedelta(days=3))
    assert kept() == 0
    assert desk.entries() == 2


def test_with_no_days_a_sync_keeps_no_statement(desk: Desk) -> None:
    keeping(desk, keep_statements=timedelta(0))
    desk.save()
    assert desk.finish().state == "SUCCEEDED"
    assert (kept(), desk.entries()) == (0, 2)


def test_with_no_days_a_tested_statement_still_becomes_the_first_import(desk: Desk) -> None:
    keeping(desk, keep_statements=timedelta(0))
    desk.finish(desk.test())
    schedule.prune(desk.clock() + timedelta(hours=2))
    asked = len(desk.broker.calls)
    desk.save()
    assert desk.finish().state == "SUCCEEDED"
    assert (desk.entries(), len(desk.broker.calls)) == (2, asked)
    schedule.prune(desk.clock() + timedelta(hours=25))
    assert kept() == 0


def test_with_no_days_portfolios_on_one_query_still_share_the_day_s_statement(desk: Desk) -> None:
    keeping(desk, keep_statements=timedelta(0))
    second = second_portfolio(desk)
    for one in (desk, second):
        one.finish(one.save().run_id)
    desk.clock.now = max(desk.connection().next_run_at, second.connection().next_run_at)
    desk.broker.calls.clear()
    schedule.tick(desk.clock())
    for run_id in db.session.scalars(select(SyncRun.id).where(SyncRun.finished_at.is_(None))).all():
        assert desk.finish(run_id).state == "SUCCEEDED"
        schedule.prune(desk.clock() + timedelta(minutes=1))
    assert [step for step, _ in desk.broker.calls] == ["request", "collect"]
    schedule.prune(desk.clock() + timedelta(hours=25))
    assert kept() == 0


def test_runs_stay_as_long_as_the_setting_says(desk: Desk) -> None:
    keeping(desk, keep_runs=timedelta(days=3))
    desk.save()
    desk.finish()
    schedule.prune(desk.clock() + timedelta(days=2))
    assert kept(SyncRun) == 1
    schedule.prune(desk.clock() + timedelta(days=4))
    assert kept(SyncRun) == 0
