"""Which instruments must be folded together, and their entries.

A symbol and an ISIN that ever stood in one row belong together, whichever of the two another row tells; so do the
legs of a corporate action, whose lots go from one instrument to another, and options with the shares that were delivered
for them. What is connected so is a family, and no
family's lots depend on another's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import or_, select, text

from stonks.db import db
from stonks.ledger import folding
from stonks.ledger.entries import MOVING
from stonks.ledger.marks import name_of
from stonks.ledger.snapshot_tables import SnapshotName
from stonks.ledger.tables import ACTING, DELIVERING, Entry, ReportedPosition
from stonks.portfolio import exercises
from stonks.portfolio.actions import group_of
from stonks.portfolio.movements import DERIVATIVES

Name = tuple[str, str]  # symbol as written and ISIN, "" = not told
NAMELESS = "?"  # what portfolio/ calls it
_AT_ONCE = 500


class Families:
    """The families of a portfolio, by what is stored of its names and what is given here."""

    def __init__(self, portfolio_id: int, more: Iterable[Name]) -> None:
        stored = select(SnapshotName.symbol, SnapshotName.isin).where(SnapshotName.portfolio_id == portfolio_id)
        self.stored: set[Name] = {(symbol, isin) for symbol, isin in db.session.execute(stored)}
        self._portfolio_id = portfolio_id
        self._above: dict[str, str] = {}
        for name in self.stored | set(more):
            self._join(_nodes(name))
        for tied in chain(_action_legs(portfolio_id), _exercised(portfolio_id)):
            self._join([node for name in tied for node in _nodes(name)])
        self._members: dict[str, set[Name]] = defaultdict(set)
        for name in self.stored | set(more):
            self._members[self._root(_nodes(name)[0])].add(name)

    def of(self, name: Name) -> set[Name]:
        return self._members[self._root(_nodes(name)[0])]

    def all(self) -> Iterable[set[Name]]:
        return self._members.values()

    def _join(self, nodes: list[str]) -> None:
        for node in nodes[1:]:
            self._above[self._root(node)] = self._root(nodes[0])

    def _root(self, node: str) -> str:
        while (above := self._above.get(node, node)) != node:
            self._above[node] = self._above.get(above, above)
            node = above
        return node


def rows_of(portfolio_id: int, family: set[Name], since: date = date.min) -> list[Any]:
    """The entries of a family from a day on, in the order they fold."""
    symbols = sorted({symbol for symbol, _ in family if symbol})
    isins = sorted({isin for _, isin in family if isin})
    later = () if since == date.min else (Entry.entry_date >= since,)
    found: list[Any] = []
    for part in _parts(symbols):
        found += folding.rows_of(portfolio_id, Entry.symbol.in_(part), *later)
    for part in _parts(isins):
        found += folding.rows_of(portfolio_id, Entry.symbol.is_(None), Entry.isin.in_(part), *later)
    if ("", "") in family:
        no_isin = or_(Entry.isin.is_(None), Entry.asset_class.in_(DERIVATIVES))
        nameless = (Entry.symbol.is_(None), no_isin, Entry.kind.in_(MOVING))
        found += folding.rows_of(portfolio_id, *nameless, *later)
    found.sort(key=lambda row: (row.entry_date, row.id))
    return found


def keys_of(family: set[Name]) -> set[str]:
    """The names that keys of the family's instruments can have, before their currency."""
    return {node for name in family for node in _nodes(name)}


def every_name(portfolio_id: int) -> set[Name]:
    """That an entry or a position, of whatever day, has of an instrument."""
    mine = (Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None), Entry.kind != "FX")
    query = select(Entry.symbol, Entry.isin, Entry.asset_class, Entry.kind == "CASH").where(*mine)
    found = set()
    for symbol, isin, asset_class, is_cash in db.session.execute(query.distinct()):
        name = name_of(symbol, isin, asset_class)
        if any(name) or not is_cash:
            found.add(name)
    position = ReportedPosition
    told = select(position.symbol, position.isin, position.asset_class).where(position.portfolio_id == portfolio_id)
    return found | {name_of(*row) for row in db.session.execute(told.distinct())}


def _nodes(name: Name) -> list[str]:
    """Symbols and ISINs alike: a bond's symbol can be its ISIN, and then they are one name."""
    return [text.upper() for text in name if text] or [NAMELESS]


def _action_legs(portfolio_id: int) -> Iterator[list[Name]]:
    columns = (
        Entry.symbol, Entry.isin, Entry.asset_class, Entry.entry_date, Entry.action_id, Entry.action_kind,
        Entry.description,
    )  # fmt: skip
    actions = select(*columns).where(Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None), text(ACTING))
    groups: dict[Any, list[Name]] = defaultdict(list)
    for row in db.session.execute(actions):
        group = group_of(row.action_id, row.action_kind or "", row.description or "")
        groups[row.entry_date, group].append(name_of(row.symbol, row.isin, row.asset_class))
    yield from groups.values()


def _exercised(portfolio_id: int) -> Iterator[list[Name]]:
    """Options that were exercised or assigned, and the shares that are called like them."""
    columns = (Entry.symbol, Entry.isin, Entry.asset_class, Entry.underlying, Entry.currency, Entry.notes)
    trades = select(*columns).where(Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None), text(DELIVERING))
    found: dict[tuple[str, str], set[Name]] = defaultdict(set)
    for row in db.session.execute(trades):
        root = exercises.root_of(row.symbol, row.asset_class, row.underlying)
        if root is not None and not exercises.CODES.isdisjoint(folding.codes_of(row.notes)):
            found[root, row.currency].add(name_of(row.symbol, row.isin, row.asset_class))
    yield from map(list, found.values())


def _parts(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]
