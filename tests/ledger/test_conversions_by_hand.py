"""Editing what a statement brought: a conversion keeps two legs that belong together, an asset class told late counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from sqlalchemy import select

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.errors import InvalidInput
from stonks.db import db
from stonks.ledger import entries, manual
from stonks.ledger.entries import EntryFilter
from stonks.ledger.importing import import_reading
from stonks.ledger.manual import ManualEntry
from stonks.ledger.tables import Entry
from tests.conftest import Clock
from tests.statements import TRADE_COLUMNS, statement

D = Decimal
FORM = ManualEntry("FX", date(2025, 11, 5), "USD", "EUR.USD", quantity=D(2000), price=D("1.1"), commission=D(-2))


def let_in(portfolio_id: int, body: bytes, clock: Clock) -> Entry:
    import_reading(portfolio_id, read_statement(BytesIO(body)), origin="upload", now=clock())
    return db.session.scalars(select(Entry).execution_options(populate_existing=True)).one()


def legs(entry: Entry) -> tuple[object, ...]:
    return entry.amount, entry.currency, entry.other_amount, entry.other_currency


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("EUR.USD,,77,20251105,SELL,-1500,1.08,-2,USD", (D(2200), "USD", D(-2000), "EUR")),
        ("EUR.USD,,77,20251105,BUY,1500,1.08,-2,USD", (D(-2200), "USD", D(2000), "EUR")),
        ("EUR.USD,,,20251105,SELL (Ca.),1500,1.08,0,USD", (D(-2200), "USD", D(2000), "EUR")),
    ],
)
def test_both_legs_of_a_conversion_follow_its_quantity_and_price(
    portfolio_id: int, clock: Clock, row: str, told: tuple[object, ...]
) -> None:
    entry = let_in(portfolio_id, statement([row]), clock)
    assert legs(manual.edit(portfolio_id, entry.id, FORM, clock())) == told


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("symbol", {"symbol": "EURUSD"}), ("symbol", {"currency": "CHF"}), ("quantity", {"quantity": None}),
        ("price", {"price": D(0)}),
    ],
)  # fmt: skip
def test_a_conversion_needs_a_pair_that_ends_in_its_currency(
    portfolio_id: int, clock: Clock, field: str, wrong: dict[str, object]
) -> None:
    entry = let_in(portfolio_id, statement(["EUR.USD,,77,20251105,SELL,-1500,1.08,-2,USD"]), clock)
    with pytest.raises(InvalidInput) as refusal:
        manual.edit(portfolio_id, entry.id, replace(FORM, **wrong), clock())  # type: ignore[arg-type]
    assert list(refusal.value.fields) == [field]
    assert entries.page(portfolio_id, EntryFilter()).entries[0].amount == 1620


def test_the_note_of_a_trade_below_zero_can_be_changed(portfolio_id: int, clock: Clock) -> None:
    entry = let_in(portfolio_id, statement(["CLK0,,5,20200420,SELL,-1,-37.63,-1,USD"]), clock)
    form = ManualEntry("SELL", date(2020, 4, 20), "USD", "CLK0", quantity=D(1), price=D("-37.63"), description="Oil")
    assert manual.edit(portfolio_id, entry.id, form, clock()).description == "Oil"


def test_what_was_taken_for_a_share_is_a_bond_once_a_query_says_so(portfolio_id: int, clock: Clock) -> None:
    row = "VW 3 7/8,XS2234567890,5,20251103,BUY,10000,98.5,-5,EUR"
    assert let_in(portfolio_id, statement([row]), clock).amount == -985_000
    wide = f"{TRADE_COLUMNS},AssetClass\n{row},BOND\n".encode()
    for body in (wide, statement([row])):
        entry = let_in(portfolio_id, body, clock)
        assert (entry.asset_class, entry.amount) == ("BOND", -9850)
