"""Reading a Flex statement: what format it is, every row of it, and what was found. The entry to this folder's reading.

Every data row of a section that is read ends as a record, a known summary or a problem; the sum is asserted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import date
from hashlib import sha1
from typing import Any, BinaryIO, NamedTuple

from stonks.brokers.ibkr import doctor
from stonks.brokers.ibkr.cells import check_lengths
from stonks.brokers.ibkr.csv_frame import check_csv, read_csv
from stonks.brokers.ibkr.dates import DateReader
from stonks.brokers.ibkr.frame import (
    ACTIONS,
    CASH,
    CASH_REPORT,
    POSITIONS,
    RATES,
    TRADES,
    TRANSFERS,
    Frame,
    OddRow,
    Row,
)  # fmt: skip
from stonks.brokers.ibkr.refusals import refuse
from stonks.brokers.ibkr.rows import RowReader, Undated
from stonks.brokers.ibkr.survey import Surveyor
from stonks.brokers.ibkr.xml_frame import read_xml
from stonks.core.fingerprint import Fingerprints
from stonks.core.records import (
    CashBalance,
    CashKind,
    CashTransaction,
    FxConversion,
    FxRate,
    Period,
    Record,
    RowProblem,
    StatementSummary,
    Trade,
)  # fmt: skip

# Raised with every change to this folder's reading by which the same file gives other records, problems or findings, and
# with every further fact that the ledger takes from a record: a statement that was read by an older one is read again.
READER_VERSION = 2

_HEAD = 4096


def read_statement(
    source: BinaryIO, *, currency: str | None = None, day_first: bool | None = None, asked_days: int | None = None
) -> FlexReading:
    """A reading of `source`, a seekable file that stays open until the last row: it is read twice, row by row.
    Raises StatementUnreadable, here or while it is iterated."""
    return FlexReading(_passes(source), currency, day_first, asked_days)


class FlexReading:
    """A `Reading`: iterate once, then ask for the summary."""

    def __init__(
        self, again: Callable[[], _Pass], currency: str | None, day_first: bool | None, asked_days: int | None
    ) -> None:
        self._again = again
        self._frame, rows = again()
        self._seen = seen = Surveyor()
        for row in rows:
            if not isinstance(row, OddRow):
                seen.see(row)
        self._survey = seen.survey(lambda: again().rows)
        frame = self._frame
        self._currency = currency
        self._asked_days = asked_days
        settled = seen.slashed
        self._slashed = settled is not None
        self._guessed = settled == "open" and day_first is None
        self._day_first = settled == "day" or (settled == "open" and bool(day_first))
        self._dates = DateReader(self._day_first)
        self._stated = _stated_period(frame, self._dates)
        self._rates: list[FxRate] = []
        self._balances: list[CashBalance] = []
        self._summary: StatementSummary | None = None
        self._parked: Collection[bytes] = ()
        self.read_now: list[bytes] = []

    def watch(self, parked: Collection[bytes]) -> None:
        self._parked = parked

    @property
    def summary(self) -> StatementSummary:
        if self._summary is None:
            raise RuntimeError("the summary is complete after the last row only")
        return self._summary

    def __iter__(self) -> Iterator[Record | RowProblem]:
        counts = Counter[str]()
        reader = RowReader(self._dates, self._survey, self._stated.last if self._stated else None)
        takers: dict[str, Callable[[Row], Any]] = {
            TRADES: reader.trade,
            CASH: reader.cash,
            ACTIONS: reader.action,
            TRANSFERS: reader.transfer,
            POSITIONS: reader.position,
        }
        fingerprints = Fingerprints()
        problems: Counter[bytes] = Counter()
        parked, texts = self._parked, Fingerprints()
        span: Period | None = None
        currencies: set[str] = set()
        accounts: set[str] = set()
        for row in self._again().rows:
            if isinstance(row, OddRow):
                counts["problems"] += 1
                yield _problem(*row, problems)
                continue
            if row.section in (RATES, CASH_REPORT):
                counts[self._aside(reader, row)] += 1
                continue
            try:
                check_lengths(row.cells)
                taken = takers[row.section](row)
            except Undated:
                counts["ignored"] += 1
                continue
            except ValueError as error:
                counts["problems"] += 1
                yield _problem(row.line, row.section, str(error), row.raw, problems)
                continue
            if parked and (digest := texts.of(f"{row.section}|{row.raw}")) in parked:  # made as in _problem
                self.read_now.append(digest)
            if taken is None:
                counts["summaries"] += 1
                continue
            record, identity = taken
            mark = fingerprints.of(identity)
            if self._currency and record.currency != self._currency:
                counts["left out"] += 1
                continue
            counts[type(record).__name__] += 1
            if isinstance(record, CashTransaction):
                counts["dividends"] += record.kind in (CashKind.DIVIDEND, CashKind.PAYMENT_IN_LIEU)
                span = _widened(span, record.paid_on)
            elif isinstance(record, Trade | FxConversion):
                span = _widened(span, record.trade_date)
            currencies.add(record.currency)
            if record.account:
                accounts.add(record.account)
            yield record._replace(fingerprint=mark)
        self._finish(counts, span, currencies, accounts)

    def _aside(self, reader: RowReader, row: Row) -> str:
        """Rates and balances price and reconcile; one that can't be read is no transaction lost."""
        try:
            if row.section == RATES:
                self._rates.append(reader.rate(row))
            else:
                told = reader.balances(row)
                self._balances += [one for one in told if self._currency in (None, one.currency)]
        except (ValueError, KeyError):
            return "ignored"
        return "aside"

    def _finish(self, counts: Counter[str], span: Period | None, currencies: set[str], accounts: set[str]) -> None:
        frame = self._frame
        records = sum(counts[kind] for kind in ("Trade", "CashTransaction", "FxConversion"))
        others = sum(counts[kind] for kind in ("CorporateAction", "Transfer", "Position"))
        rows = frame.rows - counts["aside"] - counts["ignored"] - counts["left out"]
        accounted = records + others + counts["summaries"] + counts["problems"]
        if accounted != rows:
            raise AssertionError(f"{rows} rows, but {accounted} accounted for")
        period = self._stated or span
        names = accounts or set(frame.accounts)
        found = doctor.Found(
            columns=frame.columns,
            levels=self._seen.levels,
            cash_types=frozenset(self._seen.cash_types),
            kinds=frozenset(kind for kind, count in counts.items() if count),
            accounts=len(frame.accounts) or len(accounts),
            account_told=bool(
                frame.format == "xml" or frame.columns.get(TRADES, set()) & {"clientaccountid", "accountid"}
            ),
            period=period,
            period_is_stated=self._stated is not None,
            asked_days=self._asked_days,
            date_order_is_guess=self._guessed,
            undated_positions=bool(frame.columns.get(POSITIONS)) and counts["ignored"] > 0,
        )
        self._summary = StatementSummary(
            format=frame.format,
            period=period,
            period_is_stated=self._stated is not None,
            generated_on=None,
            accounts=tuple(sorted(names)),
            sections=tuple(name for name in frame.columns if name),
            trades=counts["Trade"],
            cash=counts["CashTransaction"],
            conversions=counts["FxConversion"],
            dividends=counts["dividends"],
            others=others,
            problems=counts["problems"],
            summaries=counts["summaries"],
            rows=rows,
            ignored=frame.ignored + counts["ignored"] + counts["left out"],
            currencies=tuple(sorted(currencies)),
            day_first=self._day_first if self._slashed else None,
            date_order_is_guess=self._guessed,
            warnings=tuple(frame.warnings),
            findings=doctor.examine(found),
            rates=tuple(self._rates),
            balances=tuple(self._balances),
        )


class _Pass(NamedTuple):
    """One reading of the file's rows from its start; `frame` is complete after the last."""

    frame: Frame
    rows: Iterator[Row | OddRow]


def _passes(source: BinaryIO) -> Callable[[], _Pass]:
    source.seek(0)
    head = source.read(_HEAD)
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise refuse("empty")
    if b"\x00" in head:
        raise refuse("binary")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise refuse("html")
    if start.startswith(b"<"):

        def xml() -> _Pass:
            frame = Frame("xml")
            return _Pass(frame, read_xml(source, frame))

        return xml
    form = check_csv(source)

    def csv() -> _Pass:
        frame = Frame("csv")
        return _Pass(frame, read_csv(source, form, frame))

    return csv


def _stated_period(frame: Frame, dates: DateReader) -> Period | None:
    first: list[date] = []
    last: list[date] = []
    for start, end in frame.stated:
        try:
            first.append(dates.day(start))
            last.append(dates.day(end))
        except ValueError:
            continue
    return Period(min(first), max(last)) if first and last else None


def _widened(span: Period | None, day: date) -> Period:
    if span is None:
        return Period(day, day)
    return span if span.first <= day <= span.last else Period(min(span.first, day), max(span.last, day))


def _problem(line: int, section: str, reason: str, raw: str, seen: Counter[bytes]) -> RowProblem:
    """Equal unreadable rows of one file are as many problems, so the digest counts them like entries."""
    text = f"{section}|{raw}"
    key = sha1(text.encode(), usedforsecurity=False).digest()
    digest = sha1(f"{text}|{seen[key]}".encode(), usedforsecurity=False).digest()
    seen[key] += 1
    return RowProblem(line, section, reason, raw, digest)
