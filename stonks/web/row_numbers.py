"""Numbers of rows in addresses and forms: one that no row can have is none at all, and not the database's to refuse."""

from __future__ import annotations

from werkzeug.routing import IntegerConverter, Map

_LARGEST = 2**31 - 1


class RowNumber(IntegerConverter):
    """`<int:…>` in addresses: with a number that no row can have, the address does not exist."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=_LARGEST)


def row_number(text: str) -> int:
    """For the `type` of a field that was sent. Raises ValueError."""
    number = int(text)
    if not 0 <= number <= _LARGEST:
        raise ValueError("no row has this number")
    return number
