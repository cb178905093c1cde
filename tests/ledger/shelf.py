"""Brokers at the port: one whose statements are what a test puts on its shelf, one whose reader learns. And how a
statement comes and is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import CashBalance, Reading, Record, RowProblem
from stonks.ledger import archive, repeats
from stonks.ledger.repeats import ReadAs
from tests.conftest import Clock
from tests.readings import ReadingOf


class Shelf:
    """A broker whose statements are rows on a shelf, found by the file's text; it notes each time it has to read."""

    code = "shelf"
    reader_version = 1

    def __init__(self, rows: Mapping[bytes, Sequence[Record | RowProblem]]) -> None:
        self.rows = {text: list(told) for text, told in rows.items()}
        self.balances: dict[bytes, tuple[CashBalance, ...]] = {}
        self.reads = 0

    def read(self, source: BinaryIO, **_: object) -> ReadingOf:
        self.reads += 1
        text = source.read()
        name = text.removesuffix(b"!")
        return ReadingOf(self.rows[name], breaks=text.endswith(b"!"), balances=self.balances.get(name, ()))


class Learning:
    """The real reader; while it is `younger`, it takes amount and type of cash for one another and parks each such row."""

    code = "ibkr"
    reader_version = 2

    @contextmanager
    def younger(self) -> Iterator[None]:
        self.reader_version = 1
        yield
        self.reader_version = 2

    def read(self, source: BinaryIO, **how: Any) -> Reading:
        body = source.read()
        if self.reader_version == 1:
            body = body.replace(b'"Amount","Type"', b'"Type","Amount"')
        return read_statement(BytesIO(body), **how)


def bring(portfolio_id: int, body: bytes, clock: Clock, read_as: ReadAs) -> None:
    """The next day."""
    clock.advance(days=1)
    compared = repeats.compare(portfolio_id, BytesIO(body), read_as)
    kept = archive.keep(portfolio_id, BytesIO(body), origin=read_as.origin, now=clock())
    compared.write(now=clock(), statement_id=kept)
    archive.mark_imported(kept, clock())
