"""What a statement told before is not compared row by row again, and nothing is ever missed by that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from stonks.db import db, transaction
from stonks.ledger import exporting, importing, manual, passages, repeats
from stonks.ledger.known import KnownRows
from stonks.ledger.passages import Passages
from stonks.ledger.repeats import ReadAs
from stonks.ledger.tables import Entry, KnownPassages
from stonks.services import services
from tests.conftest import Clock
from tests.ledger.test_bulk import ODD
from tests.ledger.test_namesakes import let_in, without
from tests.readings import ReadingOf, dividend, trade
from tests.statements import buy, statement

LONG = passages._ENDS_BELOW
EACH_ROW = b"\xff" * 21  # ends a passage


def take_in(portfolio_id: int, rows: list[Any], clock: Clock) -> importing.ImportOutcome:
    return importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())


def spread(count: int, first: int = 0) -> list[Any]:
    """Trades on many days."""
    return [
        trade(str(number), on=date(2025, 1, 2) + timedelta(days=number // 7)) for number in range(first, first + count)
    ]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were looked up by fingerprint, each time."""
    counts: list[int] = []
    of = KnownRows.of

    def counted(self: KnownRows, fingerprints: list[bytes]) -> dict[bytes, tuple[Any, ...]]:
        counts.append(len(fingerprints))
        return of(self, fingerprints)

    monkeypatch.setattr(KnownRows, "of", counted)
    return counts


@pytest.fixture
def long_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as they are in use."""
    monkeypatch.setattr(passages, "_ENDS_BELOW", LONG)


@pytest.mark.usefixtures("long_passages")
@pytest.mark.parametrize("order", ["by day", "newest first", "by symbol"])
def test_rows_that_are_known_as_they_are_told_are_not_looked_up(
    portfolio_id: int, clock: Clock, looked_up: list[int], order: str
) -> None:
    rows: list[Any] = [*spread(2_400), *ODD]
    if order == "newest first":
        rows.reverse()
    elif order == "by symbol":
        Random(1).shuffle(rows)
    take_in(portfolio_id, rows, clock)
    assert sum(looked_up) == 0
    assert take_in(portfolio_id, rows, clock).batch_id is None
    assert sum(looked_up) == 0


@pytest.mark.usefixtures("long_passages")
def test_of_many_rows_only_those_around_the_one_told_otherwise_are_looked_up(
    portfolio_id: int, clock: Clock, looked_up: list[int]
) -> None:
    rows = spread(3_000)
    take_in(portfolio_id, rows, clock)
    rows[1_200] = rows[1_200]._replace(commission=Decimal(-2))
    assert take_in(portfolio_id, rows, clock).amended == 1
    assert 0 < sum(looked_up) < 600
    looked_up.clear()
    assert take_in(portfolio_id, rows, clock).batch_id is None
    assert sum(looked_up) == 0


@pytest.mark.usefixtures("long_passages")
def test_a_statement_that_begins_later_and_ends_later_has_few_rows_looked_up(
    portfolio_id: int, clock: Clock, looked_up: list[int]
) -> None:
    take_in(portfolio_id, spread(3_000), clock)
    outcome = take_in(portfolio_id, spread(3_000, first=10), clock)
    assert (outcome.new, outcome.known) == (10, 2_990)
    assert 0 < sum(looked_up) < 900


def test_what_another_statement_amended_is_amended_back_by_one_that_is_told_again(
    portfolio_id: int, clock: Clock
) -> None:
    first = spread(200)
    other = [row._replace(commission=Decimal(-2)) if row.external_id == "77" else row for row in first]
    for told in (first, other, first, other):
        take_in(portfolio_id, told, clock)
        stored = db.session.scalar(select(Entry.commission).where(Entry.external_id == "77"))
        assert stored == next(row.commission for row in told if row.external_id == "77")


def test_an_import_that_another_one_overtook_notes_nothing(portfolio_id: int, clock: Clock) -> None:
    """Its words were compared with a ledger that was another one when they were written."""
    told = spread(40)
    take_in(portfolio_id, told, clock)
    dearer = [row._replace(commission=Decimal(-2)) for row in told]
    slow = importing.prepare(portfolio_id, ReadingOf([*told, trade("new")]))
    take_in(portfolio_id, dearer, clock)
    slow.write(origin="sync", now=clock())
    assert take_in(portfolio_id, told, clock).amended == 40


def test_what_an_overtaken_import_amends_is_amended_back_by_the_one_that_overtook_it(
    portfolio_id: int, clock: Clock
) -> None:
    take_in(portfolio_id, spread(4), clock)
    dearer = [row._replace(commission=Decimal(-2)) for row in spread(4)]
    slow = importing.prepare(portfolio_id, ReadingOf(dearer))
    told = spread(9)
    take_in(portfolio_id, told, clock)
    slow.write(origin="sync", now=clock())
    assert take_in(portfolio_id, told, clock).amended == 4


def test_a_row_that_may_be_the_other_of_two_is_compared_again_when_more_is_told(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "_ENDS_BELOW", EACH_ROW)
    original = "DXET,LU0380865021,357,20210304,BUY,100,56.11,-2.8055,EUR"
    cancel = "DXET,LU0380865021,,20210304,BUY (Ca.),-100,56.11,0,EUR"
    again = original.replace("-2.8055", "0")
    for rows in ([original], [cancel, again], [cancel, again, original]):
        let_in(portfolio_id, statement(rows), clock)
    charged = db.session.scalars(select(Entry.commission).where(Entry.portfolio_id == portfolio_id))
    assert sum(charged) == Decimal("-2.8055")


def test_a_row_known_by_a_fuller_name_is_compared_again_when_an_equal_one_comes(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "_ENDS_BELOW", EACH_ROW)
    let_in(portfolio_id, statement([buy(1)]), clock)
    other = buy(2, "20251110")
    for rows, count in (([buy(1), other], 2), ([buy(1), buy(1), other], 3)):
        let_in(portfolio_id, without("TradeID", trades=rows, cash=[]), clock)
        assert db.session.scalar(select(func.count()).select_from(Entry)) == count


def test_what_is_forgotten_while_an_import_is_under_way_is_not_noted_by_it(portfolio_id: int, clock: Clock) -> None:
    told = spread(10)
    take_in(portfolio_id, told, clock)
    slow = importing.prepare(portfolio_id, ReadingOf([*told, trade("new")]))
    with transaction():
        db.session.execute(delete(Entry).where(Entry.external_id == "3"))
        passages.forget(portfolio_id)
    slow.write(origin="sync", now=clock())
    assert take_in(portfolio_id, told, clock).new == 1


def test_a_row_that_vanished_from_the_database_comes_again(portfolio_id: int, clock: Clock) -> None:
    rows = spread(200)
    take_in(portfolio_id, rows, clock)
    with transaction():
        db.session.execute(delete(Entry).where(Entry.portfolio_id == portfolio_id, Entry.external_id == "77"))
    assert take_in(portfolio_id, rows, clock).new == 1


@pytest.mark.usefixtures("long_passages")
def test_what_was_forgotten_is_compared_once_and_noted_again_although_it_brings_nothing(
    portfolio_id: int, clock: Clock, looked_up: list[int]
) -> None:
    rows = spread(300)
    take_in(portfolio_id, rows, clock)
    with transaction():
        passages.forget(portfolio_id)
    for expected in (300, 0):
        looked_up.clear()
        assert take_in(portfolio_id, rows, clock).batch_id is None
        assert sum(looked_up) == expected


def test_an_entry_by_hand_that_was_removed_comes_back_with_an_export_that_was_noted(
    portfolio_id: int, clock: Clock
) -> None:
    take_in(portfolio_id, spread(150), clock)
    fee = manual.add(portfolio_id, manual.ManualEntry("FEE", date(2026, 1, 5), "EUR", amount=Decimal(-3)), clock())
    export = "".join(exporting.export_csv(portfolio_id)).encode()
    with transaction():
        passages.forget(portfolio_id)  # so that the export is compared and noted

    def upload() -> importing.ImportOutcome:
        read_as = ReadAs(services().brokers["ibkr"], origin="upload")
        return repeats.compare(portfolio_id, BytesIO(export), read_as).write(now=clock())

    assert upload().known == 151
    manual.remove(portfolio_id, fee.id, clock())
    manual.add(portfolio_id, manual.ManualEntry("FEE", date(2026, 1, 6), "EUR", amount=Decimal(-9)), clock())
    assert upload().new == 1


@pytest.mark.usefixtures("long_passages")
def test_statements_of_two_kinds_stay_known_beside_each_other(
    portfolio_id: int, clock: Clock, looked_up: list[int]
) -> None:
    narrow, wide = spread(300), [row._replace(description="Apple") for row in spread(300)]
    for told in (narrow, wide):  # the second fills in what the first did not tell
        take_in(portfolio_id, told, clock)
    assert take_in(portfolio_id, narrow, clock).batch_id is None
    looked_up.clear()
    for told in (wide, narrow, wide):
        assert take_in(portfolio_id, told, clock).batch_id is None
    assert sum(looked_up) == 0


def test_of_passages_no_longer_told_a_limited_number_is_kept(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "_KEPT_AT_LEAST", 5)
    monkeypatch.setattr(passages, "_ENDS_BELOW", EACH_ROW)
    for first in range(0, 40, 4):
        take_in(portfolio_id, spread(4, first=first), clock)
    kept = db.session.scalar(select(func.length(KnownPassages.digests)))
    assert kept == 8 * 16


@pytest.mark.usefixtures("long_passages")
def test_a_portfolio_of_a_million_rows_is_not_forgotten_over_a_small_file(
    portfolio_id: int, clock: Clock, looked_up: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "_KEPT_AT_LEAST", 2)
    large = spread(2_000)
    take_in(portfolio_id, large, clock)
    take_in(portfolio_id, [trade("by hand")], clock)
    looked_up.clear()
    take_in(portfolio_id, large, clock)
    assert sum(looked_up) < 300


FEES = st.sampled_from([None, "-1", "-1.00", "-0", "0", "1E+2", "-0.35"])
TEXTS = st.sampled_from([None, "", "A", "AE+", "A\x1fB", "A\nB", "株"])
TRADES = st.builds(
    lambda number, commission, description, notes, executed: trade(str(number), commission=commission)._replace(
        description=description, notes=notes, executed_at=executed
    ),
    st.integers(1, 6),
    FEES,
    TEXTS,
    TEXTS,
    st.sampled_from([None, datetime(2025, 11, 3, 9, 30), datetime(2025, 11, 3, 9, 30, 0, 250)]),
)
PAYMENTS = st.builds(
    lambda number, description: dividend(f"c{number}")._replace(description=description), st.integers(1, 3), TEXTS
)
STATEMENT = st.lists(st.one_of(TRADES, PAYMENTS), min_size=1, max_size=8)
STEPS = st.one_of(
    st.tuples(st.just("import"), STATEMENT),
    st.tuples(st.just("again"), st.integers(0, 9)),  # a statement of before
    st.tuples(st.just("prepare"), st.integers(0, 9)),
    st.tuples(st.just("write"), st.none()),  # what was prepared first, others having come between
    st.tuples(st.just("edit"), st.integers(1, 6)),
    st.tuples(st.just("discard"), st.integers(1, 6)),
    st.tuples(st.just("vanish"), st.integers(1, 6)),
)


class Ledger:
    """One portfolio, and what was done to it."""

    def __init__(self, portfolio_id: int, clock: Clock) -> None:
        self._id, self._clock = portfolio_id, clock
        self._statements: list[list[Any]] = []
        self._prepared: list[importing.Prepared] = []

    def do(self, what: str, how: Any) -> None:
        if what == "import":
            self._statements.append(list({row.fingerprint: row for row in how}.values()))
            take_in(self._id, self._statements[-1], self._clock)
        elif what in ("again", "prepare") and self._statements:
            told = self._statements[how % len(self._statements)]
            if what == "again":
                take_in(self._id, told, self._clock)
            else:
                self._prepared.append(importing.prepare(self._id, ReadingOf(told)))
        elif what == "write" and self._prepared:
            self._prepared.pop(0).write(origin="sync", now=self._clock())
        elif what in ("edit", "discard", "vanish"):
            entry = db.session.scalar(
                select(Entry).where(Entry.portfolio_id == self._id, Entry.external_id == str(how)).limit(1)
            )
            if entry is None:
                return
            if what == "edit":
                form = manual.ManualEntry(
                    "SELL", date(2025, 1, 2), "USD", "MSFT", None, Decimal(2), Decimal(3), None, None, "mine"
                )
                manual.edit(self._id, entry.id, form, self._clock())
            elif what == "discard":
                manual.remove(self._id, entry.id, self._clock())
            else:
                with transaction():
                    db.session.execute(delete(Entry).where(Entry.id == entry.id))

    def told(self) -> list[tuple[Any, ...]]:
        db.session.expire_all()
        facts = ("fingerprint", "type", "commission", "description", "notes", "executed_at", "symbol", "discarded_at")
        entries = db.session.scalars(select(Entry).where(Entry.portfolio_id == self._id).order_by(Entry.fingerprint))
        return [(*(getattr(entry, name) for name in facts[:-1]), entry.discarded_at is None) for entry in entries]


@contextmanager
def every_row_compared() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Passages, "unknown", lambda _self, part: list(part))
        yield


def test_whatever_happens_the_ledger_is_as_if_every_row_were_compared_each_time(
    new_portfolio: Callable[[], int], clock: Clock, examples: Callable[[int], settings]
) -> None:
    @examples(150)
    @given(steps=st.lists(STEPS, min_size=2, max_size=8))
    def holds(steps: list[tuple[str, Any]]) -> None:
        quick, plain = (Ledger(new_portfolio(), clock) for _ in range(2))
        for what, how in steps:
            quick.do(what, how)
            with every_row_compared():
                plain.do(what, how)
            assert quick.told() == plain.told()

    holds()
