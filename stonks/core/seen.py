"""Which of many keys came before: in a set while they are few, which is fastest, then in a flat table, which is small.

Keys are integers of 64 bits, spread evenly, as `hash` makes them of bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

_FEW = 150_000  # in a set: 9 MB; a million would need 80 MB
_SLOTS = 1 << 19  # of the table at first, 8 bytes each


class Seen:
    """Remembers every key it was asked for."""

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._table = array("q")  # empty while there are few
        self._held = 0  # keys, once the table holds them

    def __len__(self) -> int:
        """Of the keys, or a little more."""
        return self._held or len(self._few)

    def again(self, keys: Sequence[int]) -> list[int]:
        """The places of the keys that came before, in an earlier call or at an earlier place: nearly always none."""
        few = self._few
        if self._table or len(few) > _FEW:
            self._make_room(len(keys))
            return _put(keys, self._table)
        if few.isdisjoint(keys):
            before = len(few)
            few.update(keys)
            if len(few) - before == len(keys):
                return []
            few = set()  # one is repeated within these
        places = []
        for place, key in enumerate(keys):
            if key in few:
                places.append(place)
            few.add(key)
        return places

    def _make_room(self, keys: int) -> None:
        self._held += len(self._few) + keys  # some may be there already, so it is a little too careful
        slots = max(len(self._table), _SLOTS)
        while self._held > slots * 2 // 3:
            slots *= 4  # the old table stands beside the new one: a quarter of it, not half
        if slots > len(self._table):
            old = self._few or filter(None, self._table)
            self._table = array("q", [0]) * slots
            _put(old, self._table)
            self._few = set()


def _put(keys: Iterable[int], table: array[int]) -> list[int]:
    """Puts each into the first free slot (0) from its own on. Answers the places of those that are in the table."""
    places, mask = [], len(table) - 1
    for place, key in enumerate(keys):
        slot = key & mask
        while (there := table[slot]) and there != key:
            slot = (slot + 1) & mask
        if there:
            places.append(place)
        else:
            table[slot] = key
    return places
