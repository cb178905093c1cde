"""Puts what was refolded in the place of what is stored, and into the sums over all instruments. Within a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, delete, or_, select, update

from stonks.db import db
from stonks.ledger import course_sums, figure_rows
from stonks.ledger.bulk import insert_rows
from stonks.ledger.courses import Place
from stonks.ledger.refolding import Refolded
from stonks.ledger.snapshot_tables import (
    Snapshot,
    SnapshotCheckpoint,
    SnapshotHolding,
    SnapshotIncome,
    SnapshotLate,
    SnapshotLot,
)
from stonks.ledger.tables import Entry
from stonks.portfolio import summary

_BEGINNING = date.min.year


def families(portfolio_id: int, found: Sequence[Refolded]) -> None:
    old = [row for one in found for row in _forget(portfolio_id, one)]
    new = [one for refolded in found for one in refolded.holdings]
    insert_rows(SnapshotHolding, new)
    insert_rows(SnapshotIncome, [row for refolded in found for row in refolded.income])
    insert_rows(SnapshotLate, [row for refolded in found for row in refolded.late])
    insert_rows(SnapshotLot, [lot for refolded in found for lot in refolded.lots])
    insert_rows(SnapshotCheckpoint, [point for refolded in found for point in refolded.points])
    course_sums.replace(
        portfolio_id,
        {row.key: Place(row.part, row.currency) for row in old},
        {row["key"]: Place(row["part"], row["currency"]) for row in new},
        [row for refolded in found for row in refolded.years],
        {row["key"]: refolded.since for refolded in found for row in refolded.holdings},
    )
    _sum_up(portfolio_id, old, new)


def _forget(portfolio_id: int, of: Refolded) -> list[Row[Any]]:
    """Takes away what is stored of a family since the year it was folded from, and gives its holdings."""
    columns = (SnapshotHolding.key, SnapshotHolding.gains, SnapshotHolding.part, SnapshotHolding.currency)
    old: list[Row[Any]] = []
    for part in _parts(sorted(of.names)):
        mine = (SnapshotHolding.portfolio_id == portfolio_id, SnapshotHolding.name.in_(part))
        old += db.session.execute(select(*columns).where(*mine))
        db.session.execute(delete(SnapshotHolding).where(*mine))
        income, late = SnapshotIncome, SnapshotLate
        paid = (income.portfolio_id == portfolio_id, income.family.in_(part), income.year >= of.since)
        db.session.execute(delete(income).where(*paid))
        tardy = [late.portfolio_id == portfolio_id, late.family.in_(part)]
        if of.since > _BEGINNING:
            since = select(Entry.id).where(Entry.id == late.entry_id, Entry.entry_date >= date(of.since, 1, 1))
            tardy.append(since.exists())
        db.session.execute(delete(late).where(*tardy).execution_options(synchronize_session=False))
    for part in _parts([row.key for row in old]):
        lot, point = SnapshotLot, SnapshotCheckpoint
        lots = (lot.portfolio_id == portfolio_id, lot.key.in_(part), lot.place >= of.closed)
        db.session.execute(delete(lot).where(*lots))
        oldest = of.points[-1]["year"] - 1 if of.points else _BEGINNING
        outdated = or_(point.year > of.since, point.year < oldest)
        db.session.execute(delete(point).where(point.portfolio_id == portfolio_id, point.key.in_(part), outdated))
    return old


def _sum_up(portfolio_id: int, old: Iterable[Row[Any]], new: Iterable[figure_rows.Row]) -> None:
    mine = Snapshot.portfolio_id == portfolio_id
    gains = figure_rows.gains_of(db.session.execute(select(Snapshot.gains).where(mine)).scalar_one())
    for row in old:
        summary.replace_gains_in(gains, figure_rows.gains_of(row.gains), {})
    for one in new:
        summary.replace_gains_in(gains, {}, figure_rows.gains_of(one["gains"]))
    summed = update(Snapshot).where(mine).values(gains=figure_rows.gains_text(gains))
    db.session.execute(summed.execution_options(synchronize_session=False))


def _parts(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), 500):
        yield names[start : start + 500]
