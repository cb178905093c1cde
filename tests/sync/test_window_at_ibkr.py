"""A gap closed through the real adapter and the practice broker, which hands out the days that it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.core.records import Period
from stonks.db import db
from stonks.ledger import coverage
from stonks.ledger.tables import Entry
from stonks.portfolio.coverage import Proof
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting, views
from tests.conftest import Clock
from tests.statements import buy, dividend, statement
from tests.sync.conftest import FIELDS, Desk, FakeBroker, make_desk

YEAR = statement(
    [buy(1, "20251125"), buy(2, "20260601"), buy(3, "20260602"), buy(4, "20261117")],
    [dividend(11, "20260602"), dividend(12, "20260604")],
)
JUNE = Period(date(2026, 6, 1), date(2026, 6, 3))


@pytest.fixture
def practice(clock: Clock) -> Iterator[PracticeBroker]:
    with PracticeBroker(looks=0, today=lambda: clock.now.date()) as server:
        server.add_query(FIELDS["token"], FIELDS["query_id"], YEAR)
        yield server


@pytest.fixture
def desk(app: Flask, clock: Clock, practice: PracticeBroker) -> Desk:
    desk = make_desk(app, clock, FakeBroker())
    broker = IbkrBroker(practice.url, first_wait=timedelta(0))
    app.extensions["stonks"] = replace(services(), brokers={"ibkr": broker})
    return desk


def trades(desk: Desk) -> list[str]:
    db.session.rollback()
    query = select(Entry.external_id).where(Entry.portfolio_id == desk.portfolio_id).order_by(Entry.external_id)
    return [name or "" for name in db.session.scalars(query)]


def ask(desk: Desk, window: Period) -> str:
    run = desk.finish(connecting.sync_now(desk.portfolio_id, desk.clock(), window))
    return f"{run.state} {run.code or ''}".strip()


def collapsed(practice: PracticeBroker) -> None:
    """The query's own period is a day: what some saved queries become when no period is asked for."""
    practice.add_query(FIELDS["token"], FIELDS["query_id"], statement([buy(4, "20261117")]))


def test_only_the_rows_of_the_window_arrive_and_each_once_whatever_overlaps(
    desk: Desk, practice: PracticeBroker
) -> None:
    practice.script("SendRequest", ["1003"])
    collapsed(practice)
    desk.save()
    assert desk.finish().state == "SUCCEEDED"
    assert trades(desk) == ["4"]
    practice.add_query(FIELDS["token"], FIELDS["query_id"], YEAR)

    assert ask(desk, JUNE) == "SUCCEEDED"
    assert trades(desk) == ["11", "2", "3", "4"]
    assert ask(desk, Period(date(2026, 6, 2), date(2026, 6, 5))) == "SUCCEEDED"
    assert trades(desk) == ["11", "12", "2", "3", "4"]
    connecting.sync_now(desk.portfolio_id, desk.clock())
    desk.finish()
    assert trades(desk) == ["1", "11", "12", "2", "3", "4"]
    asked = [dict(call.parameters) for call in practice.calls if call.step == "SendRequest"]
    assert [one.get("p", one.get("fd")) for one in asked] == ["365", None, "20260601", "20260602", "365"]


def test_a_window_of_days_that_ibkr_does_not_give_out_says_what_to_upload(desk: Desk, practice: PracticeBroker) -> None:
    desk.save()
    desk.finish()
    weekend = Period(date(2026, 11, 14), date(2026, 11, 15))
    assert ask(desk, weekend) == "FAILED 1003"
    assert "Custom Date Range" in (desk.run().remedy or "")
    assert desk.connection().state == "ACTIVE"
    practice.script("SendRequest", ["1020"])
    assert ask(desk, JUNE) == "FAILED 1020"
    assert desk.connection().state == "ACTIVE"


def test_a_day_that_collapsed_is_a_finding_although_nothing_in_it_is_new(desk: Desk, practice: PracticeBroker) -> None:
    practice.add_query(FIELDS["token"], FIELDS["query_id"], telling("20251120", YEAR))
    desk.save()
    assert "period-short" not in codes(desk)
    practice.script("GetStatement", [telling("20261119", statement([]))])
    connecting.sync_now(desk.portfolio_id, desk.clock())
    assert "period-short" in codes(desk)
    told = [span for span in coverage.spans(desk.portfolio_id) if span.proof is Proof.TOLD]
    assert [(span.account, span.first, span.last) for span in told] == [("U1", date(2025, 11, 20), date(2026, 11, 19))]


def test_a_refused_year_is_still_compared_with_the_year(desk: Desk, practice: PracticeBroker) -> None:
    practice.script("SendRequest", ["1003"])
    month = telling("20261020", statement([buy(4, "20261117")]))
    practice.add_query(FIELDS["token"], FIELDS["query_id"], month)
    desk.save()
    assert "period-short" in codes(desk)


def telling(first: str, body: bytes) -> bytes:
    """A statement with records that tell its period, up to 19 November 2026."""
    head = f'"BOF","U1","q","1","{first}","20261119","20261120;050000"\n"BOA","U1"\n'
    return head.encode() + body + b'"EOA","U1"\n"EOF"\n'


def codes(desk: Desk) -> list[str]:
    run = desk.finish()
    assert run.state == "SUCCEEDED"
    result = views.tested(desk.portfolio_id, run.id).result
    assert result is not None
    return [finding["code"] for finding in result["findings"]]
