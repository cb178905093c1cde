"""What must be known of a whole file before its first row means anything: seen in a pass of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from stonks.brokers.ibkr import cash_types
from stonks.brokers.ibkr.cells import BLANKS, NUMBER
from stonks.brokers.ibkr.dates import slashed_parts
from stonks.brokers.ibkr.frame import CASH, RAW_CHARACTERS, TRADES, OddRow, Row
from stonks.core.fingerprint import plain


@dataclass(frozen=True, slots=True)
class Survey:
    """What must be known of the whole file before its first row."""

    trade_ids_told: bool  # a column of Trade IDs that is empty throughout tells nothing
    detailed_types: frozenset[str]  # types that have DETAIL rows
    detailed_sums: frozenset[tuple[str, ...]]  # (instrument, day, type, currency, sum) of rows with a Transaction ID


class Surveyor:
    """Looks at the rows of a whole file, one by one, for what `Survey` tells."""

    def __init__(self) -> None:
        self.levels: Counter[str] = Counter()  # of the trades' rows
        self.cash_types: set[str] = set()
        self.slashed: str | None = None  # "day" or "month" first, "open": slashed but not settled, None: no such dates
        self._detailed: set[str] = set()
        self._trade_ids_told = False
        self._anonymous: set[tuple[str, ...]] = set()

    def see(self, row: Row) -> None:
        cells = row.cells
        if self.slashed in (None, "open") and ("/" in row.raw or len(row.raw) >= RAW_CHARACTERS):
            self._settle(cells)
        if row.section == TRADES:
            self.levels[row.level] += 1
        if row.section != CASH:
            self._trade_ids_told = self._trade_ids_told or cells.get("tradeid", "") not in BLANKS
            return
        name = cash_types.type_name(cells.get("type", ""))
        self.cash_types.add(name)
        if row.level == "DETAIL":
            self._detailed.add(name)
        elif not row.level and _identifierless(cells):
            self._anonymous.add(_group_key(row))

    def survey(self, again: Callable[[], Iterable[Row | OddRow]]) -> Survey:
        """`again` reads the rows once more, which sums need; asked only where cash rows without an ID are."""
        sums: dict[tuple[str, ...], Decimal] = {}
        for row in again() if self._anonymous else ():
            if (
                isinstance(row, OddRow)
                or row.section != CASH
                or row.level
                or row.cells.get("transactionid", "") in BLANKS
            ):
                continue
            if (key := _group_key(row)) in self._anonymous and NUMBER.fullmatch(row.cells.get("amount", "")):
                sums[key] = sums.get(key, Decimal()) + Decimal(row.cells["amount"])
        detailed = frozenset((*key, plain(total)) for key, total in sums.items())
        return Survey(self._trade_ids_told, frozenset(self._detailed), detailed)

    def _settle(self, cells: dict[str, str]) -> None:
        for name, text in cells.items():
            if "/" in text and "date" in name and (parts := slashed_parts(text)):
                self.slashed = "day" if parts[0] > 12 else "month" if parts[1] > 12 else "open"
                if self.slashed != "open":
                    return


def _identifierless(cells: dict[str, str]) -> bool:
    return cells.get("transactionid", "") in BLANKS or cells["transactionid"] == "REDACTED"


def _group_key(row: Row) -> tuple[str, ...]:
    cells = row.cells
    instrument = cells.get("isin") or cells.get("symbol", "")
    day = re.split(r"[;, T]", cells.get("datetime", ""), maxsplit=1)[0]
    return (
        instrument,
        day,
        cash_types.type_name(cells.get("type", "")),
        cells.get("currencyprimary") or cells.get("currency", ""),
    )


def group_of(row: Row, amount: Decimal) -> tuple[str, ...]:
    return (*_group_key(row), plain(amount))
