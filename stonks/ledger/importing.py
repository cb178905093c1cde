"""The one way into the ledger. A sync, an upload and the command line all end here, so "never twice" is proved once.

Two steps: `prepare` reads the whole statement and compares it with what is known, writing nothing, so a file that turns
out unreadable half way changes nothing and nobody waits for the parse; `Prepared.write` is one short transaction.
Looking up what is known only makes it cheap; the unique index over (portfolio, fingerprint) is the guarantee.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeVar, cast

from sqlalchemy import func, select

from stonks.core.errors import NotFound
from stonks.core.records import KnowsParked, LedgerRecord, Position, Reading, Record, RowProblem, StatementSummary
from stonks.db import db, transaction
from stonks.ledger import amending, marks, parking, reported, snapshot
from stonks.ledger.amending import Change
from stonks.ledger.bulk import BATCH_ROWS, BulkInsert, Spool, wide_cache
from stonks.ledger.known import KnownRows
from stonks.ledger.namesakes import Namesakes
from stonks.ledger.passages import Passages
from stonks.ledger.rebooked import Rebooked
from stonks.ledger.recording import COLUMNS, StoredRow, columns_of
from stonks.ledger.reported import ChangedFacts
from stonks.ledger.tables import Entry, ImportBatch, ParkedRow, Portfolio

_T = TypeVar("_T")

_ASIDE = frozenset((Position, RowProblem))
_STAMPS = ("portfolio_id", "batch_id", "origin", "created_at")


class LedgerState(NamedTuple):
    """Another one whenever an import wrote something or an entry went."""

    batches: int
    last_batch: int
    entries: int

    def __str__(self) -> str:
        return f"{self.batches}.{self.last_batch}.{self.entries}"


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """batch_id is None when nothing was written: every row was known as it is."""

    batch_id: int | None
    new: int
    known: int
    amended: int
    problems: int  # not seen before
    summary: StatementSummary
    cleared: int = 0  # rows that could not be read before and are now
    same_as: datetime | None = None  # when the very same statement was imported: nothing was read


@dataclass(slots=True)
class Prepared:
    """A statement read to its end and compared with the ledger, ready to be let in."""

    portfolio_id: int
    ledger: LedgerState  # before
    summary: StatementSummary
    rows: int  # entries that the statement tells
    fresh: Spool
    changes: list[Change]
    problems: list[RowProblem]  # not seen before
    facts: ChangedFacts
    read_now: list[bytes]  # parked rows that this statement holds and that are read by now
    passages: Passages
    inserting: BulkInsert = field(repr=False)

    def write(
        self, *, origin: str, now: datetime, file_name: str | None = None, statement_sha1: bytes | None = None
    ) -> ImportOutcome:
        """Lets it in; joins a surrounding transaction or makes its own, and makes none when there is nothing to write.
        Raises NotFound when the portfolio was deleted meanwhile."""
        if not (self.fresh or self.changes or self.problems or self.facts or self.read_now):
            if self.passages.worth_noting:
                with transaction():
                    lock(self.portfolio_id)
                    self.passages.note(entries=self.ledger.entries, amends=False)
            return ImportOutcome(None, 0, self.rows, 0, 0, self.summary)
        with transaction():
            lock(self.portfolio_id)
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
            stamps = (self.portfolio_id, batch.id, origin, now)
            amended = [change.entry_id for change in self.changes]
            marks.entries(self.portfolio_id, amended)
            with wide_cache(len(self.fresh)):
                self.inserting.write(self.fresh.parts(), len(self.fresh), stamps)
            _park(self.problems, self.portfolio_id, batch.id)
            batch.amended = amending.apply(self.changes, batch.id, now)
            self.facts.write(self.portfolio_id)
            cleared = parking.clear(self.portfolio_id, self.read_now, now)
            # Counted, not assumed: another import of the same rows may have been first.
            batch.new = _count(Entry, batch.id)
            batch.problems = _count(ParkedRow, batch.id)
            batch.known = self.rows - batch.new
            self.passages.note(entries=self.ledger.entries + batch.new, amends=bool(self.changes))
            marks.entries(self.portfolio_id, amended)
            marks.batch(self.portfolio_id, batch.id, batch.new)
            if not (batch.new or batch.problems):
                batch.acknowledged_at = now  # there is nothing to prune
            return ImportOutcome(batch.id, batch.new, batch.known, batch.amended, batch.problems, self.summary, cleared)


def prepare(portfolio_id: int, reading: Reading, ledger: LedgerState | None = None) -> Prepared:
    """Reads a statement to its end and finds what of it is new. `ledger`: its state, where that was just asked for.
    Writes nothing. Raises StatementUnreadable."""
    ledger = state(portfolio_id) if ledger is None else ledger
    inserting, known_rows = BulkInsert(Entry, COLUMNS, _STAMPS), KnownRows(portfolio_id)
    fresh, rows = Spool(), 0
    changes: list[Change] = []
    positions: list[Position] = []
    problems: list[RowProblem] = []
    parked = parking.digests(portfolio_id)
    if parked and isinstance(reading, KnowsParked):
        reading.watch(parked)
    rebooked, namesakes = Rebooked(portfolio_id, reading), Namesakes(portfolio_id, reading)
    passages = Passages(portfolio_id, ledger.entries)
    blocks = (_entries(block, positions, problems) for block in _parts(reading, BATCH_ROWS))
    for part in passages.parts(blocks):
        rows += len(part)
        rebooked.begin(part)
        untold = passages.unknown(part)
        if untold and ledger.entries:
            untold, changed = _new_and_changed(untold, part, known_rows, namesakes, rebooked, passages)
            changes += changed
        if untold:
            fresh.append(inserting.ready_columns(columns_of(untold)))
    for record, before in rebooked.decided():
        if before is None and not known_rows.of([record.fingerprint]):
            fresh.append(inserting.ready_columns(columns_of([record])))
        elif before is not None and (change := amending.change_of(record, before)):
            changes.append(change)
    summary = reading.summary
    facts = reported.changed_facts(portfolio_id, positions, summary)
    unread = {problem.digest for problem in problems}
    read_now = [row for row in reading.read_now if row not in unread] if isinstance(reading, KnowsParked) else []
    unseen = _unseen(parked, problems)
    return Prepared(portfolio_id, ledger, summary, rows, fresh, changes, unseen, facts, read_now, passages, inserting)


def _new_and_changed(
    told: list[LedgerRecord | StoredRow],
    part: list[LedgerRecord | StoredRow],
    known_rows: KnownRows,
    namesakes: Namesakes,
    rebooked: Rebooked,
    passages: Passages,
) -> tuple[list[LedgerRecord | StoredRow], list[Change]]:
    """Of some rows of a part what the ledger does not hold, and what it holds otherwise; `rebooked` keeps what only the
    whole file tells."""
    known = known_rows.of([record.fingerprint for record in told])
    unknown = [record for record in told if record.fingerprint not in known]
    renamed = namesakes.find(unknown, part) if unknown else {}
    new: list[LedgerRecord | StoredRow] = []
    changes: list[Change] = []
    for record in told:
        old = known.get(record.fingerprint)
        if old is not None:
            opened = known_rows.opened(old)
            if rebooked.keeps(record, opened):
                passages.hangs_on_more(record)
            elif change := amending.change_of(record, opened):
                changes.append(change)
        elif record.fingerprint not in renamed:
            new.append(record)
        else:
            passages.hangs_on_more(record)
            if renaming := renamed[record.fingerprint]:
                changes.append(renaming)
    return new, changes


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


def _entries(
    rows: list[Record | RowProblem], positions: list[Position], problems: list[RowProblem]
) -> list[LedgerRecord | StoredRow]:
    """Those of the rows that are entries; what is none is put aside."""
    if _ASIDE.isdisjoint(map(type, rows)):
        return cast(list[LedgerRecord | StoredRow], rows)
    positions += [row for row in rows if isinstance(row, Position)]
    problems += [row for row in rows if isinstance(row, RowProblem)]
    return [row for row in rows if not isinstance(row, Position | RowProblem)]


def _unseen(seen: set[bytes], problems: list[RowProblem]) -> list[RowProblem]:
    unseen = {problem.digest: problem for problem in reversed(problems) if problem.digest not in seen}
    return sorted(unseen.values(), key=lambda problem: problem.line)


def lock(portfolio_id: int) -> None:
    """One import into a portfolio at a time (SQLite has one writer anyway). Raises NotFound: it was deleted meanwhile."""
    query = select(Portfolio.id).where(Portfolio.id == portfolio_id).with_for_update(key_share=True)
    if db.session.scalar(query) is None:
        raise NotFound("That portfolio was deleted meanwhile; nothing was imported.")


def state(portfolio_id: int) -> LedgerState:
    """How the ledger stands. What a person edits, discards or ignores changes nothing in what the same statement would
    bring, and is not in it."""
    batches = select(func.count(), func.max(ImportBatch.id)).where(ImportBatch.portfolio_id == portfolio_id)
    count, last = db.session.execute(batches).one()
    entries = db.session.scalar(select(func.count()).where(Entry.portfolio_id == portfolio_id))
    return LedgerState(count, last or 0, entries or 0)


def unless_overtaken(prepared: Prepared, again: Callable[[], Prepared]) -> Prepared:
    """What to write, to be asked while the portfolio is locked. When another statement came first, it may have brought
    the same rows by another query, under another name, which no index tells: then it is what `again` finds. Rare."""
    overtaken = prepared.fresh and prepared.ledger != state(prepared.portfolio_id)
    return again() if overtaken else prepared


def _park(problems: list[RowProblem], portfolio_id: int, batch_id: int) -> None:
    if not problems:
        return
    parking = BulkInsert(ParkedRow, RowProblem._fields, ("portfolio_id", "batch_id"))
    parking.write(map(parking.ready, _parts(problems, BATCH_ROWS)), len(problems), (portfolio_id, batch_id))


def _count(table: type[Entry] | type[ParkedRow], batch_id: int) -> int:
    return db.session.scalar(select(func.count()).select_from(table).where(table.batch_id == batch_id)) or 0


def _parts(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    source = iter(rows)
    while part := list(islice(source, size)):
        yield part
