"""Reading a Flex statement: what format it is, every row of it, and what was found. The entry to this folder's reading.

Every data row of a section that is read ends as a record, a known summary or a problem; the sum is asserted.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from itertools import chain
from typing import BinaryIO

from stonks.brokers.ibkr import doctor
from stonks.brokers.ibkr.csv_frame import check_csv, read_csv
from stonks.brokers.ibkr.dates import DateReader, slashed_order
from stonks.brokers.ibkr.envelope import Shape, read_envelope, shape_of
from stonks.brokers.ibkr.frame import CASH, EXERCISES, ISIN_TOLD, TRADES, Block, Blocks, Frame
from stonks.brokers.ibkr.reading import Shared, Take
from stonks.brokers.ibkr.refusals import refuse
from stonks.brokers.ibkr.rows import RowReader
from stonks.brokers.ibkr.survey import Survey
from stonks.brokers.ibkr.tally import Tally
from stonks.brokers.ibkr.trade_rows import identity_of
from stonks.brokers.ibkr.xml_frame import read_xml
from stonks.core.fingerprint import Fingerprints, fingerprint
from stonks.core.records import (
    CashTransaction,
    FxConversion,
    Period,
    Record,
    RowProblem,
    StatementSummary,
    Trade,
)  # fmt: skip

# Raised with every change to this folder's reading by which the same file gives other records, problems or findings, and
# with every further fact that the ledger takes from a record: a statement that was read by an older one is read again.
READER_VERSION = 6

_HEAD = 4096
_PAGE = re.compile(rb"(?:<\?xml[^>]*\?>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.DOTALL)


def read_statement(
    source: BinaryIO, *, currency: str | None = None, day_first: bool | None = None, asked_days: int | None = None
) -> FlexReading:
    """A reading of `source`, a seekable file that stays open until the last row. It is read row by row, once, and again
    where a row's meaning depends on all the others. Raises StatementUnreadable, here or while it is iterated."""
    return FlexReading(source, _opener(source), currency, day_first, asked_days)


class FlexReading:
    """A `Reading`: iterate once, then ask for the summary."""

    def __init__(
        self,
        source: BinaryIO,
        opened: Callable[[], tuple[Frame, Blocks]],
        currency: str | None,
        day_first: bool | None,
        asked_days: int | None,
    ) -> None:
        self._source, self._opened = source, opened
        self._frame, self._blocks = opened()
        self._currency = currency
        self._chosen_order = day_first
        self._asked_days = asked_days
        self._survey = Survey(self._again)
        self._dates = DateReader(self._is_day_first)
        self._day_first: bool | None = None  # None: no slashed date yet
        self._guessed = False
        self._summary: StatementSummary | None = None
        self._parked: Collection[bytes] = ()
        self._texts = Fingerprints()
        self.read_now: list[bytes] = []

    def watch(self, parked: Collection[bytes]) -> None:
        self._parked = parked

    def second_of(self, record: Trade | FxConversion) -> bytes | None:
        identity = identity_of(record)
        return fingerprint(identity, 1) if fingerprint(identity, 0) == record.fingerprint else None

    def tells(self, kind: str, fact: str) -> bool:
        told = self._frame.columns.get(CASH if kind == "CASH" else TRADES, set())
        if fact == "isin":
            return bool(told & ISIN_TOLD)
        return ("transactionid" if kind == "CASH" else "tradeid") in told

    @property
    def summary(self) -> StatementSummary:
        if self._summary is None:
            raise RuntimeError("the summary is complete after the last row only")
        return self._summary

    def __iter__(self) -> Iterator[Record | RowProblem]:
        return chain.from_iterable(self._by_blocks())

    def _by_blocks(self) -> Iterator[Sequence[Record | RowProblem]]:
        tally = Tally(self._currency)
        fingerprints = Fingerprints()
        reader = RowReader(Shared(self._dates, self._survey, fingerprints))
        with closing(self._blocks) as blocks, closing(fingerprints):
            for block in blocks:
                yield self._taken(block, reader.taker(block.table), tally)
        self._summary = self._summed_up(tally, reader)

    def _taken(self, block: Block, take: Take, tally: Tally) -> Sequence[Record | RowProblem]:
        """What of the block goes into the ledger. The row that can't be read is found by halves, and parked."""
        try:
            taken = tally.count(take(block))
            if self._parked:
                self._look_for_parked(block)
            return taken
        except ValueError as error:
            if len(block.rows) == 1:
                raw = block.table.show(block.rows[0])
                return [tally.problem(block.lines[0], block.table.section, str(error), raw)]
        first, second = block.halves()
        return [*self._taken(first, take, tally), *self._taken(second, take, tally)]

    def _look_for_parked(self, block: Block) -> None:
        """Among rows that were read: those that an earlier reader parked, by the digest that Tally.problem makes."""
        for row in block.rows:
            digest = self._texts.of(f"{block.table.section}|{block.table.show(row)}")
            if digest in self._parked:
                self.read_now.append(digest)

    def _summed_up(self, tally: Tally, reader: RowReader) -> StatementSummary:
        frame, kinds = self._frame, tally.kinds
        rows = tally.check(frame.rows)
        stated = self._stated_period()
        period = stated or tally.span
        accounts = {name for name in tally.accounts if name}
        found = doctor.Found(
            columns=frame.columns,
            levels=frozenset(reader.levels),
            cash_types=frozenset(reader.cash_types),
            kinds=frozenset(kind.__name__ for kind in kinds),
            accounts=len(frame.accounts) or len(accounts),
            account_told=all(
                columns & {"clientaccountid", "accountid"}
                for section in (TRADES, CASH)
                if (columns := frame.columns.get(section))
            ),
            period=period,
            period_is_stated=stated is not None,
            asked_days=self._asked_days,
            date_order_is_guess=self._guessed,
            undated_positions=tally.undated,
            unsettled_options=tally.unsettled,
            settlements_untold=reader.settles_in_cash and EXERCISES not in frame.columns,
            lots_alone=reader.position_levels == {"LOT"},
            nameless_trades=tally.nameless,
            unmultiplied=frozenset(reader.unmultiplied),
            only_currency=self._currency,
            currencies=frozenset(tally.currencies_told),
        )
        return StatementSummary(
            format=frame.format,
            period=period,
            period_is_stated=stated is not None,
            generated_on=None,
            accounts=tuple(sorted(accounts or frame.accounts)),
            sections=tuple(name for name in frame.columns if name),
            trades=kinds[Trade],
            cash=kinds[CashTransaction],
            conversions=kinds[FxConversion],
            dividends=tally.dividends,
            others=tally.others,
            problems=tally.problems,
            summaries=tally.summaries,
            rows=rows,
            ignored=frame.ignored + tally.ignored,
            currencies=tuple(sorted(tally.currencies)),
            day_first=self._day_first,
            date_order_is_guess=self._guessed,
            warnings=tuple(frame.warnings),
            findings=doctor.examine(found),
            rates=tuple(tally.rates),
            balances=tuple(tally.balances),
        )

    @contextmanager
    def _again(self) -> Iterator[Blocks]:
        """The rows from the start, beside the reading that goes on."""
        place = self._source.tell()
        try:
            with closing(self._opened()[1]) as blocks:
                yield blocks
        finally:
            self._source.seek(place)

    def _is_day_first(self) -> bool:
        told = (slashed_order(text) for period in self._frame.stated for text in period)
        order = self._survey.date_order
        if order == "open":  # the days of the period are told in the same order as all others
            order = next(filter(None, told), "open")
        self._guessed = order == "open" and self._chosen_order is None
        self._day_first = order == "day" or (order == "open" and bool(self._chosen_order))
        return self._day_first

    def _stated_period(self) -> Period | None:
        first: list[date] = []
        last: list[date] = []
        for start, end in self._frame.stated:
            try:
                first.append(self._dates.day(start))
                last.append(self._dates.day(end))
            except ValueError:
                continue
        return Period(min(first), max(last)) if first and last else None


def _opener(source: BinaryIO) -> Callable[[], tuple[Frame, Blocks]]:
    """What begins to read the file's rows, with the frame that fills on the way."""
    source.seek(0)
    head = source.read(_HEAD)
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise refuse("empty")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse("utf-16")
    if b"\x00" in head:
        raise refuse("binary")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if _PAGE.match(start):
        raise refuse("html")
    if start.startswith((b"{", b"[")):
        raise refuse("not-a-statement")
    if shape_of(head) is Shape.ENVELOPE and (envelope := read_envelope(head)):
        said = " ".join(filter(None, (envelope.code, envelope.message)))
        raise refuse("envelope", f": “{said}”" if said else "")
    if start.startswith(b"<"):

        def xml() -> tuple[Frame, Blocks]:
            frame = Frame("xml")
            return frame, read_xml(source, frame, head.index(b"<"))  # a declaration has nothing before it

        return xml
    form = check_csv(source)

    def csv() -> tuple[Frame, Blocks]:
        frame = Frame("csv")
        return frame, read_csv(source, form, frame)

    return csv
