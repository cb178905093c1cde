"""Questions about a whole file, asked by a row that means one thing or another depending on the rest.

Each is answered by passes of its own over the file, once. Most files answer none of them: dates without slashes, a level
of detail or an ID on every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from stonks.brokers.ibkr import cash_types
from stonks.brokers.ibkr.cells import NUMBER, account_of, clean, isin_of, text_of
from stonks.brokers.ibkr.dates import DateReader, slashed_order
from stonks.brokers.ibkr.frame import ACTIONS, CASH, POSITIONS, TRADES, TRANSFERS, Blocks, Row

Group = tuple[str, str, str, str]  # instrument, day, type, currency


class Survey:
    """`again` opens the file's rows from the start, and leaves the reading that goes on where it was."""

    def __init__(self, again: Callable[[], AbstractContextManager[Blocks]]) -> None:
        self._again = again
        self._sums: dict[Group, _Sums] | None = None
        self._moved: dict[tuple[str, str, str], _Sums] | None = None  # of transfers
        self._quantities: dict[tuple[str, str, str], Decimal] | None = None  # of corporate actions

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
    def sales_are_negative(self) -> bool:
        """Whether any sale has a negative quantity, as all have at IBKR: then one that has none is no sale."""
        with self._again() as blocks:
            for block in blocks:
                if block.table.section == TRADES and not block.table.odd:
                    deeds, quantities = block.table.column("buysell")(block), block.table.column("quantity")(block)
                    for deed, quantity in zip(deeds, quantities, strict=True):
                        if quantity.strip().startswith("-") and deed.strip().upper() == "SELL":
                            return True
        return False

    @cached_property
    def detailed_types(self) -> frozenset[str]:
        """The types of cash that have rows of single transactions."""
        with self._again() as blocks:
            return frozenset(
                cash_types.type_name(row.cells.get("type", "")) for row in _cash(blocks) if _is_single(row)
            )

    @cached_property
    def transfer_levels(self) -> set[str]:
        """The levels of detail of transfers, upper case; "" = not told."""
        with self._again() as blocks:
            return {row.level for row in _rows(blocks, TRANSFERS)}

    @cached_property
    def details_actions(self) -> bool:
        """Whether there are rows of single corporate actions."""
        with self._again() as blocks:
            return any(map(_is_single, _rows(blocks, ACTIONS)))

    @cached_property
    def summed_positions(self) -> set[tuple[str, str, str]]:
        """Account, instrument and day of the positions that bear no opening of their own, as sums of lots."""
        with self._again() as blocks:
            return {position_group(row) for row in _rows(blocks, POSITIONS) if not text_of(row.cells, "opendatetime")}

    def is_transfer_told_as_whole(self, row: Row, dates: DateReader) -> bool:
        """Whether rows with a Transaction ID of the same instrument, day and direction add up to as much as all of those
        without one, to which this row belongs: these are lots, or sums."""
        if self._moved is None:
            self._moved = {}
            with self._again() as blocks:
                for each in _rows(blocks, TRANSFERS):
                    text = each.cells.get("quantity", "")
                    if not each.level and NUMBER.fullmatch(text) and (size := abs(Decimal(text))):
                        sums = self._moved.setdefault(_transfer_group(each, dates), _Sums())
                        sums.add(size, single=bool(text_of(each.cells, "transactionid")))
        sums = self._moved.get(_transfer_group(row, dates), _Sums())
        return sums.singles == sums.others

    def is_action_told_in_detail(self, row: Row, dates: DateReader) -> bool:
        """Whether rows with a Transaction ID of the same instrument, day and type add up to the quantity of this one,
        which has none and tells no level of detail."""
        if self._quantities is None:
            self._quantities = {}
            with self._again() as blocks:
                for each in _rows(blocks, ACTIONS):
                    text = each.cells.get("quantity", "")
                    if text_of(each.cells, "transactionid") and NUMBER.fullmatch(text):
                        group = _action_group(each, dates)
                        self._quantities[group] = self._quantities.get(group, Decimal()) + Decimal(text)
        total = self._quantities.get(_action_group(row, dates))
        return total is not None and total == Decimal(row.cells["quantity"])

    def is_told_in_detail(self, row: Row, amount: Decimal, dates: DateReader) -> bool:
        """Whether rows with a Transaction ID of the same instrument, day, type and currency add up to the amount of
        this one, which has none and tells no level of detail; or to that of all such rows without one."""
        if self._sums is None:
            self._sums = self._sum(dates)
        sums = self._sums.get(_group(row, dates))
        return sums is not None and sums.singles in (amount, sums.others)

    def _sum(self, dates: DateReader) -> dict[Group, _Sums]:
        """Of the groups that rows with an ID and rows without one belong to."""
        sums: dict[Group, _Sums] = {}
        with self._again() as blocks:  # first the groups that are asked for, which are few
            for row in _cash(blocks):
                if (amount := _amount(row)) is not None and not text_of(row.cells, "transactionid"):
                    sums.setdefault(_group(row, dates), _Sums()).add(amount, single=False)
        with self._again() as blocks:
            for row in _cash(blocks):
                if (amount := _amount(row)) is not None and text_of(row.cells, "transactionid"):
                    group = sums.get(_group(row, dates))
                    if group is not None:
                        group.add(amount, single=True)
        return sums


def of_all_accounts(cells: dict[str, str]) -> bool:
    """Whether a dash stands where an account would, as on sums."""
    return "-" in (cells.get(name, "").strip() for name in ("clientaccountid", "accountid"))


@dataclass(slots=True)
class _Sums:
    singles: Decimal | None = None  # of rows with a Transaction ID; None: there are none
    others: Decimal = Decimal()

    def add(self, amount: Decimal, *, single: bool) -> None:
        if single:
            self.singles = amount + (self.singles or 0)
        else:
            self.others += amount


def _amount(row: Row) -> Decimal | None:
    """Of a row that tells no level of detail."""
    text = row.cells.get("amount", "")
    return Decimal(text) if not row.level and NUMBER.fullmatch(text) else None


def _is_single(row: Row) -> bool:
    told = text_of(row.cells, "transactionid") or account_of(row.cells)
    return row.level == "DETAIL" or bool(not row.level and told)


def _tells_days(column: str) -> bool:
    return "date" in column or column == "expiry"


def _cash(blocks: Blocks) -> Iterator[Row]:
    return _rows(blocks, CASH)


def _rows(blocks: Blocks, section: str) -> Iterator[Row]:
    for block in blocks:
        if block.table.section == section and not block.table.odd:
            yield from block.named()


def _action_group(row: Row, dates: DateReader) -> tuple[str, str, str]:
    """Instrument, day, type."""
    cells = row.cells
    told = text_of(cells, "datetime") or text_of(cells, "reportdate")
    return isin_of(cells) or text_of(cells, "symbol"), _day(told, dates), text_of(cells, "type")


def _group(row: Row, dates: DateReader) -> Group:
    cells = row.cells
    currency = text_of(cells, "currencyprimary") or text_of(cells, "currency")
    return (
        isin_of(cells) or text_of(cells, "symbol"),
        _day(cells.get("datetime", ""), dates),
        cash_types.type_name(cells.get("type", "")),
        currency,
    )


def position_group(row: Row) -> tuple[str, str, str]:
    """Account, instrument, day as told."""
    cells = row.cells
    return account_of(cells) or "", isin_of(cells) or text_of(cells, "symbol"), text_of(cells, "reportdate")


def _transfer_group(row: Row, dates: DateReader) -> tuple[str, str, str]:
    """Instrument, day, direction."""
    cells = row.cells
    told = text_of(cells, "date") or text_of(cells, "datetime") or text_of(cells, "reportdate")
    return isin_of(cells) or text_of(cells, "symbol"), _day(told, dates), text_of(cells, "direction").upper()


def _day(told: str, dates: DateReader) -> str:
    try:
        return dates.day(told).isoformat()
    except ValueError:
        return told
