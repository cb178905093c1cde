"""What the days of a year changed, as it is stored: JSON, by month and day, each kind a list of its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from stonks.core.fingerprint import plain
from stonks.portfolio.courses import Money, Step, Worth

_T = TypeVar("_T")

Days = dict[str, list[Any]]  # of one year, as they are stored


def by_year(days: Mapping[date, _T]) -> dict[int, dict[date, _T]]:
    found: dict[int, dict[date, _T]] = defaultdict(dict)
    for on, one in days.items():
        found[on.year][on] = one
    return found


def of_steps(days: Mapping[date, Step]) -> str:
    return _text(days, lambda one: [plain(one.quantity), _plain(one.price), int(one.action)])


def of_money(days: Mapping[date, Money]) -> str:
    return _text(days, lambda one: [plain(value) if isinstance(value, Decimal) else value for value in one])


def of_worths(days: Mapping[date, Worth]) -> str:
    return _text(days, _worth_row)


def days_of(year: int, text: str, read: Callable[[list[Any]], _T]) -> Iterator[tuple[date, _T]]:
    """In the order of the days."""
    return days_in(year, json.loads(text), read)


def days_in(year: int, days: Days, read: Callable[[list[Any]], _T]) -> Iterator[tuple[date, _T]]:
    return ((date(year, int(on[:2]), int(on[3:])), read(values)) for on, values in days.items())


def step_of(values: list[Any]) -> Step:
    quantity, price, action = values
    return Step(Decimal(quantity), None if price is None else Decimal(price), bool(action))


def worth_of(values: list[Any]) -> Worth:
    told, value, lacking, *of_old = values
    if not of_old:
        return Worth(told, Decimal(value), lacking)
    old, unpriced = of_old
    return Worth(told, Decimal(value), lacking, Decimal(old), unpriced)


def money_of(values: list[Any]) -> Money:
    moved, put_in, taken_out, invested, gain, sales, unknown, own_gain, own_unknown = values
    return Money(
        moved, Decimal(put_in), Decimal(taken_out), Decimal(invested), Decimal(gain), sales, unknown,
        Decimal(own_gain), own_unknown,
    )  # fmt: skip


def lacking_of(text: str) -> list[tuple[date, int]]:
    """A holding's, of all years."""
    return [(date.fromisoformat(on), change) for on, change in json.loads(text)]


def _text(days: Mapping[date, _T], row: Callable[[_T], list[Any]]) -> str:
    found = {on.isoformat()[5:]: row(one) for on, one in sorted(days.items())}
    return json.dumps(found, separators=(",", ":"))


def _worth_row(one: Worth) -> list[Any]:
    row = [one.told, plain(one.value), one.lacking]
    # On most days every price is a new one.
    return [*row, plain(one.old), one.unpriced] if one.old or one.unpriced else row


def _plain(price: Decimal | None) -> str | None:
    return None if price is None else plain(price)
