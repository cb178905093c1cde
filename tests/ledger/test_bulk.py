"""Many rows take another way into the database than few: what is stored is the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from stonks.core.records import CorporateAction, FxConversion, LedgerRecord, Transfer
from stonks.db import db
from stonks.ledger import importing
from stonks.ledger.bulk import BATCH_ROWS
from stonks.ledger.tables import Amendment, Entry
from tests.conftest import Clock
from tests.readings import ReadingOf, dividend, trade

MANY = [trade(f"many-{number}") for number in range(2 * BATCH_ROWS + 7)]
ODD: list[LedgerRecord] = [
    trade("1")._replace(
        quantity=Decimal("1E+3"),
        price=Decimal("0.000000012"),
        multiplier=Decimal("1E-7"),
        taxes=Decimal("-0.00"),
        commission=Decimal("-1.2500"),
        executed_at=datetime(2025, 11, 3, 9, 30, 1, 250_000),
        description="tab\there, line\nthere, back\\slash, \\N and Zürich 株",
        notes="",
    ),
    trade("2", cancels=True)._replace(executed_at=datetime(2025, 11, 3, 9, 30)),
    dividend("3")._replace(report_date=date(2025, 11, 14), description="\\."),
    FxConversion(
        date(2025, 11, 4), False, Decimal("100.10"), "EUR", Decimal("115.115"), "USD", Decimal("1.15"), "EUR.USD",
        "USD", Decimal("-2"), "EUR", "U1", "fx-1", None, datetime(2025, 11, 4, 10, 0), "P", 5, b"f" * 20,
    ),
    CorporateAction(
        date(2025, 11, 5), "FS", Decimal(-30), "USD", "AAPL", "US0378331005", None, Decimal("1E+2"), "STK", None, None,
        None, "4711", "AAPL(US0378331005) SPLIT 4 FOR 1", 6, b"a" * 20,
    ),
    Transfer(
        date(2025, 11, 6), "IN", Decimal("12.5"), "USD", "SAP", "DE0007164600", "ACATS", None, None, "STK", None, "U1",
        None, None, 7, b"t" * 20,
    ),
]  # fmt: skip
OWN = {"id", "portfolio_id", "batch_id", "created_at"}


def take_in(portfolio_id: int, rows: list[Any], clock: Clock) -> importing.ImportOutcome:
    return importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())


def stored(portfolio_id: int) -> list[dict[str, Any]]:
    """Its entries in the order they came, by everything that is not their own."""
    columns = [column for column in Entry.__table__.columns if column.name not in OWN]
    rows = db.session.execute(select(*columns).where(Entry.portfolio_id == portfolio_id).order_by(Entry.id))
    return [{name: str(value) for name, value in row._mapping.items()} for row in rows]


def test_many_rows_are_stored_as_few_are(new_portfolio: Callable[[], int], clock: Clock) -> None:
    one_by_one, at_once = new_portfolio(), new_portfolio()
    for record in ODD:
        take_in(one_by_one, [record], clock)
    assert take_in(at_once, MANY + ODD, clock).new == len(MANY) + len(ODD)
    assert stored(at_once)[len(MANY) :] == stored(one_by_one)


def test_numbers_and_times_are_stored_exactly(portfolio_id: int, clock: Clock) -> None:
    take_in(portfolio_id, ODD, clock)
    entry = db.session.scalars(select(Entry).where(Entry.external_id == "1")).one()
    told = ODD[0]
    assert (entry.quantity, entry.price, entry.executed_at) == (told.quantity, told.price, told.executed_at)  # type: ignore[union-attr]
    assert (str(entry.quantity), str(entry.commission)) == ("1000", "-1.2500")
    assert (entry.description, entry.notes) == (told.description, "")  # type: ignore[union-attr]


def test_many_rows_keep_the_order_of_the_file(portfolio_id: int, clock: Clock) -> None:
    take_in(portfolio_id, MANY, clock)
    assert [entry["external_id"] for entry in stored(portfolio_id)] == [record.external_id for record in MANY]


def test_whatever_a_row_tells_it_is_known_unchanged_the_next_time(portfolio_id: int, clock: Clock) -> None:
    take_in(portfolio_id, ODD, clock)
    again = take_in(portfolio_id, ODD, clock)
    assert (again.batch_id, again.new, again.known, again.amended) == (None, 0, len(ODD), 0)


def test_the_same_number_in_another_spelling_is_no_amendment(portfolio_id: int, clock: Clock) -> None:
    take_in(portfolio_id, [trade("1", commission="-1.50")], clock)
    assert take_in(portfolio_id, [trade("1", commission="-1.5")], clock).batch_id is None
    assert take_in(portfolio_id, [trade("1", commission="-1.51")], clock).amended == 1
    assert db.session.execute(select(Amendment.old, Amendment.new)).all() == [("-1.50", "-1.51")]


def test_many_rows_that_another_import_let_in_meanwhile_come_once(portfolio_id: int, clock: Clock) -> None:
    late = importing.prepare(portfolio_id, ReadingOf([*MANY, *ODD]))
    take_in(portfolio_id, MANY, clock)
    outcome = late.write(origin="sync", now=clock())
    assert (outcome.new, outcome.known) == (len(ODD), len(MANY))
    assert db.session.scalar(select(func.count()).select_from(Entry)) == len(MANY) + len(ODD)
