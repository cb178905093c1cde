"""Flex XML as a stream of elements: many accounts, many days, levels of detail as siblings. Entities are refused."""

from __future__ import annotations

from collections.abc import Iterator
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
    Frame,
    Row,
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


def read_xml(source: BinaryIO, frame: Frame) -> Iterator[Row]:
    """The rows one by one; `frame` fills on the way. Raises StatementUnreadable while iterated."""
    source.seek(0)
    return _Reader(frame).read(source)


class _Reader:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._path: list[str] = []
        self._names: dict[str, str] = {}
        self._rows: list[Row] = []  # of the chunk being parsed
        parser = self._parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._forbid
        parser.EntityDeclHandler = self._forbid
        parser.buffer_text = True

    def read(self, source: BinaryIO) -> Iterator[Row]:
        while chunk := source.read(_CHUNK):
            self._parse(chunk)
            yield from self._rows
            self._rows.clear()
        self._parse(b"")

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            ended = error.code in (
                expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
                expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
            )
            if ended and self._path:
                line = self._frame.last_line
                raise refuse("truncated", f"line {line}" if line else "its first line") from None
            raise refuse("malformed-xml", f"line {error.lineno}") from None

    def _forbid(self, *_: object) -> None:
        raise refuse("forbidden-xml")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        parent = self._path[-1] if self._path else ""
        self._path.append(name)
        if len(self._path) == 1 and name != "FlexQueryResponse":
            raise refuse("envelope" if name == "FlexStatementResponse" else "not-a-statement")
        if name == "FlexQueryResponse" and attributes.get("type") == "TCF":
            raise refuse("trade-confirmation")
        if name == "FlexStatement":
            self._frame.stated.append((attributes.get("fromDate", ""), attributes.get("toDate", "")))
            account = attributes.get("accountId", "")
            if account and account not in self._frame.accounts:
                self._frame.accounts.append(account)
        elif name in _SECTIONS:
            self._frame.saw(_SECTIONS[name], set())
        elif (parent, name) in _ELEMENTS:
            self._row(*_ELEMENTS[parent, name], attributes)
        elif parent and parent not in _CONTAINERS:
            self._frame.ignored += 1

    def _row(self, section: str, level: str, attributes: dict[str, str]) -> None:
        cells = {self._plain(name): text.strip() for name, text in attributes.items()}
        self._frame.columns[section].update(cells)
        raw = " ".join(f'{name}="{text}"' for name, text in attributes.items())[:RAW_CHARACTERS]
        told = cells.get("levelofdetail", "").upper()
        self._frame.rows += 1
        line = self._frame.last_line = self._parser.CurrentLineNumber
        self._rows.append(Row(line, section, cells, raw, told or level))

    def _plain(self, name: str) -> str:
        plain = self._names.get(name)
        if plain is None:
            plain = self._names[name] = plain_name(name)
        return plain

    def _end(self, _name: str) -> None:
        self._path.pop()
