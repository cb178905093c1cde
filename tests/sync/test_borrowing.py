"""A statement that is here already, or that the broker is making, is not asked for a second time: IBKR counts requests,
and gives some accounts one new statement a day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from stonks.brokers.contract import Pending
from stonks.brokers.errors import FailureKind
from stonks.core.records import Period
from stonks.crypto import Vault
from stonks.db import db, transaction
from stonks.ledger.tables import KeptStatement
from stonks.services import services
from stonks.sync import connecting, schedule
from stonks.sync.tables import Connection, SyncRun
from tests.sync.conftest import FIELDS, Desk, refusal
from tests.sync.test_siblings import sibling_of

OTHER_KEY = "A" * 43 + "="
OTHER_QUERY = {**FIELDS, "query_id": "7654321"}


def requests(desk: Desk) -> int:
    return [name for name, _ in desk.broker.calls].count("request")


def test_a_test_that_is_asked_for_twice_is_one(desk: Desk) -> None:
    first = desk.test()
    desk.step(first)
    assert desk.test() == first
    assert desk.finish(first).state == "SUCCEEDED"
    assert requests(desk) == 1
    assert desk.test() != first  # once it has ended, the next one looks again


def test_a_test_that_reads_otherwise_waits_for_the_statement_that_is_being_made(desk: Desk) -> None:
    desk.broker.answers = [None, Pending(), Pending()]
    before = services()
    ten_seconds = replace(before.settings, first_wait=timedelta(seconds=10))
    desk.app.extensions["stonks"] = replace(before, settings=ten_seconds)
    older = desk.test()
    desk.step(older)
    desk.step(older)
    looked_at = desk.clock()
    newer = connecting.start_test(
        desk.portfolio_id, "ibkr", FIELDS, only_currency="USD", day_first=None, now=desk.clock()
    )
    assert desk.run(newer).due_at == looked_at + timedelta(seconds=10)
    assert (desk.run(older).state, desk.finish(newer).state) == ("CANCELLED", "SUCCEEDED")
    assert requests(desk) == 1


def test_a_test_of_another_query_asks_for_its_own_statement(desk: Desk) -> None:
    desk.step(desk.test())
    assert desk.finish(desk.test(OTHER_QUERY)).state == "SUCCEEDED"
    assert requests(desk) == 2


@pytest.mark.parametrize("steps", [0, 1], ids=["before its request", "with a ticket"])
def test_saved_while_its_test_is_under_way_the_first_run_imports_what_the_test_brings(desk: Desk, steps: int) -> None:
    desk.broker.answers = [None, Pending(), Pending()]
    test = desk.test()
    for _ in range(steps):
        desk.step(test)
    run_id = desk.save().run_id
    assert desk.step(run_id).waiting_for.startswith("Waiting for the connection test")
    assert desk.finish(test).state == "SUCCEEDED"
    assert desk.finish(run_id).state == "SUCCEEDED"
    assert (requests(desk), desk.entries()) == (1, 2)


def test_saved_while_its_test_fails_the_first_run_asks_for_itself(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.QUERY, "1014")]
    test = desk.test()
    run_id = desk.save().run_id
    assert desk.step(run_id).waiting_for.startswith("Waiting for the connection test")
    assert desk.finish(test).state == "FAILED"
    assert desk.finish(run_id).state == "SUCCEEDED"
    assert requests(desk) == 2


def test_saved_with_other_credentials_the_first_run_waits_for_no_test(desk: Desk) -> None:
    desk.step(desk.test())
    run_id = desk.save(OTHER_QUERY).run_id
    assert desk.finish(run_id).state == "SUCCEEDED"
    assert requests(desk) == 2


def test_a_later_test_holds_no_first_run_up(desk: Desk) -> None:
    run_id = desk.save().run_id
    desk.test()
    assert desk.finish(run_id).state == "SUCCEEDED"


def test_another_currency_saved_in_mid_air_reads_the_statement_that_is_being_made(desk: Desk) -> None:
    desk.broker.answers = [None, Pending(), Pending()]
    older = desk.save().run_id
    desk.step(older)
    desk.step(older)
    newer = desk.save(only_currency="USD").run_id
    assert (desk.run(older).state, desk.finish(newer).state) == ("CANCELLED", "SUCCEEDED")
    assert (requests(desk), desk.entries()) == (1, 2)


def test_another_query_saved_in_mid_air_asks_for_its_own_statement(desk: Desk) -> None:
    desk.step(desk.save().run_id)
    assert desk.finish(desk.save(OTHER_QUERY).run_id).state == "SUCCEEDED"
    assert requests(desk) == 2


def test_another_currency_reads_the_statement_of_today_once_more(desk: Desk) -> None:
    desk.save(only_currency="USD")
    desk.finish()
    desk.clock.advance(hours=19)
    assert desk.finish(desk.save().run_id).state == "SUCCEEDED"
    assert (requests(desk), desk.broker.reads) == (1, 2)
    desk.clock.advance(hours=2)  # after twenty hours it is one of yesterday's
    desk.finish(desk.save(only_currency="USD").run_id)
    assert requests(desk) == 2


def test_credentials_saved_again_after_a_refusal_are_tried_and_not_taken_for_good(desk: Desk) -> None:
    desk.save()
    desk.finish()
    connecting.sync_now(desk.portfolio_id, desk.clock())
    desk.broker.answers = [refusal(FailureKind.CREDENTIALS, "1012")]
    desk.finish()
    desk.broker.answers = [refusal(FailureKind.CREDENTIALS, "1012")]
    assert desk.finish(desk.save(only_currency="USD").run_id).state == "FAILED"
    assert desk.connection().state == "AUTH_FAILED"
    assert requests(desk) == 3


@pytest.mark.parametrize("refused", [False, True], ids=["in the same window", "in place of a refused one"])
def test_a_siblings_statement_that_cannot_be_opened_is_tried_once(desk: Desk, refused: bool) -> None:
    sibling = sibling_of(desk)
    desk.finish(desk.save().run_id)
    with transaction():
        for kept in db.session.scalars(select(KeptStatement)):
            kept.sealed = Vault([OTHER_KEY]).seal(b"", f"statement:{desk.portfolio_id}")
    if refused:
        desk.broker.answers = [refusal(FailureKind.NOT_NOW, "1001") for _ in range(50)]
        run_id = sibling.save().run_id
    else:
        sibling.finish(sibling.save().run_id)
        with transaction():
            db.session.execute(update(Connection).values(next_run_at=desk.clock()))
            db.session.execute(delete(KeptStatement).where(KeptStatement.portfolio_id == sibling.portfolio_id))
        schedule.start_due(desk.clock())
        of_sibling = SyncRun.portfolio_id == sibling.portfolio_id
        run_id = db.session.scalar(select(SyncRun.id).where(of_sibling, SyncRun.reason == "schedule"))
    before = requests(desk)
    assert run_id is not None
    assert sibling.finish(run_id).state == ("FAILED" if refused else "SUCCEEDED")
    assert requests(desk) - before == (2 if refused else 1)


def test_a_window_s_statement_in_the_making_is_not_taken_for_the_years(desk: Desk) -> None:
    desk.save()
    desk.finish()
    last = desk.broker.last_business_day(desk.clock())
    window = connecting.sync_now(desk.portfolio_id, desk.clock(), Period(last - timedelta(days=9), last))
    while desk.step(window).ticket is None:
        pass
    desk.clock.advance(days=1)  # so that there is no statement of today
    desk.finish(desk.save(only_currency="USD").run_id)
    assert [asked for name, asked in desk.broker.calls if name == "request"][-1] == 365
