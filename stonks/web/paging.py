"""Long tables a page at a time: which one an address asks for, and what leads on from it."""

from __future__ import annotations

from typing import NamedTuple

from flask import request


class Pages(NamedTuple):
    """Of one page: its first and its last row, counted from 1, of how many (`of`); and the numbers of its neighbours."""

    first: int
    last: int
    of: int
    previous: int | None
    next: int | None


def asked() -> int:
    """The page that the address asks for, from 0; what is no number means the first."""
    number = request.args.get("page", "")
    return max(int(number) - 1, 0) if number.isdecimal() and number.isascii() and len(number) < 7 else 0


def pages(number: int, size: int, count: int) -> Pages:
    first, last = number * size + 1, min((number + 1) * size, count)
    return Pages(first, last, count, number if number else None, number + 2 if last < count else None)
