"""The same statement again is not read again, and what comes of it is what reading it would have come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from stonks.core.errors import StatementUnreadable
from stonks.core.records import FxRate
from stonks.db import db, transaction
from stonks.ledger import archive, entries, exporting, importing, manual, portfolios, repeats, review
from stonks.ledger.importing import ImportOutcome
from stonks.ledger.manual import ManualEntry
from stonks.ledger.repeats import Compared, ReadAs, Repeated
from stonks.ledger.tables import Amendment, Entry, ParkedRow, ReportedPosition, StatementReading
from stonks.services import services
from tests.conftest import Clock
from tests.ledger.shelf import Shelf
from tests.readings import ReadingOf, dividend, position, problem, trade
from tests.statements import buy, statement

FIRST = [trade("1"), trade("2"), dividend("3"), position("10"), problem()]
CORRECTED = [trade("1", commission="-0.85"), trade("2", asset_class="STK"), position("12")]
LATER = [trade("2", commission="-3"), trade("4"), problem("AAPL,,LEND"), position("11", date(2025, 11, 21))]
STATEMENTS = {b"first": FIRST, b"corrected": CORRECTED, b"later": LATER}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(STATEMENTS)


def arrive(portfolio_id: int, text: bytes, shelf: Shelf, clock: Clock, **how: Any) -> ImportOutcome:
    return repeats.compare(portfolio_id, BytesIO(text), ReadAs(shelf, **how)).write(now=clock())  # type: ignore[arg-type]


def test_the_same_statement_again_is_not_read_and_tells_the_same(portfolio_id: int, shelf: Shelf, clock: Clock) -> None:
    began = clock()
    first = arrive(portfolio_id, b"first", shelf, clock)
    clock.advance(days=1)
    again = arrive(portfolio_id, b"first", shelf, clock)
    assert shelf.reads == 1
    assert (first.new, first.problems, first.same_as) == (3, 1, None)
    assert again == ImportOutcome(None, 0, 3, 0, 0, first.summary, same_as=began)
    read = importing.import_reading(portfolio_id, ReadingOf(FIRST), origin="sync", now=clock())
    assert replace(again, same_as=None) == read


def test_rates_are_not_asked_for_again_and_every_other_fact_of_the_summary_is_there(
    portfolio_id: int, clock: Clock
) -> None:
    body = BytesIO(statement([buy(1), buy(2).replace("BUY", "BORROW")]))
    read_as = ReadAs(services().brokers["ibkr"], asked_days=365)
    compared = repeats.compare(portfolio_id, body, read_as)
    assert isinstance(compared, Compared)
    compared.prepared.summary = compared.summary._replace(
        rates=(FxRate(date(2025, 11, 3), "EUR", "USD", Decimal("1.15")),), generated_on=date(2025, 11, 20)
    )
    told = compared.write(now=clock()).summary
    again = repeats.compare(portfolio_id, body, read_as)
    assert isinstance(again, Repeated)
    assert told.findings
    assert again.summary == told._replace(rates=(), balances=())


@pytest.mark.parametrize(
    "how", [{"only_currency": "USD"}, {"day_first": True}, {"asked_days": 365}, {"origin": "upload"}], ids=str
)
def test_read_in_another_way_it_is_read(portfolio_id: int, shelf: Shelf, clock: Clock, how: dict[str, Any]) -> None:
    arrive(portfolio_id, b"first", shelf, clock)
    for _ in range(2):
        arrive(portfolio_id, b"first", shelf, clock, **how)
    assert shelf.reads == 2


def test_an_updated_reader_reads_it_once_more(portfolio_id: int, shelf: Shelf, clock: Clock) -> None:
    arrive(portfolio_id, b"first", shelf, clock)
    shelf.reader_version = 2
    shelf.rows[b"first"] = [*FIRST, trade("7")]
    assert arrive(portfolio_id, b"first", shelf, clock).new == 1
    assert arrive(portfolio_id, b"first", shelf, clock).known == 4
    assert shelf.reads == 2


def test_another_portfolio_reads_it_for_itself(
    portfolio_id: int, new_user: Callable[[str], int], shelf: Shelf, clock: Clock
) -> None:
    other = portfolios.create(new_user("other@example.com"), "Other", "EUR", clock()).id
    arrive(portfolio_id, b"first", shelf, clock)
    assert arrive(other, b"first", shelf, clock).new == 3


def test_a_summary_noted_by_a_version_with_other_facts_is_not_used(
    portfolio_id: int, shelf: Shelf, clock: Clock
) -> None:
    arrive(portfolio_id, b"first", shelf, clock)
    with transaction():
        db.session.scalars(select(StatementReading)).one().summary = '{"format": "csv"}'
    assert arrive(portfolio_id, b"first", shelf, clock).known == 3
    assert shelf.reads == 2


def test_what_another_import_changed_since_is_compared_again(portfolio_id: int, shelf: Shelf, clock: Clock) -> None:
    for text in (b"first", b"corrected", b"first"):
        outcome = arrive(portfolio_id, text, shelf, clock)
    assert (shelf.reads, outcome.amended) == (3, 1)


def test_an_import_that_came_between_reading_and_writing_is_noticed(
    portfolio_id: int, shelf: Shelf, clock: Clock
) -> None:
    slow = repeats.compare(portfolio_id, BytesIO(b"first"), ReadAs(shelf))  # type: ignore[arg-type]
    arrive(portfolio_id, b"corrected", shelf, clock)
    assert slow.write(now=clock()).amended == 1  # as when it had come after
    assert arrive(portfolio_id, b"first", shelf, clock).batch_id is None


def test_an_entry_that_went_comes_again(portfolio_id: int, shelf: Shelf, clock: Clock) -> None:
    arrive(portfolio_id, b"first", shelf, clock)
    with transaction():
        db.session.execute(delete(Entry).where(Entry.kind == "CASH"))
    assert arrive(portfolio_id, b"first", shelf, clock).new == 1


def test_an_entry_by_hand_that_was_removed_comes_back_with_our_own_export(portfolio_id: int, clock: Clock) -> None:
    entry = manual.add(portfolio_id, ManualEntry("FEE", date(2026, 1, 5), "EUR", amount=Decimal(-3)), clock())
    body = BytesIO("".join(exporting.export_csv(portfolio_id)).encode())
    read_as = ReadAs(services().brokers["ibkr"], origin="upload")
    assert repeats.compare(portfolio_id, body, read_as).write(now=clock()).known == 1
    manual.remove(portfolio_id, entry.id, clock())
    manual.add(portfolio_id, ManualEntry("FEE", date(2026, 1, 6), "EUR", amount=Decimal(-9)), clock())
    assert repeats.compare(portfolio_id, body, read_as).write(now=clock()).new == 1


def test_a_statement_that_breaks_is_read_every_time(portfolio_id: int, shelf: Shelf, clock: Clock) -> None:
    for _ in range(2):
        with pytest.raises(StatementUnreadable):
            arrive(portfolio_id, b"first!", shelf, clock)
    assert shelf.reads == 2


def test_how_a_statement_was_read_is_forgotten_with_it(portfolio_id: int, shelf: Shelf, clock: Clock) -> None:
    kept = archive.keep(portfolio_id, BytesIO(b"first"), origin="sync", now=clock())
    repeats.compare(portfolio_id, BytesIO(b"first"), ReadAs(shelf)).write(now=clock(), statement_id=kept)  # type: ignore[arg-type]
    archive.mark_imported(kept, clock())
    archive.prune(clock() + timedelta(days=60), timedelta(days=100))
    assert len(db.session.scalars(select(StatementReading.id)).all()) == 1
    archive.prune(clock() + timedelta(days=60), timedelta(days=35))
    assert db.session.scalars(select(StatementReading.id)).all() == []


STEPS = st.one_of(
    st.tuples(st.just("import"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["discard", "restore", "edit", "remove"]), st.integers(0, 5)),
    st.tuples(st.sampled_from(["ignore", "by hand"]), st.just(0)),
)


def test_whatever_happens_meanwhile_the_ledger_is_the_one_that_reading_each_time_makes(
    new_portfolio: Callable[[], int], clock: Clock, examples: Callable[[int], settings]
) -> None:
    @examples(8)
    @given(steps=st.lists(STEPS, max_size=8).map(lambda steps: [("import", 0), *steps, ("import", 0), ("import", 2)]))
    def holds(steps: list[tuple[str, int]]) -> None:
        shelf = Shelf(STATEMENTS)
        skipping, reading = new_portfolio(), new_portfolio()
        texts = list(STATEMENTS)
        for step, number in steps:
            now = clock.advance(minutes=1)
            if step == "import":
                one = arrive(skipping, texts[number], shelf, clock)
                rows = STATEMENTS[texts[number]]
                other = importing.import_reading(reading, ReadingOf(rows), origin="sync", now=now)
                assert (one.new, one.known, one.amended, one.problems) == (
                    other.new, other.known, other.amended, other.problems
                )  # fmt: skip
            else:
                for portfolio_id in (skipping, reading):
                    touch(portfolio_id, step, number, now)
            assert held(skipping) == held(reading)

    holds()


def touch(portfolio_id: int, step: str, number: int, now: datetime) -> None:
    """What a person does to the portfolio's entries between imports."""
    if step == "by hand":
        manual.add(portfolio_id, ManualEntry("FEE", date(2026, 1, 5), "EUR", amount=Decimal(-3)), now)
        return
    if step == "ignore":
        parked = db.session.scalars(select(ParkedRow.id).where(ParkedRow.portfolio_id == portfolio_id)).first()
        if parked:
            review.ignore_problem(portfolio_id, parked, now)
        return
    ids = db.session.scalars(select(Entry.id).where(Entry.portfolio_id == portfolio_id).order_by(Entry.id)).all()
    entry_id = ids[number % len(ids)]
    if step == "edit":
        entry = entries.get(portfolio_id, entry_id)
        amount = entry.amount or Decimal(1)
        form = ManualEntry(entry.type, entry.entry_date, "USD", "AAPL", None, Decimal(5), Decimal(2), amount)
        manual.edit(portfolio_id, entry_id, form, now)
    elif step == "restore":
        review.restore(portfolio_id, entry_id)
    elif step == "discard":
        review.discard(portfolio_id, entry_id, now)
    else:
        manual.remove(portfolio_id, entry_id, now)


def held(portfolio_id: int) -> list[object]:
    """Everything that statements and persons decide, without ids and the fingerprints drawn by chance."""
    db.session.rollback()
    found: list[object] = []
    query = select(Entry).where(Entry.portfolio_id == portfolio_id).order_by(Entry.id)
    for entry in db.session.scalars(query.execution_options(populate_existing=True)):
        amendments = db.session.execute(
            select(Amendment.field, Amendment.old, Amendment.new)
            .where(Amendment.entry_id == entry.id)
            .order_by(Amendment.id)
        ).all()
        known_as = entry.fingerprint if entry.origin != "manual" else None
        found.append(
            (known_as, entry.commission, entry.asset_class, entry.quantity, entry.discarded_at, entry.updated_at,
             [tuple(row) for row in amendments])
        )  # fmt: skip
    for table, columns in ((ParkedRow, ("digest", "ignored_at")), (ReportedPosition, ("as_of", "quantity"))):
        rows = db.session.execute(
            select(*(getattr(table, name) for name in columns)).where(table.portfolio_id == portfolio_id)
        )
        found.append(sorted(map(str, rows)))
    return found
