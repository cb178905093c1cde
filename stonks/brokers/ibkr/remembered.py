"""What a reader made of a text, kept for the next time: a statement tells few things, each of them many times."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST = 4096  # with a time told to the second every row may have its own text


class Remembered(dict[K, V]):
    """A dict that asks `read` for what it does not hold. What `read` raises is raised, and not kept."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[K], V]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, key: K) -> V:
        value = self._read(key)
        if len(self) >= _MOST:
            self.clear()
        self[key] = value
        return value
