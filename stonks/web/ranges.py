"""A range of days as a page's address names it: all, year, last-year, 12-months, or two days of one's own."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from werkzeug.datastructures import MultiDict

EARLIEST = date(1900, 1, 1)
NAMES = {"all": "All time", "year": "This year", "last-year": "Last year", "12-months": "12 months"}


class Range(NamedTuple):
    name: str  # of NAMES; "own"; "" when the two days asked for make no range
    first: date | None  # None: from the beginning
    last: date  # included
    problem: str = ""

    @property
    def query(self) -> dict[str, str]:
        """What an address needs to ask for it again."""
        if self.name in NAMES:
            return {"range": self.name}
        return {"first": self.first.isoformat() if self.first else "", "last": self.last.isoformat()}


def asked_for(args: MultiDict[str, str], today: date) -> Range:
    """All time unless something else is asked for. A range that makes no sense is all time, with a `problem`."""
    everything = Range("all", None, today)
    if args.get("first") or args.get("last"):
        return _own(args.get("first", ""), args.get("last", ""), today)
    name = args.get("range", "all")
    if name == "year":
        return Range(name, date(today.year, 1, 1), today)
    if name == "last-year":
        return Range(name, date(today.year - 1, 1, 1), date(today.year - 1, 12, 31))
    if name == "12-months":
        return Range(name, _a_year_before(today), today)
    return everything


def _own(first: str, last: str, today: date) -> Range:
    try:
        begins = date.fromisoformat(first) if first else None
        ends = min(date.fromisoformat(last), today) if last else today
    except ValueError:
        return Range("", None, today, "A day is written like 2026-01-31. All time is shown.")
    if ends < EARLIEST:
        return Range("", None, today, "There is nothing to tell of the time before 1900. All time is shown.")
    if begins and begins > ends:
        return Range(
            "", None, today, "The first day must come before the last, and not after today. All time is shown."
        )
    return Range("own", begins, ends)


def _a_year_before(today: date) -> date:
    """The day after the same day a year ago, so that the range holds twelve months."""
    try:
        return today.replace(year=today.year - 1) + timedelta(days=1)
    except ValueError:  # 29 February
        return date(today.year - 1, 3, 1)
