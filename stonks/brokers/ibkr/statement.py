"""Reading a Flex statement: what format it is, every row of it, and what was found. The entry to this folder's reading.

Every data row of a section that is read ends as a record, a known summary or a problem; the sum is asserted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from hashlib import sha1
from typing import Any, BinaryIO

from stonks.brokers.ibkr import cash_types, doctor
from stonks.brokers.ibkr.csv_frame import read_csv
from stonks.brokers.ibkr.dates import DateReader, slashed_parts
from stonks.brokers.ibkr.frame import (
    ACTIONS,
    CASH,
    CASH_REPORT,
    POSITIONS,
    RATES,
    TRADES,
    TRANSFERS,
    Frame,
    Row,
)  # fmt: skip
from stonks.brokers.ibkr.refusals import refuse
from stonks.brokers.ibkr.rows import RowReader, Undated, check_lengths, survey
from stonks.brokers.ibkr.xml_frame import read_xml
from stonks.core.fingerprint import fingerprint
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

LARGEST = 512 * 1024 * 1024
_HEAD = 4096


def read_statement(
    source: BinaryIO, *, currency: str | None = None, day_first: bool | None = None, asked_days: int | None = None
) -> FlexReading:
    """A reading of `source`, a seekable file. Raises StatementUnreadable, here or while it is iterated."""
    return FlexReading(_frame_of(source), currency, day_first, asked_days)


class FlexReading:
    """A `Reading`: iterate once, then ask for the summary."""

    def __init__(self, frame: Frame, currency: str | None, day_first: bool | None, asked_days: int | None) -> None:
        self._frame = frame
        self._currency = currency
        self._asked_days = asked_days
        settled = _settled_order(frame)
        self._slashed = settled is not None
        self._guessed = settled == "open" and day_first is None
        self._day_first = settled == "day" or (settled == "open" and bool(day_first))
        self._dates = DateReader(self._day_first)
        self._stated = _stated_period(frame, self._dates)
        self._rates: list[FxRate] = []
        self._balances: list[CashBalance] = []
        self._summary: StatementSummary | None = None

    @property
    def summary(self) -> StatementSummary:
        if self._summary is None:
            raise RuntimeError("the summary is complete after the last row only")
        return self._summary

    def __iter__(self) -> Iterator[Record | RowProblem]:
        frame, counts = self._frame, Counter[str]()
        reader = RowReader(self._dates, survey(frame.rows), self._stated.last if self._stated else None)
        takers: dict[str, Callable[[Row], Any]] = {
            TRADES: reader.trade,
            CASH: reader.cash,
            ACTIONS: reader.action,
            TRANSFERS: reader.transfer,
            POSITIONS: reader.position,
        }
        occurrences: Counter[str] = Counter()
        problems: Counter[str] = Counter()
        days: list[date] = []
        currencies: set[str] = set()
        accounts: set[str] = set()
        for line, section, reason, raw in frame.odd:
            counts["problems"] += 1
            yield _problem(line, section, reason, raw, problems)
        for row in frame.rows:
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
            if taken is None:
                counts["summaries"] += 1
                continue
            record, identity = taken
            occurrence = occurrences[identity]
            occurrences[identity] += 1
            if self._currency and record.currency != self._currency:
                counts["left out"] += 1
                continue
            counts[type(record).__name__] += 1
            if isinstance(record, CashTransaction):
                counts["dividends"] += record.kind in (CashKind.DIVIDEND, CashKind.PAYMENT_IN_LIEU)
                days.append(record.paid_on)
            elif isinstance(record, Trade | FxConversion):
                days.append(record.trade_date)
            currencies.add(record.currency)
            if record.account:
                accounts.add(record.account)
            yield record._replace(fingerprint=fingerprint(identity, occurrence))
        self._finish(counts, days, currencies, accounts)

    def _aside(self, reader: RowReader, row: Row) -> str:
        """Rates and balances price and reconcile; one that can't be read is no transaction lost."""
        try:
            if row.section == RATES:
                self._rates.append(reader.rate(row))
            else:
                self._balances.append(reader.balance(row))
        except (ValueError, KeyError):
            return "ignored"
        return "aside"

    def _finish(self, counts: Counter[str], days: list[date], currencies: set[str], accounts: set[str]) -> None:
        frame = self._frame
        records = sum(counts[kind] for kind in ("Trade", "CashTransaction", "FxConversion"))
        others = sum(counts[kind] for kind in ("CorporateAction", "Transfer", "Position"))
        rows = len(frame.rows) + len(frame.odd) - counts["aside"] - counts["ignored"] - counts["left out"]
        accounted = records + others + counts["summaries"] + counts["problems"]
        if accounted != rows:
            raise AssertionError(f"{rows} rows, but {accounted} accounted for")
        period = self._stated or (Period(min(days), max(days)) if days else None)
        names = accounts or set(frame.accounts)
        found = doctor.Found(
            columns=frame.columns,
            levels=Counter(row.level for row in frame.rows if row.section == TRADES),
            cash_types=frozenset(
                cash_types.type_name(row.cells.get("type", "")) for row in frame.rows if row.section == CASH
            ),
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


def _frame_of(source: BinaryIO) -> Frame:
    source.seek(0)
    head = source.read(_HEAD)
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise refuse("empty")
    if b"\x00" in head:
        raise refuse("binary")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise refuse("html")
    source.seek(0)
    if start.startswith(b"<"):
        return read_xml(source)
    body = source.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise refuse("too-large")
    if b"\x00" in body:
        raise refuse("binary")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", errors="replace")
    return read_csv(text)


def _settled_order(frame: Frame) -> str | None:
    """ "day" or "month" first, "open" when nothing settles it, None when the file has no slashed dates."""
    slashed = False
    for row in frame.rows:
        for name, text in row.cells.items():
            if "/" in text and ("date" in name or name == "datetime"):
                parts = slashed_parts(text)
                if parts is None:
                    continue
                slashed = True
                if parts[0] > 12:
                    return "day"
                if parts[1] > 12:
                    return "month"
    return "open" if slashed else None


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


def _problem(line: int, section: str, reason: str, raw: str, seen: Counter[str]) -> RowProblem:
    """Equal unreadable rows of one file are as many problems, so the digest counts them like entries."""
    text = f"{section}|{raw}"
    digest = sha1(f"{text}|{seen[text]}".encode(), usedforsecurity=False).digest()
    seen[text] += 1
    return RowProblem(line, section, reason, raw, digest)
