"""Questions about a whole file, asked by a row that means one thing or another depending on the rest.

Each is answered by passes of its own over the file, once. Most files answer none of them: dates without slashes, a level
of detail or an ID on every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import cached_property

from stonks.brokers.ibkr import cash_types
from stonks.brokers.ibkr.cells import NUMBER, clean, text_of
from stonks.brokers.ibkr.dates import DateReader, slashed_order
from stonks.brokers.ibkr.frame import CASH, TRADES, Blocks, Row

Group = tuple[str, str, str, str]  # instrument, day, type, currency


class Survey:
    """`again` opens the file's rows from the start, and leaves the reading that goes on where it was."""

    def __init__(self, again: Callable[[], AbstractContextManager[Blocks]]) -> None:
        self._again = again
        self._sums: dict[Group, Decimal] | None = None

    @cached_property
    def date_order(self) -> str:
        """ "day" or "month" first; "open": no slashed date of the file settles it."""
        with self._again() as blocks:
            for block in blocks:
                for column in [block.table.column(name) for name in block.table.places if _tells_days(name)]:
                    for text in column(block):
                        if "/" in text and (order := slashed_order(text)):
                            return order
        return "open"

    @cached_property
    def trade_ids_told(self) -> bool:
        """A column of Trade IDs that is empty throughout tells nothing."""
        with self._again() as blocks:
            trades = (block for block in blocks if block.table.section == TRADES)
            return any(any(map(clean, block.table.column("tradeid")(block))) for block in trades)

    @cached_property
    def detailed_types(self) -> frozenset[str]:
        """The types of cash that have DETAIL rows."""
        with self._again() as blocks:
            return frozenset(
                cash_types.type_name(row.cells.get("type", "")) for row in _cash(blocks) if row.level == "DETAIL"
            )

    def is_told_in_detail(self, row: Row, amount: Decimal, dates: DateReader) -> bool:
        """Whether rows with a Transaction ID of the same instrument, day, type and currency add up to the amount of
        this one, which has none and tells no level of detail."""
        if self._sums is None:
            self._sums = self._sum(dates)
        return self._sums.get(_group(row, dates)) == amount

    def _sum(self, dates: DateReader) -> dict[Group, Decimal]:
        """Of the groups that rows without an ID belong to: only those are asked for."""
        with self._again() as blocks:
            asked = {
                _group(row, dates) for row in _cash(blocks) if not (row.level or text_of(row.cells, "transactionid"))
            }
        sums: dict[Group, Decimal] = {}
        with self._again() as blocks:
            for row in _cash(blocks):
                text = row.cells.get("amount", "")
                if not row.level and text_of(row.cells, "transactionid") and NUMBER.fullmatch(text):
                    group = _group(row, dates)
                    if group in asked:
                        sums[group] = sums.get(group, Decimal()) + Decimal(text)
        return sums


def _tells_days(column: str) -> bool:
    return "date" in column or column == "expiry"


def _cash(blocks: Blocks) -> Iterator[Row]:
    for block in blocks:
        if block.table.section == CASH and not block.table.odd:
            yield from block.named()


def _group(row: Row, dates: DateReader) -> Group:
    cells = row.cells
    told = cells.get("datetime", "")
    try:
        day = dates.day(told).isoformat()
    except ValueError:
        day = told
    currency = text_of(cells, "currencyprimary") or text_of(cells, "currency")
    return (
        text_of(cells, "isin") or text_of(cells, "symbol"),
        day,
        cash_types.type_name(cells.get("type", "")),
        currency,
    )
