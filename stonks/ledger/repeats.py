"""A statement on its way in, and the same one again: what was read and compared once is known by its SHA-1.

Not reading must come to what reading would. So beside the bytes the way of reading must be the same (broker, reader,
currency, order of dates, days asked for), and the ledger must stand as that reading left it: another import may have
changed back what this statement tells, and what a person deleted would come again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from typing import BinaryIO

from sqlalchemy import select

from stonks.brokers.contract import Broker
from stonks.core.plain import from_plain, to_plain
from stonks.core.records import Reading, StatementSummary
from stonks.db import db, transaction
from stonks.ledger import exporting, importing
from stonks.ledger.importing import ImportOutcome, Prepared
from stonks.ledger.tables import StatementReading

_NO_STATE = ""  # no ledger ever stands like that


@dataclass(frozen=True, slots=True)
class ReadAs:
    """How a statement is read: what decides, beside its bytes, what comes of it."""

    broker: Broker
    only_currency: str | None = None
    day_first: bool | None = None
    asked_days: int | None = None
    origin: str = "sync"  # or "upload": our own export is taken too

    def read(self, body: BinaryIO) -> Reading:
        """From its start. Raises StatementUnreadable, here or while it is iterated."""
        body.seek(0)
        if self.origin == "upload":
            return exporting.open_upload(self.broker, body, currency=self.only_currency, day_first=self.day_first)
        return self.broker.read(body, currency=self.only_currency, day_first=self.day_first, asked_days=self.asked_days)


@dataclass(frozen=True, slots=True)
class Compared:
    """A statement that was read to its end and compared, ready to be let in."""

    prepared: Prepared
    body: BinaryIO  # stays open until it is written
    read_as: ReadAs
    sha1: bytes
    own: bool  # an export of ours, which is read each time

    @property
    def summary(self) -> StatementSummary:
        return self.prepared.summary

    def write(self, *, now: datetime, statement_id: int | None = None, file_name: str | None = None) -> ImportOutcome:
        """Lets it in, and notes how it was read; `statement_id` is the kept one. Joins a surrounding transaction.
        Raises NotFound when the portfolio was deleted meanwhile."""
        portfolio_id = self.prepared.portfolio_id
        with transaction():
            importing.lock(portfolio_id)
            prepared = importing.unless_overtaken(
                self.prepared, lambda: importing.prepare(portfolio_id, self.read_as.read(self.body))
            )
            undisturbed = prepared.ledger == importing.state(portfolio_id)
            outcome = prepared.write(origin=self.read_as.origin, now=now, file_name=file_name, statement_sha1=self.sha1)
            stands = str(importing.state(portfolio_id)) if undisturbed and not self.own else _NO_STATE
            note = _noted(portfolio_id, self.sha1, self.read_as) or _new(portfolio_id, self.sha1, self.read_as)
            note.reader_version = self.read_as.broker.reader_version
            note.statement_id = statement_id
            note.read_at = now
            note.rows = prepared.rows
            note.summary = _text(self.summary)
            note.ledger = stands
        return outcome


@dataclass(frozen=True, slots=True)
class Repeated:
    """A statement that needs no reading: the same was read before, and nothing happened since that could matter."""

    note_id: int
    rows: int
    read_at: datetime
    summary: StatementSummary

    def write(self, *, now: datetime, statement_id: int | None = None, file_name: str | None = None) -> ImportOutcome:
        """Writes no more than where the statement is kept now."""
        with transaction():
            note = db.session.get(StatementReading, self.note_id)
            if note is not None and statement_id is not None:
                note.statement_id = statement_id
        return ImportOutcome(None, 0, self.rows, 0, 0, self.summary, same_as=self.read_at)


def compare(portfolio_id: int, body: BinaryIO, read_as: ReadAs) -> Compared | Repeated:
    """Reads a statement, if it must be read, and finds what of it is new. Writes nothing. Raises StatementUnreadable."""
    body.seek(0)
    sha1 = file_digest(body, "sha1").digest()  # type: ignore[arg-type]  # a stream is a binary file
    body.seek(0)
    # Our own export holds entries by hand too: those go and come without a trace in the ledger's state.
    own = read_as.origin == "upload" and exporting.is_own(body)
    state = importing.state(portfolio_id)
    note = None if own else _noted(portfolio_id, sha1, read_as)
    if note is not None and note.ledger == str(state) and note.reader_version == read_as.broker.reader_version:
        summary = _summary(note.summary)
        if summary is not None:
            return Repeated(note.id, note.rows, note.read_at, summary)
    return Compared(importing.prepare(portfolio_id, read_as.read(body), state), body, read_as, sha1, own)


def _noted(portfolio_id: int, sha1: bytes, read_as: ReadAs) -> StatementReading | None:
    return db.session.scalar(
        select(StatementReading)
        .where(
            StatementReading.portfolio_id == portfolio_id,
            StatementReading.sha1 == sha1,
            StatementReading.broker == read_as.broker.code,
            StatementReading.origin == read_as.origin,
            StatementReading.only_currency.is_not_distinct_from(read_as.only_currency),
            StatementReading.day_first.is_not_distinct_from(read_as.day_first),
            StatementReading.asked_days.is_not_distinct_from(read_as.asked_days),
        )
        .order_by(StatementReading.id.desc())
        .limit(1)
    )


def _new(portfolio_id: int, sha1: bytes, read_as: ReadAs) -> StatementReading:
    note = StatementReading(
        portfolio_id=portfolio_id,
        sha1=sha1,
        broker=read_as.broker.code,
        origin=read_as.origin,
        only_currency=read_as.only_currency,
        day_first=read_as.day_first,
        asked_days=read_as.asked_days,
    )
    db.session.add(note)
    return note


def _text(summary: StatementSummary) -> str:
    """Rates and balances stay out: they are many, and they are in the database already."""
    return json.dumps(to_plain(summary._replace(rates=(), balances=())))


def _summary(text: str) -> StatementSummary | None:
    """None when it was noted by a version with other facts in its summaries."""
    try:
        summary: StatementSummary = from_plain(StatementSummary, json.loads(text))
    except ValueError:
        return None
    return summary
