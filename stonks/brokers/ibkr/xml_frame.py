"""Flex XML as a stream of elements: many accounts, many days, levels of detail as siblings. Entities are refused."""

from __future__ import annotations

from typing import BinaryIO
from xml.parsers import expat

from stonks.brokers.ibkr.frame import (
    ACTIONS,
    CASH,
    CASH_REPORT,
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
    ("OpenPositions", "OpenPosition"): (POSITIONS, ""),
    ("ConversionRates", "ConversionRate"): (RATES, ""),
    ("CashReport", "CashReportCurrency"): (CASH_REPORT, ""),
}
_SECTIONS = {parent: section for (parent, _), (section, _) in _ELEMENTS.items()}
_CONTAINERS = frozenset({"FlexQueryResponse", "FlexStatements", "FlexStatement"})

_CHUNK = 64 * 1024
_TABLES = 512  # kept at once; real statements have a few


def read_xml(source: BinaryIO, frame: Frame) -> Blocks:
    """The rows in blocks; `frame` fills on the way. Raises StatementUnreadable while iterated."""
    source.seek(0)
    yield from _Reader(frame).read(source)


class _Reader:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._path: list[str] = [""]
        self._tables: dict[tuple[str, str, tuple[str, ...]], Table] = {}
        self._blocks: list[tuple[Table, list[int], list[list[str]], str]] = []  # of the chunk being parsed
        self._until = ""
        parser = self._parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._forbid
        parser.EntityDeclHandler = self._forbid

    def read(self, source: BinaryIO) -> Blocks:
        while chunk := source.read(_CHUNK):
            self._parse(chunk)
            for table, lines, rows, until in self._blocks:
                yield Block(table, lines, rows, until)
            self._blocks.clear()
        self._parse(b"")

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            ended = error.code in (
                expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
                expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
            )
            if ended and len(self._path) > 1:
                line = self._frame.last_line
                raise refuse("truncated", f"line {line}" if line else "its first line") from None
            raise refuse("malformed-xml", f"line {error.lineno}") from None

    def _forbid(self, *_: object) -> None:
        raise refuse("forbidden-xml")

    def _start(self, name: str, attributes: list[str]) -> None:
        """`attributes`: names and values by turns, in the element's order."""
        path = self._path
        parent = path[-1]
        path.append(name)
        names = tuple(attributes[::2])
        table = self._tables.get((parent, name, names))
        if table is None and (parent, name) in _ELEMENTS:
            table = self._table(parent, name, names)
        if table is None:
            self._other(parent, name, dict(zip(names, attributes[1::2], strict=True)))
            return
        frame, blocks = self._frame, self._blocks
        frame.rows += 1
        frame.last_line = line = self._parser.CurrentLineNumber
        until = self._until
        if not blocks or blocks[-1][0] is not table or blocks[-1][3] is not until:
            blocks.append((table, [], [], until))
        _, lines, rows, _ = blocks[-1]
        lines.append(line)
        rows.append(attributes[1::2])

    def _table(self, parent: str, name: str, names: tuple[str, ...]) -> Table:
        section, level = _ELEMENTS[parent, name]

        def show(cells: list[str]) -> str:
            return " ".join(f'{name}="{text}"' for name, text in zip(names, cells, strict=False))[:RAW_CHARACTERS]

        if len(self._tables) >= _TABLES:
            self._tables.clear()
        table = self._tables[parent, name, names] = Table(section, [plain_name(name) for name in names], show, level)
        self._frame.saw(section, table.names)
        return table

    def _other(self, parent: str, name: str, attributes: dict[str, str]) -> None:
        if parent == "" and name != "FlexQueryResponse":
            raise refuse("envelope" if name == "FlexStatementResponse" else "not-a-statement")
        if name == "FlexQueryResponse" and attributes.get("type") == "TCF":
            raise refuse("trade-confirmation")
        if name == "FlexStatement":
            self._frame.stated.append((attributes.get("fromDate", ""), attributes.get("toDate", "")))
            self._until = self._frame.until
            account = attributes.get("accountId", "")
            if account and account not in self._frame.accounts:
                self._frame.accounts.append(account)
        elif name in _SECTIONS:
            self._frame.saw(_SECTIONS[name], ())
        elif parent and parent not in _CONTAINERS:
            self._frame.ignored += 1

    def _end(self, _name: str) -> None:
        self._path.pop()
