"""Rows as records, as known summaries of others, or as a problem (ValueError with the sentence shown).

Knows what IBKR's columns mean, section by section; no file format, and no other row save for what `Survey` tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from stonks.brokers.ibkr.cash_rows import CashRows
from stonks.brokers.ibkr.frame import CASH, TRADES, Block, Table
from stonks.brokers.ibkr.other_rows import OtherRows
from stonks.brokers.ibkr.reading import Shared, Take
from stonks.brokers.ibkr.trade_rows import TradeRows

_TABLES = 32  # kept at once; real statements have a few


class RowReader:
    """Reads the rows of one file, whatever their section."""

    def __init__(self, shared: Shared) -> None:
        self._trades, self._cash, self._others = TradeRows(shared), CashRows(shared), OtherRows(shared)
        self._takers: dict[Table, Take] = {}

    @property
    def levels(self) -> Iterable[str]:
        """The levels of detail that trades were told in, upper case; "" = not told."""
        return self._trades.levels

    @property
    def unmultiplied(self) -> Iterable[str]:
        """The symbols of options and futures that tell no multiplier."""
        return self._trades.unmultiplied

    @property
    def settles_in_cash(self) -> bool:
        """Whether options on an index seem to have been exercised or assigned."""
        return self._trades.has_index_options and not self._trades.codes.isdisjoint(("A", "Ex"))

    @property
    def cash_types(self) -> Iterable[str]:
        """The names of the types of cash met."""
        return self._cash.types

    @property
    def position_levels(self) -> Iterable[str]:
        """The levels of detail that positions were told in, upper case; "" = not told."""
        return self._others.position_levels

    def taker(self, table: Table) -> Take:
        """What makes records of this table's rows."""
        if table.odd:
            return _parked(table.odd)
        taker = self._takers.get(table)
        if taker is None:
            if len(self._takers) >= _TABLES:
                self._takers.clear()
            taker = self._takers[table] = self._made(table)
        return taker

    def _made(self, table: Table) -> Take:
        if table.section == TRADES:
            return self._trades.taker(table)
        if table.section == CASH:
            return self._cash.taker(table)
        return self._others.taker(table)


def _parked(reason: str) -> Take:
    def take(_: Block) -> NoReturn:
        raise ValueError(reason)

    return take
