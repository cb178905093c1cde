"""A broker at the port whose statements are what a test puts on its shelf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO

from stonks.core.records import Record, RowProblem
from tests.readings import ReadingOf


class Shelf:
    """A broker whose statements are rows on a shelf, found by the file's text; it notes each time it has to read."""

    code = "shelf"
    reader_version = 1

    def __init__(self, rows: Mapping[bytes, Sequence[Record | RowProblem]]) -> None:
        self.rows = {text: list(told) for text, told in rows.items()}
        self.reads = 0

    def read(self, source: BinaryIO, **_: object) -> ReadingOf:
        self.reads += 1
        text = source.read()
        return ReadingOf(self.rows[text.removesuffix(b"!")], breaks=text.endswith(b"!"))
