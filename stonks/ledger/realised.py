"""Closed lots as they are stored: by year in sums, and a page of them or all, the newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from stonks.db import read
from stonks.ledger import figure_rows
from stonks.ledger.snapshot_tables import Snapshot, SnapshotHolding, SnapshotLot, instrument_of
from stonks.portfolio.lots import ZERO, ClosedLot
from stonks.portfolio.overview import Gains
from stonks.portfolio.summary import EXACT
from stonks.portfolio.valuation import Instrument

AT_ONCE = 5_000

_SUMS = select(Snapshot.gains).where(Snapshot.portfolio_id == bindparam("portfolio_id"))
_LOTS = (
    select(
        SnapshotLot.opened, SnapshotLot.closed, SnapshotLot.quantity, SnapshotLot.cost, SnapshotLot.proceeds,
        SnapshotLot.cost_known, SnapshotLot.delivered, SnapshotLot.gain_base, SnapshotHolding.key, SnapshotHolding.symbol,
        SnapshotHolding.isin, SnapshotHolding.currency, SnapshotHolding.asset_class, SnapshotHolding.multiplier,
        SnapshotHolding.description,
    )
    .join(
        SnapshotHolding,
        (SnapshotHolding.portfolio_id == SnapshotLot.portfolio_id) & (SnapshotHolding.key == SnapshotLot.key),
    )
    .where(
        SnapshotLot.portfolio_id == bindparam("portfolio_id"),
        SnapshotLot.closed.between(bindparam("first"), bindparam("last")),
    )
    .order_by(SnapshotLot.closed.desc(), SnapshotLot.key.desc(), SnapshotLot.place.desc())
    .limit(bindparam("count"))
    .offset(bindparam("skip"))
)  # fmt: skip


class Sale(NamedTuple):
    instrument: Instrument
    lot: ClosedLot
    gain_base: Decimal | None  # None: without a known cost or without a rate


def by_year(portfolio_id: int) -> dict[int, Gains]:
    """The newest first; only years in which a lot was closed."""
    found = read(_SUMS, portfolio_id=portfolio_id).first()
    gains = figure_rows.gains_of(found.gains) if found else {}
    return dict(sorted(gains.items(), reverse=True))


def added(several: list[Gains]) -> Gains:
    total = Gains(ZERO, 0, 0)
    for one in several:
        gain = EXACT.add(total.gain, one.gain)
        total = Gains(gain, total.sales + one.sales, total.unknown + one.unknown)
    return total


def sales(portfolio_id: int, year: int | None, *, count: int, skip: int = 0) -> list[Sale]:
    """Of one year or, with None, of all."""
    first, last = (date.min, date.max) if year is None else (date(year, 1, 1), date(year, 12, 31))
    found = read(_LOTS, portfolio_id=portfolio_id, first=first, last=last, count=count, skip=skip)
    return [_sale(row) for row in found]


def every_sale(portfolio_id: int, year: int | None) -> Iterator[Sale]:
    """All of them, some at a time."""
    skip = 0
    while part := sales(portfolio_id, year, count=AT_ONCE, skip=skip):
        yield from part
        skip += len(part)


def _sale(row: Any) -> Sale:
    return Sale(instrument_of(row), closed_lot(row), row.gain_base)


def closed_lot(row: Any) -> ClosedLot:
    """Of a SnapshotLot that is closed."""
    told = row.opened, row.closed, row.quantity, row.cost, row.proceeds or ZERO, row.cost_known, row.delivered
    return ClosedLot(row.key, *told)
