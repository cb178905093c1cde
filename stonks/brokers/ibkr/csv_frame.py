"""Flex CSV in every frame it is delivered in: plain stacked sections, header and trailer records, line descriptors,
and both together. Sections are found by their columns. Source: IBKR's Delivery Configuration and real files."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import BinaryIO, NamedTuple

from stonks.brokers.ibkr.frame import RAW_CHARACTERS, Block, Blocks, Frame, Table, plain_name, section_of
from stonks.brokers.ibkr.refusals import refuse

_RECORDS = frozenset({"BOF", "BOA", "BOS", "EOS", "EOA", "EOF", "MSG"})
_LINE_BREAK = re.compile(r"\r\n?|\n")
_LONGEST_RECORD = 4  # cells, of those that may stand in a section
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
        "customertype", "dateopened", "exdate", "paydate", "activitycode", "startingvalue", "endingvalue", "twr", "mtm",
        "stock", "total", "totallong", "totalshort",
    }
)  # fmt: skip
# Columns with a number in every data row, where a header row has a word.
_NUMBERS = ("quantity", "amount", "endingcash", "rate", "position")
_CONFIRMATION_MARKS = frozenset({"execid", "brokerexecutioncommission", "allocatedto"})

LARGEST = 512 * 1024 * 1024
_CHUNK = 256 * 1024
_LONGEST_LINE = 4 * _CHUNK  # no statement comes near
_ROWS = 256  # of a block at most; with more, the garbage collector gains what the reader does


def check_csv(source: BinaryIO) -> CsvForm:
    """The form of the whole file, from one look at its bytes. Raises StatementUnreadable."""
    source.seek(0)
    start = source.read(_CHUNK)
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding, size, line, chunk, last = "utf-8", 0, 0, start, b""
    while chunk:
        size += len(chunk)
        if size > LARGEST:
            raise refuse("too-large")
        if b"\x00" in chunk:
            raise refuse("binary")
        line = _unended(line, chunk)
        if line > _LONGEST_LINE:
            raise refuse("not-a-statement")
        encoding = _encoding(decoder, chunk, encoding)
        last = chunk
        chunk = source.read(_CHUNK)
    encoding = _encoding(decoder, b"", encoding, final=True)
    begins = len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0
    text = start[begins:].decode(encoding, errors="replace")
    return CsvForm(encoding, begins, _delimiter(text), last.endswith((b"\n", b"\r")))


def read_csv(source: BinaryIO, form: CsvForm, frame: Frame) -> Blocks:
    """The rows in blocks; `frame` fills on the way. Raises StatementUnreadable while iterated."""
    source.seek(form.begins)
    text = io.TextIOWrapper(source, encoding=form.encoding, errors="replace", newline="")
    try:
        yield from _Reader(frame, form).read(text, partial(_lines, source, form))
    finally:
        text.detach()  # closing is its owner's part


def _lines(source: BinaryIO, form: CsvForm, first: int, last: int) -> list[str]:
    """These lines of the file as they stand, 1-based, read beside the reading that goes on."""
    place = source.tell()
    source.seek(form.begins)
    text = io.TextIOWrapper(source, encoding=form.encoding, errors="replace", newline="")
    lines = list(islice(text, first - 1, last))
    text.detach()
    source.seek(place)
    return lines


class CsvForm(NamedTuple):
    encoding: str
    begins: int  # the first byte behind the mark of the byte order
    delimiter: str
    ends_line: bool  # the last line is whole


class _Reader:
    def __init__(self, frame: Frame, form: CsvForm) -> None:
        self._frame = frame
        self._form = form
        self._tables: dict[
            tuple[str, tuple[str, ...]], Table
        ] = {}  # by code and names: header rows come again for every account and day
        self._by_code: dict[str, Table] = {}  # the last of each section: its header row may stand once for all accounts
        self._code = ""  # of the section that a record or descriptor names
        self._table: Table | None = None
        self._usual_width = self._number = 0  # of a data row, and the place of its cell that is a number
        self._descriptor = 0  # cells before the first column's
        self._rows_in_section = 0
        self._short = False  # the last row has fewer cells than its header
        self._began = self._ended = False
        self._headerless = 0

    def read(self, text: Iterable[str], lines_of: Callable[[int, int], list[str]]) -> Blocks:
        """`lines_of`: the file's lines from one to another, as they stand."""
        frame = self._frame
        source = csv.reader(text, delimiter=self._form.delimiter, strict=True)
        before, skipped, broken = 0, 0, False
        while not broken:
            rows: list[list[str]] = []
            amiss = False
            try:
                rows.extend(islice(source, _ROWS))
            except csv.Error as error:  # what came before is read still
                amiss = not (skipped or "end of data" in str(error))
                broken = not amiss
            if not (rows or amiss):
                break
            last = skipped + source.line_num
            if amiss:  # a quotation mark that is not doubled: this row, and those after it, are taken as they come
                first = before + 1 + sum(map(_line_count, rows))
                rows += csv.reader(lines_of(first, last), delimiter=self._form.delimiter)
                source, skipped = csv.reader(text, delimiter=self._form.delimiter), last
                yield from self._sorted(before + 1, rows)
                before = last
                continue
            lines = range(before + 1, last + 1)
            columns = self._columns_of(rows) if len(lines) == len(rows) else None
            if columns:
                self._rows_in_section += len(rows)
                self._short = False
                yield from self._counted(self._table, lines, rows, columns)
            else:
                yield from self._sorted(before + 1, rows)
            before = last
        if broken:
            raise refuse("truncated", f"line {skipped + source.line_num}")
        if (self._began and not self._ended) or (self._short and not self._form.ends_line):
            raise refuse("truncated", f"line {frame.last_line}" if frame.last_line else "its first line")
        if not frame.columns and (self._headerless or not self._began):
            raise refuse("no-headers" if self._headerless else "not-a-statement")

    def _columns_of(self, rows: list[list[str]]) -> Sequence[Sequence[str]] | None:
        """The rows' cells by column if all are data rows of the present table, as nearly all of a long file are: told by
        their number of cells, and by a number where a header row has a word."""
        if not self._usual_width or len(rows[0]) != self._usual_width:
            return None
        try:
            columns = list(zip(*rows, strict=True))
        except ValueError:
            return None
        numbers = f"|{'|'.join(columns[self._number])}|"
        digits = numbers.replace("-", "").replace(".", "").replace("|", "")
        ends_so = "||" not in numbers and "-|" not in numbers and ".|" not in numbers
        return columns if ends_so and digits.isdecimal() else None

    def _sorted(self, line: int, rows: list[list[str]]) -> Blocks:
        """The data rows among these, the first of which begins at `line`; note is taken of the others."""
        table = self._table
        lines: list[int] = []
        together: list[list[str]] = []
        for cells in rows:
            data = self._data_of(line, cells)
            if data is not None and self._table is not None:
                fits = len(data) == len(self._table.names)
                its_table = self._table if fits else self._odd(self._table, data)
                if its_table is not table:
                    yield from self._counted(table, lines, together)
                    table, lines, together = its_table, [], []
                lines.append(line)
                together.append(data)
            line += _line_count(cells)
        yield from self._counted(table, lines, together)

    def _counted(
        self,
        table: Table | None,
        lines: Sequence[int],
        rows: list[list[str]],
        columns: Sequence[Sequence[str]] | None = None,
    ) -> Blocks:
        """These rows as a block, if their section matters."""
        if table is None or not rows:
            return
        if not table.section:
            self._frame.ignored += len(rows)
            return
        self._frame.rows += len(rows)
        if not table.odd:
            self._frame.last_line = lines[-1]
        yield Block(table, lines, rows, self._frame.until, columns)

    def _data_of(self, line: int, cells: list[str]) -> list[str] | None:
        """The cells of a data row, without its descriptor; None for what is none, of which note is taken."""
        if not any(cells) or (len(cells) == 1 and not cells[0].strip()):
            return None
        self._short = False
        first = cells[0].strip().upper()
        second = cells[1].strip().upper() if len(cells) > 1 else ""
        table = self._table
        fits = table is not None and len(cells) == len(table.names) and any(cells[_LONGEST_RECORD:])
        if first in _RECORDS and not fits:  # MSG and BOF are symbols too
            self._record(first, cells)
        elif second in ("BOS", "EOS") and _CODE.fullmatch(first) and not fits:
            self._record(second, [second, first, *cells[2:]])
        elif first == "HEADER" and (self._descriptor or not fits):
            coded = _CODE.fullmatch(cells[1].strip()) if len(cells) > 1 else None
            self._descriptor = 2 if coded and plain_name(cells[1]) not in _HEADER_WORDS else 1
            self._code = second if self._descriptor == 2 else ""
            self._begin(cells[self._descriptor :])
        elif first == "DATA" and self._descriptor:
            if self._descriptor == 2 and second != self._code:
                self._resume(second)
            return self._noted(cells[self._descriptor :])
        elif second == "HEADER" and not (self._descriptor or self._frame.columns):
            raise refuse("activity-statement")
        elif self._is_header(cells):
            self._begin(cells)
        elif table is None:
            told = any(any(character.isdigit() for character in cell) for cell in cells)
            self._headerless += len(cells) >= 5 and told
        else:
            return self._noted(cells)
        return None

    def _noted(self, cells: list[str]) -> list[str] | None:
        if self._table is None:
            return None
        width = len(self._table.names)
        if len(cells) > width and not any(cells[width:]):  # a spreadsheet pads its rows
            cells = cells[:width]
        self._rows_in_section += 1
        self._short = len(cells) < width
        return cells

    def _record(self, kind: str, cells: list[str]) -> None:
        if kind == "MSG":
            self._frame.warnings.append(" ".join(cell for cell in cells[1:] if cell))
        elif kind in ("BOF", "BOA"):
            self._began, self._ended = True, False
            days = _stated_days(kind, cells)
            if days:
                self._frame.stated.append(days)
            if kind == "BOA" and len(cells) > 1 and cells[1] not in self._frame.accounts and cells[1] != "QueryName":
                self._frame.accounts.append(cells[1])
        elif kind == "BOS":
            self._leave()
            self._resume(cells[1].strip().upper() if len(cells) > 1 else "")
        elif kind == "EOS":
            told = cells[2].strip() if len(cells) > 2 else ""
            if self._table is not None and told.isdecimal() and told.lstrip("0") != str(self._rows_in_section or ""):
                self._frame.warnings.append(
                    f"The section “{cells[1]}” says it has {told} rows, but {self._rows_in_section} were found."
                )
            self._leave()
        elif kind in ("EOA", "EOF"):
            self._ended = True

    def _leave(self) -> None:
        self._table, self._usual_width, self._rows_in_section = None, 0, 0
        self._code = ""

    def _resume(self, code: str) -> None:
        """Rows of the section `code` follow, perhaps without a header row of their own."""
        self._code, table = code, self._by_code.get(code)
        if table is not None:
            self._enter(table)

    def _is_header(self, cells: list[str]) -> bool:
        # The cheap half comes first: most data rows have a cell of digits only.
        for cell in cells:
            if cell.isdigit():
                return False
        return sum(plain_name(cell) in _HEADER_WORDS for cell in cells) >= 2

    def _begin(self, cells: list[str]) -> None:
        names = tuple(plain_name(cell) for cell in cells)
        while names and not names[-1]:
            names = names[:-1]
        table = self._tables.get((self._code, names))
        if table is None:
            columns = set(names)
            if "buysell" in columns and "tradeprice" not in columns and columns & _CONFIRMATION_MARKS:
                raise refuse("trade-confirmation")
            table = self._tables[self._code, names] = Table(section_of(columns, self._code), names, self._show)
        self._frame.saw(table.section, names)
        if self._code:
            self._by_code[self._code] = table
        self._enter(table)

    def _enter(self, table: Table) -> None:
        if table is not self._table:
            self._rows_in_section = 0
        self._table = table
        self._number = next((table.places[name] for name in _NUMBERS if name in table), 0)
        width = len(table.names)
        self._usual_width = width if width > _LONGEST_RECORD and not self._descriptor else 0

    def _odd(self, table: Table, cells: list[str]) -> Table:
        reason = f"The row has {len(cells)} cells, its header {len(table.names)}."
        return Table(table.section, (), self._show, odd=reason)

    def _show(self, cells: list[str]) -> str:
        return self._form.delimiter.join(cells)[:RAW_CHARACTERS]


def _stated_days(kind: str, cells: list[str]) -> tuple[str, str] | None:
    """The first and the last day that a record states. A query may be named like a day, and an account like a number."""
    trimmed = [cell.strip() for cell in cells]
    places = [place for place, cell in enumerate(trimmed) if place and _DATE_LIKE.fullmatch(cell)]
    if kind == "BOF":  # behind the account, the query’s name (which IBKR’s own page leaves out) and a number
        places = next((pair for pair in ([3, 4], [4, 5]) if set(pair) <= set(places)), places)
    return (trimmed[places[0]], trimmed[places[1]]) if len(places) >= 2 else None


def _line_count(cells: list[str]) -> int:
    return 1 + sum(len(_LINE_BREAK.findall(cell)) for cell in cells if "\n" in cell or "\r" in cell)


def _unended(before: int, chunk: bytes) -> int:
    """The bytes since the last line's end, when there were so many before this chunk."""
    end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
    return before + len(chunk) if end < 0 else len(chunk) - end - 1


def _encoding(decoder: codecs.IncrementalDecoder, chunk: bytes, encoding: str, *, final: bool = False) -> str:
    if encoding == "cp1252":
        return encoding
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return "cp1252"
    return encoding


def _delimiter(text: str) -> str:
    """The one that tells a header row's names apart, else the one that the first lines use most outside of quotes."""
    lines = text[:20_000].splitlines()[:40]
    start = re.sub(r'"[^"]*"', '""', "\n".join(lines[:10]))

    def names(delimiter: str) -> int:
        return max(
            sum(plain_name(cell.strip(' "')) in _HEADER_WORDS for cell in line.split(delimiter)) for line in lines
        )

    return max(",;\t|", key=lambda delimiter: (names(delimiter), start.count(delimiter)))
