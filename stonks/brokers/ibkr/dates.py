"""Dates as Flex statements spell them: seven date formats, two time formats, any separator, zone suffixes.

Source: IBKR's Delivery Configuration. dd/MM against MM/dd is settled by the caller, per file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple

from stonks.brokers.ibkr.cells import clean
from stonks.brokers.ibkr.remembered import Remembered
from stonks.core.days import is_possible

_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}  # noqa: SIM905
_YEAR = r"(\d{4}|\d{2})(?=(?:\d{6}|\d{1,2}:\d.*)?(?![\d:]))"  # a time may follow at once
_SLASHED = re.compile(rf"(\d{{1,2}})/(\d{{1,2}})/{_YEAR}")
_NAMED = re.compile(rf"(\d{{1,2}})-([A-Za-z]{{3}})-{_YEAR}")
_DASHED = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_PLAIN = re.compile(r"(\d{4})(\d{2})(\d{2})")
# A spreadsheet leaves out a zero and the seconds. Morning and afternoon are never told by letters, as zones are.
_TIME = re.compile(
    r"[;, T]*(?:(\d{2}):?(\d{2}):?(\d{2})|(\d{1,2}):(\d{2}))?"
    r"(?: ?(?:(?!AM|PM)[A-Z]{1,5}|[+-]\d{2}:?\d{2}|[A-Z][A-Za-z]+/[A-Za-z_]+))?"
)


def slashed_order(text: str) -> str:
    """ "day" or "month" first, of a slashed date that settles it; else ""."""
    found = _SLASHED.match(text.strip())
    if not found or max(int(found[1]), int(found[2])) <= 12:
        return ""
    return "day" if int(found[1]) > 12 else "month"


class Told(NamedTuple):
    """What a date's text says."""

    day: date
    iso: str
    at: datetime | None  # the wall clock, where a time is told


class DateReader:
    """Reads dates of one file. `day_first`: whether its slashed dates are dd/MM instead of MM/dd; asked only once there
    is one."""

    def __init__(self, day_first: Callable[[], bool]) -> None:
        self._ask_order = day_first
        self._day_first: bool | None = None
        self.told = Remembered(self._read)  # by the text; None where it is blank; raises ValueError

    def day(self, text: str) -> date:
        """Raises ValueError."""
        told = self.told[text]
        if told is None:
            raise ValueError("The row has no date.")
        return told.day

    def _read(self, text: str) -> Told | None:
        text = clean(text)
        if not text:
            return None
        found = _DASHED.match(text) or _PLAIN.match(text) or _SLASHED.match(text) or _NAMED.match(text)
        rest = found and _TIME.fullmatch(text, found.end())
        if not (found and rest):
            raise ValueError(f"“{text}” is not a date.")
        year, month, day_of_month = self._parts(found)
        hour, minute = rest[1] or rest[4], rest[2] or rest[5]
        try:
            day = date(year, month, day_of_month)
            at = datetime(year, month, day_of_month, int(hour), int(minute), int(rest[3] or 0)) if hour else None
        except ValueError:  # in Python's words
            raise ValueError(f"“{text}” is not a date.") from None
        if not is_possible(day):
            raise ValueError(f"“{text}” is not a day on which anything is traded.")
        return Told(day, day.isoformat(), at)

    def _parts(self, found: re.Match[str]) -> tuple[int, int, int]:
        """Year, month and day."""
        first, second, third = found.groups()
        if found.re is _NAMED:
            return _year(third), _MONTHS.get(second.capitalize(), 0), int(first)
        if found.re is not _SLASHED:
            return int(first), int(second), int(third)
        if self._day_first is None:
            self._day_first = self._ask_order()
        day, month = (first, second) if self._day_first else (second, first)
        return _year(third), int(month), int(day)


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)
