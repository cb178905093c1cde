"""Keys that came before are found whether they are kept in the set or in the table, and while that grows."""

from __future__ import annotations

from random import Random

import pytest

from stonks.core import seen


@pytest.mark.parametrize("few", [0, 5, 60, 10_000])
def test_keys_that_came_before_are_found_however_many_there_are(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_FEW", few)
    monkeypatch.setattr(seen, "_SLOTS", 16)
    random, one, known = Random(few), seen.Seen(), set[int]()
    for size in [0, 1, 7, 64, 300, 1, 64, 500]:
        keys = [random.choice((random.randrange(-(2**63), 2**63), random.randrange(1, 400))) for _ in range(size)]
        expected = []
        for place, key in enumerate(keys):
            if key in known:
                expected.append(place)
            known.add(key)
        assert one.again(keys) == expected


def test_keys_of_one_slot_do_not_hide_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_FEW", 0)
    one, keys = seen.Seen(), [1 << shift for shift in range(30, 62)]
    one.again([5])
    assert one.again(keys) == []
    assert one.again(keys) == list(range(len(keys)))
