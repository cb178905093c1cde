"""What a new word of the broker on positions changes in the stored figures.

Each day's statement tells all positions anew, and hardly any lot hangs on them. Where none does, only the broker's
figures are written; where one may, the instrument is named to be folded again. Reads only.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from stonks.db import db
from stonks.ledger.families import Name
from stonks.ledger.marks import name_of
from stonks.ledger.refolding import Reckoning, Row
from stonks.ledger.snapshot_tables import SnapshotHolding, SnapshotName
from stonks.portfolio.lots import ZERO
from stonks.portfolio.movements import DERIVATIVES, instrument_key
from stonks.portfolio.valuation import Price, newer

_COLUMNS = (
    SnapshotHolding.key, SnapshotHolding.symbol, SnapshotHolding.isin, SnapshotHolding.asset_class,
    SnapshotHolding.multiplier, SnapshotHolding.description, SnapshotHolding.quantity, SnapshotHolding.quantity_then,
    SnapshotHolding.reported, SnapshotHolding.mark, SnapshotHolding.last_day,
)  # fmt: skip
_FACTS = ("symbol", "isin", "asset_class", "multiplier", "description")


@dataclass(slots=True)
class Repositioned:
    updates: list[Row] = field(default_factory=list)  # by `key`: what the broker says of an instrument
    stale: set[Name] = field(default_factory=set)  # to be folded again
    held: set[Name] = field(default_factory=set)


def repositioned(by: Reckoning) -> Repositioned:
    found = Repositioned(held={name_of(row.symbol, row.isin, row.asset_class) for row in by.positions})
    found.stale = found.held ^ _held_before(by.portfolio_id)
    stored = {
        row.key: row
        for row in db.session.execute(select(*_COLUMNS).where(SnapshotHolding.portfolio_id == by.portfolio_id))
    }
    told: dict[str, list[Any]] = defaultdict(list)
    for row in by.positions:
        if row.isin or row.asset_class in DERIVATIVES:
            told[instrument_key(row.isin, row.symbol, row.asset_class, row.currency)].append(row)
        else:  # the entries decide which instrument that symbol means
            found.stale.add(name_of(row.symbol, row.isin, row.asset_class))
    for key, one in stored.items():
        if _settled(one, by) and (key in told or (one.reported is None and one.mark is None)):
            continue
        found.stale.add(name_of(one.symbol, one.isin, one.asset_class))
    for key, rows in told.items():
        if key in stored and not _folds_otherwise(stored[key], rows):
            found.updates.append(_update(key, rows, stored[key]))
        else:
            found.stale |= {name_of(row.symbol, row.isin, row.asset_class) for row in rows}
    return found


def _held_before(portfolio_id: int) -> set[Name]:
    query = select(SnapshotName.symbol, SnapshotName.isin).where(
        SnapshotName.portfolio_id == portfolio_id, SnapshotName.held
    )
    return {(symbol, isin) for symbol, isin in db.session.execute(query)}


def _settled(one: Any, by: Reckoning) -> bool:
    """Whether what is held now was held on the day of the broker's word, the last one and this one."""
    after = by.as_of is not None and one.last_day is not None and one.last_day > by.as_of
    return not after and one.quantity_then == one.quantity


def _folds_otherwise(one: Any, rows: list[Any]) -> bool:
    short_now, short_before = sum((row.quantity for row in rows), ZERO) < 0, (one.reported or ZERO) < 0
    told = ((name, getattr(row, name)) for row in rows for name in _FACTS)
    return short_now != short_before or any(value and value != getattr(one, name) for name, value in told)


def _update(key: str, rows: list[Any], one: Any) -> Row:
    mark: Price | None = None
    for row in rows:
        if row.mark_price is not None:
            mark = newer(mark, Price(row.mark_price, row.as_of, True))
    quantity = sum((row.quantity for row in rows), ZERO)
    return {
        "key": key,
        "reported": quantity,
        "compared": True,
        "agrees": one.quantity_then == quantity,
        "mark": mark.price if mark else None,
        "marked_on": mark.on if mark else None,
    }
