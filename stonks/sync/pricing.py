"""Fetching prices from a price source: when, of what, and what its answers mean for the next time.

A portfolio's round is a row: due once a day, worked off in jobs of one call each, with its place kept in between. The
jobs stand in a queue of their own, behind the syncs. The installation has one key, so its calls an hour are counted over
all portfolios. Without a price source nothing here does anything.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import NamedTuple

from redis import RedisError
from sqlalchemy import Select, bindparam, func, select

from stonks.db import db, insert_ignoring, look, transaction
from stonks.ledger import figures, prices, snapshot
from stonks.ledger.tables import Portfolio, PriceFetch
from stonks.prices.contract import PriceSource, PriceTrouble, Quote, Trouble
from stonks.services import services

log = logging.getLogger(__name__)

TASK = "stonks.tasks.fetch_prices"
AT_ONCE = 100  # portfolios looked at by one tick; each that was woken goes on by itself
LEASE = timedelta(minutes=10)  # then a worker that does not answer is taken for dead
BACK = timedelta(days=10)  # how far a first look goes
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=15), timedelta(hours=12)
_FARTHEST = timedelta(days=2)
# New York closed at 21:00 or 22:00 UTC, and Tiingo takes corrections until 01:00.
_DAILY = clock_time(5, 30)

# Each is a search in an index, however many portfolios there are and are not due.
_DUE = (
    select(PriceFetch.portfolio_id)
    .where(PriceFetch.due_at <= bindparam("now"))
    .order_by(PriceFetch.due_at)
    .limit(AT_ONCE)
)
# A time further off than any that is written here was written by a clock that went wrong.
_DUE_TOO_LATE = select(PriceFetch.portfolio_id).where(PriceFetch.due_at > bindparam("farthest")).limit(AT_ONCE)
_NEWEST = select(func.coalesce(func.max(PriceFetch.portfolio_id), 0)).scalar_subquery()
_NEW = select(Portfolio.id).where(Portfolio.id > _NEWEST).order_by(Portfolio.id).limit(AT_ONCE)
# Not a search, so asked seldom: of two portfolios that were made at the same moment, the second may be seen first.
_PASSED_OVER = select(Portfolio.id).where(Portfolio.id.not_in(select(PriceFetch.portfolio_id))).limit(AT_ONCE)


class Wanted(NamedTuple):
    key: str
    ticker: str


class Round(NamedTuple):
    """The row as a job found it."""

    portfolio_id: int
    cursor: str | None
    failures: int


class Step(NamedTuple):
    """What becomes of the row after a job."""

    due_at: datetime
    cursor: str | None
    failures: int
    message: str | None


class View(NamedTuple):
    """For the prices page."""

    name: str
    fetched_at: datetime | None
    message: str | None


def view(portfolio_id: int) -> View | None:
    """None when no price source is set."""
    source = services().prices
    if source is None:
        return None
    row = db.session.get(PriceFetch, portfolio_id)
    return View(source.name, row.fetched_at if row else None, row.message if row else None)


def wake_due(now: datetime) -> int:
    """Calls workers for the portfolios that are due; a new portfolio is due at once. Raises RedisError."""
    if services().prices is None:
        return 0
    _enrol(_NEW, now)
    due = [*look(_DUE, now=now), *look(_DUE_TOO_LATE, farthest=now + _FARTHEST)]
    return sum(_wake(portfolio_id) for (portfolio_id,) in due)


def enrol_passed_over(now: datetime) -> None:
    """Once in a while: the portfolios that wake_due() never saw as new."""
    if services().prices is not None:
        _enrol(_PASSED_OVER, now)


def fetch(portfolio_id: int, now: datetime) -> None:
    """One job of a portfolio's round, with at most one call to the source. No transaction is open meanwhile."""
    source = services().prices
    if source is None:
        return
    claimed = _claim(portfolio_id, now)
    if claimed is None:
        return
    wanted = _wanted(portfolio_id, source, claimed.cursor, now.date())
    db.session.rollback()
    found, step = _ask(source, wanted, claimed, now)
    with transaction():
        if db.session.get(PriceFetch, portfolio_id) is None:
            return  # the portfolio was deleted meanwhile
        quotes = {(key, one.on): one.price for key, quotes in found.items() for one in quotes}
        prices.save(portfolio_id, source.code, quotes)
        _write(portfolio_id, step, now)
    if step.due_at <= now:
        try:
            _wake(portfolio_id)
        except RedisError as error:
            log.warning("prices of portfolio %s: Redis is away (%s)", portfolio_id, type(error).__name__)


def _enrol(query: Select[int], now: datetime) -> None:
    new = [{"portfolio_id": one, "due_at": now, "failures": 0} for (one,) in look(query)]
    if new:
        with transaction():
            db.session.execute(insert_ignoring(PriceFetch), new)


def _wake(portfolio_id: int) -> bool:
    """Raises RedisError."""
    return services().queue.later.enqueue(TASK, portfolio_id, job_id=f"prices-{portfolio_id}")


def _claim(portfolio_id: int, now: datetime) -> Round | None:
    """The round, due again when its lease ends; None when it is not due any more."""
    with transaction():
        row = db.session.get(PriceFetch, portfolio_id, with_for_update=True)
        if row is None or now < row.due_at <= now + _FARTHEST:
            return None
        row.due_at = now + LEASE
        return Round(portfolio_id, row.cursor, row.failures)


def _wanted(portfolio_id: int, source: PriceSource, cursor: str | None, today: date) -> list[Wanted]:
    """What is held, the source has, and is without a price of the last trading day; after `cursor`, by key."""
    snapshot.refresh(portfolio_id)  # a worker has the time
    held = figures.holdings(db.session.get_one(Portfolio, portfolio_id), today)
    fresh = _last_weekday(today)
    wanted = []
    for one in sorted((one.valued for one in held), key=lambda one: one.instrument.key):
        key, price, ticker = one.instrument.key, one.price, source.ticker(one.instrument)
        if ticker and key > (cursor or "") and (price is None or price.on < fresh):
            wanted.append(Wanted(key, ticker))
    return wanted


def _ask(
    source: PriceSource, wanted: list[Wanted], claimed: Round, now: datetime
) -> tuple[dict[str, list[Quote]], Step]:
    """The one call, for the first that is wanted."""
    finished = Step(_tomorrow(claimed.portfolio_id, now), None, 0, None)
    if not wanted:
        return {}, finished
    if not _allowed(source, now):
        return {}, Step(_next_hour(now), claimed.cursor, 0, None)
    key, ticker = wanted[0]
    found: dict[str, list[Quote]] = {}
    try:
        found[key] = source.fetch(ticker, now.date() - BACK)
    except PriceTrouble as trouble:
        if trouble.trouble is not Trouble.NO_SUCH_TICKER:
            log.warning("prices of portfolio %s: %s", claimed.portfolio_id, trouble)
            return {}, _after(trouble, claimed, now)
    return found, finished if len(wanted) == 1 else Step(now, key, 0, None)


def _after(trouble: PriceTrouble, claimed: Round, now: datetime) -> Step:
    """Twice as long after each failure in a row; a refused key is not tried again before tomorrow."""
    failures = claimed.failures + 1
    if trouble.trouble is Trouble.REFUSED:
        return Step(_tomorrow(claimed.portfolio_id, now), None, failures, str(trouble))
    pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
    return Step(now + max(pause, trouble.retry_after or pause), claimed.cursor, failures, str(trouble))


def _write(portfolio_id: int, step: Step, now: datetime) -> None:
    row = db.session.get_one(PriceFetch, portfolio_id)
    row.due_at, row.cursor, row.failures, row.message = step
    if step.message is None and step.cursor is None:
        row.fetched_at = now


def _allowed(source: PriceSource, now: datetime) -> bool:
    """Counts a call of this hour. With Redis away nothing is asked."""
    name = f"stonks:prices:{source.code}:{now:%Y%m%d%H}"
    try:
        redis = services().redis
        count = int(redis.incr(name))
        redis.expire(name, 7200)
    except RedisError:
        return False
    return count <= source.calls_an_hour


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _tomorrow(portfolio_id: int, now: datetime) -> datetime:
    """The next daily time; portfolios are spread over half an hour."""
    at = datetime.combine(now.date(), _DAILY, UTC) + timedelta(minutes=portfolio_id % 30)
    return at if at > now else at + timedelta(days=1)


def _last_weekday(today: date) -> date:
    """The last day whose close is known everywhere; holidays are asked about in vain."""
    day = today - timedelta(days=1)
    while day.weekday() > 4:
        day -= timedelta(days=1)
    return day
