"""Passages of statements whose rows the ledger holds in these very words, so that they are not compared again.

A statement of a year tells mostly what yesterday's told. So it is cut into passages of some sixty rows, always after a
row whose fingerprint says so: rows that are gone at its beginning or new at its end move no other cut. Once the rows of
a passage have been compared one by one, or let in, its digest is noted; a passage with a noted digest would bring
nothing. Whatever could make that untrue must call `forget`: the next statement is compared row by row, and noted anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from itertools import pairwise
from operator import attrgetter

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from stonks.core.records import LedgerRecord
from stonks.db import db
from stonks.ledger.recording import StoredRow, words_of
from stonks.ledger.tables import KnownPassages

Row = LedgerRecord | StoredRow

# How rows are compared is part of what a digest says: to be counted up when a change there would find more in them.
_COMPARED_AS = b"1"
_ENDS_BELOW = b"\x04"  # a fingerprint that ends its passage: one in 64
_MOST_ROWS = 2_000  # of a passage, should none end it
_DIGEST_BYTES = 16
_KEPT_AT_LEAST = 4_096  # digests of a portfolio; more when its statements are longer

_fingerprint_of = attrgetter("fingerprint")


class Passages:
    """Of one statement, read part by part, beside what was noted of one portfolio."""

    def __init__(self, portfolio_id: int, entries: int) -> None:
        """`entries`: how many the portfolio has. Where there were more, some went past this program, and what was noted
        is not believed."""
        self._portfolio_id = portfolio_id
        noted = select(KnownPassages.version, KnownPassages.entries, KnownPassages.digests)
        found = db.session.execute(noted.where(KnownPassages.portfolio_id == portfolio_id)).first()
        self._version = found.version if found else None
        self._noted = dict.fromkeys(_cut(found.digests)) if found and found.entries <= entries else {}
        self._met: dict[bytes, None] = {}  # in their order; what may be noted
        self._part: list[tuple[bytes, Sequence[bytes]]] = []  # of the last part: digests with fingerprints
        self._told = self._compared = 0  # rows

    @staticmethod
    def parts(blocks: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """The same rows, in parts of whole passages."""
        rest: list[Row] = []
        for block in blocks:
            rows = rest + block
            end = next((at for at in range(len(rows), 0, -1) if _ends(rows[at - 1])), 0)
            if not end and len(rows) >= _MOST_ROWS:
                end = len(rows)
            rest = rows[end:]
            if end:
                yield rows[:end]
        if rest:
            yield rest

    def unknown(self, part: list[Row]) -> list[Row]:
        """The rows of those passages of a part that were not noted."""
        self._told += len(part)
        fingerprints, words = list(map(_fingerprint_of, part)), words_of(part)
        self._part = []
        found: list[Row] = []
        for start, end in pairwise(_cuts(fingerprints)):
            names = fingerprints[start:end]
            text = "\n".join(words[start:end]).encode()
            digest = sha1(b"".join((_COMPARED_AS, *names, text))).digest()[:_DIGEST_BYTES]  # noqa: S324
            self._met[digest] = None
            if digest not in self._noted:
                self._part.append((digest, names))
                found += part[start:end]
        self._compared += len(found)
        return found

    def hangs_on_more(self, row: Row) -> None:
        """What comes of this row of the last part hangs on others of its statement: its passage is not noted."""
        for digest, names in self._part:
            if row.fingerprint in names:
                self._met.pop(digest, None)

    @property
    def worth_noting(self) -> bool:
        """Whether so many rows were compared that noting them is worth a write of its own."""
        return self._compared > 100 and 4 * self._compared > self._told

    def note(self, *, entries: int, amends: bool) -> None:
        """The statement's rows stand in the ledger as it told them, among so many `entries`. `amends`: they changed
        some, and what other statements told of those would change them back. Within the transaction that wrote the
        rows; notes nothing when another import came between."""
        before = {} if amends else self._noted
        most = max(2 * len(self._met), len(before), _KEPT_AT_LEAST)
        digests = b"".join(list(self._met | before)[:most])
        if self._version is None:
            undisturbed = _insert(self._portfolio_id, entries, digests)
        else:
            mine = KnownPassages.portfolio_id == self._portfolio_id, KnownPassages.version == self._version
            values = {"version": self._version + 1, "entries": entries, "digests": digests}
            noting = update(KnownPassages).where(*mine).values(values).returning(KnownPassages.version)
            undisturbed = db.session.execute(noting).first() is not None
        if not undisturbed:
            forget(self._portfolio_id)


def forget(portfolio_id: int) -> None:
    """Nothing that was noted counts any more, nor what an import notes that is under way. Within a transaction."""
    anew = {"version": KnownPassages.version + 1, "entries": 0, "digests": b""}
    mine = KnownPassages.portfolio_id == portfolio_id
    if not _insert(portfolio_id, 0, b""):
        db.session.execute(update(KnownPassages).where(mine).values(anew))


def _insert(portfolio_id: int, entries: int, digests: bytes) -> bool:
    """Whether there was nothing yet."""
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    first = insert(KnownPassages).values(portfolio_id=portfolio_id, version=1, entries=entries, digests=digests)
    return db.session.execute(first.on_conflict_do_nothing().returning(KnownPassages.version)).first() is not None


def _ends(row: Row) -> bool:
    return row.fingerprint < _ENDS_BELOW


def _cuts(fingerprints: Sequence[bytes]) -> list[int]:
    """Where passages begin, and where the last one ends."""
    cuts = [0, *(at for at, name in enumerate(fingerprints, 1) if name < _ENDS_BELOW)]
    return cuts if cuts[-1] == len(fingerprints) else [*cuts, len(fingerprints)]


def _cut(digests: bytes) -> list[bytes]:
    return [digests[at : at + _DIGEST_BYTES] for at in range(0, len(digests), _DIGEST_BYTES)]
