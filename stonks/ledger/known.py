"""What the ledger holds of a statement's rows: first, by imprint, those that it holds in these very words, then the
others by fingerprint.

Of a hundred thousand known rows none may have changed. So the imprints of the statement's days are read from an index,
once and in their order, which costs a third of looking up each row; that a row is not among them says nothing yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any

from sqlalchemy import Table

from stonks.core.records import LedgerRecord
from stonks.db import db
from stonks.ledger.bulk import kind_of
from stonks.ledger.recording import FACTS, StoredRow, day_of
from stonks.ledger.tables import Entry

Told = tuple[LedgerRecord | StoredRow, bytes]  # with its imprint

_TABLE: Table = Entry.__table__  # type: ignore[assignment]
_OPENED: dict[type, Callable[[Any], Any]] = {
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}
_AT_ONCE = 20_000  # imprints read by one query
_AHEAD = 50_000  # of them read for a statement of one row; of a longer one, some more than it has rows
_HELD = 400_000  # some 100 bytes each
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    entry_id: int
    updated_at: Any  # None: no person edited it
    facts: dict[str, Any]  # by FACTS


class KnownRows:
    """The entries of one portfolio, discarded or not."""

    def __init__(self, portfolio_id: int) -> None:
        self._portfolio_id = portfolio_id
        self._imprints = _Imprints(portfolio_id)
        self._is_sqlite = db.engine.dialect.name == "sqlite"
        self._opened = [_OPENED.get(kind_of(_TABLE.c[name])) for name in FACTS]
        facts = ", ".join(self._as_text(name) for name in FACTS)
        self._select = f"SELECT fingerprint, id, updated_at, {facts} FROM entries WHERE portfolio_id = "  # noqa: S608

    def unlike(self, rows: list[Told]) -> list[Told]:
        """Those that may be new or told otherwise: all but such as stand in the ledger in these words."""
        held = self._imprints.around([day_of(record) for record, _ in rows])
        return [row for row in rows if row[1] not in held]

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


class _Imprints:
    """Imprints of one portfolio's entries over a growing range of days; never all that there are to be had: the more
    rows were asked for, the more of them are read, and too many are let go."""

    def __init__(self, portfolio_id: int) -> None:
        self._portfolio_id = portfolio_id
        self._held: set[bytes] = set()
        self._days: tuple[date, date] | None = None  # after the first, and up to the last of them
        self._credit = _AHEAD
        mark = "?" if db.engine.dialect.name == "sqlite" else "%s"
        between = (
            f"FROM entries WHERE portfolio_id = {mark} AND entry_date > {mark} AND entry_date <= {mark} "
            f"ORDER BY entry_date, id LIMIT {mark}"
        )
        self._imprints = f"SELECT imprint {between}"
        self._last_day = f"SELECT entry_date {between} OFFSET {mark}"

    def around(self, days: Sequence[date]) -> set[bytes]:
        """At least some of the imprints on these days."""
        self._credit += 4 * len(days)
        before, last = _before(min(days)), max(days)
        if len(self._held) > _HELD:
            self._held, self._days = set(), None
        first, upto = self._days or (before, before)
        if before < first:
            self._read(before, first)
        self._days = min(before, first), self._read(upto, last)
        return self._held

    def _read(self, after: date, last: date) -> date:
        """Up to which day it came."""
        while after < last and self._credit > 0:
            most = min(_AT_ONCE, self._credit)
            bounds = self._portfolio_id, after.isoformat()
            found = _fetched(self._last_day, (*bounds, last.isoformat(), 1, most))
            after = date.fromisoformat(str(found[0][0])) if found else last
            # More than that on a day, and the rest of it is looked up.
            rows = _fetched(self._imprints, (*bounds, after.isoformat(), 2 * most))
            self._held.update(map(itemgetter(0), rows))
            self._credit -= len(rows)
        return after


def _before(day: date) -> date:
    return day - _A_DAY if day > date.min else day


def _fetched(sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    cursor = db.session.connection().exec_driver_sql(sql, values).cursor
    return list(cursor.fetchall()) if cursor is not None else []
