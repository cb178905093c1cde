"""The columns of our own CSV and a reader of it. Text that a spreadsheet would run as a formula is defused with an
apostrophe on the way out and freed of it on the way in."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha1
from typing import Any, BinaryIO

from stonks.core.days import is_possible
from stonks.core.errors import StatementUnreadable
from stonks.core.records import Finding, Period, RowProblem, Severity, StatementSummary
from stonks.ledger.namesakes import MISSING
from stonks.ledger.recording import StoredRow
from stonks.ledger.tables import Entry

COLUMNS = (
    "stonksfolio_fingerprint", "date", "kind", "type", "symbol", "isin", "quantity", "price", "amount", "currency",
    "commission", "commission_currency", "taxes", "other_amount", "other_currency", "cancels", "asset_class",
    "multiplier", "underlying", "account", "external_id", "original_id", "action_kind", "action_id", "executed_at",
    "report_date", "description", "notes",
)  # fmt: skip
ATTRIBUTES = {"stonksfolio_fingerprint": "fingerprint", "date": "entry_date"}

_NUMBERS = frozenset({"quantity", "price", "amount", "commission", "taxes", "other_amount", "multiplier"})
_DATES = frozenset({"date", "report_date"})
_KINDS = frozenset({"TRADE", "CASH", "FX", "CORPORATE_ACTION", "TRANSFER"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")
_SECTION = "Transactions"
# Texts that a database refuses when they are longer; SQLite would take them, PostgreSQL fails the whole import.
_LONGEST = {
    column: length
    for column in COLUMNS
    if (length := getattr(Entry.__table__.c[ATTRIBUTES.get(column, column)].type, "length", None))
}


def defused(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def recognised(start: bytes) -> bool:
    """Whether a file that starts so is our own export (a spreadsheet may have quoted the names or added a BOM)."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip(b'"').startswith(COLUMNS[0].encode())


class OwnExportReading:
    """A `Reading` of our own CSV; `currency` keeps only entries of that currency."""

    def __init__(self, source: BinaryIO, currency: str | None = None) -> None:
        self._source = source
        self._currency = currency
        self._summary: StatementSummary | None = None
        self._untold: set[tuple[str, str]] = set()  # fact and kind, where a row that has no ID of the broker's lacks it

    def tells(self, kind: str, fact: str) -> bool:
        """Whether an empty cell of it says that there is none. Else the query of that row may have lacked the column."""
        return (fact, kind) not in self._untold

    @property
    def summary(self) -> StatementSummary:
        if self._summary is None:
            raise RuntimeError("the summary is complete after the last row only")
        return self._summary

    def __iter__(self) -> Iterator[StoredRow | RowProblem]:
        counts: Counter[str] = Counter()
        days: list[date] = []
        currencies: set[str] = set()
        lines = io.TextIOWrapper(self._source, "utf-8-sig", newline="")
        try:
            rows = csv.DictReader(lines)
            if not set(COLUMNS[:10]) <= set(rows.fieldnames or ()):
                raise _unreadable("some of its columns are missing")
            for row in rows:
                counts["rows"] += 1
                try:
                    values = _values(row)
                except (ValueError, InvalidOperation, KeyError):
                    counts["problems"] += 1
                    raw = ",".join(str(cell) for cell in row.values())[:2000]
                    digest = sha1(f"{_SECTION}|{raw}".encode(), usedforsecurity=False).digest()
                    reason = "This row of an export was changed in a way that can’t be read."
                    yield RowProblem(rows.line_num, _SECTION, reason, raw, digest)
                    continue
                if self._currency and values["currency"] != self._currency:
                    counts["ignored"] += 1
                    continue
                counts[values["kind"]] += 1
                counts["dividends"] += values["type"] in ("DIVIDEND", "PAYMENT_IN_LIEU")
                days.append(values["entry_date"])
                currencies.add(values["currency"])
                if values["external_id"] is None:
                    self._untold |= {(fact, values["kind"]) for fact in ("external_id", "isin") if values[fact] is None}
                yield StoredRow(values["fingerprint"], values)
        except (UnicodeDecodeError, csv.Error):
            raise _unreadable("it is not the text that was exported") from None
        finally:
            lines.detach()
        self._summary = _summary(counts, days, currencies, self._untold & MISSING.keys())


def _values(row: dict[str, str | None]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in COLUMNS:
        values[ATTRIBUTES.get(column, column)] = _value(column, row.get(column) or "")
    if values["kind"] not in _KINDS or not values["type"] or not values["currency"] or values["entry_date"] is None:
        raise ValueError("a fact that every entry has is missing")
    return values


def _value(column: str, text: str) -> Any:
    if column == "stonksfolio_fingerprint":
        digest = bytes.fromhex(text)
        if len(digest) != 20:
            raise ValueError("not a fingerprint")
        return digest
    if column == "cancels":
        return text == "yes"
    if not text:
        return None
    if column in _NUMBERS:
        number = Decimal(text)
        if not number.is_finite() or not -80 <= number.adjusted() < 40:
            raise ValueError("not a number that the ledger would have taken")
        return number
    if column in _DATES:
        day = date.fromisoformat(text)
        if not is_possible(day):
            raise ValueError("not a day on which anything is traded")
        return day
    if column == "executed_at":
        return datetime.fromisoformat(text)
    freed = text[1:] if text.startswith("'") else text
    longest = _LONGEST.get(column)
    if longest is not None and len(freed) > longest:
        raise ValueError("longer than the ledger takes")
    return freed


def _summary(
    counts: Counter[str], days: list[date], currencies: set[str], untold: set[tuple[str, str]]
) -> StatementSummary:
    return StatementSummary(
        format="csv",
        period=Period(min(days), max(days)) if days else None,
        period_is_stated=False,
        generated_on=None,
        accounts=(),
        sections=(_SECTION,),
        trades=counts["TRADE"],
        cash=counts["CASH"],
        conversions=counts["FX"],
        dividends=counts["dividends"],
        others=counts["CORPORATE_ACTION"] + counts["TRANSFER"],
        problems=counts["problems"],
        summaries=0,
        rows=counts["rows"] - counts["ignored"],
        ignored=counts["ignored"],
        currencies=tuple(sorted(currencies)),
        day_first=None,
        date_order_is_guess=False,
        warnings=(),
        findings=tuple(map(_nameless, sorted({MISSING[each] for each in untold}))),
        rates=(),
        balances=(),
    )


def _nameless(code: str) -> Finding:
    """Under the doctor's name for it, by which the same rows are found under a fuller name."""
    section, _, field = code.removeprefix("field-missing:").partition(":")
    what = {"isin": "ISIN", "trade-id": "Trade ID", "transaction-id": "Transaction ID"}[field]
    message = f"Some rows of {section.title()} have no {what}: the statements they came from did not tell it."
    return Finding(code, Severity.NOTE, message, "Nothing to do: a statement that tells it adds it to them.")


def _unreadable(why: str) -> StatementUnreadable:
    return StatementUnreadable(
        "own-export",
        f"This looks like an export of Stonksfolio, but {why}. Nothing was imported. Upload the file as it was exported.",
    )
