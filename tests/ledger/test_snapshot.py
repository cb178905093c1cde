"""The stored figures are what folding everything anew would find, whatever changed the ledger, in any order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from stonks.core.records import CashKind, CorporateAction, FxRate, Position, Record, Side, Transfer
from stonks.db import db, transaction
from stonks.ledger import (
    checkpoints,
    figures,
    importing,
    portfolios,
    refolding,
    review,
    snapshot,
)
from stonks.ledger.manual import ManualEntry
from stonks.ledger.snapshot_tables import (
    SnapshotHolding,
)
from stonks.ledger.tables import Entry, Portfolio
from stonks.portfolio.lots import Method
from tests.conftest import Clock
from tests.ledger.anew import (
    BEGUN,
    assert_performance_agrees,
    assert_whole_fold_agrees,
    change,
    made_anew,
    stored,
)
from tests.listening import statements_sent
from tests.readings import ReadingOf, dividend, position, trade

DAY = date(2025, 11, 3)
# Two listings of one ISIN, a symbol that is called without its ISIN at times, one that changed its ISIN, a bond
# whose symbol is its ISIN, a future.
NAMES = [
    ("AAPL", "US0378331005"), ("AAPL", None), (None, "US0378331005"), ("APC", "US0378331005"), ("META", "US30303M1027"),
    ("FB", "US30303M1027"), ("META", "US0000000001"), ("US912810TM09", None), ("BOND", "US912810TM09"), ("6EZ5", None),
]  # fmt: skip
# Of two years.
days = st.integers(0, 45).map(lambda number: BEGUN + timedelta(days=number))
names = st.sampled_from(NAMES)
small = st.integers(1, 9).map(str)
number = st.integers(1, 40).map(str)


@pytest.fixture(autouse=True)
def checkpoints_of_few_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LEAST", 1)


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
def exercises(draw: st.DrawFn) -> Record:
    """Of options on one share each of META at 7, and those shares; of few days, so that they meet."""
    symbol = draw(st.sampled_from(["META", "META  260116C00007000", "META  260220P00007000"]))
    is_option = symbol != "META"
    one = trade(
        draw(number),
        side=draw(st.sampled_from(Side)),
        quantity=draw(st.sampled_from(["1", "1", "2"])),
        price=draw(st.sampled_from(["0", "0", "3"])) if is_option else "7",
        on=BEGUN + timedelta(days=draw(st.sampled_from([5, 9, 31]))),
        commission=draw(st.sampled_from([None, "-1"])),
        symbol=symbol,
    )
    return one._replace(
        isin=None if is_option else draw(st.sampled_from([None, "US30303M1027"])),
        asset_class="OPT" if is_option else "STK",
        multiplier=Decimal(1) if is_option else None,
        notes=draw(st.sampled_from(["Ex;C", "A"])) if not (is_option and one.price) else None,
    )


@st.composite
def payments(draw: st.DrawFn) -> Record:
    symbol, isin = draw(st.sampled_from([*NAMES, (None, None)]))
    kind = draw(st.sampled_from(CashKind))
    paid = dividend(draw(number), draw(small), on=draw(days))
    return paid._replace(symbol=symbol, isin=isin, kind=kind, currency=draw(st.sampled_from(["USD", "EUR", "RUS"])))


money = st.sampled_from([None, None, Decimal(0), Decimal(-30), Decimal(40)])


@st.composite
def actions(draw: st.DrawFn) -> Record:
    symbol, isin = draw(names)
    # Of two days, so that there are legs of one action.
    on, which = BEGUN + timedelta(days=draw(st.sampled_from([9, 31]))), draw(number)
    return CorporateAction(
        action_date=on, kind=draw(st.sampled_from(["FS", "RS", "TC", "SO", "IC", "TO"])),
        quantity=Decimal(draw(st.integers(-9, 9))), currency="USD", symbol=symbol, isin=isin,
        amount=draw(money), value=draw(money), asset_class=None, multiplier=None, account=None, external_id=which,
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
    st.lists(st.one_of(trades(), trades(), exercises(), payments(), actions(), transfers()), max_size=8),
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


def test_whatever_changed_the_figures_are_those_of_a_fold_of_everything(
    new_portfolio: Callable[[], int], clock: Clock, examples: Callable[[int], settings]
) -> None:
    @examples(12)
    @given(made=changes)
    def holds(made: list[tuple[Any, ...]]) -> None:
        portfolio_id = new_portfolio()
        for what in made:
            change(portfolio_id, what, clock)
        found = stored(portfolio_id)
        assert found == made_anew(portfolio_id)
        assert_whole_fold_agrees(portfolio_id, found)
        assert_performance_agrees(portfolio_id)

    holds()


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
    monkeypatch.setattr(refolding, "family", lambda names, *by: folded.append(names) or fold(names, *by))
    late = trade("9", symbol="S3", on=date(2024, 1, 2))._replace(isin=None)
    importing.import_reading(portfolio_id, ReadingOf([late]), origin="sync", now=clock())
    assert folded == [{("S3", "")}]


def test_a_change_while_figures_are_reckoned_is_not_lost(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.import_reading(portfolio_id, ReadingOf([trade("1", quantity="10")]), origin="sync", now=clock())
    fold, meanwhile = refolding.family, [trade("3", quantity="5")]

    def interrupted(*what: Any) -> Any:
        found = fold(*what)
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
    for done, quantity in (
        (lambda: review.discard(portfolio_id, one, clock()), 10),
        (lambda: review.restore(portfolio_id, one), 20),
    ):
        done()
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
