"""Flex XML as a stream of elements: many accounts, many days, levels of detail as siblings. Entities are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO
from xml.parsers import expat

from stonks.brokers.ibkr.frame import (
    ACTIONS,
    CASH,
    CASH_REPORT,
    EXERCISES,
    GRANTS,
    POSITIONS,
    RATES,
    RAW_CHARACTERS,
    TRADES,
    TRANSFERS,
    Block,
    Blocks,
    Frame,
    Table,
    plain_name,
)  # fmt: skip
from stonks.brokers.ibkr.refusals import refuse

_ELEMENTS = {
    ("Trades", "Trade"): (TRADES, "EXECUTION"),
    ("Trades", "Order"): (TRADES, "ORDER"),
    ("Trades", "SymbolSummary"): (TRADES, "SYMBOL_SUMMARY"),
    ("Trades", "AssetSummary"): (TRADES, "ASSET_SUMMARY"),
    ("Trades", "Lot"): (TRADES, "CLOSED_LOT"),
    ("Trades", "WashSale"): (TRADES, "WASH_SALE"),
    ("CashTransactions", "CashTransaction"): (CASH, ""),
    ("CorporateActions", "CorporateAction"): (ACTIONS, ""),
    ("Transfers", "Transfer"): (TRANSFERS, ""),
    ("Transfers", "TransferLot"): (TRANSFERS, "LOT"),
    ("StockGrantActivities", "StockGrantActivity"): (GRANTS, ""),
    ("OpenPositions", "OpenPosition"): (POSITIONS, ""),
    ("ConversionRates", "ConversionRate"): (RATES, ""),
    ("CashReport", "CashReportCurrency"): (CASH_REPORT, ""),
}
# Rows named like what they are in, so that the end of one could be taken for the end of all.
_NAMESAKES = {("OptionEAE", "OptionEAE"): EXERCISES}
_SECTIONS = {parent: section for (parent, _), (section, _) in _ELEMENTS.items()}
_CONTAINERS = frozenset({"FlexQueryResponse", "FlexStatements", "FlexStatement"})

_CHUNK = 16 * 1024  # some hundred rows: more of them at once only keeps the garbage collector busy
_TABLES = 512  # kept at once; real statements have a few


def read_xml(source: BinaryIO, frame: Frame, begins: int = 0) -> Blocks:
    """The rows in blocks, from the byte `begins`; `frame` fills on the way. Raises StatementUnreadable while iterated."""
    source.seek(begins)
    yield from _Reader(frame).read(source)


class _Reader:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._path: list[str] = [""]  # of elements that are no rows
        self._tables: dict[tuple[str, str, tuple[str, ...]], Table] = {}
        self._blocks: list[Block] = []  # of the chunk being parsed
        self._confirms = False
        parser = self._parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._forbid
        parser.EntityDeclHandler = self._forbid

    def read(self, source: BinaryIO) -> Blocks:
        frame = self._frame
        while chunk := source.read(_CHUNK):
            self._parse(chunk)
            for block in self._blocks:
                frame.rows += len(block.rows)
                frame.last_line = block.lines[-1]
                yield block
            self._blocks.clear()
            self._leave_rows()
        self._parse(b"")
        if self._confirms and not frame.columns:  # the response's type is left out by some that pass it on
            raise refuse("trade-confirmation")

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            ended = error.code in (
                expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
                expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
                expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
            )
            if ended and len(self._path) > 1:
                line = self._blocks[-1].lines[-1] if self._blocks else self._frame.last_line
                raise refuse("truncated", f"line {line}" if line else "its first line") from None
            raise refuse("malformed-xml", f"line {error.lineno}") from None
        except (LookupError, ValueError):  # an encoding that is declared and not known
            raise refuse("malformed-xml", "its declared encoding") from None

    def _forbid(self, *_: object) -> None:
        raise refuse("forbidden-xml")

    def _start(self, name: str, attributes: Any) -> None:
        """`attributes`: names and values by turns, in the element's order."""
        parent, names = self._path[-1], attributes[::2]
        if (parent, name) not in _ELEMENTS:
            self._path.append(name)
            self._leave_rows()
            if (parent, name) in _NAMESAKES:
                table = self._table(_NAMESAKES[parent, name], "", names)
                line = self._parser.CurrentLineNumber
                self._blocks.append(Block(table, [line], [attributes[1::2]], self._frame.until))
            else:
                self._other(parent, name, dict(zip(names, attributes[1::2], strict=True)))
            return
        take = self._parser.StartElementHandler = self._begin(parent, name, names)
        take(name, attributes)

    def _begin(self, parent: str, name: str, names: list[str]) -> Callable[[str, Any], None]:
        """What takes rows of this shape: most are like the one before, and it knows no other."""
        key = parent, name, tuple(names)
        table = self._tables.get(key)
        if table is None:
            if len(self._tables) >= _TABLES:
                self._tables.clear()
            table = self._tables[key] = self._table(*_ELEMENTS[parent, name], names)
        lines: list[int] = []
        rows: list[list[str]] = []
        self._blocks.append(Block(table, lines, rows, self._frame.until))
        parser, another, add_line, add_row = self._parser, self._start, lines.append, rows.append

        def take(its_name: str, attributes: Any) -> None:
            if its_name != name or attributes[::2] != names:
                another(its_name, attributes)
                return
            add_line(parser.CurrentLineNumber)
            add_row(attributes[1::2])

        return take

    def _leave_rows(self) -> None:
        self._parser.StartElementHandler = self._start

    def _table(self, section: str, level: str, names: list[str]) -> Table:
        def show(cells: list[str]) -> str:
            return " ".join(f'{name}="{text}"' for name, text in zip(names, cells, strict=True))[:RAW_CHARACTERS]

        table = Table(section, [plain_name(name) for name in names], show, level)
        self._frame.saw(section, table.names)
        return table

    def _other(self, parent: str, name: str, attributes: dict[str, str]) -> None:
        if parent == "" and name != "FlexQueryResponse":
            raise refuse("envelope" if name == "FlexStatementResponse" else "not-a-statement")
        if name == "FlexQueryResponse" and attributes.get("type") == "TCF":
            raise refuse("trade-confirmation")
        if name == "FlexStatement":
            self._frame.stated.append((attributes.get("fromDate", ""), attributes.get("toDate", "")))
            account = attributes.get("accountId", "")
            if account and account not in self._frame.accounts:
                self._frame.accounts.append(account)
        elif name in _SECTIONS:
            self._frame.saw(_SECTIONS[name], ())
        elif name == "TradeConfirms":
            self._confirms = True
        elif parent and parent not in _CONTAINERS:
            self._frame.ignored += 1

    def _end(self, name: str) -> None:
        if name == self._path[-1]:
            self._path.pop()
            self._leave_rows()
