"""What new prices change in the stored figures: the worth of what was held on their days, and no lot. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from stonks.db import db
from stonks.ledger import courses, history
from stonks.ledger.courses import Made, Place
from stonks.ledger.families import Families, Name, keys_of
from stonks.ledger.snapshot_tables import SnapshotHolding, instrument_of
from stonks.portfolio.flows import Part

AT_ONCE = 100  # instruments
_COLUMNS = (
    SnapshotHolding.key, SnapshotHolding.name, SnapshotHolding.symbol, SnapshotHolding.isin, SnapshotHolding.currency,
    SnapshotHolding.asset_class, SnapshotHolding.multiplier, SnapshotHolding.description, SnapshotHolding.part,
    SnapshotHolding.transferred, SnapshotHolding.lacking,
)  # fmt: skip


@dataclass(slots=True)
class Repriced:
    made: dict[str, tuple[Place, Made]] = field(default_factory=dict)  # by key
    stale: set[Name] = field(default_factory=set)  # to be folded again: what an opening brought was priced
    since: dict[str, int] = field(default_factory=dict)  # by key, the first year that may be worth something else
    done: set[Name] = field(default_factory=set)
    unknown: set[Name] = field(default_factory=set)  # of those done, names that are not stored yet


def repriced(portfolio_id: int, stale: Mapping[Name, int]) -> Repriced:
    """Some of `stale` at least, names with the first year of their new prices. All instruments have to be folded."""
    families = Families(portfolio_id, stale)
    holdings: dict[str, list[Any]] = defaultdict(list)
    for row in db.session.execute(select(*_COLUMNS).where(SnapshotHolding.portfolio_id == portfolio_id)):
        holdings[row.name].append(row)
    found = Repriced()
    for name in stale:
        if name in found.done:
            continue
        members = families.of(name)
        found.done |= members
        rows = [row for one in sorted(keys_of(members)) for row in holdings[one]]
        if any(row.transferred for row in rows):
            found.stale.add(name)
            continue
        year = min(stale[one] for one in members & stale.keys())
        told = history.marks(portfolio_id, members, map(instrument_of, rows), courses.priced_since(year))
        for row in rows:
            if row.part != Part.NONE:
                one = courses.revalued(portfolio_id, instrument_of(row), row.lacking, told.get(row.key, ()), year)
                found.made[row.key] = Place(row.part, row.currency), one
                found.since[row.key] = year
        if len(found.made) >= AT_ONCE:
            break
    found.unknown = found.done - families.stored
    return found
