"""How long statements and runs are kept, by the settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import BinaryIO

import pytest
from sqlalchemy import func, select

from stonks.core.errors import NotFound, StatementUnreadable
from stonks.db import db, transaction
from stonks.ledger import portfolios
from stonks.ledger.importing import ImportOutcome
from stonks.ledger.repeats import ReadAs
from stonks.ledger.tables import KeptStatement, Portfolio
from stonks.services import Services
from stonks.sync import schedule, uploading, views
from stonks.sync.tables import SyncRun
from tests.sync.conftest import FIELDS, Desk, FakeBroker, FakeReading


def keeping(desk: Desk, **spans: timedelta) -> None:
    services: Services = desk.app.extensions["stonks"]
    desk.app.extensions["stonks"] = replace(services, settings=replace(services.settings, **spans))


def kept(table: type[KeptStatement] | type[SyncRun] = KeptStatement) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def upload(desk: Desk, body: bytes) -> ImportOutcome:
    return uploading.take_in(desk.portfolio_id, BytesIO(body), ReadAs(desk.broker), "year.csv")  # type: ignore[arg-type]


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


def test_of_tests_with_the_same_credentials_only_the_newest_statement_is_kept(desk: Desk) -> None:
    for _ in range(3):
        desk.finish(desk.test())
    assert kept() == 1
    desk.finish(desk.test({**FIELDS, "query_id": "7654321"}))
    assert kept() == 2
    desk.save()
    assert desk.finish().state == "SUCCEEDED"
    desk.finish(desk.test())  # one that was imported stays
    assert kept() == 3


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
    upload(desk, b"7 2026-11-17\n")
    schedule.prune(desk.clock() + timedelta(days=2))
    assert kept(SyncRun) == 2
    schedule.prune(desk.clock() + timedelta(days=4))
    assert kept(SyncRun) == 0


def test_an_upload_is_kept_and_told_and_its_refusal_told_too(desk: Desk) -> None:
    assert upload(desk, b"7 2026-11-17\n").new == 1
    with pytest.raises(StatementUnreadable):
        upload(desk, b"<html>")
    refused, done = views.history(desk.portfolio_id, 10)
    assert (refused.state, refused.code, refused.file_name) == ("FAILED", "html", "year.csv")
    assert (done.state, done.result["new"], done.batch_id is not None) == ("SUCCEEDED", 1, True)
    assert (kept(), views.runs(desk.portfolio_id)) == (1, [])


def test_with_no_days_an_upload_is_let_in_and_not_kept(desk: Desk) -> None:
    keeping(desk, keep_statements=timedelta(0))
    assert upload(desk, b"7 2026-11-17\n").new == 1
    assert (kept(), desk.entries()) == (0, 1)
    assert upload(desk, b"7 2026-11-17\n").same_as is not None


def test_an_upload_into_a_portfolio_that_is_deleted_meanwhile_leaves_nothing(desk: Desk) -> None:
    class Deletes(FakeBroker):
        def read(self, source: BinaryIO, **_: object) -> FakeReading:
            portfolios.delete(desk.portfolio())
            return super().read(source)

    body = BytesIO(b"7 2026-11-17\n")
    with pytest.raises(NotFound):
        uploading.take_in(desk.portfolio_id, body, ReadAs(Deletes()), "year.csv")  # type: ignore[arg-type]
    assert (kept(), kept(SyncRun), desk.entries()) == (0, 0, 0)
