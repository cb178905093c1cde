"""A broker in hand, and a portfolio that is connected to it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha1
from typing import BinaryIO

import pytest
from flask import Flask
from sqlalchemy import func, select

from stonks.accounts.tables import User
from stonks.brokers.contract import CredentialField, Credentials, Guide, Pending, Ready, Ticket, Window
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.config import Settings
from stonks.core.errors import StatementUnreadable
from stonks.core.records import Period, Record, RowProblem, Side, StatementSummary, Trade
from stonks.db import db, transaction
from stonks.factory import create_app, utc_now
from stonks.ledger.tables import Entry, Portfolio
from stonks.practice.server import PracticeBroker
from stonks.services import Services
from stonks.sync import connecting, runner
from stonks.sync.tables import Connection, SyncRun
from tests.conftest import Clock
from tests.sync import engine

TOKEN = "555566667777888899990000"
QUERY = "1234567"
FIELDS = {"query_id": QUERY, "token": TOKEN}
MADE = "the ordinary course"


def refusal(kind: FailureKind, code: str = "1", **more: object) -> BrokerError:
    return BrokerError(kind, code, f"Refused with {code}.", **more)  # type: ignore[arg-type]


class FakeReading:
    """One trade per line: an id and an ISO date. A line with # tells nothing."""

    def __init__(self, source: BinaryIO, stated_until: date | None) -> None:
        text = source.read().decode()
        if text.startswith("<html"):
            raise StatementUnreadable("html", "This is a web page and not a statement.")
        self._lines = [line for line in text.splitlines() if not line.startswith("#")]
        self._stated_until = stated_until

    def __iter__(self) -> Iterator[Record | RowProblem]:
        for number, line in enumerate(self._lines, 1):
            trade_id, day = line.split()
            yield Trade(
                trade_date=date.fromisoformat(day), side=Side.BUY, cancels=False, quantity=Decimal(1),
                price=Decimal("10.5"), currency="USD", symbol="AAPL", isin="US0378331005", commission=Decimal(-1),
                commission_currency=None, taxes=None, asset_class="STK", multiplier=None, account=None,
                external_id=trade_id, original_id=None, executed_at=None, description=None, notes=None,
                underlying=None, line=number, fingerprint=sha1(line.encode()).digest(),
            )  # fmt: skip

    @property
    def summary(self) -> StatementSummary:
        period = Period(date(2025, 11, 20), self._stated_until) if self._stated_until else None
        return StatementSummary(
            format="csv", period=period, period_is_stated=period is not None, generated_on=None, accounts=(),
            sections=("Trades",), trades=len(self._lines), cash=0, conversions=0, dividends=0, others=0, problems=0,
            summaries=0, rows=len(self._lines), ignored=0, currencies=("USD",), day_first=None,
            date_order_is_guess=False, warnings=(), findings=(), rates=(), balances=(),
        )  # fmt: skip


@dataclass
class FakeBroker:
    """Says what `answers` hold, in order; else gives a ticket, then the statement at once."""

    code: str = "ibkr"
    name: str = "Interactive Brokers"
    slug: str = "interactive-brokers"
    reader_version: int = 1
    fields: tuple[CredentialField, ...] = (
        CredentialField("query_id", "Flex Query ID", ""),
        CredentialField("token", "Flex Web Service Token", "", secret=True),
    )
    guide: Guide = field(default_factory=lambda: Guide("", "", ()))
    body: bytes = b"1 2026-11-18\n2 2026-11-19\n"
    stated_until: date | None = date(2026, 11, 19)
    answers: list[object] = field(default_factory=list)
    calls: list[tuple[str, object]] = field(default_factory=list)
    places: list[str | None] = field(default_factory=list)  # where each call went
    meanwhile: object = None  # called in the middle of each call
    reads: int = 0  # statements that had to be read
    _asked: object = None

    def check_shape(self, values: Credentials) -> dict[str, str]:
        return {} if values["token"].isdigit() else {"token": "That is no token."}

    def allowance_name(self, credentials: Credentials) -> str:
        return credentials["token"]

    def request(self, credentials: Credentials, window: Window, place: str | None = None) -> Ticket:
        self.places.append(place)
        self._asked = (window.first, window.last) if window.first else window.days_back
        self.calls.append(("request", self._asked))
        answer = self._answer()
        return answer if isinstance(answer, Ticket) else Ticket("4711")

    def collect(self, credentials: Credentials, ticket: Ticket, place: str | None = None) -> Ready | Pending:
        self.places.append(place)
        self.calls.append(("collect", ticket.reference))
        answer = self._answer()
        if isinstance(answer, Pending):
            return answer
        body = self.body + f"# {self._asked}, until {self.stated_until}\n".encode()  # other days, another statement
        return Ready(io.BytesIO(body), len(body))

    def read(self, source: BinaryIO, **_: object) -> FakeReading:
        self.reads += 1
        return FakeReading(source, self.stated_until)

    def sync_window(self, now: datetime) -> tuple[datetime, datetime]:
        first = datetime(now.year, now.month, now.day, 6, tzinfo=UTC)
        if first <= now:
            first += timedelta(days=1)
        return first, first + timedelta(hours=4)

    def last_business_day(self, now: datetime) -> date:
        return (now - timedelta(hours=6)).date() - timedelta(days=1)

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < 5

    def _answer(self) -> object:
        if callable(self.meanwhile):
            self.meanwhile()
        answer = self.answers.pop(0) if self.answers else MADE
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@dataclass
class Desk:
    """A portfolio and the engine, worked by hand: no queue, no scheduler, unless the test starts them."""

    app: Flask
    clock: Clock
    broker: FakeBroker
    portfolio_id: int

    def save(self, fields: dict[str, str] | None = None, **more: object) -> connecting.SaveOutcome:
        told = {"only_currency": None, "token_expires_on": None, "day_first": None, **more}
        return connecting.save(self.portfolio_id, "ibkr", fields or FIELDS, now=self.clock(), **told)  # type: ignore[arg-type]

    def test(self, fields: dict[str, str] | None = None) -> int:
        return connecting.start_test(
            self.portfolio_id, "ibkr", fields or FIELDS, only_currency=None, day_first=None, now=self.clock()
        )

    def run(self, run_id: int | None = None) -> SyncRun:
        db.session.rollback()
        db.session.expire_all()
        newest = select(SyncRun).order_by(SyncRun.id.desc()).limit(1)
        run = db.session.get(SyncRun, run_id) if run_id else db.session.scalar(newest)
        assert run is not None
        return run

    def connection(self) -> Connection:
        db.session.rollback()
        db.session.expire_all()
        row = db.session.scalar(select(Connection).where(Connection.portfolio_id == self.portfolio_id))
        assert row is not None
        return row

    def portfolio(self) -> Portfolio:
        db.session.rollback()
        found = db.session.get(Portfolio, self.portfolio_id)
        assert found is not None
        return found

    def step(self, run_id: int | None = None) -> SyncRun:
        """The run's next step, as soon as it is due."""
        run = self.run(run_id)
        if run.due_at is not None:
            self.clock.now = max(self.clock.now, run.due_at)
        runner.advance(run.id, run.step, self.clock())
        return self.run(run.id)

    def finish(self, run_id: int | None = None) -> SyncRun:
        run = self.run(run_id)
        for _ in range(200):
            if run.finished_at is not None:
                return run
            run = self.step(run.id)
        raise AssertionError("the run does not end")

    def entries(self) -> int:
        db.session.rollback()
        return db.session.scalar(select(func.count()).select_from(Entry)) or 0


def make_desk(app: Flask, clock: Clock, broker: FakeBroker) -> Desk:
    services: Services = app.extensions["stonks"]
    app.extensions["stonks"] = replace(services, brokers={"ibkr": broker})
    with transaction():
        user = User(email="a@example.com", password_hash="x", session_epoch=0, created_at=clock())
        db.session.add(user)
        db.session.flush()
        portfolio = Portfolio(user_id=user.id, name="P", base_currency="EUR", created_at=clock())
        db.session.add(portfolio)
        db.session.flush()
    return Desk(app, clock, broker, portfolio.id)


def sibling_of(desk: Desk, *, email: str | None = None, owner: int | None = None) -> Desk:
    """Another portfolio with the same credentials, of the same owner unless another is named."""
    owner = owner or desk.portfolio().user_id
    with transaction():
        if email is not None:
            user = User(email=email, password_hash="x", session_epoch=0, created_at=desk.clock())
            db.session.add(user)
            db.session.flush()
            owner = user.id
        portfolio = Portfolio(user_id=owner, name="Sibling", base_currency="EUR", created_at=desk.clock())
        db.session.add(portfolio)
        db.session.flush()
    return replace(desk, portfolio_id=portfolio.id)


@pytest.fixture
def desk(app: Flask, clock: Clock, broker: FakeBroker) -> Desk:
    return make_desk(app, clock, broker)


@pytest.fixture
def practice() -> Iterator[PracticeBroker]:
    with PracticeBroker(looks=1) as broker:
        broker.add_query(engine.TOKEN, engine.FIELDS["query_id"], engine.BODY)
        yield broker


@pytest.fixture
def here(settings: Settings, practice: PracticeBroker) -> Iterator[Flask]:
    """The data that real processes (engine.py) work on, with one portfolio; nothing is connected yet."""
    app = create_app(replace(settings, flex_url=practice.url))
    with with_one_portfolio(app):
        yield app


@contextmanager
def with_one_portfolio(app: Flask) -> Iterator[None]:
    with app.app_context():
        db.create_all()
        with transaction():
            db.session.add(User(id=1, email="a@example.com", password_hash="x", session_epoch=0, created_at=utc_now()))
            db.session.flush()
            db.session.add(Portfolio(id=1, user_id=1, name="P", base_currency="EUR", created_at=utc_now()))
        yield
        db.session.remove()
        db.engine.dispose()
