"""Changes of a ledger, and what the stored figures are compared with: a fold of everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from stonks.core.records import FxRate, Record, StatementSummary
from stonks.db import db, transaction
from stonks.ledger import folding, importing, manual, marks, measuring, portfolios, prices, review, snapshot
from stonks.ledger.snapshot_tables import (
    Snapshot,
    SnapshotCourse,
    SnapshotHolding,
    SnapshotIncome,
    SnapshotLate,
    SnapshotLot,
    SnapshotMonth,
    SnapshotYear,
)
from stonks.ledger.tables import Entry, Portfolio
from stonks.portfolio import holdings, income, summary
from stonks.portfolio.earned import Earned, Own, earned
from stonks.portfolio.income import COUNTED, Income
from stonks.portfolio.late import late
from stonks.portfolio.overview import Gains, gain_in_base
from stonks.portfolio.performance import Performance, performance
from stonks.portfolio.returns import Return, Worth
from stonks.portfolio.valuation import UPLOADED
from stonks.portfolio.valuation import converted as converted_at
from stonks.rates import RateTable
from tests.conftest import Clock
from tests.ledger import plain_history
from tests.portfolio import plainly
from tests.readings import ReadingOf

BEGUN = date(2025, 12, 8)


class ReadingWithRates(ReadingOf):
    def __init__(self, rows: list[Record], rates: list[FxRate]) -> None:
        super().__init__(rows)
        self._rates = rates

    @property
    def summary(self) -> StatementSummary:
        return super().summary._replace(rates=tuple(self._rates))


def change(portfolio_id: int, what: tuple[Any, ...], clock: Clock) -> None:
    name, *more = what
    if name == "import":
        rows, told, rates_told = more
        reading = ReadingWithRates([*rows, *told], rates_told)
        importing.import_reading(portfolio_id, reading, origin="sync", now=clock())
    elif name == "add":
        manual.add(portfolio_id, more[0], clock())
    elif name == "prices":
        # Nobody is asked for prices of what is no instrument.
        known = {one.key for one in folding.instruments(portfolio_id)}
        quotes = {(key, on): Decimal(price) for key, on, price in more[0] if key in known}
        prices.save(portfolio_id, UPLOADED, quotes)
    elif name == "unprice":
        prices.remove(portfolio_id, UPLOADED, *more)
    elif name == "base":
        portfolio = db.session.get(Portfolio, portfolio_id)
        assert portfolio is not None
        portfolios.rename(portfolio, portfolio.name, more[0])
    else:
        ids = list(db.session.scalars(select(Entry.id).where(Entry.portfolio_id == portfolio_id).order_by(Entry.id)))
        if not ids:
            return
        entry_id = ids[more[-1] % len(ids)]
        if name == "edit":
            kind = db.session.scalar(select(Entry.kind).where(Entry.id == entry_id))
            if kind in ("TRADE", "CASH", "TRANSFER"):
                manual.edit(portfolio_id, entry_id, more[0], clock())
        elif name == "remove":
            manual.remove(portfolio_id, entry_id, clock())
        elif name == "discard":
            review.discard(portfolio_id, entry_id, clock())
        else:
            review.restore(portfolio_id, entry_id)


def stored(portfolio_id: int) -> dict[str, Any]:
    """Every figure there is, but not how often it was made, nor the last day of a family: one that was larger once stays
    so, and is then reckoned anew a little more often."""
    assert snapshot.refresh(portfolio_id)
    found: dict[str, Any] = {}
    for table, by in (
        (SnapshotHolding, ("key",)), (SnapshotLot, ("key", "place")), (SnapshotMonth, ("month", "currency")),
        (SnapshotIncome, ("name", "year")), (SnapshotLate, ("entry_id",)), (Snapshot, ("portfolio_id",)),
        (SnapshotCourse, ("key", "year")), (SnapshotYear, ("part", "currency", "year")),
    ):  # fmt: skip
        columns = [c for c in table.__table__.columns if c.name not in ("version", "foldings", "last_day")]
        rows = db.session.execute(select(*columns).where(table.portfolio_id == portfolio_id))
        found[table.__tablename__] = {tuple(getattr(row, name) for name in by): row._asdict() for row in rows}
    db.session.rollback()
    return found


def made_anew(portfolio_id: int) -> dict[str, Any]:
    with transaction():
        marks.everything(portfolio_id)
    return stored(portfolio_id)


def assert_whole_fold_agrees(portfolio_id: int, found: dict[str, Any]) -> None:
    """The same lots as when all instruments are folded at once."""
    everything = folding.folding(portfolio_id)
    held = holdings.fold(everything.movements, reported_short=everything.reported_short)
    rows = {key: row for (key,), row in found["snapshot_holdings"].items()}
    assert rows.keys() == everything.instruments.keys()
    by_name = {one.key: one.isin for one in folding.instruments(portfolio_id)}
    assert by_name == {key: one.isin for key, one in everything.instruments.items()}
    for key, one in everything.instruments.items():
        row, book = rows[key], held.books.get(key) or holdings.Book(key)
        assert (row["quantity"], row["cost"], row["missing"]) == (book.quantity, book.cost, book.missing)
        assert (row["symbol"], row["isin"], row["asset_class"]) == (one.symbol, one.isin, one.asset_class)
        price = everything.prices.get(key)
        assert price is None or price.source or price.price in (row["traded"], row["mark"])
        lots = [row for (of, _), row in sorted(found["snapshot_lots"].items()) if of == key]
        assert [(lot["opened"], lot["quantity"], lot["cost"]) for lot in lots] == [
            (lot.opened, lot.quantity, lot.cost) for lot in [*book.closed, *book.lots]
        ]
    cash: dict[str, Decimal] = {}
    for row in found["snapshot_months"].values():
        cash[row["currency"]] = cash.get(row["currency"], Decimal(0)) + row["moved"]
    assert {k: v for k, v in cash.items() if v} == {k: v for k, v in everything.cash.items() if v}
    named = [one for one in everything.receipts if one.key and one.kind in COUNTED]
    rates = folding.rates(portfolio_id, db.session.get_one(Portfolio, portfolio_id).base_currency)
    income = {
        of: (row["gross_base"], row["withheld_base"], row["fees_base"]) for of, row in found["snapshot_income"].items()
    }
    assert income == summary.by_year(named, rates)
    tardy = {row["entry_id"]: (row["concerns"], row["known_in"]) for row in found["snapshot_late"].values()}
    assert tardy == {one.receipt.entry_id: (one.concerns, one.known_in) for one in late(named)}


def assert_performance_agrees(portfolio_id: int) -> None:
    """With one found by walking through everything."""
    assert snapshot.refresh(portfolio_id)
    portfolio = db.session.get_one(Portfolio, portfolio_id)
    found, told = measuring.measurable(portfolio), plain_history.told(portfolio_id)
    rates = folding.rates(portfolio_id, portfolio.base_currency)
    for first, last in ((None, BEGUN + timedelta(days=60)), (BEGUN + timedelta(days=5), BEGUN + timedelta(days=30))):
        measured = performance(found.told, found.rates, first, last)
        assert comparable(measured) == comparable(plainly.performance(told, rates, first, last))
        assert earned(found.paid, found.sold, first, last) == plainly_earned(told, rates, first, last)


def comparable(found: Performance) -> tuple[Performance, Return, Return]:
    """What was divided holds as many digits as fit, and they may end otherwise."""

    def short(of: Decimal | None) -> Decimal | None:
        return None if of is None else round(of, 15)

    def shorter(one: Return) -> Return:
        return one._replace(rate=short(one.rate), yearly=short(one.yearly))

    def known(one: Worth | None) -> Worth | None:
        return None if one is None else Worth(one.on, round(one.value, 15))

    same = replace(
        found,
        start=known(found.start),
        end=known(found.end),
        points=[point._replace(value=short(point.value), at_last=short(point.at_last)) for point in found.points],
    )
    return same, shorter(found.money_weighted), shorter(found.time_weighted)


def plainly_earned(told: plainly.Told, rates: RateTable, first: date | None, last: date) -> Earned:
    since = first or date.min
    received = [one for one in told.receipts if one.kind in COUNTED and since <= one.on <= last]
    sold = [lot for lot in told.holdings.closed_lots() if since <= lot.closed <= last]
    converted = [
        one._replace(amount=converted_at(one.amount, rate))
        for one in received
        if (rate := rates(one.currency, one.on)) is not None
    ]
    own = income.by(received, lambda one: one.currency)
    currency_of = {key: one.currency for key, one in told.instruments.items()}
    return Earned(
        income.total(converted),
        len(received) - len(converted),
        _gains([gain_in_base(lot, told.instruments[lot.key], rates) for lot in sold]),
        [
            Own(
                currency,
                own.get(currency, Income()),
                sum((lot.gain or Decimal(0) for lot in sold if currency_of[lot.key] == currency), Decimal(0)),
                sum(1 for lot in sold if currency_of[lot.key] == currency and lot.gain is None),
            )
            for currency in sorted({*own, *(currency_of[lot.key] for lot in sold)})
        ],
    )


def _gains(found: list[Decimal | None]) -> Gains:
    known = [gain for gain in found if gain is not None]
    return Gains(sum(known, Decimal(0)), len(known), len(found) - len(known))
