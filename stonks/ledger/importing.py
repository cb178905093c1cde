"""The one way into the ledger. A sync, an upload and the command line all end here, so "never twice" is proved once.

Two steps: `prepare` reads the whole statement and compares it with what is known, writing nothing, so a file that turns
out unreadable half way changes nothing and nobody waits for the parse; `Prepared.write` is one short transaction.
Looking up what is known only makes it cheap; the unique index over (portfolio, fingerprint) is the guarantee.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Row, func, select

from stonks.brokers.contract import Broker
from stonks.core.errors import NotFound
from stonks.core.records import LedgerRecord, Position, Reading, RowProblem, StatementSummary
from stonks.db import db, transaction
from stonks.ledger import amending, exporting, marks, reported, snapshot
from stonks.ledger.amending import Change
from stonks.ledger.bulk import BATCH_ROWS, BulkInsert, Spool, widen_cache
from stonks.ledger.recording import COLUMNS, StoredRow, row_of
from stonks.ledger.reported import ChangedFacts
from stonks.ledger.tables import Entry, ImportBatch, ParkedRow, Portfolio

_T = TypeVar("_T")

_STAMPS = ("portfolio_id", "batch_id", "origin", "created_at")
_MANY = 10_000


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
class Prepared:
    """A statement read to its end and compared with the ledger, ready to be let in."""

    portfolio_id: int
    summary: StatementSummary
    rows: int  # entries that the statement tells
    fresh: Spool
    changes: list[Change]
    problems: list[RowProblem]  # not seen before
    facts: ChangedFacts
    inserting: BulkInsert = field(repr=False)

    def write(
        self, *, origin: str, now: datetime, file_name: str | None = None, statement_sha1: bytes | None = None
    ) -> ImportOutcome:
        """Lets it in; joins a surrounding transaction or makes its own, and makes none when there is nothing to write.
        Raises NotFound when the portfolio was deleted meanwhile."""
        if not (self.fresh or self.changes or self.problems or self.facts):
            return ImportOutcome(None, 0, self.rows, 0, 0, self.summary)
        with transaction():
            _lock(self.portfolio_id)
            if len(self.fresh) > _MANY:
                widen_cache()
            period = self.summary.period
            batch = ImportBatch(
                portfolio_id=self.portfolio_id,
                origin=origin,
                file_name=file_name,
                statement_sha1=statement_sha1,
                imported_at=now,
                period_first=period.first if period else None,
                period_last=period.last if period else None,
                findings=json.dumps([finding._asdict() for finding in self.summary.findings]),
            )
            db.session.add(batch)
            db.session.flush()
            stamps = {"portfolio_id": self.portfolio_id, "batch_id": batch.id, "origin": origin, "created_at": now}
            amended = [change.entry_id for change in self.changes]
            marks.entries(self.portfolio_id, amended)
            self.inserting.write(self.fresh.parts(), stamps)
            _park(self.problems, self.portfolio_id, batch.id)
            batch.amended = amending.apply(self.changes, batch.id, now)
            self.facts.write(self.portfolio_id)
            # Counted, not assumed: another import of the same rows may have been first.
            batch.new = _count(Entry, batch.id)
            batch.problems = _count(ParkedRow, batch.id)
            batch.known = self.rows - batch.new
            marks.entries(self.portfolio_id, amended)
            marks.batch(self.portfolio_id, batch.id, batch.new)
            if not (batch.new or batch.problems):
                batch.acknowledged_at = now  # there is nothing to prune
            return ImportOutcome(batch.id, batch.new, batch.known, batch.amended, batch.problems, self.summary)


def prepare(portfolio_id: int, reading: Reading) -> Prepared:
    """Reads a statement to its end and finds what of it is new. Writes nothing. Raises StatementUnreadable."""
    inserting = BulkInsert(Entry, COLUMNS, _STAMPS)
    fresh, changes, rows = Spool(), [], 0
    positions: list[Position] = []
    problems: list[RowProblem] = []
    has_entries = db.session.scalar(select(Entry.id).where(Entry.portfolio_id == portfolio_id).limit(1)) is not None
    for part in _parts(_records(reading, positions, problems), BATCH_ROWS):
        rows += len(part)
        known = _known(portfolio_id, part) if has_entries else {}
        for record in part:
            old = known.get(record.fingerprint)
            if old is None:
                fresh.append(inserting.ready(row_of(record)))
            elif change := amending.change_of(record, old):
                changes.append(change)
    summary = reading.summary
    facts = reported.changed_facts(portfolio_id, positions, summary)
    return Prepared(portfolio_id, summary, rows, fresh, changes, _unseen(portfolio_id, problems), facts, inserting)


def import_reading(
    portfolio_id: int,
    reading: Reading,
    *,
    origin: str,
    now: datetime,
    file_name: str | None = None,
    statement_sha1: bytes | None = None,
) -> ImportOutcome:
    """Let a statement's rows into a portfolio, each once: both steps. Raises StatementUnreadable, before anything is
    written, and NotFound."""
    outcome = prepare(portfolio_id, reading).write(
        origin=origin, now=now, file_name=file_name, statement_sha1=statement_sha1
    )
    snapshot.refresh(portfolio_id)
    return outcome


def import_file(portfolio_id: int, path: Path, broker: Broker, now: datetime) -> ImportOutcome:
    """A file of the command line, as an upload. Raises StatementUnreadable and OSError."""
    with path.open("rb") as source:
        digest = sha1(source.read(), usedforsecurity=False).digest()
        source.seek(0)
        reading = exporting.open_upload(broker, source)
        return import_reading(
            portfolio_id, reading, origin="upload", now=now, file_name=path.name[-200:], statement_sha1=digest
        )


def _records(
    reading: Reading, positions: list[Position], problems: list[RowProblem]
) -> Iterator[LedgerRecord | StoredRow]:
    """The entries of a reading; what is none is put aside."""
    for row in reading:
        if isinstance(row, Position):
            positions.append(row)
        elif isinstance(row, RowProblem):
            problems.append(row)
        else:
            yield row


def _known(portfolio_id: int, records: list[LedgerRecord | StoredRow]) -> dict[bytes, Row[Any]]:
    """What the ledger holds of these, discarded or not, by fingerprint."""
    # By fingerprint and not by date: a person may have moved an entry to another day, and it is known all the same.
    query = amending.COMPARED.where(
        Entry.portfolio_id == portfolio_id, Entry.fingerprint.in_([record.fingerprint for record in records])
    )
    return {row.fingerprint: row for row in db.session.execute(query)}


def _unseen(portfolio_id: int, problems: list[RowProblem]) -> list[RowProblem]:
    if not problems:
        return []
    seen = set(db.session.scalars(select(ParkedRow.digest).where(ParkedRow.portfolio_id == portfolio_id)))
    unseen = {problem.digest: problem for problem in reversed(problems) if problem.digest not in seen}
    return sorted(unseen.values(), key=lambda problem: problem.line)


def _lock(portfolio_id: int) -> None:
    """One import into a portfolio at a time (SQLite has one writer anyway). Raises NotFound: it was deleted meanwhile."""
    query = select(Portfolio.id).where(Portfolio.id == portfolio_id).with_for_update(key_share=True)
    if db.session.scalar(query) is None:
        raise NotFound("That portfolio was deleted meanwhile; nothing was imported.")


def _park(problems: list[RowProblem], portfolio_id: int, batch_id: int) -> None:
    if not problems:
        return
    parking = BulkInsert(ParkedRow, RowProblem._fields, ("portfolio_id", "batch_id"))
    ready = (parking.ready(problem._asdict()) for problem in problems)
    parking.write(_parts(ready, BATCH_ROWS), {"portfolio_id": portfolio_id, "batch_id": batch_id})


def _count(table: type[Entry] | type[ParkedRow], batch_id: int) -> int:
    return db.session.scalar(select(func.count()).select_from(table).where(table.batch_id == batch_id)) or 0


def _parts(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    source = iter(rows)
    while part := list(islice(source, size)):
        yield part
