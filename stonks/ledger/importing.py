"""The one way into the ledger. A sync, an upload and the command line all end here, so "never twice" is proved once.

The whole statement is read before anything is written: a file that turns out unreadable half way changes nothing.
Looking up what is known only makes it cheap; the unique index over (portfolio, fingerprint) is the guarantee.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha1
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, insert, select, update

from stonks.brokers.contract import Broker
from stonks.core.errors import NotFound
from stonks.core.records import LedgerRecord, Position, Reading, RowProblem, StatementSummary
from stonks.db import db, insert_ignoring, transaction
from stonks.ledger import reported
from stonks.ledger.recording import StoredRow, row_of, stamped
from stonks.ledger.tables import Amendment, Entry, ImportBatch, ParkedRow, Portfolio

_T = TypeVar("_T")

BATCH_ROWS = 1_000

# A later statement's word on these replaces the earlier one, visibly.
AMENDED = ("commission", "commission_currency", "taxes")
# These are filled in when an earlier, narrower statement did not tell them.
FILLED = (
    "asset_class", "multiplier", "underlying", "account", "original_id", "executed_at", "report_date",
    "description", "notes", "symbol", "isin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """batch_id is None when nothing was written: every row was known as it is."""

    batch_id: int | None
    new: int
    known: int
    amended: int
    problems: int  # not seen before
    summary: StatementSummary


@dataclass(slots=True)
class _Change:
    entry_id: int
    had: dict[str, Any]  # of the amended and filled facts
    told: dict[str, Any]


def import_reading(
    portfolio_id: int,
    reading: Reading,
    *,
    origin: str,
    now: datetime,
    file_name: str | None = None,
    statement_sha1: bytes | None = None,
) -> ImportOutcome:
    """Let a statement's rows into a portfolio, each once. Joins a surrounding transaction or makes its own.

    Raises StatementUnreadable, before anything is written.
    """
    records, positions, problems = _read_all(reading)
    summary = reading.summary
    rows = [row_of(record) for record in records]
    known = _known(portfolio_id, rows)
    fresh = [row for row in rows if row["fingerprint"] not in known]
    changes = _changes(rows, known)
    fresh_problems = _unseen(portfolio_id, problems)
    facts = reported.changed_facts(portfolio_id, positions, summary)
    if not (fresh or changes or fresh_problems or facts):
        return ImportOutcome(None, 0, len(rows), 0, 0, summary)

    with transaction():
        _lock(portfolio_id)
        batch = ImportBatch(
            portfolio_id=portfolio_id,
            origin=origin,
            file_name=file_name,
            statement_sha1=statement_sha1,
            imported_at=now,
            period_first=summary.period.first if summary.period else None,
            period_last=summary.period.last if summary.period else None,
            findings=json.dumps([finding._asdict() for finding in summary.findings]),
        )
        db.session.add(batch)
        db.session.flush()
        _insert(Entry, (stamped(row, portfolio_id, batch.id, origin, now) for row in fresh))
        _insert(ParkedRow, (_parked(problem, portfolio_id, batch.id) for problem in fresh_problems))
        amended = _apply(changes, batch.id, now)
        facts.write(portfolio_id)
        # Counted, not assumed: a concurrent import of the same rows may have been first.
        batch.new = _count(Entry, batch.id)
        batch.problems = _count(ParkedRow, batch.id)
        batch.amended = amended
        batch.known = len(rows) - batch.new
        if not (batch.new or batch.problems):
            batch.acknowledged_at = now  # there is nothing to prune
        outcome = ImportOutcome(batch.id, batch.new, batch.known, amended, batch.problems, summary)
    return outcome


def _lock(portfolio_id: int) -> None:
    """One import into a portfolio at a time (SQLite has one writer anyway). Raises NotFound: it was deleted meanwhile."""
    query = select(Portfolio.id).where(Portfolio.id == portfolio_id).with_for_update(key_share=True)
    if db.session.scalar(query) is None:
        raise NotFound("That portfolio was deleted meanwhile; nothing was imported.")


def import_file(portfolio_id: int, path: Path, broker: Broker, now: datetime) -> ImportOutcome:
    """A file of the command line, as an upload. Raises StatementUnreadable and OSError."""
    from stonks.ledger.exporting import open_upload

    with path.open("rb") as source:
        digest = sha1(source.read(), usedforsecurity=False).digest()
        source.seek(0)
        reading = open_upload(broker, source)
        return import_reading(
            portfolio_id, reading, origin="upload", now=now, file_name=path.name[-200:], statement_sha1=digest
        )


def _read_all(reading: Reading) -> tuple[list[LedgerRecord | StoredRow], list[Position], list[RowProblem]]:
    records: list[LedgerRecord | StoredRow] = []
    positions: list[Position] = []
    problems: list[RowProblem] = []
    for row in reading:
        if isinstance(row, Position):
            positions.append(row)
        elif isinstance(row, RowProblem):
            problems.append(row)
        else:
            records.append(row)
    return records, positions, problems


def _known(portfolio_id: int, rows: list[dict[str, Any]]) -> dict[bytes, Any]:
    """What the ledger holds in the statement's range of dates, by fingerprint."""
    if not rows:
        return {}
    first: date = min(row["entry_date"] for row in rows)
    last: date = max(row["entry_date"] for row in rows)
    columns = [Entry.fingerprint, Entry.id, Entry.updated_at, *(getattr(Entry, name) for name in AMENDED + FILLED)]
    query = select(*columns).where(Entry.portfolio_id == portfolio_id, Entry.entry_date.between(first, last))
    found = {row.fingerprint: row for row in db.session.execute(query)}
    # An entry whose date a person corrected stands outside the range and is known all the same.
    missing = [row["fingerprint"] for row in rows if row["fingerprint"] not in found]
    for part in _parts(missing, 500):
        query = select(*columns).where(Entry.portfolio_id == portfolio_id, Entry.fingerprint.in_(part))
        found.update((row.fingerprint, row) for row in db.session.execute(query))
    return found


def _changes(rows: list[dict[str, Any]], known: dict[bytes, Any]) -> list[_Change]:
    changes = []
    for row in rows:
        old = known.get(row["fingerprint"])
        # What a person edited is theirs.
        if old is None or old.updated_at is not None:
            continue
        told = {name: row[name] for name in AMENDED if row[name] is not None and row[name] != getattr(old, name)}
        told |= {name: row[name] for name in FILLED if row[name] is not None and getattr(old, name) is None}
        if told:
            changes.append(_Change(old.id, {name: getattr(old, name) for name in told}, told))
            if row["kind"] == "TRADE" and not told.keys().isdisjoint(("asset_class", "multiplier")):
                told["amount"] = row["amount"]
    return changes


def _apply(changes: list[_Change], batch_id: int, now: datetime) -> int:
    """Writes what is still as it was when it was compared, so that of two imports at once one amends. Returns the
    number of entries amended: a fact that was not told before is no amendment."""
    amended = 0
    for change in changes:
        as_before = [getattr(Entry, name).is_not_distinct_from(value) for name, value in change.had.items()]
        written = db.session.execute(
            update(Entry)
            .where(Entry.id == change.entry_id, Entry.updated_at.is_(None), *as_before)
            .values(**change.told)
            .returning(Entry.id)
        ).all()
        if not written:
            continue
        amendments = [
            {"entry_id": change.entry_id, "batch_id": batch_id, "field": name, "amended_at": now}
            | {"old": _text(change.had[name]), "new": _text(change.told[name])}
            for name in AMENDED
            if change.had.get(name) is not None
        ]
        if amendments:
            db.session.execute(insert(Amendment), amendments)
            amended += 1
    return amended


def _unseen(portfolio_id: int, problems: list[RowProblem]) -> list[RowProblem]:
    if not problems:
        return []
    query = select(ParkedRow.digest).where(ParkedRow.portfolio_id == portfolio_id)
    seen = set(db.session.scalars(query))
    unseen: dict[bytes, RowProblem] = {}
    for problem in problems:
        if problem.digest not in seen:
            unseen.setdefault(problem.digest, problem)
    return list(unseen.values())


def _parked(problem: RowProblem, portfolio_id: int, batch_id: int) -> dict[str, Any]:
    return {
        "portfolio_id": portfolio_id,
        "batch_id": batch_id,
        "digest": problem.digest,
        "line": problem.line,
        "section": problem.section,
        "reason": problem.reason,
        "raw": problem.raw,
    }


def _insert(table: type[Entry] | type[ParkedRow], rows: Iterable[dict[str, Any]]) -> None:
    statement = insert_ignoring(table)
    for part in _parts(rows, BATCH_ROWS):
        db.session.execute(statement, part)


def _count(table: type[Entry] | type[ParkedRow], batch_id: int) -> int:
    return db.session.scalar(select(func.count()).select_from(table).where(table.batch_id == batch_id)) or 0


def _parts(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    source = iter(rows)
    while part := list(islice(source, size)):
        yield part


def _text(value: Any) -> str | None:
    return format(value, "f") if isinstance(value, Decimal) else value
