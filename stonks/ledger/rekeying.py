"""What people attached to an instrument goes along when its key changes: an ISIN that is learned later, or taken back,
calls the same listing otherwise, and its prices and dismissals would be left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update

from stonks.db import db
from stonks.ledger.refolding import Refolded, Row
from stonks.ledger.tables import Dismissal, QuotedPrice

_AT_ONCE = 500


def move_along(portfolio_id: int, found: Sequence[Refolded]) -> set[str]:
    """Within the transaction that stores the refolded families of `found`. The keys that got something."""
    heirs: dict[str, str] = {}
    taken = {row["key"] for refolded in found for row in refolded.holdings}
    for refolded in found:
        for currency in {row["currency"] for row in refolded.holdings}:
            listed = [row for row in refolded.holdings if row["currency"] == currency]
            for name in refolded.names:
                key = f"{name}/{currency}"
                heir = _heir(name, listed)
                if key not in taken and heir is not None:
                    heirs[key] = heir
    keys, moved = sorted(heirs), set()
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        for table, place in ((QuotedPrice, (QuotedPrice.on, QuotedPrice.source)), (Dismissal, ())):
            left = select(table.key).where(table.portfolio_id == portfolio_id, table.key.in_(part)).distinct()
            for key in list(db.session.scalars(left)):
                _move(table, place, portfolio_id, key, heirs[key])
                moved.add(heirs[key])
    return moved


def _heir(name: str, listed: list[Row]) -> str | None:
    """The one of a currency's instruments that goes by this symbol or ISIN, else the only one there is."""
    called = [row["key"] for row in listed if name in (row["symbol"].upper(), (row["isin"] or "").upper())]
    candidates = called or [row["key"] for row in listed]
    return candidates[0] if len(candidates) == 1 else None


def _move(
    table: type[QuotedPrice] | type[Dismissal], place: tuple[Any, ...], portfolio_id: int, old: str, new: str
) -> None:
    """What is there under the new key already stays."""
    mine = table.portfolio_id == portfolio_id
    there = set(map(tuple, db.session.execute(select(table.portfolio_id, *place).where(mine, table.key == new))))
    here = db.session.execute(select(table.id, table.portfolio_id, *place).where(mine, table.key == old)).all()
    kept = [row.id for row in here if tuple(row)[1:] not in there]
    for start in range(0, len(kept), _AT_ONCE):
        moved = update(table).where(table.id.in_(kept[start : start + _AT_ONCE])).values(key=new)
        db.session.execute(moved.execution_options(synchronize_session=False))
    db.session.execute(delete(table).where(mine, table.key == old))
