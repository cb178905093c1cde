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

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stonks.brokers.contract import Broker
from stonks.core.records import LedgerRecord, Position, Reading, RowProblem, StatementSummary
from stonks.db import db, transaction
from stonks.ledger import reported
from stonks.ledger.recording import StoredRow, row_of, stamped
from stonks.ledger.tables import Amendment, Entry, ImportBatch, ParkedRow

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
    values: dict[str, Any]
    amendments: list[tuple[str, str | None, str | None]]


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
        _insert_ignoring(Entry, (stamped(row, portfolio_id, batch.id, origin, now) for row in fresh))
        _insert_ignoring(ParkedRow, (_parked(problem, portfolio_id, batch.id) for problem in fresh_problems))
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
        if old is None or old.updated_at is not None:  # what a person edited is theirs
            continue
        values: dict[str, Any] = {}
        amendments = []
        for name in AMENDED:
            told, had = row[name], getattr(old, name)
            if told is not None and told != had:
                values[name] = told
                # The currency of a commission that was told before without one is no news to a person.
                if had is not None:
                    amendments.append((name, _text(had), _text(told)))
        for name in FILLED:
            if row[name] is not None and getattr(old, name) is None:
                values[name] = row[name]
        if values:
            changes.append(_Change(old.id, values, amendments))
    return changes


def _apply(changes: list[_Change], batch_id: int, now: datetime) -> int:
    amended = 0
    for change in changes:
        db.session.execute(update(Entry).where(Entry.id == change.entry_id).values(**change.values))
        for name, old, new in change.amendments:
            db.session.add(
                Amendment(entry_id=change.entry_id, batch_id=batch_id, field=name, old=old, new=new, amended_at=now)
            )
        amended += bool(change.amendments)
    db.session.flush()
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


def _insert_ignoring(table: type[Entry] | type[ParkedRow], rows: Iterable[dict[str, Any]]) -> None:
    """Core executemany in batches; a row that another import was quicker with is left out."""
    make = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    statement = make(table).on_conflict_do_nothing()
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
