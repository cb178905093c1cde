"""Flex CSV in every frame it is delivered in: plain stacked sections, header and trailer records, line descriptors,
and both together. Sections are found by their columns. Source: IBKR's Delivery Configuration and real files."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from stonks.brokers.ibkr.frame import RAW_CHARACTERS, Frame, OddRow, Row, plain_name, section_of
from stonks.brokers.ibkr.refusals import refuse

_RECORDS = frozenset({"BOF", "BOA", "BOS", "EOS", "EOA", "EOF", "MSG"})
_CODE = re.compile(r"[A-Z]{4}")
_DATE_LIKE = re.compile(r"\d[\d/\-]{5,9}|\d{1,2}-[A-Za-z]{3}-\d{2,4}")
# Names that stand in the header row of any section; no data row holds two of them.
_HEADER_WORDS = frozenset(
    {
        "symbol", "isin", "tradeid", "tradedate", "buysell", "quantity", "tradeprice", "price", "ibcommission",
        "currencyprimary", "currency", "datetime", "amount", "type", "transactionid", "clientaccountid", "accountid",
        "account", "assetclass", "description", "conid", "levelofdetail", "reportdate", "settledate", "fromcurrency",
        "tocurrency", "rate", "endingcash", "position", "markprice", "positionvalue", "direction",
        "actiondescription", "figi", "cusip", "accountalias", "model", "fxratetobase", "date", "fromdate", "todate",
        "customertype", "dateopened", "exdate", "paydate", "activitycode",
    }
)  # fmt: skip
_CONFIRMATION_MARKS = frozenset({"execid", "brokerexecutioncommission", "allocatedto"})


LARGEST = 512 * 1024 * 1024
_CHUNK = 256 * 1024


def check_csv(source: BinaryIO) -> CsvForm:
    """The form of the whole file, from one look at its bytes. Raises StatementUnreadable."""
    source.seek(0)
    start = source.read(_CHUNK)
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    encoding, size, chunk, last = "utf-8-sig", 0, start, b""
    while chunk:
        size += len(chunk)
        if size > LARGEST:
            raise refuse("too-large")
        if b"\x00" in chunk:
            raise refuse("binary")
        encoding = _encoding(decoder, chunk, encoding)
        last = chunk
        chunk = source.read(_CHUNK)
    encoding = _encoding(decoder, b"", encoding, final=True)
    text = start.decode(encoding, errors="replace")
    return CsvForm(encoding, _delimiter(text), last.endswith((b"\n", b"\r")))


def read_csv(source: BinaryIO, form: CsvForm, frame: Frame) -> Iterator[Row | OddRow]:
    """The rows one by one; `frame` fills on the way. Raises StatementUnreadable while iterated."""
    source.seek(0)
    text = io.TextIOWrapper(source, encoding=form.encoding, errors="replace", newline="")
    try:
        yield from _Reader(frame, form).read(text)
    finally:
        text.detach()  # closing is its owner's part


class CsvForm(NamedTuple):
    encoding: str
    delimiter: str
    ends_line: bool  # the last line is whole


class _Reader:
    def __init__(self, frame: Frame, form: CsvForm) -> None:
        self._frame = frame
        self._form = form
        self._delimiter = form.delimiter
        self._header: list[str] | None = None
        self._section = ""
        self._rows_in_section = 0
        self._began = self._ended = False
        self._headerless = 0

    def read(self, text: Iterable[str]) -> Iterator[Row | OddRow]:
        last: list[str] = []
        line = 0
        try:
            for line, cells in self._lines(text):
                if line == 1 and len(cells) > 1 and cells[1].strip() == "Header":
                    raise refuse("activity-statement")
                if cells and any(cells):
                    row = self._take(line, cells)
                    last = cells
                    if row is not None:
                        yield row
        except csv.Error:
            raise refuse("truncated", f"line {line}") from None
        if self._began and not self._ended:
            raise refuse("truncated", self._after())
        if last and self._header and not self._form.ends_line and self._short(last):
            raise refuse("truncated", self._after())
        if not self._frame.columns and not self._began:
            raise refuse("no-headers" if self._headerless else "not-a-statement")

    def _lines(self, text: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        rows = csv.reader(text, delimiter=self._delimiter, strict=True)
        before = 0
        for cells in rows:
            yield before + 1, cells
            before = rows.line_num

    def _take(self, line: int, cells: list[str]) -> Row | OddRow | None:
        first = cells[0].strip().upper()
        second = cells[1].strip().upper() if len(cells) > 1 else ""
        if first in _RECORDS:
            self._record(first, cells)
        elif second in ("BOS", "EOS") and _CODE.fullmatch(first):
            self._record(second, [second, first, *cells[2:]])
        elif first in ("HEADER", "DATA"):
            cells = cells[2:] if _CODE.fullmatch(second) and second == cells[1].strip() != "ISIN" else cells[1:]
            if first == "HEADER":
                self._begin(cells)
            else:
                return self._data(line, cells)
        elif self._is_header(cells):
            self._begin(cells)
        else:
            return self._data(line, cells)
        return None

    def _record(self, kind: str, cells: list[str]) -> None:
        if kind == "MSG":
            self._frame.warnings.append(" ".join(cell for cell in cells[1:] if cell))
        elif kind in ("BOF", "BOA"):
            self._began, self._ended = True, False
            days = [cell for cell in cells[1:] if _DATE_LIKE.fullmatch(cell.strip())]
            if len(days) >= 2:
                self._frame.stated.append((days[0].strip(), days[1].strip()))
            if kind == "BOA" and len(cells) > 1 and cells[1] not in self._frame.accounts and cells[1] != "QueryName":
                self._frame.accounts.append(cells[1])
        elif kind == "BOS":
            self._header, self._section, self._rows_in_section = None, "", 0
        elif kind == "EOS":
            told = cells[2].strip() if len(cells) > 2 else ""
            if told.isdigit() and self._header is not None and int(told) != self._rows_in_section:
                self._frame.warnings.append(
                    f"The section “{cells[1]}” says it has {told} rows, but {self._rows_in_section} were found."
                )
            self._header, self._section = None, ""
        elif kind in ("EOA", "EOF"):
            self._ended = True

    def _is_header(self, cells: list[str]) -> bool:
        # Asked of every row, so the cheap half comes first: most data rows have a cell of digits only.
        for cell in cells:
            if cell.isdigit():
                return False
        return sum(plain_name(cell) in _HEADER_WORDS for cell in cells) >= 2

    def _begin(self, cells: list[str]) -> None:
        header = [plain_name(cell) for cell in cells]
        columns = set(header)
        if "buysell" in columns and "tradeprice" not in columns and columns & _CONFIRMATION_MARKS:
            raise refuse("trade-confirmation")
        repeated = header == self._header
        self._header, self._section = header, section_of(columns)
        self._frame.saw(self._section, columns)
        if not repeated:
            self._rows_in_section = 0

    def _data(self, line: int, cells: list[str]) -> Row | OddRow | None:
        if self._header is None:
            if len(cells) >= 5 and any(any(character.isdigit() for character in cell) for cell in cells):
                self._headerless += 1
            return None
        self._rows_in_section += 1
        if not self._section:
            self._frame.ignored += 1
            return None
        self._frame.rows += 1
        raw = self._delimiter.join(cells)[:RAW_CHARACTERS]
        if len(cells) != len(self._header):
            reason = f"The row has {len(cells)} cells, its header {len(self._header)}."
            return OddRow(line, self._section, reason, raw)
        self._frame.last_line = line
        named = {name: cell.strip() for name, cell in zip(self._header, cells, strict=True)}
        return Row(line, self._section, named, raw, named.get("levelofdetail", "").upper())

    def _short(self, cells: list[str]) -> bool:
        expected = len(self._header or ())
        return cells[0] not in _RECORDS and len(cells) < expected and not self._is_header(cells)

    def _after(self) -> str:
        return f"line {self._frame.last_line}" if self._frame.last_line else "its first line"


def _encoding(decoder: codecs.IncrementalDecoder, chunk: bytes, encoding: str, *, final: bool = False) -> str:
    if encoding == "cp1252":
        return encoding
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return "cp1252"
    return encoding


def _delimiter(text: str) -> str:
    """The one that the first lines use most, outside of quotes."""
    start = re.sub(r'"[^"]*"', '""', "\n".join(text[:20_000].splitlines()[:10]))
    return max(",;\t|", key=start.count)
