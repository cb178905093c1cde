"""Reading kept statements again after an update: what would be new, amended or readable by now, and letting it in.

Each row counts once, in the words of the last statement that tells it: an old statement must not take back what a later
one corrected. Everything goes the ordinary way, `importing.prepare`, and only what is applied is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import BinaryIO

from sqlalchemy import func, select

from stonks.core.errors import NotFound, SecretUnreadable, StatementUnreadable
from stonks.core.records import (
    FxConversion,
    KnowsParked,
    Period,
    Position,
    Reading,
    Record,
    RowProblem,
    StatementSummary,
    TellsColumns,
    TellsSeconds,
    Trade,
)
from stonks.db import db, transaction
from stonks.ledger import archive, importing
from stonks.ledger.importing import Prepared
from stonks.ledger.repeats import ReadAs
from stonks.ledger.tables import StatementReading
from stonks.services import services


@dataclass(frozen=True, slots=True)
class Difference:
    """What a kept statement tells that the ledger does not hold so. All zero: reading it again changes nothing."""

    read_at: datetime  # when it was imported
    origin: str  # "sync" or "upload"
    period: Period | None = None
    new: int = 0
    amended: int = 0
    filled_in: int = 0  # entries that get facts which were not told before
    reported: int = 0  # days whose positions or cash are told otherwise
    read_now: int = 0  # rows parked so far
    unread: int = 0  # rows that can't be read and were not parked yet
    still_unread: int = 0
    refusal: str = ""  # why it could not be read at all

    @property
    def changes(self) -> int:
        return self.new + self.amended + self.filled_in + self.reported + self.read_now + self.unread


@dataclass(slots=True)
class _Words:
    """Which statement, by its place, has the last word on what."""

    rows: dict[bytes, int] = field(default_factory=dict)  # fingerprint, or digest of a row that can't be read
    days: dict[tuple[date, str | None], int] = field(default_factory=dict)  # of positions, by account
    cash: dict[tuple[date, str | None], int] = field(default_factory=dict)  # days of balances, by account

    def __ior__(self, later: _Words) -> _Words:
        self.rows |= later.rows
        self.days |= later.days
        self.cash |= later.cash
        return self

    def see(self, row: Record | RowProblem, place: int) -> None:
        if isinstance(row, Position):
            self.days[row.as_of, row.account] = place
        else:
            self.rows[row.digest if isinstance(row, RowProblem) else row.fingerprint] = place

    def are_of(self, row: Record | RowProblem, place: int) -> bool:
        if isinstance(row, Position):
            return self.days[row.as_of, row.account] == place
        return self.rows[row.digest if isinstance(row, RowProblem) else row.fingerprint] == place


class _LastWords:
    """A `Reading` of those rows of another on which no later statement has a word; what the other can tell beside its
    rows, it can tell too."""

    def __init__(self, reading: Reading, place: int, words: _Words, read_before: Collection[bytes]) -> None:
        self._reading, self._place, self._words = reading, place, words
        self._read_before = read_before  # parked rows that an earlier statement of this replay holds too
        self.unread = 0

    def __iter__(self) -> Iterator[Record | RowProblem]:
        for row in self._reading:
            if self._words.are_of(row, self._place):
                self.unread += isinstance(row, RowProblem)
                yield row

    @property
    def summary(self) -> StatementSummary:
        told = self._reading.summary
        last = (line for line in told.balances if self._words.cash[line.as_of, line.account] == self._place)
        return told._replace(balances=tuple(last))

    def watch(self, parked: Collection[bytes]) -> None:
        if isinstance(self._reading, KnowsParked):
            self._reading.watch(parked)

    @property
    def read_now(self) -> list[bytes]:
        found = self._reading.read_now if isinstance(self._reading, KnowsParked) else ()
        return [row for row in found if row not in self._read_before]

    def second_of(self, record: Trade | FxConversion) -> bytes | None:
        return self._reading.second_of(record) if isinstance(self._reading, TellsSeconds) else None

    def tells(self, kind: str, fact: str) -> bool:
        return self._reading.tells(kind, fact) if isinstance(self._reading, TellsColumns) else True


def portfolios() -> list[int]:
    """Those with a kept statement, by number."""
    kept = select(StatementReading.portfolio_id).where(StatementReading.statement_id.is_not(None))
    return list(db.session.scalars(kept.distinct().order_by(StatementReading.portfolio_id)))


def replay(portfolio_id: int, now: datetime, *, apply: bool) -> Iterator[Difference]:
    """The portfolio's kept statements, oldest first, each read as it was read when it was imported. Without `apply`
    nothing is written."""
    readings = _readings(portfolio_id)
    words, refusals = _Words(), {}
    for place, reading in enumerate(readings):
        try:
            words |= _seen(reading, place)
        except (StatementUnreadable, SecretUnreadable, NotFound) as error:
            refusals[place] = str(error)
    read_before: set[bytes] = set()
    for place, reading in enumerate(readings):
        if place in refusals:
            yield Difference(reading.read_at, reading.origin, refusal=refusals[place])
        else:
            yield _difference(reading, place, words, read_before, now if apply else None)


def _readings(portfolio_id: int) -> list[StatementReading]:
    """How each kept statement was read last, oldest statement first."""
    newest = select(func.max(StatementReading.id)).where(
        StatementReading.portfolio_id == portfolio_id, StatementReading.statement_id.is_not(None)
    )
    query = select(StatementReading).where(StatementReading.id.in_(newest.group_by(StatementReading.statement_id)))
    found = list(db.session.scalars(query.order_by(StatementReading.read_at, StatementReading.id)))
    for reading in found:  # plain values from here on, whatever is committed or rolled back meanwhile
        db.session.expunge(reading)
    return found


def _read(reading: StatementReading) -> tuple[BinaryIO, ReadAs]:
    """Its bytes and the way to read them. Raises NotFound, SecretUnreadable."""
    broker = services().brokers.get(reading.broker)
    if broker is None or reading.statement_id is None:
        raise NotFound(f"There is no broker {reading.broker!r} to read it.")
    read_as = ReadAs(broker, reading.only_currency, reading.day_first, reading.asked_days, reading.origin)
    return archive.open_kept(reading.statement_id), read_as


def _seen(reading: StatementReading, place: int) -> _Words:
    words = _Words()
    body, read_as = _read(reading)
    with closing(body):
        told = read_as.read(body)
        for row in told:
            words.see(row, place)
        words.cash = {(line.as_of, line.account): place for line in told.summary.balances}
    db.session.rollback()  # no snapshot of the database is held while the next one is read
    return words


def _difference(
    reading: StatementReading, place: int, words: _Words, read_before: set[bytes], now: datetime | None
) -> Difference:
    """`now`: let it in; None: only look."""
    body, read_as = _read(reading)
    rows: _LastWords

    def compared() -> Prepared:
        nonlocal rows
        rows = _LastWords(read_as.read(body), place, words, read_before)
        return importing.prepare(reading.portfolio_id, rows)

    with closing(body):
        prepared = compared()
        if now is not None:
            with transaction():
                importing.lock(reading.portfolio_id)
                prepared = importing.unless_overtaken(prepared, compared)
                prepared.write(origin=reading.origin, now=now, statement_sha1=reading.sha1)
    new, amended = len(prepared.fresh), sum(change.amends for change in prepared.changes)
    read_before.update(prepared.read_now)
    db.session.rollback()
    return Difference(
        reading.read_at,
        reading.origin,
        prepared.summary.period,
        new,
        amended,
        len(prepared.changes) - amended,
        len(prepared.facts.days.keys() | prepared.facts.balances.keys()),
        len(prepared.read_now),
        len(prepared.problems),
        rows.unread - len(prepared.problems),
    )
