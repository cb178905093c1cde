"""Days of syncs against a service that answers anything: whatever comes and in whatever order, every run ends, the pace is
kept, a lockout is left in peace, and nothing comes twice.

The suite plays a few rounds. More, from any seed, by one command:

    STONKS_ANSWERS_ROUNDS=200 STONKS_ANSWERS_SEED=1 .venv/bin/python -m pytest tests/sync/test_any_answers.py
"""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import select

from stonks.brokers.contract import Credentials, Pending, Ready, Ticket, Window
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.brokers.ibkr.client import Limits
from stonks.db import db
from stonks.practice.answers import MESSAGES, Answer, Scripted, error
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import runner, schedule
from stonks.sync.states import LIVE, STOPPED
from stonks.sync.tables import SyncRun
from tests.conftest import Clock
from tests.statements import buy, statement
from tests.sync.conftest import FIELDS, Desk, FakeBroker, make_desk

ROUNDS = int(os.environ.get("STONKS_ANSWERS_ROUNDS", "4"))
SEED = int(os.environ.get("STONKS_ANSWERS_SEED", "2611"))
DAYS = 4
BODY = statement([buy(1), buy(2, "20251104")])
ODD: list[Scripted] = [
    *MESSAGES,
    "1077",
    *("1001",) * 4,
    *("ok",) * 12,
    error("1078", "Your token has expired."),
    error("1079", "Too many failed attempts."),
    error("", "No code at all."),
    429,
    500,
    *(503,) * 4,
    404,
    Answer(b"", status=204),
    Answer(b"", status=429, headers={"Retry-After": "600"}),
    Answer(b"", status=503, headers={"Retry-After": "999999"}),
    Answer(b"", status=302, headers={"Location": "https://evil.example/"}),
    b"<html><body>Maintenance</body></html>",
    b"<flexstatementresponse><STATUS>Warn</STATUS><ERRORCODE>1019</ERRORCODE></flexstatementresponse>",
    b"<FlexStatementResponse><Status>Success</Status></FlexStatementResponse>",
    b'{"error": "nothing here"}',
    b"\xff\xfe\x00\x00",
    Answer(BODY, content_type="image/png"),
    Answer(BODY, break_after=30),
    Answer(b"no gzip", headers={"Content-Encoding": "gzip"}),
    Answer(gzip.compress(b"0" * 3_000_000), headers={"Content-Encoding": "gzip"}),
]


@dataclass
class Heard:
    at: datetime
    step: str
    ticket: str
    outcome: object


@dataclass
class Watched:
    """IBKR's adapter, and what it was asked and answered, by the test's clock."""

    ibkr: IbkrBroker
    clock: Clock
    heard: list[Heard] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.ibkr, name)

    def request(self, credentials: Credentials, window: Window, place: str | None = None) -> Ticket:
        note = Heard(self.clock(), "request", "", None)
        self.heard.append(note)
        try:
            ticket = self.ibkr.request(credentials, window, place)
        except BrokerError as refused:
            note.outcome = refused
            raise
        note.outcome, note.ticket = ticket, ticket.reference
        return ticket

    def collect(self, credentials: Credentials, ticket: Ticket, place: str | None = None) -> Ready | Pending:
        note = Heard(self.clock(), "collect", ticket.reference, None)
        self.heard.append(note)
        try:
            got = self.ibkr.collect(credentials, ticket, place)
        except BrokerError as refused:
            note.outcome = refused
            raise
        note.outcome = got
        return got


@pytest.fixture
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker(looks=0) as server:
        server.add_query(FIELDS["token"], FIELDS["query_id"], BODY)
        yield server


@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS))
def test_whatever_is_answered_every_run_ends_and_the_rules_are_kept(
    app: Flask, clock: Clock, practice: PracticeBroker, seed: int
) -> None:
    luck = random.Random(seed)
    practice.script("SendRequest", luck.choices(ODD, k=400))
    practice.script("GetStatement", luck.choices([*ODD, *("1019",) * 40], k=800))
    desk = make_desk(app, clock, FakeBroker())
    limits = Limits(connect_seconds=2, read_seconds=2, total_seconds=4, body_bytes=2_000_000)
    watched = Watched(IbkrBroker(practice.url, first_wait=timedelta(), limits=limits), clock)
    app.extensions["stonks"] = replace(services(), brokers={"ibkr": watched})

    live_for_days(desk, luck)

    check_pace([one.at for one in watched.heard])
    check_lockouts(watched.heard)
    check_tickets(watched.heard)
    for run in db.session.scalars(select(SyncRun)):
        assert run.finished_at is not None
        assert run.message or run.state == "SUCCEEDED"
        assert run.finished_at - run.queued_at < timedelta(hours=2), (run.id, run.message)
    assert desk.entries() in (0, 2)
    practice.clear_scripts()
    until = desk.connection().locked_until
    clock.now = max(clock.now, until or clock.now) + timedelta(hours=1)
    newer = {**FIELDS, "token": FIELDS["token"][::-1]}
    practice.add_query(newer["token"], newer["query_id"], BODY)
    assert desk.finish(desk.save(newer).run_id).state == "SUCCEEDED"
    assert desk.entries() == 2


def live_for_days(desk: Desk, luck: random.Random) -> None:
    """Scheduler and worker; and a person who saves again what was stopped, half a day later, and tests at times."""
    desk.save()
    clock, ends = desk.clock, desk.clock() + timedelta(days=DAYS)
    while clock() < ends or live_runs():
        schedule.tick(clock())
        due = sorted((run.due_at, run.id) for run in live_runs() if run.due_at is not None)
        if due:
            at, run_id = due[0]
            clock.now = max(clock.now, at)
            runner.advance(run_id, desk.run(run_id).step, clock())
            continue
        connection = desk.connection()
        if connection.state in STOPPED or connection.next_run_at is None:
            clock.advance(hours=12)
            desk.save()
        else:
            clock.now = max(clock.now, connection.next_run_at)
            if luck.random() < 0.2 and connection.locked_until is None:
                desk.test()


def live_runs() -> list[SyncRun]:
    db.session.rollback()
    return list(db.session.scalars(select(SyncRun).where(SyncRun.state.in_(LIVE))))


def check_pace(moments: list[datetime]) -> None:
    for earlier, later in pairwise(moments):
        assert later - earlier >= timedelta(seconds=1)
    for first, eleventh in zip(moments, moments[10:], strict=False):
        assert eleventh - first >= timedelta(minutes=1)


def check_lockouts(heard: list[Heard]) -> None:
    for one, following in pairwise(heard):
        if isinstance(one.outcome, BrokerError) and one.outcome.kind is FailureKind.LOCKED_OUT:
            assert following.at - one.at >= timedelta(hours=12)


def check_tickets(heard: list[Heard]) -> None:
    """A ticket that is being made is not left for a new request within its half hour, unless it is not known any more."""
    for place, one in enumerate(heard):
        waits = isinstance(one.outcome, Pending) or (
            isinstance(one.outcome, BrokerError) and one.step == "collect" and one.outcome.kind is FailureKind.NOT_NOW
        )
        asked = (
            next(other for other in heard if other.step == "request" and other.ticket == one.ticket) if waits else one
        )
        if waits and one.at - asked.at < timedelta(minutes=29):
            assert any(other.ticket == one.ticket for other in heard[place + 1 :]), one
