"""A connection test: a statement fetched and read, and nothing let in before its credentials are saved."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from stonks.brokers.errors import FailureKind
from stonks.core.errors import StonksError
from stonks.db import db
from stonks.ledger.tables import KeptStatement
from stonks.sync import connecting, views
from tests.sync.conftest import FIELDS, Desk, refusal


def test_a_test_stores_no_transaction_and_its_statement_becomes_the_first_import(desk: Desk) -> None:
    run = desk.finish(desk.test())
    view = views.tested(desk.portfolio_id, run.id)
    assert (view.state, view.result["trades"], desk.entries()) == ("SUCCEEDED", 2, 0)
    assert run.sealed_credentials is None
    asked = len(desk.broker.calls)
    desk.save()
    first = desk.finish()
    assert (first.reason, first.state, desk.entries()) == ("first", "SUCCEEDED", 2)
    assert len(desk.broker.calls) == asked


def test_a_tested_statement_that_was_pruned_is_asked_for_again(desk: Desk) -> None:
    desk.finish(desk.test())
    desk.save()
    db.session.execute(db.delete(KeptStatement))
    db.session.commit()
    assert desk.finish().state == "SUCCEEDED"
    assert desk.entries() == 2


def test_a_failed_test_says_why_and_what_a_new_token_needs(desk: Desk) -> None:
    desk.broker.answers = [refusal(FailureKind.CREDENTIALS, "1015", may_be_activating=True)]
    view = views.tested(desk.portfolio_id, desk.finish(desk.test()).id)
    assert (view.state, view.code, view.failure) == ("FAILED", "1015", "credentials")
    assert "30 minutes" in view.remedy
    assert views.connection(desk.portfolio_id) is None


def test_anothers_test_is_not_shown(desk: Desk) -> None:
    run_id = desk.test()
    with pytest.raises(StonksError):
        views.tested(desk.portfolio_id + 1, run_id)


def test_a_newer_test_takes_the_place_of_the_older(desk: Desk) -> None:
    older = desk.test()
    newer = desk.test({**FIELDS, "query_id": "7654321"})
    assert (desk.run(older).state, desk.run(newer).state) == ("CANCELLED", "QUEUED")
    assert desk.run(older).sealed_credentials is None


def test_disconnecting_ends_a_test_in_mid_air_too(desk: Desk) -> None:
    desk.save()
    desk.finish()
    run_id = desk.test()
    desk.step(run_id)
    desk.broker.meanwhile = lambda: connecting.disconnect(desk.portfolio_id, desk.clock())
    desk.clock.advance(seconds=2)
    run = desk.step(run_id)
    assert (run.state, run.sealed_credentials, run.statement_id) == ("CANCELLED", None, None)
    assert db.session.scalars(select(KeptStatement).where(KeptStatement.origin == "test")).all() == []
