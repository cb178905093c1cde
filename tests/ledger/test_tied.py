"""Entries that tie instruments together: a change of one of them is a change of the others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from stonks.core.records import CorporateAction, Record, Side, Trade
from stonks.db import db
from stonks.ledger import importing, review
from stonks.ledger.families import Families
from stonks.ledger.tables import Entry
from tests.conftest import Clock
from tests.ledger.anew import assert_whole_fold_agrees, made_anew, stored
from tests.listening import statements_sent
from tests.readings import ReadingOf, trade

OLD, NEW, RIGHTS = ("OLD", "US0000000001"), ("NEW", "US0000000002"), ("NEW.RTS", "US0000000003")


def leg(number: str, name: tuple[str, str], quantity: str, **told: Decimal) -> CorporateAction:
    symbol, isin = name
    return CorporateAction(
        action_date=date(2025, 12, 20), kind="TC", quantity=Decimal(quantity), currency="USD", symbol=symbol, isin=isin,
        amount=None, value=None, asset_class=None, multiplier=None, account=None, external_id=number,
        action_id="77", description="OLD(US0000000001) merged", line=3, fingerprint=number.ljust(20).encode(),
    )._replace(**told)  # fmt: skip


def of_option(number: str, side: Side, price: str, on: date, notes: str | None = None) -> Trade:
    made = trade(number, side=side, quantity="1", price=price, on=on, symbol="NEW   251219C00007000", commission=None)
    return made._replace(isin=None, asset_class="OPT", multiplier=Decimal(100), notes=notes)


def of_shares(number: str, side: Side, quantity: str, price: str, on: date, notes: str | None = None) -> Trade:
    made = trade(number, side=side, quantity=quantity, price=price, on=on, symbol=NEW[0], commission=None)
    return made._replace(isin=NEW[1], notes=notes)


ENDED = date(2025, 12, 19)
EXERCISE: list[Record] = [
    of_option("bought", Side.BUY, "2", date(2025, 12, 9)),
    of_option("exercised", Side.SELL, "0", ENDED, "Ex;C"),
    of_shares("delivered", Side.BUY, "100", "7", ENDED, "Ex;O"),
    of_shares("sold", Side.SELL, "40", "11", date(2026, 1, 9)),
]


def assert_discarded_and_restored(portfolio_id: int, number: str, clock: Clock) -> None:
    """Without the entry, and with it again, the stored figures are those of everything made anew."""
    whole = stored(portfolio_id)
    entry_id = db.session.scalar(select(Entry.id).where(Entry.external_id == number))
    assert entry_id is not None
    review.discard(portfolio_id, entry_id, clock())
    without = stored(portfolio_id)
    assert without == made_anew(portfolio_id)
    assert without["snapshot_holdings"] != whole["snapshot_holdings"]
    review.restore(portfolio_id, entry_id)
    assert stored(portfolio_id) == made_anew(portfolio_id)


@pytest.mark.parametrize("number", ["bought", "exercised", "delivered"])
def test_an_entry_of_an_exercise_that_is_discarded_or_restored_changes_option_and_shares(
    portfolio_id: int, clock: Clock, number: str
) -> None:
    importing.import_reading(portfolio_id, ReadingOf(EXERCISE), origin="sync", now=clock())
    whole = stored(portfolio_id)
    assert_whole_fold_agrees(portfolio_id, whole)
    assert whole["snapshot_holdings"][f"{NEW[1]}/USD",]["cost"] == 60 * (7 + 2)
    assert_discarded_and_restored(portfolio_id, number, clock)


def test_an_exercise_that_comes_piece_by_piece_ends_as_if_it_had_come_at_once(portfolio_id: int, clock: Clock) -> None:
    for rows in ([EXERCISE[2], EXERCISE[3]], [EXERCISE[0]], [EXERCISE[1]]):
        importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
        found = stored(portfolio_id)
        assert_whole_fold_agrees(portfolio_id, found)
        assert found == made_anew(portfolio_id)
    assert found["snapshot_holdings"][f"{NEW[1]}/USD",]["cost"] == 60 * (7 + 2)


@pytest.mark.usefixtures("app")
def test_what_is_tied_is_found_without_looking_at_every_entry() -> None:
    """With a million of them that takes a second, after each import."""
    sent = statements_sent()
    Families(1, [])
    plans = {}
    for statement, values in [one for one in sent if "FROM entries" in one[0]]:
        with db.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans[statement] = [step.detail for step in plan]
    assert len(plans) == 2
    for steps in plans.values():
        assert any(index in steps[0] for index in ("ix_entries_actions", "ix_entries_delivering")), steps


def test_a_leg_of_a_merger_that_is_discarded_or_restored_changes_the_other_instrument_too(
    portfolio_id: int, clock: Clock
) -> None:
    bought = trade("1", side=Side.BUY, quantity="10", price="5", on=date(2025, 12, 10), symbol=OLD[0])
    rows = [bought._replace(isin=OLD[1]), leg("gone", OLD, "-10"), leg("come", NEW, "10")]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    for number in ("gone", "come"):
        assert_discarded_and_restored(portfolio_id, number, clock)


def test_a_payment_and_the_worths_that_rows_of_a_merger_tell_make_the_cost_of_what_came(
    portfolio_id: int, clock: Clock
) -> None:
    bought = trade("1", side=Side.BUY, quantity="10", price="5", on=date(2025, 12, 10), symbol=OLD[0], commission=None)
    rows = [
        bought._replace(isin=OLD[1]),
        leg("gone", OLD, "-10"),
        leg("paid", OLD, "0", amount=Decimal(-30)),
        leg("come", NEW, "10", value=Decimal(60)),
        leg("too", RIGHTS, "4", value=Decimal(20)),
    ]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    held = stored(portfolio_id)["snapshot_holdings"]
    assert {key: held[f"{isin}/USD",]["cost"] for key, isin in (NEW, RIGHTS)} == {"NEW": 60, "NEW.RTS": 20}
    assert_whole_fold_agrees(portfolio_id, stored(portfolio_id))
    for number in ("gone", "paid", "too"):
        assert_discarded_and_restored(portfolio_id, number, clock)
