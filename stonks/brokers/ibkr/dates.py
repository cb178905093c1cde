"""Dates as Flex statements spell them: seven date formats, two time formats, any separator, zone suffixes.

Source: IBKR's Delivery Configuration. dd/MM against MM/dd is settled by the caller, per file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import NamedTuple

from stonks.brokers.ibkr.cells import clean
from stonks.brokers.ibkr.remembered import Remembered

_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}  # noqa: SIM905
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?!\d)")
_NAMED = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4}|\d{2})(?!\d)")
_DASHED = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_PLAIN = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"[;, T]*(?:(\d{2}):?(\d{2}):?(\d{2}))?(?:[ ]?(?:EST|EDT|UTC|GMT|Z))?$")


def slashed_parts(text: str) -> tuple[int, int] | None:
    """The first two numbers of a slashed date, which may be day and month in either order."""
    found = _SLASHED.match(text)
    return (int(found[1]), int(found[2])) if found else None


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
            raise ValueError(f"“{text}” is not a date")
        return told.day

    def _read(self, text: str) -> Told | None:
        text = clean(text)
        if not text:
            return None
        if found := _DASHED.match(text) or _PLAIN.match(text):
            day = date(int(found[1]), int(found[2]), int(found[3]))
        elif found := _SLASHED.match(text):
            if self._day_first is None:
                self._day_first = self._ask_order()
            first, second = int(found[1]), int(found[2])
            month, number = (second, first) if self._day_first else (first, second)
            day = date(_year(found[3]), month, number)
        elif found := _NAMED.match(text):
            day = date(_year(found[3]), _MONTHS.get(found[2].capitalize(), 0), int(found[1]))
        else:
            raise ValueError(f"“{text}” is not a date")
        rest = _TIME.fullmatch(text, found.end())
        if rest is None:
            raise ValueError(f"“{text}” is not a date")
        if rest[1] is None:
            return Told(day, day.isoformat(), None)
        return Told(day, day.isoformat(), datetime.combine(day, time(int(rest[1]), int(rest[2]), int(rest[3]))))


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)
