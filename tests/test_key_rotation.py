"""The drill of docs/operations.md: a new token key goes in front, everything is sealed again, the old key goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from hashlib import shake_128
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import func, select

from stonks.brokers.errors import FailureKind
from stonks.config import ROOT, Settings, read_settings
from stonks.core.errors import InvalidInput, SecretUnreadable
from stonks.db import db, transaction
from stonks.ledger import archive, sealed_parts
from stonks.ledger.tables import KeptStatement, Portfolio, StatementPart
from stonks.sync import connecting, views
from tests.conftest import Clock
from tests.drill import started
from tests.sync.conftest import Desk, FakeBroker, make_desk, refusal

DOCUMENTED = (ROOT / "docs" / "operations.md").read_text().split("## Changing the token key")[1].split("\n## ")[0]


class House:
    """One data folder, and the product that is started on it anew after each change of its keys."""

    def __init__(self, settings: Settings, clock: Clock, stack: ExitStack) -> None:
        self.keys = settings.data / "token.keys"
        self._settings, self._clock, self._stack = settings, clock, stack
        self.broker = FakeBroker()
        self.app = self.start()
        self.portfolio_id = make_desk(self.app, clock, self.broker).portfolio_id

    def start(self) -> Flask:
        environment = {"STONKS_DATA": str(self._settings.data), "REDIS_URL": self._settings.redis_url or ""}
        self._stack.close()
        self.app = self._stack.enter_context(started(read_settings(environment), self._clock, self.broker))
        return self.app

    @property
    def desk(self) -> Desk:
        return Desk(self.app, self._clock, self.broker, self.portfolio_id)

    def type(self, *arguments: str) -> str:
        db.session.rollback()
        done = self.app.test_cli_runner().invoke(args=list(arguments))
        assert done.exit_code == 0, done.output
        return done.output

    def opens_everything(self) -> bool:
        db.session.rollback()
        view = views.connection(self.portfolio_id)
        assert view is not None
        kept = db.session.scalars(select(KeptStatement.id)).all()
        assert kept
        try:
            assert all(archive.open_kept(statement_id).read() for statement_id in kept)
        except SecretUnreadable:
            return False
        return not view.unreadable


@pytest.fixture
def house(settings: Settings, clock: Clock) -> Iterator[House]:
    with ExitStack() as stack:
        house = House(settings, clock, stack)
        house.desk.save()
        assert house.desk.finish().state == "SUCCEEDED"
        yield house


def rotate(house: House) -> None:
    """Steps 1 to 4, as they stand there."""
    assert re.findall(r"app app (keys \w+)", DOCUMENTED) == ["keys new", "keys rotate", "keys rotate"]
    house.keys.write_text(house.type("keys", "new") + house.keys.read_text())
    house.start()
    assert "could not be opened 0" in house.type("keys", "rotate")
    house.keys.write_text(house.keys.read_text().splitlines()[0] + "\n")
    house.start()


def test_a_large_statement_kept_in_parts_is_sealed_again_with_the_rest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_parts, "_PART_BYTES", 100)
    body = BytesIO(shake_128(b"large").digest(1_000))
    assert archive.keep(house.portfolio_id, body, origin="upload", now=house.desk.clock()) is not None
    assert db.session.scalar(select(func.count()).select_from(StatementPart))
    rotate(house)
    assert house.opens_everything()


def test_after_the_steps_in_the_docs_the_old_key_opens_nothing_and_the_new_one_everything(house: House) -> None:
    old = house.keys.read_text()
    rotate(house)
    assert house.opens_everything()
    connecting.sync_now(house.portfolio_id, house.desk.clock())
    assert house.desk.finish().state == "SUCCEEDED"
    new = house.keys.read_text()
    house.keys.write_text(old)
    house.start()
    assert not house.opens_everything()
    house.keys.write_text(new)
    house.start()
    assert house.opens_everything()


def test_a_sync_and_a_test_under_way_come_to_their_end_through_all_of_it(house: House) -> None:
    connecting.sync_now(house.portfolio_id, house.desk.clock())
    run_id, test_id = house.desk.step().id, house.desk.test()
    rotate(house)
    assert house.desk.finish(run_id).state == "SUCCEEDED"
    assert house.desk.finish(test_id).state == "SUCCEEDED"


def test_without_rotating_the_old_key_cannot_go(house: House) -> None:
    house.keys.write_text(house.type("keys", "new"))
    house.start()
    assert not house.opens_everything()


def test_a_lockout_is_still_known_when_the_old_key_is_gone(house: House) -> None:
    house.broker.answers = [refusal(FailureKind.LOCKED_OUT, "1025")]
    connecting.sync_now(house.portfolio_id, house.desk.clock())
    assert house.desk.finish().state == "FAILED"
    rotate(house)
    house.type("keys", "rotate")
    calls = len(house.broker.calls)
    with pytest.raises(InvalidInput, match="locked"):
        house.desk.test()
    house.desk.clock.advance(hours=13)
    assert house.desk.finish(house.desk.test()).state == "SUCCEEDED"
    assert len(house.broker.calls) == calls + 2


def test_portfolios_on_one_query_still_share_a_statement_when_the_old_key_is_gone(house: House) -> None:
    rotate(house)
    house.type("keys", "rotate")
    with transaction():
        owner = house.desk.portfolio().user_id
        second = Portfolio(user_id=owner, name="Second", base_currency="EUR", created_at=house.desk.clock())
        db.session.add(second)
        db.session.flush()
    house.portfolio_id = second.id
    house.broker.answers = [refusal(FailureKind.NOT_NOW, "1001")]
    assert house.desk.finish(house.desk.save().run_id).state == "SUCCEEDED"


def test_rotating_again_changes_nothing_that_can_be_seen(house: House) -> None:
    rotate(house)
    before = house.desk.connection().allowance
    first = house.type("keys", "rotate")
    name = house.desk.connection().allowance
    assert name != before
    assert house.type("keys", "rotate") == first
    assert house.desk.connection().allowance == name
    assert house.desk.connection().next_run_at > house.desk.clock() - timedelta(days=1)
