"""What is folded on from a checkpoint comes to what folding everything finds; and what reaches back before it is seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from stonks.core.errors import InvalidInput
from stonks.core.records import CashKind, CorporateAction, FxRate, Record, Side
from stonks.db import db, transaction
from stonks.ledger import checkpoints, importing, refolding, review
from stonks.ledger.manual import ManualEntry
from stonks.ledger.snapshot_tables import Snapshot, SnapshotCheckpoint, SnapshotHolding
from stonks.ledger.tables import Entry
from tests.conftest import Clock
from tests.ledger.anew import (
    assert_performance_agrees,
    assert_whole_fold_agrees,
    change,
    made_anew,
    stored,
)
from tests.readings import ReadingOf, dividend, position, trade

APPLE = ("AAPL", "US0378331005")
KEY = "US0378331005/USD"
# Beside it: its symbol or ISIN alone, another symbol of the ISIN, another instrument, the symbol with another ISIN.
ODD = [APPLE, APPLE, ("AAPL", None), (None, "US0378331005"), ("APC", "US0378331005"), ("META", "US30303M1027"),
       ("AAPL", "US0000000001")]  # fmt: skip
turns = st.sampled_from([date(year, *day) for year in (2024, 2025, 2026) for day in ((12, 31), (1, 1), (12, 28))])
long_ago = st.integers(0, 900).map(lambda number: date(2022, 6, 1) + timedelta(days=number))
lately = st.one_of(turns, *[st.integers(0, 500).map(lambda number: date(2024, 11, 1) + timedelta(days=number))] * 3)
mostly_lately = st.one_of(*[lately] * 7, long_ago)
small = st.integers(1, 9).map(str)
number = st.integers(1, 60).map(str)


@pytest.fixture(autouse=True)
def after_few_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LEAST", 1)


@st.composite
def trades(draw: st.DrawFn, days: st.SearchStrategy[date], odd: bool) -> Record:
    symbol, isin = draw(st.sampled_from(ODD)) if odd else APPLE
    one = trade(
        draw(number),
        side=draw(st.sampled_from([Side.BUY, Side.BUY, Side.SELL])),
        quantity=draw(small),
        price=draw(small),
        on=draw(days),
        commission=draw(st.sampled_from([None, "-1"])),
        symbol=symbol or "",
    )
    cancels = odd and draw(st.integers(0, 9)) == 0
    return one._replace(
        symbol=symbol, isin=isin, cancels=cancels, commission_currency=draw(st.sampled_from("UC")) + "SD"
    )


@st.composite
def payments(draw: st.DrawFn, days: st.SearchStrategy[date], odd: bool) -> Record:
    symbol, isin = draw(st.sampled_from(ODD)) if odd else APPLE
    paid = dividend(draw(number), draw(small), on=draw(days))
    kind = draw(st.sampled_from([CashKind.DIVIDEND, CashKind.DIVIDEND, *CashKind]))
    told = draw(st.sampled_from([None, None, paid.paid_on + timedelta(days=200)]))
    currency = draw(st.sampled_from(["USD", "USD", "EUR", "RUS"]))
    return paid._replace(symbol=symbol, isin=isin, kind=kind, currency=currency, report_date=told)


def split(on: date, more: str, number: str = "1") -> Record:
    return CorporateAction(
        action_date=on, kind="FS", quantity=Decimal(more), currency="USD", symbol=APPLE[0], isin=APPLE[1], amount=None,
        value=None, asset_class=None, multiplier=None, account=None, external_id=number, action_id=None,
        description="Split (AAPL)", line=3, fingerprint=f"split {number}".ljust(20).encode(),
    )  # fmt: skip


def histories(odd: bool) -> st.SearchStrategy[Any]:
    """An import of some years, and what comes after it: mostly of the last of them."""
    rates = st.builds(FxRate, lately, st.just("EUR"), st.just("USD"), st.sampled_from([Decimal("1.1"), Decimal("1.2")]))
    splits = st.builds(split, lately, small, number)
    told = st.lists(st.builds(position, small, lately), max_size=1) if odd else st.just([])
    first = st.lists(
        st.one_of(trades(long_ago, odd), trades(long_ago, odd), payments(long_ago, odd)), min_size=4, max_size=12
    )
    rows = st.one_of(*[trades(mostly_lately, odd)] * 4, payments(mostly_lately, odd), splits)
    later = st.tuples(
        st.just("import"),
        st.lists(rows, min_size=1, max_size=3),
        told,
        st.lists(rates, max_size=1) if odd else st.just([]),
    )
    kinds = ["BUY", "SELL", "DIVIDEND", "TRANSFER_IN", "OPENING"] if odd else ["BUY", "SELL", "DIVIDEND"]
    manuals = st.builds(
        lambda kind, on, quantity, price: ManualEntry(kind, on, "USD", *APPLE, Decimal(quantity), Decimal(price), Decimal(price)),
        st.sampled_from(kinds), mostly_lately, small, small,
    )  # fmt: skip
    changes = st.one_of(
        later,
        later,
        later,
        st.tuples(st.just("add"), manuals),
        st.tuples(st.just("edit"), manuals, st.integers(0, 99)),
        st.tuples(st.sampled_from(["remove", "discard", "restore"]), st.integers(0, 99)),
        st.tuples(st.just("prices"), st.lists(st.tuples(st.just(KEY), mostly_lately, small), max_size=3)),
        st.tuples(st.just("unprice"), st.just(KEY), mostly_lately),
    )
    begun = st.tuples(st.just("import"), first, st.just([]), st.just([]))
    return st.tuples(begun, st.lists(changes, min_size=2, max_size=8)).map(lambda both: [both[0], *both[1]])


@pytest.mark.parametrize("ledger_app", ["app"], indirect=True)
@given(made=st.sampled_from([False, False, True]).flatmap(histories))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_comes_when_what_is_folded_on_is_what_folding_everything_finds(
    new_portfolio: Callable[[], int], clock: Clock, made: list[tuple[Any, ...]]
) -> None:
    portfolio_id = new_portfolio()
    for what in made:
        with suppress(InvalidInput):  # not everything can be made of everything by hand
            change(portfolio_id, what, clock)
        stored(portfolio_id)
    found = stored(portfolio_id)
    assert found == made_anew(portfolio_id)
    assert_whole_fold_agrees(portfolio_id, found)
    assert_performance_agrees(portfolio_id)


def day(text: str) -> date:
    return date.fromisoformat(text)


def bought(number: str, on: str, quantity: str = "10", price: str = "100", **more: Any) -> Record:
    return trade(number, quantity=quantity, price=price, on=day(on), commission=None, symbol=APPLE[0])._replace(**more)


def sold(number: str, on: str, quantity: str = "5", price: str = "150", **more: Any) -> Record:
    return bought(number, on, quantity, price, side=Side.SELL, **more)


def paid(number: str, on: str, amount: str = "5", **more: Any) -> Record:
    told = dict(zip(("symbol", "isin"), APPLE, strict=True)) | more
    return dividend(number, amount, on=day(on))._replace(**told)


YEARS = [
    bought("1", "2024-03-04"), bought("2", "2024-09-02", price="120"), paid("3", "2024-10-01"),
    sold("4", "2025-05-05"), bought("5", "2025-12-30", "7", "130"), bought("6", "2026-02-02", "3", "140"),
]  # fmt: skip
OTHER = {"isin": "US0000000001"}
NAMELESS = {"isin": None}
EURO = {"symbol": "6EZ5", "isin": None}
RUSSIAN = {"symbol": "SBER", "isin": "RU0009029540", "currency": "RUS"}


def told(*rows: Record, positions: Any = (), rates: Any = ()) -> tuple[Any, ...]:
    return "import", list(rows), list(positions), list(rates)


def by_hand(kind: str, on: str, quantity: str, edits: int | None = None) -> tuple[Any, ...]:
    price = Decimal(90) if kind == "BUY" else None
    entry = ManualEntry(kind, day(on), "USD", *APPLE, Decimal(quantity), price, Decimal(700))
    return ("add", entry) if edits is None else ("edit", entry, edits)


REACHING_BACK = {
    "a trade of long ago": ([], told(bought("9", "2024-01-02"))),
    "a sale of last year before another": ([], told(sold("9", "2025-02-03", "12"))),
    "trades of this year and of long ago": (
        [], told(bought("7", "2026-03-02"), bought("8", "2024-01-02"), sold("9", "2026-03-03"))
    ),
    "trades of this year and, by another name, of long ago": (
        [], told(bought("8", "2026-03-02"), bought("9", "2024-01-02", symbol=None))
    ),
    "an entry that becomes one of this year": ([], by_hand("BUY", "2026-03-02", "9", edits=0)),
    "a cancel of a trade of long ago, like one of this year": (
        [told(bought("8", "2026-02-10"))], told(bought("", "2026-03-02", cancels=True, original_id="1"))
    ),
    "a trade that a cancel of long ago names": (
        [told(bought("8", "2024-05-06", "4", "1", cancels=True, original_id="9"))],
        told(bought("9", "2026-03-02", "4", "1")),
    ),
    "a symbol that means two": ([told(bought("8", "2024-05-06", **NAMELESS))], told(bought("9", "2026-03-02", **OTHER))),
    "a symbol that means two, as one that only paid says": (
        [told(bought("8", "2024-05-06", **NAMELESS))], told(paid("9", "2026-03-02", **OTHER))
    ),
    "a symbol that means one, as one that only paid says": (
        [told(paid("8", "2024-11-01", symbol="APC", **NAMELESS))], told(paid("9", "2026-03-02", symbol="APC"))
    ),
    "another symbol, when payments tell no more": (
        [told(bought("7", "2024-01-02", symbol="APC"), paid("8", "2024-05-06", **OTHER), paid("9", "2024-05-07", **NAMELESS))],
        told(bought("10", "2026-03-02", symbol="APC")),
    ),
    "a trade of one of two listings": (
        [told(bought("8", "2024-05-06", currency="EUR"))], told(bought("9", "2026-03-02"))
    ),
    "a multiplier": ([], told(bought("9", "2026-03-02", multiplier=Decimal(10)))),
    "that it is a future": (
        [told(bought("7", "2024-05-06", **EURO), sold("8", "2024-06-03", "90", **EURO), bought("9", "2025-06-04", **EURO))],
        told(bought("10", "2026-03-02", asset_class="FUT", **EURO)),
    ),
    "that more was sold than had come in": ([], told(sold("9", "2026-03-02", "90"))),
    "a payment taken back": ([], told(paid("9", "2026-03-02", "-5"))),
    "nothing, after a payment told late": (
        [told(paid("7", "2024-12-02", report_date=day("2025-03-03")), paid("8", "2026-01-15", report_date=day("2027-03-01")))],
        told(bought("9", "2026-03-02")),
    ),
    "nothing, after a transfer, other names and a payment without a rate": (
        [
            told(paid("7", "2024-11-01", currency="RUS"), bought("8", "2024-11-04", symbol=None)),
            by_hand("TRANSFER_IN", "2024-12-02", "4"),
        ],
        told(bought("9", "2026-03-02")),
    ),
    "nothing, after a rate that stood in for a later one": (
        [told(paid("8", "2131-10-01", currency="EUR"), bought("9", "2132-02-01"))],
        told(bought("10", "2132-03-03")),
    ),
    "a rate of long ago": (
        [told(paid("8", "2024-11-01", currency="RUS"))],
        told(rates=[FxRate(day("2024-11-01"), "RUS", "USD", Decimal("0.5"))]),
    ),
    "an opening entry beside an earlier price": (
        [told(bought("8", "2026-01-05", "1", "90"))], by_hand("OPENING", "2026-01-01", "4")
    ),
    "a price beside an earlier opening entry": (
        [by_hand("OPENING", "2025-12-31", "4")], told(bought("9", "2026-01-01", "1", "50"))
    ),
    "a purchase without a rate, as those before": (
        [told(bought("8", "2024-05-06", **RUSSIAN), bought("9", "2025-05-06", **RUSSIAN))],
        told(bought("10", "2026-03-02", **RUSSIAN)),
    ),
    "positions of last year": ([told(positions=[position("15", day("2025-06-30"))])], told(sold("9", "2026-03-02"))),
}  # fmt: skip


@pytest.mark.parametrize("ledger_app", ["app"], indirect=True)
@pytest.mark.parametrize(("before", "what"), REACHING_BACK.values(), ids=REACHING_BACK)
def test_what_reaches_back_beyond_a_checkpoint_is_not_lost(
    portfolio_id: int, clock: Clock, before: list[Any], what: tuple[Any, ...]
) -> None:
    for one in (told(*YEARS), *before):
        change(portfolio_id, one, clock)
        stored(portfolio_id)
    change(portfolio_id, what, clock)
    assert stored(portfolio_id) == made_anew(portfolio_id)


def test_a_late_trade_reads_its_instruments_entries_of_its_year_and_later(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.import_reading(portfolio_id, ReadingOf(YEARS), origin="sync", now=clock())
    read: list[int] = []
    fold = refolding.family

    def counted(*given: Any) -> Any:
        read.append((found := fold(*given)).entries)
        return found

    monkeypatch.setattr(refolding, "family", counted)
    for number, on, entries in (("7", "2026-01-15", 2), ("8", "2025-07-01", 5), ("9", "2024-07-01", 9)):
        importing.import_reading(portfolio_id, ReadingOf([bought(number, on, "1")]), origin="sync", now=clock())
        assert read.pop() == entries
    assert read == []


def years_of_checkpoints() -> list[int]:
    return list(db.session.scalars(select(SnapshotCheckpoint.year).order_by(SnapshotCheckpoint.year)))


def test_a_change_drops_the_checkpoints_after_it(portfolio_id: int, clock: Clock) -> None:
    importing.import_reading(portfolio_id, ReadingOf(YEARS), origin="sync", now=clock())
    assert years_of_checkpoints() == [2025, 2026]
    with transaction():  # whoever goes on from it finds other lots
        for row in db.session.scalars(select(SnapshotCheckpoint).where(SnapshotCheckpoint.year == 2026)):
            row.state = json.dumps(json.loads(row.state) | {"lots": [["2024-01-01", "99", "1", True]]})
    late = db.session.scalar(select(Entry.id).where(Entry.entry_date == day("2025-05-05")))
    assert late is not None
    review.discard(portfolio_id, late, clock())
    assert years_of_checkpoints() == [2025, 2026]
    importing.import_reading(portfolio_id, ReadingOf([bought("7", "2026-03-02")]), origin="sync", now=clock())
    assert db.session.scalar(select(SnapshotHolding.quantity)) == 40
    assert stored(portfolio_id) == made_anew(portfolio_id)


def test_a_new_year_brings_a_checkpoint_and_takes_the_oldest(portfolio_id: int, clock: Clock) -> None:
    importing.import_reading(portfolio_id, ReadingOf(YEARS[:5]), origin="sync", now=clock())
    assert years_of_checkpoints() == [2025]
    for on, years in (("2026-03-02", [2025, 2026]), ("2027-03-02", [2026, 2027])):
        importing.import_reading(portfolio_id, ReadingOf([bought(on, on)]), origin="sync", now=clock())
        assert years_of_checkpoints() == years


def test_instruments_with_few_entries_have_no_checkpoints(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LEAST", 5)
    importing.import_reading(portfolio_id, ReadingOf(YEARS), origin="sync", now=clock())
    assert years_of_checkpoints() == [2026]


def test_figures_that_another_wrote_meanwhile_are_read_again(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.import_reading(portfolio_id, ReadingOf(YEARS), origin="sync", now=clock())
    fold, folded = refolding.family, 0

    def interrupted(*given: Any) -> Any:
        nonlocal folded
        folded += 1
        found = fold(*given)
        if folded == 1:
            with transaction():
                db.session.execute(update(Snapshot).values(foldings=Snapshot.foldings + 1))
        return found

    monkeypatch.setattr(refolding, "family", interrupted)
    importing.import_reading(portfolio_id, ReadingOf([bought("7", "2026-03-02")]), origin="sync", now=clock())
    assert folded == 2
