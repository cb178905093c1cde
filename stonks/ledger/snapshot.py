"""Keeps the stored figures true: reckons anew what marks name, and everything when the basis changed.

Reading and folding happen outside a write transaction; what was found is written in a short one that first makes sure
that the ledger is still at the version that was read, else it is found again. So an import and two visits at once may
do the work twice, and never write a wrong figure. Work is written in parts, each with its marks: a process that dies
loses one part at most, and whoever looks next goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from time import monotonic
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, true, update

from stonks.core.errors import StonksError
from stonks.db import db, in_transaction, insert_ignoring, read, transaction
from stonks.ledger import course_sums, folding, marks, refolding, rekeying, replacing, repositioning, repricing
from stonks.ledger.families import Families, Name, every_name
from stonks.ledger.marks import MONTH, NAME, POSITIONS, RATES, Mark, name_of
from stonks.ledger.refolding import Reckoning, Refolded
from stonks.ledger.snapshot_tables import (
    Snapshot,
    SnapshotCheckpoint,
    SnapshotCourse,
    SnapshotHolding,
    SnapshotIncome,
    SnapshotLate,
    SnapshotLot,
    SnapshotMark,
    SnapshotMonth,
    SnapshotName,
    SnapshotYear,
)
from stonks.ledger.tables import Entry, Portfolio
from stonks.portfolio.lots import Method
from stonks.rates import bank_version

# Counted up with each change of the arithmetic or of what is stored: all figures are then made anew.
ARITHMETIC = 8
ENTRIES_AT_ONCE = 50_000  # of a part, about
MONTHS_AT_ONCE = 12
MOST_REFUSALS = 50
CATCH_UP_SECONDS = 8


_STATE = select(Snapshot.version, Snapshot.foldings, Snapshot.basis, Snapshot.as_of).where(
    Snapshot.portfolio_id == bindparam("portfolio_id")
)
_SOME_MARK = select(SnapshotMark.kind).where(SnapshotMark.portfolio_id == bindparam("portfolio_id")).limit(1)


_FOUND = (
    SnapshotMark, SnapshotName, SnapshotHolding, SnapshotLot, SnapshotMonth, SnapshotIncome, SnapshotLate,
    SnapshotCourse, SnapshotYear, SnapshotCheckpoint,
)  # fmt: skip


class State(NamedTuple):
    """What the stored figures stand on."""

    version: int
    foldings: int
    basis: str | None
    as_of: date | None


def basis_of(portfolio: Portfolio) -> str:
    """All that the figures hang on beside the ledger."""
    return f"{ARITHMETIC} {bank_version()} {portfolio.base_currency} {portfolio.lot_method}"


def refresh(portfolio_id: int, seconds: float | None = None) -> bool:
    """Brings the figures up to date; False when that took longer than `seconds` and is not done. Writes nothing when
    nothing is stale, and does nothing inside a transaction: whoever looks next does it."""
    if in_transaction():
        return False
    until = None if seconds is None else monotonic() + seconds
    refused = 0
    while True:
        portfolio = db.session.get(Portfolio, portfolio_id)
        if portfolio is None:  # deleted meanwhile, and its figures with it
            return True
        before = state(portfolio_id)
        stale = _stale(portfolio_id)
        if before is not None and before.basis == basis_of(portfolio) and not stale:
            db.session.rollback()  # what is read next is of now
            return True
        if until is not None and monotonic() > until:
            return False
        if not _step(portfolio, before, stale):
            refused += 1
            if refused > MOST_REFUSALS:
                raise StonksError("The portfolio changes faster than its figures can be reckoned. Try again shortly.")


def catch_up(portfolio_id: int) -> None:
    """After a change: brings the figures up to date as far as that is quickly done. A whole portfolio reckoned anew must
    hold up neither a visitor nor a worker that others wait for; whoever looks next goes on."""
    refresh(portfolio_id, CATCH_UP_SECONDS)


def state(portfolio_id: int) -> State | None:
    found = read(_STATE, portfolio_id=portfolio_id).first()
    return None if found is None else State(*found)


def is_fresh(portfolio: Portfolio, found: State | None) -> bool:
    """Whether nothing is stale. One row of the marks is enough to say no."""
    if found is None or found.basis != basis_of(portfolio):
        return False
    return read(_SOME_MARK, portfolio_id=portfolio.id).first() is None


def _stale(portfolio_id: int) -> list[Mark]:
    query = select(SnapshotMark.kind, SnapshotMark.name, SnapshotMark.isin)
    query = query.where(SnapshotMark.portfolio_id == portfolio_id)
    ordered = query.order_by(SnapshotMark.kind, SnapshotMark.name, SnapshotMark.isin)
    return [(kind, name, isin) for kind, name, isin in db.session.execute(ordered)]


def _step(portfolio: Portfolio, before: State | None, stale: list[Mark]) -> bool:
    """One part of the work. False when the ledger changed meanwhile, so that nothing was written."""
    if before is None:
        with transaction():
            db.session.execute(insert_ignoring(Snapshot).values(portfolio_id=portfolio.id))
        return True
    part = _Part(portfolio, before)
    by_kind: dict[str, list[Mark]] = {}
    for mark in stale:
        by_kind.setdefault(mark[0], []).append(mark)
    if before.basis != part.basis:
        return part.begin_anew()
    if POSITIONS in by_kind:
        return part.positions()
    if RATES in by_kind:
        return part.rates(by_kind[RATES])
    if MONTH in by_kind:
        return part.months(by_kind[MONTH])
    if names := [mark for mark in stale if marks.is_name(mark)]:
        return part.names(names)
    return part.prices(stale)


class _Part:
    """A part of the work, found at one version of the ledger and written only at that version."""

    def __init__(self, portfolio: Portfolio, before: State) -> None:
        self.basis = basis_of(portfolio)
        self._id = portfolio.id
        self._before = before
        positions = folding.latest_positions(portfolio.id)
        self._by = Reckoning(
            portfolio_id=portfolio.id,
            base=portfolio.base_currency,
            method=Method(portfolio.lot_method),
            rates=folding.rates(portfolio.id, portfolio.base_currency),
            positions=positions,
            as_of=max((row.as_of for row in positions), default=None),
            bank=_bank_rates(portfolio.id) if before.basis == self.basis else {},
        )
        self._held = {name_of(row.symbol, row.isin, row.asset_class) for row in self._by.positions}

    def begin_anew(self) -> bool:
        """Forgets every figure and marks everything there is."""
        names, months = every_name(self._id), list(_all_months(self._id))
        with transaction():
            if not self._still(basis=self.basis, as_of=self._by.as_of, gains="{}"):
                return False
            for table in _FOUND:
                db.session.execute(delete(table).where(table.portfolio_id == self._id))
            self._insert_names(names)
            marks.write(self._id, {(NAME, *name) for name in names} | {(MONTH, month, "") for month in months})
        return True

    def positions(self) -> bool:
        found = repositioning.repositioned(self._by)
        with transaction():
            if not self._still(as_of=self._by.as_of):
                return False
            _update_by_key(self._id, found.updates, ("reported", "compared", "agrees", "mark", "marked_on"))
            self._insert_names(found.held)
            marks.forget(self._id, [(POSITIONS, "", "")])
            marks.write(self._id, {(NAME, *name) for name in found.stale})
        return True

    def rates(self, stale: list[Mark]) -> bool:
        """A rate reaches a few days into the future, so everything since its day may have been reckoned otherwise."""
        since = min(date.fromisoformat(day) for _, day, _ in stale)
        holding = select(SnapshotHolding.symbol, SnapshotHolding.isin, SnapshotHolding.asset_class).where(
            SnapshotHolding.portfolio_id == self._id, SnapshotHolding.last_day >= since
        )
        months = select(SnapshotMonth.month).where(
            SnapshotMonth.portfolio_id == self._id, SnapshotMonth.month >= since.replace(day=1)
        )
        # Something that paid and never moved has income, and is no holding.
        paid = select(Entry.symbol, Entry.isin, Entry.asset_class).where(
            Entry.portfolio_id == self._id,
            Entry.discarded_at.is_(None),
            Entry.kind == "CASH",
            Entry.entry_date >= since,
        )
        payers = {name_of(*row) for row in db.session.execute(paid.distinct())} - {("", "")}
        found: set[Mark] = {(NAME, *name_of(*row)) for row in db.session.execute(holding)}
        found |= {(NAME, *name) for name in payers}
        found |= {(MONTH, marks.of_month(month), "") for month in db.session.scalars(months)}
        with transaction():
            if not self._still():
                return False
            marks.forget(self._id, stale)
            marks.write(self._id, found)
        return True

    def months(self, stale: list[Mark]) -> bool:
        days = dict(islice(marks.days_by_month(stale).items(), MONTHS_AT_ONCE))
        rows = [row for first, only in days.items() for row in refolding.month(first, self._by, only)]
        with transaction():
            if not self._still():
                return False
            mine = SnapshotMonth.portfolio_id == self._id
            db.session.execute(delete(SnapshotMonth).where(mine, SnapshotMonth.month.in_(list(days))))
            if rows:
                db.session.execute(insert(SnapshotMonth), rows)
            marks.forget(self._id, [mark for mark in stale if marks.month_of(mark) in days])
        return True

    def names(self, stale: list[Mark]) -> bool:
        years = marks.years_to_fold(stale)
        families = Families(self._id, [*years, *self._held])
        found: list[Refolded] = []
        done: set[Name] = set()
        entries = 0
        for name in years:
            if name not in done:
                members = families.of(name)
                since = min(years[one] for one in members & years.keys())
                found.append(refolding.family(members, self._by, since))
                done |= members
                entries += found[-1].entries
            if entries >= ENTRIES_AT_ONCE:
                break
        with transaction():
            if not self._still(as_stored=any(one.since > date.min.year for one in found)):
                return False
            replacing.families(self._id, found)
            moved = rekeying.move_along(self._id, found)
            marks.write(self._id, {marks.of_price(key.rpartition("/")[0], "", date.min) for key in moved})
            self._insert_names(done - families.stored)
            marks.forget(self._id, [mark for mark in stale if mark[1:] in done])
        return True

    def prices(self, stale: list[Mark]) -> bool:
        found = repricing.repriced(self._id, marks.years_by_name(stale))
        with transaction():
            if not self._still():
                return False
            places = {key: place for key, (place, _) in found.made.items()}
            course_sums.replace(
                self._id, places, places, [row for _, one in found.made.values() for row in one.years], found.since
            )
            _update_by_key(self._id, [{"key": key} | one.facts for key, (_, one) in found.made.items()], ("lacking",))
            self._insert_names(found.unknown)
            marks.forget(self._id, [mark for mark in stale if mark[1:] in found.done])
            marks.write(self._id, {(NAME, *name) for name in found.stale})
        return True

    def _still(self, as_stored: bool = False, **values: Any) -> bool:
        """Whether the ledger, and with `as_stored` the figures too, are as they were read; takes the lock that a change
        of it waits for."""
        found = db.session.execute(
            update(Snapshot)
            .where(
                Snapshot.portfolio_id == self._id,
                Snapshot.version == self._before.version,
                Snapshot.basis.is_not_distinct_from(self._before.basis),
                Snapshot.foldings == self._before.foldings if as_stored else true(),
            )
            .values(foldings=Snapshot.foldings + 1, **values)
            .returning(Snapshot.portfolio_id)
            .execution_options(synchronize_session=False)
        )
        return found.first() is not None

    def _insert_names(self, names: Iterable[Name]) -> None:
        """Adds names and says of all which the broker's last positions have."""
        common = {"portfolio_id": self._id, "held": False}
        rows = [common | {"symbol": symbol, "isin": isin} for symbol, isin in sorted(names)]
        if rows:
            db.session.execute(insert_ignoring(SnapshotName), rows)
        mine = SnapshotName.portfolio_id == self._id
        stored = select(SnapshotName.symbol, SnapshotName.isin, SnapshotName.held).where(mine)
        for symbol, isin, held in list(db.session.execute(stored)):
            if held != ((symbol, isin) in self._held):
                db.session.execute(
                    update(SnapshotName)
                    .where(mine, SnapshotName.symbol == symbol, SnapshotName.isin == isin)
                    .values(held=not held)
                    .execution_options(synchronize_session=False)
                )


def _all_months(portfolio_id: int) -> Iterator[str]:
    """Each month with an entry, by one look into the index a month."""
    days = select(Entry.entry_date).where(Entry.portfolio_id == portfolio_id).order_by(Entry.entry_date).limit(1)
    day = db.session.scalar(days)
    while day is not None:
        yield marks.of_month(day)
        day = db.session.scalar(days.where(Entry.entry_date > refolding.last_day(day)))


def _bank_rates(portfolio_id: int) -> dict[str, Any]:
    """The bank's newest rates as they are stored: its file need not be read for them."""
    columns = (SnapshotHolding.currency, SnapshotHolding.bank_rate, SnapshotHolding.bank_day)
    query = select(*columns).where(SnapshotHolding.portfolio_id == portfolio_id).distinct()
    return {currency: None if rate is None else (rate, day) for currency, rate, day in db.session.execute(query)}


def _update_by_key(portfolio_id: int, rows: list[dict[str, Any]], names: tuple[str, ...]) -> None:
    if not rows:
        return
    table = SnapshotHolding.__table__
    query = (
        update(SnapshotHolding)
        .where(table.c.portfolio_id == portfolio_id, table.c.key == bindparam("of_key"))
        .values({name: bindparam(f"new_{name}") for name in names})
        .execution_options(synchronize_session=None)
    )
    db.session.connection().execute(
        query, [{"of_key": row["key"]} | {f"new_{name}": row[name] for name in names} for row in rows]
    )
