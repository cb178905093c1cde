"""The picture of covered days: one bar on a scale of days, in percent of its width, so that it is as wide as there is
room and its words stay readable. Its table is exact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from stonks.core.records import Period
from stonks.portfolio.coverage import Line
from stonks.web import filters
from stonks.web.charts import Tick

_THINNEST = 0.6  # a day within ten years is seen too
_SHORTEST = timedelta(days=364)  # shown, so that a young portfolio's first week does not fill the picture
_MOST_TICKS = 4


@dataclass(frozen=True, slots=True)
class Segment:
    x: float
    width: float
    kind: str  # "full": covered, "soft": unproven, "gap"
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    segments: list[Segment]
    ticks: list[Tick]


def timeline(line: Line, until: date) -> Timeline:
    first, last = min(line.first, until - _SHORTEST), max([until, *(span.last for span in line.spans)])
    scale = _Scale(first, last)
    gaps = (Period(gap.first, gap.last) for gap in line.gaps)
    return Timeline(
        [
            *_segments(scale, line.covered, "full", "covered"),
            *_segments(scale, line.unproven, "soft", "asked for, not proven"),
            *_segments(scale, gaps, "gap", "not here"),  # last, on top: a short one is as wide as it must be
        ],
        [Tick(scale.at(day), text) for day, text in _ticks(first, last)],
    )


class _Scale:
    def __init__(self, first: date, last: date) -> None:
        self._first = first
        self._unit = 100 / ((last - first).days + 1)

    def at(self, day: date) -> float:
        """Where the day begins."""
        return round((day - self._first).days * self._unit, 2)


def _segments(scale: _Scale, periods: Iterable[Period], kind: str, words: str) -> list[Segment]:
    found = []
    for period in periods:
        begins = scale.at(period.first)
        width = max(round(scale.at(period.last + timedelta(days=1)) - begins, 2), _THINNEST)
        found.append(Segment(min(begins, 100 - width), width, kind, f"{between(period.first, period.last)}: {words}"))
    return found


def between(first: date, last: date) -> str:
    """3 Nov 2026, 3 to 7 Nov 2026, 28 Oct to 7 Nov 2026, 30 Dec 2025 to 7 Jan 2026."""
    if first == last:
        return filters.day_text(first)
    start = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        start += f" {first:%b}"
    if first.year != last.year:
        start += f" {first.year}"
    return f"{start} to {filters.day_text(last)}"


def _ticks(first: date, last: date) -> list[tuple[date, str]]:
    """At most four starts of years, or of months when it is little more than one."""
    months = [
        date(number // 12, number % 12 + 1, 1)
        for number in range(first.year * 12 + first.month, last.year * 12 + last.month)
    ]
    for every in (1, 2, 3, 6, 12, 24, 60, 120, 1200):
        kept = [day for day in months if (day.year * 12 + day.month - 1) % every == 0]
        if len(kept) <= _MOST_TICKS:
            return [(day, day.strftime("%Y" if every >= 12 else "%b %Y")) for day in kept]
    return []
