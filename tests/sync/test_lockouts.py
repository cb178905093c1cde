"""A lockout belongs to the token: whoever was told of it, and whatever became of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stonks.brokers.errors import FailureKind
from stonks.core.errors import InvalidInput
from stonks.db import transaction
from stonks.ledger import portfolios
from stonks.sync import lockouts, runner, schedule
from tests.sync.conftest import Desk, refusal, sibling_of

TOLD = refusal(FailureKind.LOCKED_OUT, "1025")


def test_a_portfolio_that_is_deleted_and_made_anew_asks_nothing_of_a_broker_that_has_locked_its_token(
    desk: Desk,
) -> None:
    owner = desk.portfolio().user_id
    desk.broker.answers = [TOLD]
    desk.save()
    desk.finish()
    until = desk.connection().locked_until
    portfolios.delete(desk.portfolio())

    anew = sibling_of(desk, owner=owner)
    with pytest.raises(InvalidInput, match="locked"):
        anew.test()
    assert anew.save().run_id is None
    assert (anew.connection().state, anew.connection().locked_until) == ("LOCKED_OUT", until)
    assert len(desk.broker.calls) == 1


def test_a_portfolio_that_is_deleted_in_mid_call_leaves_the_lockout_it_was_told_of(desk: Desk) -> None:
    owner = desk.portfolio().user_id
    desk.broker.answers = [TOLD]
    desk.broker.meanwhile = lambda: portfolios.delete(desk.portfolio())
    desk.save()
    run = desk.run()
    runner.advance(run.id, run.step, desk.clock())
    desk.broker.meanwhile = None
    with pytest.raises(InvalidInput, match="locked"):
        sibling_of(desk, owner=owner).test()


def test_of_two_lockouts_the_longer_one_counts_and_none_is_kept_past_its_end(desk: Desk) -> None:
    now = desk.clock()
    with transaction():
        for hours in (12, 20, 13):
            lockouts.note("a token", now + timedelta(hours=hours))
        lockouts.note("another", now + timedelta(hours=12))
        lockouts.rename("another", "a token")
    assert lockouts.ends("a token", now) == now + timedelta(hours=20)
    assert lockouts.ends("another", now) is None
    assert lockouts.ends("a token", now + timedelta(hours=20)) is None
    schedule.prune(now + timedelta(hours=20))
    assert lockouts.ends("a token", now) is None
