"""A statement's bytes, compressed and sealed in parts, so that a large one never stands in memory as a whole.

A part opens only at its place in its own statement, and the last one only as the last: what was exchanged, turned round
or cut off does not open. A statement of one part, as nearly all are, is sealed as it always was and stands in its row.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from hashlib import sha1
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from sqlalchemy import func, insert, select

from stonks.db import db
from stonks.ledger.tables import KeptStatement, StatementPart
from stonks.services import services

_PART_BYTES = 512 * 1024  # compressed; sealing one takes some ten times as much memory
_BLOCK_BYTES = 256 * 1024
_KEPT_IN_MEMORY = 1024 * 1024


def measured(body: BinaryIO) -> tuple[bytes, int]:
    """SHA-1 and number of bytes; `body` is at its start afterwards."""
    digest, size = sha1(usedforsecurity=False), 0
    for block in _blocks(body):
        digest.update(block)
        size += len(block)
    body.seek(0)
    return digest.digest(), size


def write(statement: KeptStatement, body: BinaryIO) -> None:
    """Seals `body` into a statement that is in the session already, and leaves it at its start."""
    vault = services().vault
    parts = _compressed(body)
    part, place = next(parts), 0
    for following in parts:
        _add(statement.id, place, vault.seal(part, _name(statement, place, is_last=False)))
        part, place = following, place + 1
    if place == 0:
        statement.sealed = vault.seal(part, _owner(statement))
    else:
        _add(statement.id, place, vault.seal(part, _name(statement, place, is_last=True)))
    body.seek(0)


def opened(statement: KeptStatement) -> BinaryIO:
    """The bytes as received, beyond a few in a temporary file without a name. Raises SecretUnreadable: the key is gone,
    or it is not all there."""
    body = cast(BinaryIO, SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY))  # noqa: SIM115  (its receiver closes it)
    try:
        unpacking = zlib.decompressobj()
        for part in _opened_parts(statement):
            while part:
                body.write(unpacking.decompress(part, _BLOCK_BYTES))
                part = unpacking.unconsumed_tail
        body.write(unpacking.flush())
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body


def _opened_parts(statement: KeptStatement) -> Iterator[bytes]:
    vault = services().vault
    mine = StatementPart.statement_id == statement.id
    last = db.session.scalar(select(func.max(StatementPart.place)).where(mine))
    if last is None:
        yield vault.open(statement.sealed, _owner(statement))
        return
    for place in range(last + 1):
        sealed = db.session.scalar(select(StatementPart.sealed).where(mine, StatementPart.place == place))
        yield vault.open(sealed or b"", _name(statement, place, is_last=place == last))


def _compressed(body: BinaryIO) -> Iterator[bytes]:
    """At least one part."""
    part = bytearray()
    for packed in _packed(body):
        part += packed
        while len(part) > _PART_BYTES:
            yield bytes(part[:_PART_BYTES])
            del part[:_PART_BYTES]
    yield bytes(part)


def _packed(body: BinaryIO) -> Iterator[bytes]:
    packing = zlib.compressobj(6)
    yield from map(packing.compress, _blocks(body))
    yield packing.flush()


def _blocks(body: BinaryIO) -> Iterator[bytes]:
    body.seek(0)
    while block := body.read(_BLOCK_BYTES):
        yield block


def _add(statement_id: int, place: int, sealed: bytes) -> None:
    db.session.execute(insert(StatementPart).values(statement_id=statement_id, place=place, sealed=sealed))


def _owner(statement: KeptStatement) -> str:
    return f"statement:{statement.portfolio_id}"


def _name(statement: KeptStatement, place: int, *, is_last: bool) -> str:
    return f"{_owner(statement)}:{statement.sha1.hex()}:{place}{':last' if is_last else ''}"
