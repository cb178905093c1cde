"""What a later statement changes in an entry that is known: a commission told otherwise, a fact not told before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, insert, select, update

from stonks.core.records import LedgerRecord
from stonks.db import db
from stonks.ledger.recording import StoredRow, row_of
from stonks.ledger.tables import Amendment, Entry

# A later statement's word on these replaces the earlier one, visibly.
AMENDED = ("commission", "commission_currency", "taxes")
# These are filled in when an earlier, narrower statement did not tell them.
FILLED = (
    "asset_class", "multiplier", "underlying", "account", "original_id", "executed_at", "report_date",
    "description", "notes", "symbol", "isin",
)  # fmt: skip

_FACTS = AMENDED + FILLED
_TABLE = Entry.__table__
COMPARED = select(*(_TABLE.c[name] for name in ("fingerprint", "id", "updated_at", *_FACTS)))


@dataclass(slots=True)
class Change:
    entry_id: int
    had: dict[str, Any]
    told: dict[str, Any]

    @property
    def amends(self) -> bool:
        """Whether it says something otherwise; else it tells what was not told before."""
        return any(self.had.get(name) is not None for name in AMENDED)


def change_of(record: LedgerRecord | StoredRow, old: Row[Any]) -> Change | None:
    """What the record tells that the entry (a row of COMPARED) lacks or says otherwise. A fact that the record does not
    tell erases nothing."""
    if old.updated_at is not None:  # what a person edited is theirs
        return None
    stored = old[3:]
    told: dict[str, Any] | None = None
    for position, name in enumerate(_FACTS):
        value = record.values[name] if isinstance(record, StoredRow) else getattr(record, name, None)
        if value is None or value == stored[position]:
            continue
        if name in AMENDED or stored[position] is None:
            told = told or {}
            told[name] = value
    if told is None:
        return None
    had = {name: getattr(old, name) for name in told}
    row = row_of(record)
    if row["kind"] == "TRADE" and not told.keys().isdisjoint(("asset_class", "multiplier")):
        told["amount"] = row["amount"]  # it hangs on both
    return Change(old.id, had, told)


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
        ).all()
        if not written:
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
