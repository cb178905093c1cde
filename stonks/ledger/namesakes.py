"""The same row under another name: a query that tells Trade IDs, Transaction IDs or ISINs names a row otherwise than one
that does not. Who adds such a field, as the doctor advises, must not get every row a second time.

Only where one of the two queries lacks the very column, as the doctor found: an empty cell is no missing one, except in
our own export, which has every column. One entry for one row: equal rows that are several stay several.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from itertools import chain
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, exists, select

from stonks.core.records import CashTransaction, FxConversion, LedgerRecord, Reading, TellsColumns, Trade
from stonks.db import db
from stonks.ledger.amending import Change
from stonks.ledger.recording import StoredRow, row_of
from stonks.ledger.tables import Entry, EntryAsTold, ImportBatch

_NAMED = (Trade, FxConversion, CashTransaction)
_KINDS = ("TRADE", "FX", "CASH")  # of these as entries
_FACTS = ("kind", "type", "entry_date", "currency", "quantity", "price", "amount", "symbol", "isin")
_ENTRIES = (
    select(
        Entry.id, Entry.fingerprint, Entry.action_kind, Entry.external_id, Entry.account, Entry.executed_at,
        Entry.cancels, Entry.updated_at, ImportBatch.findings,
    )
    .join(ImportBatch, ImportBatch.id == Entry.batch_id)
    .where(Entry.origin != "manual")
)  # fmt: skip


# How the doctor calls a column that is missing.
MISSING = {
    ("external_id", "TRADE"): "field-missing:trades:trade-id", ("external_id", "FX"): "field-missing:trades:trade-id",
    ("external_id", "CASH"): "field-missing:cash:transaction-id", ("isin", "TRADE"): "field-missing:trades:isin",
    ("isin", "FX"): "field-missing:trades:isin", ("isin", "CASH"): "field-missing:cash:isin",
}  # fmt: skip


class Namesakes:
    """Of one file, read part by part."""

    def __init__(self, portfolio_id: int, reading: Reading) -> None:
        self._portfolio_id = portfolio_id
        self._reading = reading if isinstance(reading, TellsColumns) else None
        self._taken: set[int] = set()  # entries that were found to be a row of this file

    def find(
        self, unknown: Sequence[LedgerRecord | StoredRow], part: Sequence[LedgerRecord | StoredRow]
    ) -> dict[bytes, Change | None]:
        """Of the `unknown` rows of a part those that are entries under another name, by fingerprint: the change that
        gives the entry the fuller name, None where it has that already or was edited."""
        found: dict[bytes, Change | None] = {}
        if self._reading is None:
            return found
        fresh = {each.fingerprint: row_of(each) for each in unknown if _may_be_named_otherwise(each)}
        days = {row["entry_date"] for row in fresh.values()}
        there = self._entries(days, {each.fingerprint for each in part}) if fresh else {}
        for fingerprint, row in fresh.items() if there else ():
            alike = there.get(_facts(row), [])
            entry = next((one for one in alike if _is_named_otherwise(row, one, self._reading)), None)
            if entry is not None:
                alike.remove(entry)
                self._taken.add(entry.id)
                found[fingerprint] = _renaming(row, entry)
        return found

    def _entries(self, days: set[date], own: set[bytes]) -> dict[tuple[Any, ...], list[Any]]:
        """Entries of these days that are not rows of this part by their own name, by their facts as a statement told
        them, oldest first."""
        corrected = exists().where(EntryAsTold.entry_id == Entry.id)
        queries = (
            _told_on(days, self._portfolio_id, Entry).where(~corrected),
            _told_on(days, self._portfolio_id, EntryAsTold).join(EntryAsTold, EntryAsTold.entry_id == Entry.id),
        )
        found: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for entry in sorted(chain.from_iterable(map(db.session.execute, queries)), key=attrgetter("id")):
            if entry.fingerprint not in own and entry.id not in self._taken:
                found[_facts(entry._mapping)].append(entry)
        return found


def _told_on(days: set[date], portfolio_id: int, table: type[Entry] | type[EntryAsTold]) -> Select[Any]:
    """Of a portfolio what a statement brought, with the facts that stand in `table`."""
    return _ENTRIES.add_columns(*[getattr(table, name) for name in _FACTS]).where(
        table.portfolio_id == portfolio_id, table.entry_date.in_(days), table.kind.in_(_KINDS)
    )


def _may_be_named_otherwise(each: LedgerRecord | StoredRow) -> bool:
    return each.values["kind"] in _KINDS if isinstance(each, StoredRow) else isinstance(each, _NAMED)


def _facts(row: Any) -> tuple[Any, ...]:
    cash = (row["amount"], row["action_kind"]) if row["kind"] == "CASH" else (row["quantity"], row["price"])
    return row["kind"], row["type"], row["cancels"], row["entry_date"], row["currency"], *cash


def _is_named_otherwise(row: dict[str, Any], entry: Any, reading: TellsColumns) -> bool:
    for fact in ("account", "executed_at"):
        if row[fact] is not None and getattr(entry, fact) not in (None, row[fact]):
            return False
    both = row["isin"] is not None and entry.isin is not None
    if row["isin"] != entry.isin if both else row["symbol"] != entry.symbol:
        return False
    for fact in ("external_id", "isin"):  # only rows without an ID are named by their ISIN
        mine, its = row[fact], getattr(entry, fact)
        if mine is None and its is not None:
            return not reading.tells(row["kind"], fact)
        if mine is not None and its is None:
            return f'"{MISSING[fact, row["kind"]]}"' in (entry.findings or "")
        if mine is not None:
            return False
    return False


def _renaming(row: dict[str, Any], entry: Any) -> Change | None:
    if entry.updated_at is not None:  # what a person edited is theirs, and is found by what was told
        return None
    if entry.external_id is not None or (row["external_id"] is None and row["isin"] is None):
        return None
    names = ("fingerprint", "external_id", "isin")
    told = {name: row[name] for name in names if row[name] is not None}
    return Change(entry.id, {name: getattr(entry, name) for name in told}, told)
