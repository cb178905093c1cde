"""The geometry of the small pictures: amounts to places in an SVG's own units. Pictures may round; tables do not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from stonks.portfolio.overview import Month
from stonks.portfolio.performance import Point
from stonks.web import filters


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    width: float
    net_y: float
    net_height: float
    withheld_y: float
    withheld_height: float
    letter: str
    words: str  # the figures, for a screen reader
    told: str  # the same short, for a pointer and on focus


@dataclass(frozen=True, slots=True)
class BarChart:
    width: int
    height: int
    left: int
    zero: float
    bars: list[Bar]
    ticks: list[Tick]


@dataclass(frozen=True, slots=True)
class Label:
    at: float  # the height of its base line
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class LineChart:
    """Paths: `invested` keeps its height until the day it changes, `value` has gaps, `at_last` none."""

    width: int
    height: int
    left: int
    right: int
    invested: str
    value: str
    at_last: str  # empty: the value is known wherever there is one
    labels: list[Label]
    ticks: list[Tick]
    days: list[Tick]


TOP, BOTTOM = 14, 26
MOST_ROWS = 60
_LABEL_WIDTH = 80  # of the longest, at a phone's size of letters


def bars(months: Sequence[Month], base: str, *, width: int = 380, height: int = 236) -> BarChart:
    """Net with what was withheld on top of it; a month that gave back more than it brought hangs below zero."""
    tops = [float(max(month.income.net, month.income.gross)) for month in months]
    scale = _Scale(min(0.0, *(float(month.income.net) for month in months)), max(0.0, *tops), height)
    left = scale.room(letter=10)
    zero, step = scale.at(0), (width - left) / len(months)
    found = []
    for place, month in enumerate(months):
        net, gross = float(month.income.net), float(month.income.gross)
        net_y, gross_y = scale.at(max(net, 0)), scale.at(max(gross, net, 0))
        found.append(
            Bar(
                x=round(left + step * place + step * 0.14, 1),
                width=round(step * 0.72, 1),
                net_y=net_y,
                net_height=round(abs(scale.at(net) - zero), 1),
                withheld_y=gross_y,
                withheld_height=round(max(net_y - gross_y - 1.5, 0), 1) if net >= 0 else 0,
                letter=f"{month.first:%b}"[0],
                words=f"{month.first:%B %Y}: net {filters.money(month.income.net, base)} {base}, "
                f"withheld {filters.money(month.income.withheld, base)} {base}",
                told=f"{month.first:%b %Y}: {filters.money(month.income.net, base)} net, "
                f"{filters.money(month.income.withheld, base)} withheld",
            )
        )
    return BarChart(width, height, left, zero, found, scale.ticks())


def lines(points: Sequence[Point], *, width: int = 620, height: int = 236) -> LineChart | None:
    """What was put in and what it is worth. None where there is no line to draw."""
    values = [point.at_last for point in points if point.at_last is not None]
    amounts = [float(amount) for amount in (*values, *(point.invested for point in points))]
    if len(values) < 2 or not any(amounts):
        return None
    scale = _Scale(min(0.0, *amounts), max(0.0, *amounts), height)
    left, right = scale.room(), width - 14
    first, last = points[0].on, points[-1].on
    span = max((last - first).days, 1)
    # One place of each line across: years of days are no longer a path than the picture is wide.
    begin, wide = first.toordinal(), right - left
    shown = list({(point.on.toordinal() - begin) * wide // span: point for point in points}.values())

    def across(day: date) -> float:
        return round(left + wide * (day - first).days / span, 1)

    beside = points[max(bisect_left(points, float(right - _LABEL_WIDTH), key=lambda point: across(point.on)) - 1, 0) :]

    def path(amount_of: Callable[[Point], Decimal | None]) -> str:
        drawn, apart = [], True
        for point in shown:
            amount = amount_of(point)
            if amount is not None:
                # h0: a dot, where a known value stands alone.
                drawn.append(
                    f"{'M' if apart else 'L'}{across(point.on)} {scale.at(float(amount))}{'h0' if apart else ''}"
                )
            apart = amount is None
        return "".join(drawn)

    invested = f"M{across(first)} {scale.at(float(points[0].invested))}"
    invested += "".join(f"H{round(across(point.on))}V{scale.at(float(point.invested))}" for point in shown[1:])
    old = has_old(points)
    return LineChart(
        width=width,
        height=height,
        left=left,
        right=right,
        invested=invested,
        value=path(lambda point: point.value),
        at_last=path(lambda point: point.at_last) if old else "",
        labels=_labels(beside, scale),
        ticks=scale.ticks(),
        days=[Tick(across(day), text) for day, text in _days(first, last)],
    )


def has_old(points: Sequence[Point]) -> bool:
    """Whether something is told at prices too old to serve."""
    return any(point.value is None and point.at_last is not None for point in points)


def for_table(points: Sequence[Point]) -> list[Point]:
    """The newest first; of a long history only each month's last day and the last of all."""
    if len(points) > MOST_ROWS:
        points = list({point.on.replace(day=1): point for point in points}.values())
    return list(reversed(points))


def _labels(beside: Sequence[Point], scale: _Scale) -> list[Label]:
    """Beside the lines' ends, as far as a label reaches: the upper one's above both, the other's below."""
    end = beside[-1]
    heights = [scale.at(float(one)) for point in beside for one in (point.invested, point.at_last) if one is not None]
    above, below = max(min(heights) - 8, 10), min(max(heights) + 16, scale.height - BOTTOM - 4)
    if end.at_last is None:
        return [Label(above, "Net invested", "invested")]
    value_above = end.at_last >= end.invested
    words = "Value" if end.value is not None else "At last prices"
    return [
        Label(above if value_above else below, words, "value"),
        Label(below if value_above else above, "Net invested", "invested"),
    ]


class _Scale:
    def __init__(self, low: float, high: float, height: int) -> None:
        raw = (high - low) / 4 or 1
        size = 10.0 ** (len(str(int(raw))) - 1) if raw >= 1 else 0.1
        self.step = next((size * factor for factor in (1, 2, 5, 10) if size * factor >= raw), size * 10)
        self.low = self.step * (low // self.step)
        self.high = self.step * -(-high // self.step) or self.step
        self.height = height

    def at(self, amount: float) -> float:
        part = (amount - self.low) / (self.high - self.low)
        return round(self.height - BOTTOM - (self.height - BOTTOM - TOP) * part, 1)

    def room(self, letter: int = 14) -> int:
        """What the longest tick takes left of the picture, where a phone draws its letters largest in proportion."""
        return max(40, 8 + letter * max(len(tick.text) for tick in self.ticks()))

    def ticks(self) -> list[Tick]:
        count = round((self.high - self.low) / self.step)
        return [
            Tick(self.at(amount), _short(amount)) for amount in (self.low + self.step * n for n in range(count + 1))
        ]


def _short(amount: float) -> str:
    sign, size = (filters.MINUS if amount < 0 else ""), abs(amount)
    for limit, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if size >= limit:
            return f"{sign}{size / limit:g}{letter}"
    return f"{sign}{size:g}"


def _days(first: date, last: date) -> list[tuple[date, str]]:
    """At most five starts of months or years between two days."""
    months = (last.year - first.year) * 12 + last.month - first.month
    if months < 1:
        return [(first, filters.day_text(first))]
    every = next(size for size in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if months / size <= 5)
    found: list[tuple[date, str]] = []
    for n in range(first.year * 12 + first.month, last.year * 12 + last.month):
        if n % every:
            continue
        day = date(n // 12, n % 12 + 1, 1)
        words = "%Y" if every >= 12 else "%b %Y" if not found or day.month == 1 else "%b"
        found.append((day, day.strftime(words)))
    return found
