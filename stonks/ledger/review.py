"""What imports brought since the last review, and pruning it. Entries count from the moment they are imported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, select, update

from stonks.core.errors import NotFound
from stonks.db import db, read, transaction
from stonks.ledger import entries, marks, snapshot
from stonks.ledger.tables import Amendment, Entry, ImportBatch, ParkedRow

MOST_ENTRIES = 500  # of one batch on one page; the rest is on the transactions page


_WAITING = select(func.sum(ImportBatch.new), func.sum(ImportBatch.problems), func.max(ImportBatch.imported_at)).where(
    ImportBatch.portfolio_id == bindparam("portfolio_id"), ImportBatch.acknowledged_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class ReviewBatch:
    batch: ImportBatch
    entries: list[Entry]  # at most MOST_ENTRIES, newest first, those that were not discarded
    problems: list[ParkedRow]  # not ignored, by line
    amendments: list[Amendment]


@dataclass(frozen=True, slots=True)
class PendingReview:
    batches: list[ReviewBatch]  # newest first
    new: int
    problems: int


@dataclass(frozen=True, slots=True)
class ReviewBanner:
    new: int
    problems: int
    imported_at: datetime


def banner(portfolio_id: int) -> ReviewBanner | None:
    """What waits to be reviewed, in three figures; None when nothing does."""
    new, problems, imported_at = read(_WAITING, portfolio_id=portfolio_id).one()
    return ReviewBanner(int(new), int(problems), imported_at) if imported_at is not None else None


def pending(portfolio_id: int) -> PendingReview:
    """Everything that waits to be reviewed."""
    batches = db.session.scalars(select(ImportBatch).where(*_pending(portfolio_id)).order_by(ImportBatch.id.desc()))
    parts = [
        ReviewBatch(batch, _entries_of(batch.id), _problems_of(batch.id), _amendments_of(batch.id)) for batch in batches
    ]
    return PendingReview(parts, sum(part.batch.new for part in parts), sum(len(part.problems) for part in parts))


def acknowledge(portfolio_id: int, now: datetime, up_to_batch_id: int) -> None:
    """Marks the batches that were shown as reviewed; what came in meanwhile stays pending."""
    with transaction():
        db.session.execute(
            update(ImportBatch)
            .where(*_pending(portfolio_id), ImportBatch.id <= up_to_batch_id)
            .values(acknowledged_at=now)
        )


def discard(portfolio_id: int, entry_id: int, now: datetime) -> None:
    """The entry counts no more; its fingerprint stays known, so no statement brings it back. Raises NotFound."""
    with transaction():
        entry = entries.get(portfolio_id, entry_id)
        entry.discarded_at = entry.discarded_at or now
        marks.entry(entry)
    snapshot.catch_up(portfolio_id)


def restore(portfolio_id: int, entry_id: int) -> None:
    """Takes a discard back. Raises NotFound."""
    with transaction():
        entry = entries.get(portfolio_id, entry_id)
        entry.discarded_at = None
        marks.entry(entry)
    snapshot.catch_up(portfolio_id)


def ignore_problem(portfolio_id: int, problem_id: int, now: datetime) -> ParkedRow:
    """A row that could not be read is not shown again. Raises NotFound."""
    with transaction():
        problem = _problem(portfolio_id, problem_id)
        problem.ignored_at = problem.ignored_at or now
    return problem


def keep_problem(portfolio_id: int, problem_id: int) -> ParkedRow:
    """One that was ignored is shown again. Raises NotFound."""
    with transaction():
        problem = _problem(portfolio_id, problem_id)
        problem.ignored_at = None
    return problem


def _problem(portfolio_id: int, problem_id: int) -> ParkedRow:
    found = db.session.scalar(
        select(ParkedRow).where(ParkedRow.id == problem_id, ParkedRow.portfolio_id == portfolio_id)
    )
    if found is None:
        raise NotFound("There is no such row.")
    return found


def _pending(portfolio_id: int) -> tuple[ColumnElement[bool], ...]:
    return ImportBatch.portfolio_id == portfolio_id, ImportBatch.acknowledged_at.is_(None)


def _entries_of(batch_id: int) -> list[Entry]:
    query = select(Entry).where(Entry.batch_id == batch_id, Entry.discarded_at.is_(None))
    return list(db.session.scalars(query.order_by(Entry.entry_date.desc(), Entry.id.desc()).limit(MOST_ENTRIES)))


def _problems_of(batch_id: int) -> list[ParkedRow]:
    query = select(ParkedRow).where(ParkedRow.batch_id == batch_id, ParkedRow.ignored_at.is_(None))
    return list(db.session.scalars(query.order_by(ParkedRow.line)))


def _amendments_of(batch_id: int) -> list[Amendment]:
    return list(db.session.scalars(select(Amendment).where(Amendment.batch_id == batch_id).order_by(Amendment.id)))
