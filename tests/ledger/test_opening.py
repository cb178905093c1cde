"""Opening entries: what was held before the history begins, with its cost or without, and no money moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest

from stonks.core.errors import InvalidInput
from stonks.core.records import Side
from stonks.ledger import entries, exporting, importing, manual
from stonks.ledger.entries import EntryFilter
from stonks.ledger.folding import Folding, folding
from stonks.ledger.manual import ManualEntry
from stonks.portfolio.holdings import fold
from stonks.portfolio.lots import Book
from tests.conftest import Clock
from tests.readings import ReadingOf, trade

D = Decimal
APPLE = "US0378331005/USD"
Open = Callable[..., Folding]


@pytest.fixture
def opened(portfolio_id: int, clock: Clock) -> Open:
    """An opening entry before a sale of 4 at 120."""

    def enter(quantity: str = "10", cost: str | None = "900", on: date = date(2025, 1, 1)) -> Folding:
        sale = trade("1", side=Side.SELL, quantity="4", price="120", on=date(2025, 3, 3), commission=None)
        importing.import_reading(portfolio_id, ReadingOf([sale]), origin="sync", now=clock())
        cost_in_all = None if cost is None else D(cost)
        form = ManualEntry("OPENING", on, "USD", "AAPL", None, quantity=D(quantity), amount=cost_in_all)
        manual.add(portfolio_id, form, clock())
        return folding(portfolio_id)

    return enter


def apple(found: Folding) -> Book:
    return fold(found.movements, reported_short=found.reported_short).books[APPLE]


def test_it_is_a_lot_of_its_day_and_makes_the_history_whole(opened: Open) -> None:
    book = apple(opened())
    assert book.complete
    assert [(lot.opened, lot.quantity, lot.cost) for lot in book.lots] == [(date(2025, 1, 1), D(6), D(540))]
    assert [lot.gain for lot in book.closed] == [D(120)]


def test_it_moves_no_money(opened: Open) -> None:
    assert opened().cash == {"USD": D(480)}


def test_without_a_cost_the_quantity_counts_and_the_gain_is_not_known(opened: Open) -> None:
    book = apple(opened(cost=None))
    assert (book.quantity, book.missing) == (D(6), D(0))
    assert [lot.gain for lot in book.closed] == [None]
    assert book.reasons == ["Its opening entry is of 1 Jan 2025; what was paid for it is not told."]


def test_a_cost_of_nothing_is_a_known_cost(opened: Open) -> None:
    assert apple(opened(cost="0")).complete


def test_of_its_day_it_comes_before_the_first_sale(opened: Open) -> None:
    assert apple(opened(on=date(2025, 3, 3))).complete


def test_what_was_held_short_is_opened_below_zero(opened: Open) -> None:
    book = apple(opened(quantity="-10"))
    assert (book.lots[0].quantity, book.lots[0].cost) == (D(-10), D(-900))


def test_exported_and_uploaded_again_it_is_there_once(
    opened: Open, portfolio_id: int, new_portfolio: Callable[[], int], clock: Clock
) -> None:
    opened()
    text = "".join(exporting.export_csv(portfolio_id))
    elsewhere = new_portfolio()
    for target, new in ((portfolio_id, 0), (elsewhere, 2), (elsewhere, 0)):
        reading = exporting.open_upload(None, BytesIO(text.encode()))  # type: ignore[arg-type]
        assert importing.import_reading(target, reading, origin="upload", now=clock()).new == new
    assert apple(folding(elsewhere)).lots == apple(folding(portfolio_id)).lots


def test_edited_into_a_transfer_it_leaves_no_cost_behind(opened: Open, portfolio_id: int, clock: Clock) -> None:
    opened()
    entry = entries.page(portfolio_id, EntryFilter(type="OPENING")).entries[0]
    form = ManualEntry("TRANSFER_IN", entry.entry_date, "USD", "AAPL", quantity=D(10))
    manual.edit(portfolio_id, entry.id, form, clock())
    assert entries.get(portfolio_id, entry.id).other_amount is None


@pytest.mark.parametrize(
    ("change", "field"),
    [({"quantity": D(0)}, "quantity"), ({"symbol": None}, "symbol"), ({"amount": D(-1)}, "amount")],
)
def test_what_makes_no_sense_is_told_beside_its_field(
    portfolio_id: int, clock: Clock, change: dict[str, Decimal | None], field: str
) -> None:
    facts = {"symbol": "AAPL", "quantity": D(10), "amount": None} | change
    with pytest.raises(InvalidInput) as refusal:
        manual.add(portfolio_id, ManualEntry("OPENING", date(2025, 1, 1), "USD", **facts), clock())  # type: ignore[arg-type]
    assert list(refusal.value.fields) == [field]


def test_what_a_statement_told_does_not_become_one(opened: Open, portfolio_id: int, clock: Clock) -> None:
    opened()
    sale = entries.page(portfolio_id, EntryFilter(type="SELL")).entries[0]
    form = ManualEntry("OPENING", sale.entry_date, "USD", "AAPL", quantity=D(4))
    with pytest.raises(InvalidInput, match="no opening entry"):
        manual.edit(portfolio_id, sale.id, form, clock())
