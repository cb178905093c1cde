"""What the ledger holds of a statement's rows, looked up by fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table

from stonks.db import db
from stonks.ledger.bulk import kind_of
from stonks.ledger.recording import FACTS
from stonks.ledger.tables import Entry

_TABLE: Table = Entry.__table__  # type: ignore[assignment]
_OPENED: dict[type, Callable[[Any], Any]] = {
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


@dataclass(frozen=True, slots=True)
class Known:
    entry_id: int
    updated_at: Any  # None: no person edited it
    facts: dict[str, Any]  # by FACTS


class KnownRows:
    """The entries of one portfolio, discarded or not."""

    def __init__(self, portfolio_id: int) -> None:
        self._portfolio_id = portfolio_id
        self._is_sqlite = db.engine.dialect.name == "sqlite"
        self._opened = [_OPENED.get(kind_of(_TABLE.c[name])) for name in FACTS]
        facts = ", ".join(self._as_text(name) for name in FACTS)
        self._select = f"SELECT fingerprint, id, updated_at, {facts} FROM entries WHERE portfolio_id = "  # noqa: S608

    def of(self, fingerprints: list[bytes]) -> dict[bytes, tuple[Any, ...]]:
        """Found rows by fingerprint; `opened` knows what is in them."""
        # By fingerprint and not by date: a person may have moved an entry to another day, and it is known all the same.
        if not fingerprints:
            return {}
        if self._is_sqlite:
            marks = ",".join("?" * len(fingerprints))
            sql, values = f"{self._select}? AND fingerprint IN ({marks})", (self._portfolio_id, *fingerprints)
        else:
            sql, values = f"{self._select}%s AND fingerprint = ANY(%s)", (self._portfolio_id, fingerprints)
        return {row[0]: row for row in _fetched(sql, values)}

    def opened(self, row: tuple[Any, ...]) -> Known:
        facts = {
            name: value if value is None or make is None else make(value)
            for name, value, make in zip(FACTS, row[3:], self._opened, strict=True)
        }
        return Known(row[1], row[2], facts)

    def _as_text(self, name: str) -> str:
        is_text = self._is_sqlite or kind_of(_TABLE.c[name]) is str
        return name if is_text else f"{name}::text"


def _fetched(sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    cursor = db.session.connection().exec_driver_sql(sql, values).cursor
    return list(cursor.fetchall()) if cursor is not None else []
