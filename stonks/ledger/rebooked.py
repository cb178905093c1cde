"""A trade that was taken back and booked again with the very same facts, when a file holds only one of the two.

Such a pair has one identity, and only their number within a file tells them apart: a file that holds both needs none of
this. IBKR charges the commission once, on the original; so where a trade is known with a commission and told without
one, or the other way round, and a cancel of it is here or in the ledger, it is the other of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

from sqlalchemy import select

from stonks.core.records import FxConversion, LedgerRecord, Reading, TellsSeconds, Trade
from stonks.db import db
from stonks.ledger.known import Known
from stonks.ledger.recording import StoredRow, row_of
from stonks.ledger.tables import Entry

_SAME = ("kind", "type", "entry_date", "currency", "quantity", "price")


class Rebooked:
    """Of one file: which of its rows are the other of two, known only once all of it was read."""

    def __init__(self, portfolio_id: int, reading: Reading) -> None:
        self._portfolio_id = portfolio_id
        self._second_of = reading.second_of if isinstance(reading, TellsSeconds) else None
        self._cancels: list[dict[str, Any]] = []
        self._doubtful: dict[bytes, tuple[Trade | FxConversion, Known]] = {}  # by the second's fingerprint
        self._part: Sequence[LedgerRecord | StoredRow] = ()  # being compared
        self._both: set[bytes] = set()  # seconds that the file holds itself

    def begin(self, part: Sequence[LedgerRecord | StoredRow]) -> None:
        """A part of the file is about to be compared."""
        if self._second_of is None:
            return
        self._cancels += [row_of(each) for each in _cancels_of(part)]
        self._part = part
        if self._doubtful:
            self._both |= self._doubtful.keys() & {each.fingerprint for each in part}

    def keeps(self, record: LedgerRecord | StoredRow, old: Known) -> bool:
        """Whether the row may be the other of two; then `decided` answers for it."""
        if self._second_of is None or not isinstance(record, Trade | FxConversion) or record.cancels:
            return False
        before = old.facts["commission"]
        if record.commission is None or before is None or bool(record.commission) == bool(before):
            return False
        second = self._second_of(record)
        if second is None or any(each.fingerprint == second for each in self._part):
            return False
        self._doubtful[second] = record, old
        return True

    def decided(self) -> Iterable[tuple[Trade | FxConversion, Known | None]]:
        """The rows kept: another row than the known one, under its own fingerprint and with None, or that one."""
        for second, (record, old) in self._doubtful.items():
            if second not in self._both and self._is_taken_back(record):
                yield record._replace(fingerprint=second), None
            else:
                yield record, old

    def _is_taken_back(self, record: Trade | FxConversion) -> bool:
        row = row_of(record)
        known = select(Entry).where(
            Entry.portfolio_id == self._portfolio_id, Entry.entry_date == row["entry_date"], Entry.cancels
        )
        stored = [{name: getattr(entry, name) for name in row} for entry in db.session.scalars(known)]
        if record.commission and any(_takes_back(cancel, row) for cancel in self._cancels):
            # What is booked again comes with its cancel. The file has one, so where the entry were that, it would be
            # here too: the cancel is of an equal trade.
            return False
        return any(_takes_back(cancel, row) for cancel in (*self._cancels, *stored))


def _cancels_of(part: Sequence[LedgerRecord | StoredRow]) -> Iterable[LedgerRecord | StoredRow]:
    if {Trade, FxConversion}.issuperset(map(type, part)):  # as most parts are
        return compress(part, map(attrgetter("cancels"), part))
    return [each for each in part if isinstance(each, Trade | FxConversion) and each.cancels]


def _takes_back(cancel: dict[str, Any], row: dict[str, Any]) -> bool:
    if cancel["original_id"] and row["external_id"] and cancel["original_id"] != row["external_id"]:
        return False
    name = "isin" if cancel["isin"] and row["isin"] else "symbol"
    return all(cancel[fact] == row[fact] for fact in (*_SAME, name))
