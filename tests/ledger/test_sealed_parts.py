"""A large statement is kept in sealed parts: in little memory, and whole or not at all."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable
from hashlib import sha1, shake_128
from io import BytesIO, RawIOBase

import pytest
from sqlalchemy import delete, func, select, update

from stonks.core.errors import SecretUnreadable
from stonks.db import db, transaction
from stonks.ledger import archive, portfolios, sealed_parts
from stonks.ledger.tables import KeptStatement, StatementPart
from stonks.services import services
from tests.conftest import Clock

BODY = shake_128(b"statement").hexdigest(5_000).encode()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_parts, "_PART_BYTES", 1_000)
    monkeypatch.setattr(sealed_parts, "_BLOCK_BYTES", 700)


def keep(portfolio_id: int, body: bytes, clock: Clock) -> int:
    kept = archive.keep(portfolio_id, BytesIO(body), origin="upload", now=clock())
    assert kept is not None
    return kept


def parts_of(statement_id: int) -> list[int]:
    query = select(StatementPart.id).where(StatementPart.statement_id == statement_id)
    return list(db.session.scalars(query.order_by(StatementPart.place)))


def opens(statement_id: int) -> bool:
    db.session.rollback()
    db.session.expire_all()
    try:
        return archive.open_kept(statement_id).read() == BODY
    except SecretUnreadable:
        return False


@pytest.mark.parametrize("length", [0, 1, 999, 1_000, 1_001, 2_000, 10_000])
@pytest.mark.usefixtures("small_parts")
def test_what_was_kept_opens_to_the_same_bytes(portfolio_id: int, clock: Clock, length: int) -> None:
    received = BytesIO(BODY[:length])
    kept = archive.keep(portfolio_id, received, origin="upload", now=clock())
    assert kept is not None
    assert received.tell() == 0
    assert archive.open_kept(kept).read() == BODY[:length]
    assert archive.size_of(kept) == length


@pytest.mark.usefixtures("small_parts")
def test_of_a_large_statement_every_part_is_sealed(portfolio_id: int, clock: Clock) -> None:
    kept = keep(portfolio_id, BODY, clock)
    sealed = db.session.scalars(select(StatementPart.sealed)).all()
    assert len(sealed) > 4
    assert db.session.get_one(KeptStatement, kept).sealed == b""
    assert all(part.startswith(b"gAAAA") for part in sealed)


@pytest.mark.usefixtures("small_parts")
def test_parts_that_were_turned_round_do_not_open(portfolio_id: int, clock: Clock) -> None:
    kept = keep(portfolio_id, BODY, clock)
    first, second, *_ = parts_of(kept)
    assert opens(kept)
    sealed = db.session.get_one(StatementPart, first).sealed, db.session.get_one(StatementPart, second).sealed
    with transaction():
        for part, other in zip((second, first), sealed, strict=True):
            db.session.execute(update(StatementPart).where(StatementPart.id == part).values(sealed=other))
    assert not opens(kept)


@pytest.mark.usefixtures("small_parts")
def test_a_statement_whose_end_is_missing_does_not_open(portfolio_id: int, clock: Clock) -> None:
    kept = keep(portfolio_id, BODY, clock)
    with transaction():
        db.session.execute(delete(StatementPart).where(StatementPart.id == parts_of(kept)[-1]))
    assert not opens(kept)


@pytest.mark.usefixtures("small_parts")
def test_a_statement_with_a_hole_does_not_open(portfolio_id: int, clock: Clock) -> None:
    kept = keep(portfolio_id, BODY, clock)
    with transaction():
        db.session.execute(delete(StatementPart).where(StatementPart.id == parts_of(kept)[1]))
    assert not opens(kept)


@pytest.mark.usefixtures("small_parts")
def test_a_part_of_another_statement_or_portfolio_does_not_open(new_portfolio: Callable[[], int], clock: Clock) -> None:
    mine, another = new_portfolio(), new_portfolio()
    kept = keep(mine, BODY, clock)
    others = keep(mine, BODY.upper(), clock), keep(another, BODY, clock)
    right = db.session.get_one(StatementPart, parts_of(kept)[1]).sealed
    for other in others:
        wrong = db.session.get_one(StatementPart, parts_of(other)[1]).sealed
        for sealed, expected in ((wrong, False), (right, True)):
            with transaction():
                part = StatementPart.id == parts_of(kept)[1]
                db.session.execute(update(StatementPart).where(part).values(sealed=sealed))
            assert opens(kept) is expected


def test_a_statement_that_an_earlier_version_sealed_as_a_whole_opens(portfolio_id: int, clock: Clock) -> None:
    whole = BODY * 300
    sealed = services().vault.seal(zlib.compress(whole, 6), f"statement:{portfolio_id}")
    statement = KeptStatement(
        portfolio_id=portfolio_id,
        origin="sync",
        sha1=sha1(whole).digest(),
        size=len(whole),
        sealed=sealed,
        kept_at=clock(),
    )
    with transaction():
        db.session.add(statement)
    assert archive.open_kept(statement.id).read() == whole


@pytest.mark.usefixtures("small_parts")
def test_a_portfolio_takes_the_parts_of_its_statements_along(
    portfolio_id: int, clock: Clock, new_portfolio: Callable[[], int]
) -> None:
    keep(portfolio_id, BODY, clock)
    owner = portfolios.list_for(1)[0].user_id
    portfolios.delete(portfolios.get(owner, portfolio_id))
    assert db.session.scalar(select(func.count()).select_from(StatementPart)) == 0


class Endless(RawIOBase):
    """Megabytes that hardly pack, made while they are read."""

    def __init__(self, megabytes: int) -> None:
        self._blocks, self._place = megabytes * 4, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        wanted = self._blocks if size < 0 else 1
        made = range(self._place, min(self._place + wanted, self._blocks))
        self._place += len(made)
        return b"".join(shake_128(b"%d" % number).digest(256 * 1024) for number in made)


def test_keeping_and_opening_a_large_statement_takes_little_memory(portfolio_id: int, clock: Clock) -> None:
    tracemalloc.start()
    try:
        kept = archive.keep(portfolio_id, Endless(24), origin="upload", now=clock())  # type: ignore[arg-type]
        assert kept is not None
        body = archive.open_kept(kept)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    source = Endless(24)
    while block := source.read(256 * 1024):
        assert body.read(256 * 1024) == block
    assert body.read() == b""
    assert peak < 12 * 1024 * 1024
