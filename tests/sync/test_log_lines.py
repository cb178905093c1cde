"""What the log says of a sync can be found by its run and by its connection."""

from __future__ import annotations

import logging

import pytest

from stonks.brokers.contract import Pending
from stonks.brokers.errors import FailureKind
from stonks.sync import runner, schedule
from tests.sync.conftest import Desk, refusal


class Killed(BaseException):
    """Ends a step as SIGKILL does: nobody catches it."""


def test_each_line_of_a_sync_names_its_run_and_its_connection(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stonks.sync")
    desk.broker.answers = [Killed()]
    desk.save()
    with pytest.raises(Killed):
        desk.step()
    desk.clock.now += runner.LEASE
    schedule.free_held_too_long(desk.clock())  # "its worker is gone"
    desk.broker.answers = [refusal(FailureKind.UNKNOWN, "4242")]
    desk.finish()
    desk.broker.body = b"<html"
    desk.clock.advance(hours=5)
    schedule.tick(desk.clock())
    assert desk.finish().failure == "statement"

    lines = [record for record in caplog.records if record.name.startswith("stonks.sync")]
    assert {record.levelname for record in lines} == {"INFO", "WARNING"}
    assert {record.module for record in lines} == {"runner", "schedule", "settling"}
    found = {(vars(record).get("run"), vars(record).get("connection")) for record in lines}
    assert found == {(1, desk.connection().id), (2, desk.connection().id)}


def test_a_statement_that_is_asked_for_many_times_is_told_of_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stonks.sync")
    desk.broker.answers = ["ticket", *[Pending(code="1019")] * 8]
    desk.save()
    desk.finish()
    connection = desk.connection().id
    assert [record.getMessage() for record in caplog.records if record.module == "settling"] == [
        f"run 1 of connection {connection}: AWAITING_STATEMENT",
        f"run 1 of connection {connection}: SUCCEEDED",
    ]
