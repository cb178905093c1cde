"""One corrected trade instead of three riddles: which entry took which back, and what replaced it.

IBKR takes a trade back by a row without a Trade ID (same trade date, quantity and price) and sends the replacement
under the Trade ID of the original. Decides nothing about amounts: a cancel carries the opposite sign by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, bindparam, select

from stonks.db import db, read
from stonks.ledger.entries import Line
from stonks.ledger.tables import Amendment, Entry

CANCELLED = "cancelled"  # taken back, and nothing replaced it
CORRECTED = "corrected"  # taken back and replaced
CANCEL = "cancel"  # takes another entry back
REPLACEMENT = "replacement"  # stands in for an entry that was taken back

Told = Entry | Row[Any]  # an entry with all that was told of it


_COUNTING = select(*Entry.__table__.c).where(
    Entry.portfolio_id == bindparam("portfolio_id"), Entry.kind.in_(("TRADE", "FX")), Entry.discarded_at.is_(None)
)
_OF_DAYS = _COUNTING.where(Entry.entry_date.in_(bindparam("days", expanding=True)))
# A range and not the days one by one: with those, SQLite takes the index of all entries and reads every one of a day.
_CANCELS = _COUNTING.where(Entry.entry_date.between(bindparam("first"), bindparam("last")), Entry.cancels)
_DAYS_OF_CANCELS = (
    select(Entry.entry_date)
    .where(Entry.portfolio_id == bindparam("portfolio_id"), Entry.discarded_at.is_(None), Entry.cancels)
    .distinct()
)
_MOVED = _COUNTING.where(
    Entry.symbol.in_(bindparam("symbols", expanding=True)), Entry.external_id.in_(bindparam("names", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Correction:
    """What an entry is within its history, and the whole of that in order: original, cancel, replacement …"""

    role: str
    history: tuple[Told, ...]

    @property
    def taken_back(self) -> bool:
        """Whether the entry and another cancel each other out: neither is a trade that stands."""
        return self.role != REPLACEMENT


def days_of_cancels(portfolio_id: int) -> frozenset[date]:
    """On which something was taken back."""
    return frozenset(day for (day,) in read(_DAYS_OF_CANCELS, portfolio_id=portfolio_id))


def of_entries(
    portfolio_id: int, shown: Sequence[Line], cancelled_on: frozenset[date] | None = None
) -> dict[int, Correction]:
    """Corrections that touch the entries shown, by entry id; those without are absent. At most three cheap queries;
    none, most of the time, where `cancelled_on` has what days_of_cancels() found."""
    days = {entry.entry_date for entry in shown if entry.kind in ("TRADE", "FX")}
    if not days or (cancelled_on is not None and days.isdisjoint(cancelled_on)):
        return {}
    found = read(_CANCELS, portfolio_id=portfolio_id, first=min(days), last=max(days))
    cancels = [entry for entry in found if entry.entry_date in days]
    if not cancels:
        return {}
    trades = {
        entry.id: entry
        for entry in read(_OF_DAYS, portfolio_id=portfolio_id, days=sorted({cancel.entry_date for cancel in cancels}))
        if not entry.cancels
    }
    ids_by_symbol = defaultdict(set)
    for entry in trades.values():
        if entry.external_id and any(_same_instrument(entry, cancel) for cancel in cancels):
            ids_by_symbol[entry.symbol].add(entry.external_id)
    for cancel in cancels:
        if cancel.original_id:
            ids_by_symbol[cancel.symbol].add(cancel.original_id)
    # A correction may have moved the trade to another day.
    names = {name for found in ids_by_symbol.values() for name in found}
    moved = read(_MOVED, portfolio_id=portfolio_id, symbols=list(ids_by_symbol), names=list(names))
    trades.update((entry.id, entry) for entry in moved if not entry.cancels)
    linked = linked_corrections([*cancels, *trades.values()])
    return {entry.id: linked[entry.id] for entry in shown if entry.id in linked}


def amendments_of(portfolio_id: int, entry_id: int) -> list[Amendment]:
    """Facts of an entry that later statements told otherwise, oldest first."""
    query = select(Amendment).join(Entry, Entry.id == Amendment.entry_id)
    return list(
        db.session.scalars(query.where(Entry.portfolio_id == portfolio_id, Entry.id == entry_id).order_by(Amendment.id))
    )


def linked_corrections(entries: Iterable[Told]) -> dict[int, Correction]:
    """Pure: the corrections among trades and cancels, by entry id. A cancel whose original is not there stays alone."""
    ordered = sorted(entries, key=lambda entry: entry.id)
    open_trades = [entry for entry in ordered if not entry.cancels]
    cancel_of: dict[int, Told] = {}
    for cancel in (entry for entry in ordered if entry.cancels):
        original = _original(cancel, [entry for entry in open_trades if entry.id not in cancel_of])
        if original is not None:
            cancel_of[original.id] = cancel

    groups: dict[tuple[str | None, str | int], list[Told]] = defaultdict(list)
    for entry in open_trades:
        groups[entry.symbol, entry.external_id or entry.id].append(entry)
    found: dict[int, Correction] = {}
    for group in groups.values():
        taken_back = [entry for entry in group if entry.id in cancel_of]
        if not taken_back:
            continue
        standing = [entry for entry in group if entry.id not in cancel_of]
        steps = [step for entry in taken_back for step in (entry, cancel_of[entry.id])]
        history = (*steps, *standing)
        for position, entry in enumerate(taken_back):
            replaced = bool(standing) or position < len(taken_back) - 1
            found[entry.id] = Correction(CORRECTED if replaced else CANCELLED, history)
            found[cancel_of[entry.id].id] = Correction(CANCEL, history)
        for entry in standing:
            found[entry.id] = Correction(REPLACEMENT, history)
    return found


def _original(cancel: Told, candidates: list[Told]) -> Told | None:
    """The trade that a cancel takes back: the one it names, else the first with its day, size and price."""
    alike = [
        entry
        for entry in candidates
        if entry.kind == cancel.kind
        and entry.type == cancel.type
        and entry.quantity == cancel.quantity
        and entry.price == cancel.price
        and _same_instrument(entry, cancel)
    ]
    if cancel.original_id:
        named = [entry for entry in alike if entry.external_id == cancel.original_id]
        # A trade without an id (a narrower query once brought it) may still be the one that is named.
        alike = named or [entry for entry in alike if not entry.external_id]
    same_day = [entry for entry in alike if entry.entry_date == cancel.entry_date]
    if same_day:
        return same_day[0]
    return alike[0] if alike and cancel.original_id else None


def _same_instrument(one: Told, other: Told) -> bool:
    if one.currency != other.currency:
        return False
    if one.isin and other.isin:
        return one.isin == other.isin
    return one.symbol == other.symbol
