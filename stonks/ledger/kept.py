"""What was made of a ledger, kept in this process for as long as it holds: most visits come between two changes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any


class Kept:
    """The things asked for last, at most `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[Any, ...]) -> Any:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: tuple[Any, ...], found: Any) -> None:
        with self._lock:
            self._found[key] = found
            if len(self._found) > self._most:
                self._found.popitem(last=False)
