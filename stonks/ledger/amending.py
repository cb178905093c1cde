"""What a later statement changes in an entry that is known: a commission told otherwise, a fact not told before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, update

from stonks.core.records import LedgerRecord
from stonks.db import db
from stonks.ledger.known import Known
from stonks.ledger.recording import StoredRow, row_of
from stonks.ledger.tables import Amendment, Entry

# A later statement's word on these replaces the earlier one, visibly; the other facts are filled in when an earlier,
# narrower statement did not tell them.
AMENDED = ("commission", "commission_currency", "taxes")


@dataclass(slots=True)
class Change:
    entry_id: int
    had: dict[str, Any]
    told: dict[str, Any]

    @property
    def amends(self) -> bool:
        """Whether it says something otherwise; else it tells what was not told before."""
        return any(self.had.get(name) is not None for name in AMENDED)


def change_of(record: LedgerRecord | StoredRow, old: Known) -> Change | None:
    """What the record tells that the entry lacks or says otherwise. A fact that the record does not tell erases
    nothing."""
    if old.updated_at is not None:  # what a person edited is theirs
        return None
    row = row_of(record)
    told: dict[str, Any] = {}
    for name, stored in old.facts.items():
        value = row[name]
        if value is not None and value != stored and (name in AMENDED or stored is None or _adds(name, stored, value)):
            told[name] = value
    if not told:
        return None
    had = {name: old.facts[name] for name in told}
    if row["kind"] == "TRADE" and not told.keys().isdisjoint(("asset_class", "multiplier")):
        told["amount"] = row["amount"]  # it hangs on both
    return Change(old.entry_id, had, told)


def _adds(name: str, stored: Any, value: Any) -> bool:
    """Whether a wider query says more of it: the codes that the entry has and others, or what it is, where a narrower
    one had only an ISIN and it was taken for a share. The other way round nothing is taken back."""
    if name == "notes":
        return set(stored.split(";")) < set(value.split(";"))
    return name == "asset_class" and stored == "STK"


def apply(changes: list[Change], batch_id: int, now: datetime) -> int:
    """Writes what is still as it was when it was compared, so that of two imports at once one amends. Returns the
    number of entries amended: a fact that was not told before is no amendment."""
    amended = 0
    for change in changes:
        as_before = [getattr(Entry, name).is_not_distinct_from(value) for name, value in change.had.items()]
        written = db.session.execute(
            update(Entry)
            .where(Entry.id == change.entry_id, Entry.updated_at.is_(None), *as_before)
            .values(**change.told)
            .returning(Entry.id)
        ).first()
        if written is None:
            continue
        amendments = [
            {"entry_id": change.entry_id, "batch_id": batch_id, "field": name, "amended_at": now}
            | {"old": _text(change.had[name]), "new": _text(change.told[name])}
            for name in AMENDED
            if change.had.get(name) is not None
        ]
        if amendments:
            db.session.execute(insert(Amendment), amendments)
            amended += 1
    return amended


def _text(value: Any) -> str | None:
    return format(value, "f") if isinstance(value, Decimal) else value
