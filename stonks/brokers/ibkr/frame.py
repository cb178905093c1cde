"""What a statement's file holds once its frame is off: rows of cells under named columns, and what is told beside them.

Rows come in blocks, so that they can be read column by column, which is several times as fast as one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from typing import NamedTuple, TypeVar

V = TypeVar("V")

TRADES, CASH, ACTIONS = "Trades", "Cash Transactions", "Corporate Actions"
TRANSFERS, POSITIONS, RATES, CASH_REPORT = "Transfers", "Open Positions", "Conversion Rates", "Cash Report"
GRANTS, EXERCISES = "Stock Grant Activity", "Option Exercises"

ISIN_TOLD = frozenset({"isin", "securityidtype"})  # columns, of which one is enough

RAW_CHARACTERS = 2000  # kept of a row's text

_NOISE = re.compile(r"[\s/_\-]+")
# Columns of sections that look like one that is read, and tell its trades again or what has not happened yet:
# Commission Details, Trade Transfers, Unsettled Transfers, Client Fees, Transaction Fees and Routing Commissions.
_OF_OTHERS = frozenset(
    {
        "totalcommission", "brokerexecutioncharge", "brokerclearingcharge", "thirdpartyexecutioncharge",
        "commisionsandtax", "commissionsandtax", "deliveredreceived", "targetsettlement", "stage", "expenseindicator",
        "revenue", "expense", "taxamount", "taxdescription", "routingfee", "lowestfeeexchange", "executionexchange",
    }
)  # fmt: skip
_OF_EXERCISES = frozenset({"transactiontype", "quantity", "date", "symbol"})
_OF_TRADED = frozenset({"buysell", "tradedate", "datetime", "direction", "type"})
_OF_UNSIDED_TRADES = frozenset({"tradeprice", "tradedate"})  # of trades that only their quantity’s sign tells apart
# For want of a column their rows can’t be read, which must be said.
_BY_CODE = {"TRNT": TRADES, "CTRN": CASH, "CORP": ACTIONS, "TRFR": TRANSFERS}
_OF_TRANSFERS = frozenset({"cashtransfer", "positionamount", "transferprice"})
_OF_POSITIONS = frozenset({"markprice", "positionvalue", "costbasisprice", "costbasismoney"})


def plain_name(name: str) -> str:
    """A column's name without case, spaces, slashes, underscores and dashes."""
    return _NOISE.sub("", name).lower()


class Table:
    """Rows of one shape: those under a CSV header, or XML elements with the same attributes in the same order.

    What must be decided by column is decided once a table, not once a row. Cells come as the file has them, untrimmed.
    """

    __slots__ = ("level", "names", "odd", "places", "section", "show")

    def __init__(
        self, section: str, names: Sequence[str], show: Callable[[list[str]], str], level: str = "", odd: str = ""
    ) -> None:
        self.section = section
        self.names = tuple(names)  # plain
        self.show = show  # the row's text as a person finds it in the file
        self.level = level  # what an XML element's name says of the level of detail
        self.odd = odd  # why the row's cells can't be named; "" = they can
        # A column that stands twice tells what its last one tells.
        self.places = {name: place for place, name in enumerate(self.names)}

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def column(self, name: str) -> Callable[[Block], Sequence[str]]:
        """What takes one column's cells out of a block; "" for each row where the table has no such column."""
        if name not in self.places:
            return lambda block: [""] * len(block.rows)
        place = self.places[name]
        return lambda block: block.columns[place]

    def read(self, name: str, read: Callable[[str], V | None]) -> Callable[[Block], list[V | None]]:
        """What reads one column's cells; None for each row where the table has no such column."""
        if name not in self.places:
            return lambda block: [None] * len(block.rows)
        column = self.column(name)
        return lambda block: list(map(read, column(block)))

    def together(self, names: Sequence[str]) -> tuple[tuple[str, ...], Callable[[Block], Iterable[tuple[str, ...]]]]:
        """Those of the columns that the table has, and what takes their cells out of a block, row by row."""
        told = tuple(name for name in names if name in self.places)
        if not told:
            return told, lambda block: repeat((), len(block.rows))
        places = [self.places[name] for name in told]
        return told, lambda block: zip(*[block.columns[place] for place in places], strict=True)

    def row(self, line: int, cells: list[str]) -> Row:
        named = {name: cell.strip() for name, cell in zip(self.names, cells, strict=True)}
        return Row(line, self.section, named, named.get("levelofdetail", "").upper() or self.level)


class Block:
    """Rows of one table that follow one another in the file."""

    __slots__ = ("_columns", "lines", "rows", "table", "until")

    def __init__(
        self,
        table: Table,
        lines: Sequence[int],
        rows: list[list[str]],
        until: str,
        columns: Sequence[Sequence[str]] | None = None,
    ) -> None:
        self.table = table
        self.lines = lines  # 1-based, of each row; XML: of the element
        self.rows = rows
        self.until = until  # the last day that the file states for the statement they are in, as text; "" = not told
        self._columns = columns  # of the rows, where whoever made the block has them

    @property
    def columns(self) -> Sequence[Sequence[str]]:
        """The rows' cells, by column."""
        if self._columns is None:
            self._columns = list(zip(*self.rows, strict=True))
        return self._columns

    def only(self, these: Iterable[object]) -> Block:
        """The rows for which `these` are true."""
        these = list(these)
        return Block(self.table, list(compress(self.lines, these)), list(compress(self.rows, these)), self.until)

    def halves(self) -> tuple[Block, Block]:
        middle = len(self.rows) // 2
        return (
            Block(self.table, self.lines[:middle], self.rows[:middle], self.until),
            Block(self.table, self.lines[middle:], self.rows[middle:], self.until),
        )

    def named(self) -> Iterator[Row]:
        return map(self.table.row, self.lines, self.rows)


class Row(NamedTuple):
    """One row with its cells named, for what is asked so seldom that its columns need no deciding beforehand."""

    line: int
    section: str
    cells: dict[str, str]  # plain_name -> trimmed text
    level: str  # LevelOfDetail, upper case; XML tells it by the element's name too; "" = not told


Blocks = Generator[Block, None, None]


@dataclass(slots=True)
class Frame:
    """What a file tells beside its rows; complete after the last of them."""

    format: str
    rows: int = 0  # of sections that are read, odd ones too
    last_line: int = 0  # of the last such row that is not odd; 0 = none yet
    columns: dict[str, set[str]] = field(default_factory=dict)  # section -> plain names, in order of first sight
    warnings: list[str] = field(default_factory=list)
    stated: list[tuple[str, str]] = field(default_factory=list)  # first and last day, as text
    accounts: list[str] = field(default_factory=list)
    ignored: int = 0

    @property
    def until(self) -> str:
        """The last day stated for the statement that is being read, as text."""
        return self.stated[-1][1] if self.stated else ""

    def saw(self, section: str, columns: Sequence[str]) -> None:
        self.columns.setdefault(section, set()).update(columns)


def isin_columns(table: Table) -> tuple[str, ...]:
    """The columns beside ISIN that tell one: those that matter where it is not there."""
    return () if "isin" in table else ("securityid", "securityidtype")


def section_of(columns: set[str], code: str = "") -> str:
    """Which section a header row begins, told by its columns, and by the section code where these leave it open; "" =
    none that matters here."""
    if "awarddate" in columns and "quantity" in columns:
        return GRANTS
    if columns >= _OF_EXERCISES and not columns & _OF_TRADED:
        return EXERCISES
    if columns & _OF_OTHERS:
        return ""
    if "quantity" in columns and (
        "buysell" in columns or (columns >= _OF_UNSIDED_TRADES and "direction" not in columns)
    ):
        return TRADES
    if {"fromcurrency", "tocurrency", "rate"} <= columns:
        return RATES
    if "endingcash" in columns:
        return CASH_REPORT
    if "actiondescription" in columns:
        return ACTIONS
    if {"type", "quantity"} <= columns and (columns & {"actionid", "amount"} or {"proceeds", "value"} <= columns):
        return ACTIONS
    if {"type", "quantity"} <= columns and columns & _OF_TRANSFERS:
        return TRANSFERS
    if "direction" in columns and "quantity" in columns:
        return "" if columns & _OF_UNSIDED_TRADES else TRANSFERS  # trades given up or taken over
    if {"amount", "type"} <= columns:
        return CASH
    held = "position" in columns or ("quantity" in columns and (columns & _OF_POSITIONS or code == "POST"))
    if held and "transactiontype" not in columns:
        return POSITIONS
    return _BY_CODE.get(code, "")
