"""The stored figures are what folding everything anew would find, whatever changed the ledger, in any order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from stonks.core.records import CashKind, CorporateAction, FxRate, Position, Record, Side, StatementSummary, Transfer
from stonks.db import db, transaction
from stonks.ledger import (
    figures,
    folding,
    importing,
    manual,
    marks,
    measuring,
    portfolios,
    prices,
    refolding,
    review,
    snapshot,
)
from stonks.ledger.manual import ManualEntry
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
from stonks.portfolio.lots import Method
from stonks.portfolio.overview import gains, in_base
from stonks.portfolio.performance import Performance, performance
from stonks.portfolio.returns import Return, Worth
from stonks.portfolio.valuation import UPLOADED
from stonks.rates import RateTable
from tests.conftest import Clock
from tests.ledger import plain_history
from tests.listening import statements_sent
from tests.portfolio import plainly
from tests.readings import ReadingOf, dividend, position, trade

DAY = date(2025, 11, 3)
# Two listings of one ISIN, a symbol that is called without its ISIN at times, one that changed its ISIN, a bond
# whose symbol is its ISIN, a future.
NAMES = [
    ("AAPL", "US0378331005"), ("AAPL", None), (None, "US0378331005"), ("APC", "US0378331005"), ("META", "US30303M1027"),
    ("FB", "US30303M1027"), ("META", "US0000000001"), ("US912810TM09", None), ("BOND", "US912810TM09"), ("6EZ5", None),
]  # fmt: skip
BEGUN = date(2025, 12, 8)  # the days below are of two years
days = st.integers(0, 45).map(lambda number: BEGUN + timedelta(days=number))
names = st.sampled_from(NAMES)
small = st.integers(1, 9).map(str)
number = st.integers(1, 40).map(str)


class ReadingWithRates(ReadingOf):
    def __init__(self, rows: list[Record], rates: list[FxRate]) -> None:
        super().__init__(rows)
        self._rates = rates

    @property
    def summary(self) -> StatementSummary:
        return super().summary._replace(rates=tuple(self._rates))


@st.composite
def trades(draw: st.DrawFn) -> Record:
    symbol, isin = draw(names)
    one = trade(
        draw(number),
        side=draw(st.sampled_from(Side)),
        quantity=draw(small),
        price=draw(small),
        on=draw(days),
        commission=draw(st.sampled_from([None, "-1", "-0.35"])),
        symbol=symbol or "",
        asset_class="FUT" if symbol == "6EZ5" else None,
    )
    return one._replace(
        symbol=symbol,
        isin=isin,
        cancels=draw(st.sampled_from([False, False, False, True])),
        currency=draw(st.sampled_from(["USD", "USD", "EUR"])),
        commission_currency=draw(st.sampled_from([None, "CHF"])),
    )


@st.composite
def payments(draw: st.DrawFn) -> Record:
    symbol, isin = draw(st.sampled_from([*NAMES, (None, None)]))
    kind = draw(st.sampled_from(CashKind))
    paid = dividend(draw(number), draw(small), on=draw(days))
    return paid._replace(symbol=symbol, isin=isin, kind=kind, currency=draw(st.sampled_from(["USD", "EUR", "RUS"])))


@st.composite
def actions(draw: st.DrawFn) -> Record:
    symbol, isin = draw(names)
    on, which = draw(days), draw(number)
    return CorporateAction(
        action_date=on, kind=draw(st.sampled_from(["FS", "RS", "TC", "SO", "IC"])),
        quantity=Decimal(draw(st.integers(-9, 9).filter(bool))), currency="USD", symbol=symbol, isin=isin,
        amount=None, value=None, asset_class=None, multiplier=None, account=None, external_id=which,
        action_id=draw(st.sampled_from([None, "77"])), description="Merger (of some)", line=3,
        fingerprint=f"action {which}".ljust(20)[:20].encode(),
    )  # fmt: skip


@st.composite
def transfers(draw: st.DrawFn) -> Record:
    symbol, isin = draw(names)
    which = draw(number)
    return Transfer(
        transfer_date=draw(days), direction=draw(st.sampled_from(["IN", "OUT"])), quantity=Decimal(draw(small)),
        currency="USD", symbol=symbol, isin=isin, kind=None, value=None, cash=None, asset_class=None, multiplier=None,
        account=None, external_id=which, description=None, line=4,
        fingerprint=f"transfer {which}".ljust(20)[:20].encode(),
    )  # fmt: skip


@st.composite
def positions(draw: st.DrawFn) -> list[Position]:
    """All of a day's, as a statement tells them."""
    on, account = draw(days), draw(st.sampled_from([None, "U1"]))
    told = draw(st.lists(st.tuples(names, st.integers(-6, 9)), max_size=4, unique_by=lambda one: one[0]))
    return [
        position(str(quantity), on)._replace(symbol=symbol, isin=isin, account=account, asset_class=None)
        for (symbol, isin), quantity in told
    ]


keys = st.sampled_from(["US0378331005/USD", "US30303M1027/USD", "META/USD", "BOND/USD", "6EZ5/USD", "AAPL/EUR"])
rates = st.builds(FxRate, days, st.just("EUR"), st.just("USD"), st.sampled_from([Decimal("1.1"), Decimal("1.2")]))
imports = st.tuples(
    st.just("import"),
    st.lists(st.one_of(trades(), trades(), payments(), actions(), transfers()), max_size=8),
    st.one_of(st.just([]), positions()),
    st.lists(rates, max_size=2),
)
manuals = st.builds(
    lambda name, kind, on, quantity, price: ManualEntry(
        kind, on, "USD", name[0] or "X", name[1], Decimal(quantity), Decimal(price), Decimal(price)
    ),
    names, st.sampled_from(["BUY", "SELL", "TRANSFER_IN", "DIVIDEND", "DEPOSIT"]), days, small, small,
)  # fmt: skip
openings = st.builds(
    lambda name, on, quantity, cost: ManualEntry(
        "OPENING", on, "USD", name[0] or "X", name[1], Decimal(quantity), None, None if cost is None else Decimal(cost)
    ),
    names, days, small, st.one_of(st.none(), small),
)  # fmt: skip
changes = st.lists(
    st.one_of(
        imports,
        imports,
        st.tuples(st.just("add"), st.one_of(manuals, manuals, openings)),
        st.tuples(st.just("edit"), manuals, st.integers(0, 99)),
        st.tuples(st.sampled_from(["remove", "discard", "restore"]), st.integers(0, 99)),
        st.tuples(st.just("prices"), st.lists(st.tuples(keys, days, small), max_size=3)),
        st.tuples(st.just("unprice"), keys, days),
        st.tuples(st.just("base"), st.sampled_from(["EUR", "USD"])),
    ),
    max_size=8,
)


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


@given(made=changes)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_changed_the_figures_are_those_of_a_fold_of_everything(
    new_portfolio: Callable[[], int], clock: Clock, made: list[tuple[Any, ...]]
) -> None:
    portfolio_id = new_portfolio()
    for what in made:
        change(portfolio_id, what, clock)
    found = stored(portfolio_id)
    assert found == made_anew(portfolio_id)
    assert_whole_fold_agrees(portfolio_id, found)
    assert_performance_agrees(portfolio_id)


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


def comparable(found: Performance) -> Performance:
    """What was divided holds as many digits as fit, and they may end otherwise."""

    def short(of: Decimal | None) -> Decimal | None:
        return None if of is None else round(of, 15)

    def shorter(one: Return) -> Return:
        return one._replace(rate=short(one.rate), yearly=short(one.yearly))

    def known(one: Worth | None) -> Worth | None:
        return None if one is None else Worth(one.on, round(one.value, 15))

    return replace(
        found,
        start=known(found.start),
        end=known(found.end),
        points=[point._replace(value=short(point.value)) for point in found.points],
        money_weighted=shorter(found.money_weighted),
        time_weighted=shorter(found.time_weighted),
    )


def plainly_earned(told: plainly.Told, rates: RateTable, first: date | None, last: date) -> Earned:
    since = first or date.min
    received = [one for one in told.receipts if one.kind in COUNTED and since <= one.on <= last]
    sold = [lot for lot in told.holdings.closed_lots() if since <= lot.closed <= last]
    converted = in_base(received, rates)
    own = income.by(received, lambda one: one.currency)
    currency_of = {key: one.currency for key, one in told.instruments.items()}
    return Earned(
        income.total(converted),
        len(received) - len(converted),
        gains(sold, told.instruments, rates),
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


def test_what_is_up_to_date_is_not_written_again(portfolio_id: int, clock: Clock) -> None:
    importing.import_reading(portfolio_id, ReadingOf([trade("1"), position("10")]), origin="sync", now=clock())
    sent = statements_sent()
    snapshot.refresh(portfolio_id)
    assert sent
    assert not [sql for sql, _ in sent if sql.startswith(("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE"))]


def test_a_visit_reads_no_transactions(portfolio_id: int, clock: Clock) -> None:
    importing.import_reading(portfolio_id, ReadingOf([trade("1"), dividend("2")]), origin="sync", now=clock())
    portfolio = db.session.get(Portfolio, portfolio_id)
    assert portfolio is not None
    sent = statements_sent()
    figures.standing(portfolio, clock().date())
    assert not [sql for sql, _ in sent if "FROM entries" in sql]


def test_only_what_an_import_touched_is_folded(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [trade(str(number), symbol=f"S{number}")._replace(isin=None) for number in range(5)]
    importing.import_reading(portfolio_id, ReadingOf(others), origin="sync", now=clock())
    folded: list[set[tuple[str, str]]] = []
    fold = refolding.family
    monkeypatch.setattr(refolding, "family", lambda names, by: folded.append(names) or fold(names, by))
    late = trade("9", symbol="S3", on=date(2024, 1, 2))._replace(isin=None)
    importing.import_reading(portfolio_id, ReadingOf([late]), origin="sync", now=clock())
    assert folded == [{("S3", "")}]


def test_a_change_while_figures_are_reckoned_is_not_lost(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.import_reading(portfolio_id, ReadingOf([trade("1", quantity="10")]), origin="sync", now=clock())
    fold, meanwhile = refolding.family, [trade("3", quantity="5")]

    def interrupted(names: Any, by: Any) -> Any:
        found = fold(names, by)
        if meanwhile:
            prepared = importing.prepare(portfolio_id, ReadingOf([meanwhile.pop()]))
            prepared.write(origin="sync", now=clock())
        return found

    monkeypatch.setattr(refolding, "family", interrupted)
    importing.import_reading(portfolio_id, ReadingOf([trade("2", quantity="7")]), origin="sync", now=clock())
    assert db.session.scalar(select(SnapshotHolding.quantity)) == 22


@pytest.mark.parametrize("before", [[], [FxRate(DAY, "EUR", "USD", Decimal("1.2"))]])
def test_a_late_rate_converts_what_was_paid_by_something_never_held(
    portfolio_id: int, clock: Clock, before: list[FxRate]
) -> None:
    paid = dividend("1", "5", DAY + timedelta(days=1))._replace(currency="EUR")
    change(portfolio_id, ("import", [paid], [], before), clock)
    stored(portfolio_id)
    change(portfolio_id, ("import", [], [], [FxRate(DAY + timedelta(days=1), "EUR", "USD", Decimal("1.1"))]), clock)
    found = stored(portfolio_id)
    assert [row["gross_base"] for row in found["snapshot_income"].values()] == [Decimal("5.5")]
    assert found == made_anew(portfolio_id)


def test_what_one_left_undone_the_next_goes_on_with(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [trade(str(number), symbol=f"S{number}")._replace(isin=None) for number in range(4)]
    importing.prepare(portfolio_id, ReadingOf(rows)).write(origin="sync", now=clock())
    monkeypatch.setattr(snapshot, "ENTRIES_AT_ONCE", 1)
    visits = 0
    while not snapshot.refresh(portfolio_id, seconds=-1):
        visits += 1
        with pytest.MonkeyPatch.context() as patch:  # one part, then the process dies
            patch.setattr(snapshot, "_step", one_step_of(snapshot._step))
            with suppress(Died):
                snapshot.refresh(portfolio_id)
        db.session.rollback()
    assert visits > 4
    assert len(db.session.scalars(select(SnapshotHolding)).all()) == 4


class Died(Exception):
    """The process, in a test."""


def one_step_of(step: Callable[..., bool]) -> Callable[..., bool]:
    left = [True]

    def once(*given: Any) -> bool:
        if not left:
            raise Died
        left.clear()
        return step(*given)

    return once


def test_another_arithmetic_makes_all_figures_anew(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.import_reading(portfolio_id, ReadingOf([trade("1", quantity="10")]), origin="sync", now=clock())
    with transaction():
        db.session.execute(update(SnapshotHolding).values(quantity=Decimal(99)))
    assert snapshot.refresh(portfolio_id)
    assert db.session.scalar(select(SnapshotHolding.quantity)) == 99
    monkeypatch.setattr(snapshot, "ARITHMETIC", 999)
    assert snapshot.refresh(portfolio_id)
    assert db.session.scalar(select(SnapshotHolding.quantity)) == 10


def test_figures_are_not_kept_beyond_a_change(portfolio_id: int, clock: Clock) -> None:
    portfolio = db.session.get(Portfolio, portfolio_id)
    assert portfolio is not None
    for number in (1, 2):
        row = trade(str(number), quantity="10", price="100", commission=None)
        importing.import_reading(portfolio_id, ReadingOf([row]), origin="sync", now=clock())
        (one,) = figures.holdings(portfolio, clock().date())
        assert one.valued.quantity == 10 * number


def test_a_trade_counts_no_more_when_discarded_and_again_when_restored(portfolio_id: int, clock: Clock) -> None:
    portfolio = db.session.get(Portfolio, portfolio_id)
    assert portfolio is not None
    rows = [trade(number, quantity="10", price="100", commission=None) for number in ("1", "2")]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    one = db.session.scalars(select(Entry.id)).first()
    assert one is not None
    for change, quantity in (
        (lambda: review.discard(portfolio_id, one, clock()), 10),
        (lambda: review.restore(portfolio_id, one), 20),
    ):
        change()
        assert [held.valued.quantity for held in figures.holdings(portfolio, clock().date())] == [quantity]


def test_another_choice_of_lots_makes_all_figures_anew(portfolio_id: int, clock: Clock) -> None:
    portfolio = db.session.get(Portfolio, portfolio_id)
    assert portfolio is not None
    rows = [
        trade("1", quantity="10", price="100", commission=None),
        trade("2", quantity="10", price="200", commission=None, on=DAY + timedelta(days=20)),
        trade("3", side=Side.SELL, quantity="10", price="300", commission=None, on=DAY + timedelta(days=30)),
    ]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    for method, cost in ((Method.FIFO, 2000), (Method.AVERAGE, 1500)):
        portfolios.rename(portfolio, "Lots", "USD", method)
        assert [held.valued.cost for held in figures.holdings(portfolio, clock().date())] == [cost]
