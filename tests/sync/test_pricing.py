"""Rounds of prices: once a day, in short jobs, never more calls than allowed, and nothing lost by a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Select

from stonks import tasks
from stonks.accounts.tables import User
from stonks.core.records import Record, Side
from stonks.db import db, transaction
from stonks.ledger import portfolios, prices
from stonks.ledger.folding import folding
from stonks.ledger.importing import import_reading
from stonks.ledger.tables import PriceFetch
from stonks.portfolio.valuation import Instrument
from stonks.prices.contract import PriceTrouble, Quote, Trouble
from stonks.queue import JobQueue
from stonks.services import services
from stonks.sync import pricing, schedule
from tests.conftest import Clock
from tests.readings import ReadingOf, position, trade

APPLE = "US0378331005/USD"
THURSDAY = date(2026, 11, 19)  # the clock stands on the Friday after it
New = Callable[..., int]


@dataclass
class FakeSource:
    """Knows every instrument by its symbol; raises what `troubles` hold, in order, else answers with `quotes`."""

    code: str = "tiingo"
    name: str = "Tiingo"
    calls_an_hour: int = 100
    troubles: list[PriceTrouble | None] = field(default_factory=list)
    asked: list[tuple[str, date]] = field(default_factory=list)
    quotes: tuple[Quote, ...] = (Quote(date(2026, 11, 18), Decimal("270.5")), Quote(THURSDAY, Decimal(271)))

    def ticker(self, instrument: Instrument) -> str | None:
        return None if instrument.symbol == "SAP" else instrument.symbol

    def fetch(self, ticker: str, since: date) -> list[Quote]:
        assert not db.session().in_transaction()
        self.asked.append((ticker, since))
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble:
            raise trouble
        return list(self.quotes)

    @property
    def tickers(self) -> list[str]:
        return [ticker for ticker, _since in self.asked]


@pytest.fixture
def source(app: Flask) -> FakeSource:
    fake = FakeSource()
    app.extensions["stonks"] = replace(services(), prices=fake)
    return fake


@pytest.fixture
def new(app: Flask, clock: Clock) -> New:
    """A portfolio that holds what `records` say, Apple when they say nothing."""

    user = User(email="owner@example.com", password_hash="-", session_epoch=0, created_at=clock())
    with transaction():
        db.session.add(user)
    user_id = user.id

    def make(*records: Record) -> int:
        portfolio = portfolios.create(user_id, "Long term", "USD", clock())
        import_reading(portfolio.id, ReadingOf(records or [trade("1")]), origin="upload", now=clock())
        return portfolio.id

    return make


def many(number: int) -> list[Record]:
    return [trade(str(at), symbol=f"S{at:03}", asset_class="STK") for at in range(number)]


def work(clock: Clock) -> int:
    """Does what scheduler and workers would at this moment; how many jobs there were."""
    schedule.tick(clock())
    redis = services().redis
    jobs = list(redis.keys("rq:job:prices-*"))
    redis.delete("nothing", *redis.keys("rq:*"))
    for job in jobs:
        tasks.fetch_prices(int(job.decode().rpartition("-")[2]))
    return len(jobs)


def work_off(clock: Clock) -> None:
    """All that is due at this moment."""
    while work(clock):
        pass


def row(portfolio_id: int) -> PriceFetch:
    db.session.rollback()
    return db.session.get_one(PriceFetch, portfolio_id)


def test_without_a_source_nothing_is_asked_and_nothing_breaks(new: New, clock: Clock) -> None:
    portfolio_id = new()
    assert work(clock) == 0
    pricing.fetch(portfolio_id, clock())
    assert pricing.view(portfolio_id) is None
    assert db.session.get(PriceFetch, portfolio_id) is None


def test_what_is_held_gets_its_prices_once_a_day(new: New, source: FakeSource, clock: Clock) -> None:
    portfolio_id = new(trade("1"), trade("2", symbol="SAP", currency="EUR"))
    assert work(clock) == 1
    assert source.asked == [("AAPL", date(2026, 11, 10))]
    price = folding(portfolio_id).prices[APPLE]
    assert (price.price, price.on, price.source) == (Decimal(271), THURSDAY, "tiingo")
    assert work(clock) == 0
    due = row(portfolio_id).due_at
    assert (due.date(), due.hour) == (date(2026, 11, 21), 5)
    assert pricing.view(portfolio_id) == ("Tiingo", clock(), None)
    clock.now = due + timedelta(days=3)  # Tuesday: Monday's price is not there
    assert work(clock) == 1
    assert len(source.asked) == 2


def test_what_has_the_last_trading_days_price_is_not_asked_for(new: New, source: FakeSource, clock: Clock) -> None:
    new(trade("1"), position("10", THURSDAY))
    work(clock)
    assert source.asked == []
    clock.now = datetime.fromisoformat("2026-11-21T12:00:00+00:00")  # Saturday: Friday's close is the last
    source.quotes = (Quote(date(2026, 11, 20), Decimal(272)),)
    work(clock)
    assert source.tickers == ["AAPL"]
    clock.advance(days=1)
    work(clock)
    assert source.tickers == ["AAPL"]


def test_what_is_not_held_any_more_is_not_asked_for(new: New, source: FakeSource, clock: Clock) -> None:
    new(trade("1"), trade("2", side=Side.SELL))
    work(clock)
    assert source.asked == []


def test_a_round_is_done_in_jobs_of_one_call_each_instrument_once(new: New, source: FakeSource, clock: Clock) -> None:
    portfolio_id = new(*many(5))
    source.quotes = ()  # the day's close is not there yet
    asked = []
    while work(clock):
        asked.append(len(source.asked))
    assert asked == [1, 2, 3, 4, 5]
    assert source.tickers == [f"S{at:03}" for at in range(5)]
    assert row(portfolio_id).cursor is None


def test_the_hours_calls_are_counted_over_all_portfolios(new: New, source: FakeSource, clock: Clock) -> None:
    source.calls_an_hour = 7
    first, second = new(*many(5)), new(*many(5))
    work_off(clock)
    assert len(source.asked) == 7
    assert clock().replace(minute=0) + timedelta(hours=1) in (row(first).due_at, row(second).due_at)
    clock.advance(hours=1)
    work_off(clock)
    assert len(source.asked) == 10
    assert sorted(source.tickers) == sorted([f"S{at:03}" for at in range(5)] * 2)


def test_a_source_that_is_away_is_asked_ever_more_seldom_and_goes_on_where_it_was(
    new: New, source: FakeSource, clock: Clock
) -> None:
    away = PriceTrouble(Trouble.WAIT, "It is away.")
    source.troubles = [None, away, away, away]
    portfolio_id = new(*many(3))
    waits = []
    for _ in range(3):
        work_off(clock)
        waits.append(row(portfolio_id).due_at - clock())
        clock.now = row(portfolio_id).due_at
    assert waits == [timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1)]
    assert prices.newest(portfolio_id).keys() == {"S000/USD"}
    assert pricing.view(portfolio_id) == ("Tiingo", None, "It is away.")
    work_off(clock)
    assert source.tickers == ["S000", "S001", "S001", "S001", "S001", "S002"]
    assert (row(portfolio_id).failures, row(portfolio_id).message) == (0, None)


def test_a_wait_that_the_source_asks_for_is_kept(new: New, source: FakeSource, clock: Clock) -> None:
    source.troubles = [PriceTrouble(Trouble.WAIT, "Enough.", retry_after=timedelta(hours=5))]
    portfolio_id = new()
    work(clock)
    assert row(portfolio_id).due_at == clock() + timedelta(hours=5)


def test_the_pause_ends_growing(new: New, source: FakeSource, clock: Clock) -> None:
    source.troubles = [PriceTrouble(Trouble.WAIT, "It is away.") for _ in range(30)]
    portfolio_id = new()
    for _ in range(30):
        clock.now = row(portfolio_id).due_at if db.session.get(PriceFetch, portfolio_id) else clock.now
        work(clock)
    assert row(portfolio_id).due_at - clock() == timedelta(hours=12)


def test_a_refused_key_is_not_tried_again_before_tomorrow(new: New, source: FakeSource, clock: Clock) -> None:
    source.troubles = [PriceTrouble(Trouble.REFUSED, "The key is wrong.")]
    portfolio_id = new(*many(2))
    work(clock)
    assert source.tickers == ["S000"]
    assert row(portfolio_id).due_at.date() == date(2026, 11, 21)


def test_a_ticker_that_nobody_knows_does_not_stop_the_others(new: New, source: FakeSource, clock: Clock) -> None:
    source.troubles = [PriceTrouble(Trouble.NO_SUCH_TICKER, "Unknown.")]
    portfolio_id = new(*many(2))
    work_off(clock)
    assert prices.newest(portfolio_id).keys() == {"S001/USD"}
    assert row(portfolio_id).message is None


def test_two_workers_do_not_ask_twice_and_a_dead_ones_round_is_taken_up(
    new: New, source: FakeSource, clock: Clock
) -> None:
    portfolio_id = new()
    schedule.tick(clock())
    assert pricing._claim(portfolio_id, clock()) is not None
    pricing.fetch(portfolio_id, clock())
    assert source.asked == []
    clock.advance(minutes=10)
    services().redis.flushall()
    assert work(clock) == 1
    assert source.tickers == ["AAPL"]


def test_a_clock_that_went_wrong_and_back_does_not_stop_it(new: New, source: FakeSource, clock: Clock) -> None:
    new(*many(1))
    right = clock()
    clock.advance(days=400)
    work(clock)
    clock.now = right
    source.quotes = ()
    assert [work(clock), work(clock)] == [1, 0]


def test_a_mistake_of_ours_is_logged_and_the_round_stays_due(
    new: New, source: FakeSource, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    portfolio_id = new()
    source.ticker = None  # type: ignore[assignment, method-assign]
    work(clock)
    assert "stumbled" in caplog.text
    assert row(portfolio_id).due_at == clock() + timedelta(minutes=10)


def test_a_round_goes_on_without_the_scheduler(new: New, source: FakeSource, clock: Clock) -> None:
    portfolio_id = new(*many(2))
    schedule.tick(clock())
    services().redis.flushall()
    tasks.fetch_prices(portfolio_id)
    assert services().redis.lrange("rq:queue:later", 0, -1) == [b"prices-%d" % portfolio_id]


def test_a_round_that_cannot_wake_itself_is_woken_by_the_scheduler(
    new: New, source: FakeSource, clock: Clock, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    portfolio_id = new(*many(2))
    schedule.tick(clock())
    real = services()
    services().redis.flushall()
    app.extensions["stonks"] = replace(real, queue=JobQueue(Redis(port=1)))
    tasks.fetch_prices(portfolio_id)
    assert "Redis is away" in caplog.text
    assert "stumbled" not in caplog.text
    app.extensions["stonks"] = real
    work_off(clock)
    assert source.tickers == ["S000", "S001"]


def test_a_portfolio_that_was_passed_over_as_new_is_found_later(new: New, source: FakeSource, clock: Clock) -> None:
    """Made at the same moment as the next one, and seen after it."""
    first, second = new(), new()
    with transaction():
        db.session.add(PriceFetch(portfolio_id=second, due_at=clock() + timedelta(hours=1)))
    services().redis.set("stonks:pruned", 1)
    assert [work(clock), work(clock)] == [0, 0]
    services().redis.delete("stonks:pruned")  # what the scheduler does once an hour comes next
    assert [work(clock), work(clock)] == [0, 1]
    assert source.tickers == ["AAPL"]
    assert row(first).fetched_at == clock()


@pytest.mark.parametrize("query", [pricing._DUE, pricing._DUE_TOO_LATE, pricing._NEW], ids=["due", "too late", "new"])
def test_what_every_tick_asks_is_a_search_in_an_index(app: Flask, query: Select[int]) -> None:
    with db.engine.connect() as connection:
        plan = f"EXPLAIN QUERY PLAN {query.compile(connection)}"
        steps = [step.detail for step in connection.exec_driver_sql(plan, ("",) * plan.count("?"))]
    assert steps
    assert not [step for step in steps if step.startswith("SCAN")], steps


def test_a_portfolio_deleted_meanwhile_is_let_go(new: New, source: FakeSource, clock: Clock) -> None:
    portfolio_id = new()
    schedule.tick(clock())
    real = source.fetch

    def delete_first(ticker: str, since: date) -> list[Quote]:
        portfolio = db.session.get_one(portfolios.Portfolio, portfolio_id)
        portfolios.delete(portfolio)
        return real(ticker, since)

    source.fetch = delete_first  # type: ignore[method-assign]
    pricing.fetch(portfolio_id, clock())
    assert prices.newest(portfolio_id) == {}
