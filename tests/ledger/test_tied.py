"""Entries that tie instruments together: a change of one of them is a change of the others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import select

from stonks.core.records import CorporateAction, Side
from stonks.db import db
from stonks.ledger import importing, review
from stonks.ledger.tables import Entry
from tests.conftest import Clock
from tests.ledger.anew import made_anew, stored
from tests.readings import ReadingOf, trade

OLD, NEW = ("OLD", "US0000000001"), ("NEW", "US0000000002")


def leg(number: str, name: tuple[str, str], quantity: str) -> CorporateAction:
    symbol, isin = name
    return CorporateAction(
        action_date=date(2025, 12, 20), kind="TC", quantity=Decimal(quantity), currency="USD", symbol=symbol, isin=isin,
        amount=None, value=None, asset_class=None, multiplier=None, account=None, external_id=number,
        action_id="77", description="OLD(US0000000001) merged", line=3, fingerprint=number.ljust(20).encode(),
    )  # fmt: skip


def test_a_leg_of_a_merger_that_is_discarded_or_restored_changes_the_other_instrument_too(
    portfolio_id: int, clock: Clock
) -> None:
    bought = trade("1", side=Side.BUY, quantity="10", price="5", on=date(2025, 12, 10), symbol=OLD[0])
    rows = [bought._replace(isin=OLD[1]), leg("gone", OLD, "-10"), leg("come", NEW, "10")]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    whole = stored(portfolio_id)
    for number in ("gone", "come"):
        entry_id = db.session.scalar(select(Entry.id).where(Entry.external_id == number))
        assert entry_id is not None
        review.discard(portfolio_id, entry_id, clock())
        without = stored(portfolio_id)
        assert without == made_anew(portfolio_id)
        assert without["snapshot_holdings"] != whole["snapshot_holdings"]
        review.restore(portfolio_id, entry_id)
        assert stored(portfolio_id) == made_anew(portfolio_id)
