"""Two rates of return: what the money earned (money-weighted, XIRR) and what the choices earned (time-weighted).

Money-weighted: the yearly rate that discounts every flow, on a year of 365 days, to what there is at the end; as the
spreadsheets' XIRR. Time-weighted: the returns between known values, linked; within a stretch that has flows, the
modified Dietz method (flows weigh by the days they were in). Of a day, what is put in counts from its start, what is
taken out until its end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext
from itertools import pairwise
from typing import NamedTuple

from stonks.core.days import spoken

ZERO, ONE = Decimal(0), Decimal(1)
YEAR = 365
FEWEST_DAYS = 7
# Beyond a month without a value the modified Dietz method is only near where flows are small (GIPS: "large cash flow").
LONGEST_STRETCH = 31
LARGE_FLOW = Decimal("0.1")

_CONTEXT = Context(prec=34)
_SMALLEST = Decimal("1E-15")
# Growth a year, from a millionth to a million times; closest from half to double, where rates 6 % apart are told apart.
_STEPS = (*range(-240, -40, 20), *range(-40, -12, 4), *range(-12, 12), *range(12, 40, 4), *range(40, 241, 20))
_GRID = [Decimal(10) ** (Decimal(step) / 40) for step in _STEPS]


class Flow(NamedTuple):
    on: date
    amount: Decimal  # put in +, taken out -; in one currency


class Worth(NamedTuple):
    """At the end of a day, with that day's flows."""

    on: date
    value: Decimal


class Return(NamedTuple):
    """`rate` over the whole span (0.05 = 5 %), `yearly` where the span is a year or more; None: see `why`."""

    rate: Decimal | None
    yearly: Decimal | None
    method: str
    why: str = ""


def money_weighted(start: Worth, flows: Iterable[Flow], end: Worth) -> Return:
    """`flows`: those after `start` up to `end`, both days' ends."""
    method = "money-weighted (XIRR)"
    payments = [(start.on, -start.value), *((flow.on, -flow.amount) for flow in flows), (end.on, end.value)]
    days = (end.on - min(on for on, amount in payments if amount or on == end.on)).days
    if days < FEWEST_DAYS:
        return Return(None, None, method, f"There are fewer than {FEWEST_DAYS} days between two known values.")
    yearly = xirr(payments)
    if isinstance(yearly, str):
        return Return(None, None, method, yearly)
    with localcontext(_CONTEXT):
        rate = (ONE + yearly) ** (Decimal(days) / YEAR) - ONE
    return Return(rate, yearly if days >= YEAR else None, method)


def xirr(payments: Iterable[tuple[date, Decimal]]) -> Decimal | str:
    """The yearly rate at which payments (paid -, received +) come to nothing; or, in words, why there is none."""
    by_day: dict[date, Decimal] = defaultdict(Decimal)
    for on, amount in payments:
        by_day[on] += amount
    series = sorted((on, amount) for on, amount in by_day.items() if amount)
    if not (any(amount > 0 for _, amount in series) and any(amount < 0 for _, amount in series)):
        return "Money went one way only: there is nothing to compare."
    with localcontext(_CONTEXT):
        steps = _Series(series)
        at = [(growth, steps.present(growth)) for growth in _GRID]
        roots = [growth for growth, value in at if value == 0]
        brackets = [(low, high) for (low, a), (high, b) in pairwise(at) if a * b < 0]
        if len(roots) + len(brackets) > 1:
            return "More than one rate fits these payments."
        if roots:
            return roots[0] - ONE
        if not brackets:
            return "No rate fits these payments."
        return _solve(steps, *brackets[0]) - ONE


def time_weighted(values: Sequence[Worth], flows: Iterable[Flow]) -> Return:
    """`values`: at least two days, in order; `flows`: those after the first of them up to the last."""
    linked, stretches, estimated = ONE, 0, 0
    method = "time-weighted"
    waiting = sorted(flows)
    began = values[0].on if values[0].value or not waiting else waiting[0].on
    days = (values[-1].on - began).days
    if len(values) < 2 or days < FEWEST_DAYS:
        return Return(None, None, method, f"There are fewer than {FEWEST_DAYS} days between two known values.")
    place = 0
    with localcontext(_CONTEXT):
        for start, end in pairwise(values):
            inside = []
            while place < len(waiting) and waiting[place].on <= end.on:
                inside.append(waiting[place])
                place += 1
            rate = _stretch(start, inside, end)
            if isinstance(rate, str):
                return Return(None, None, method, rate)
            linked *= ONE + rate
            stretches += 1
            estimated += any(flow.on < end.on for flow in inside)
        yearly = linked ** (Decimal(YEAR) / days) - ONE if days >= YEAR and linked >= 0 else None
    method += f", {stretches} known value{'s' if stretches != 1 else ''} linked"
    if estimated:
        method += f", {estimated} of the stretches between them by modified Dietz"
    return Return(linked - ONE, yearly, method)


def modified_dietz(start: Decimal, flows: Iterable[tuple[Decimal, int]], end: Decimal, days: int) -> Decimal | None:
    """Gain over average capital; each flow with the days it was in. None when no capital was at work on average."""
    put_in, capital = ZERO, start
    for amount, days_in in flows:
        put_in += amount
        capital += amount * days_in / days
    gain = end - start - put_in
    if capital <= 0:
        return ZERO if gain == capital == 0 else None
    return gain / capital


def _stretch(start: Worth, flows: list[Flow], end: Worth) -> Decimal | str:
    if not start.value and flows:
        start = Worth(flows[0].on - timedelta(days=1), ZERO)
    days = (end.on - start.on).days
    early = sum((abs(flow.amount) for flow in flows if flow.on < end.on), ZERO)
    if days > LONGEST_STRETCH and early > abs(start.value) * LARGE_FLOW:
        return f"The value is not known between {spoken(start.on)} and {spoken(end.on)}, while money moved."
    net: dict[date, Decimal] = defaultdict(Decimal)
    for flow in flows:
        net[flow.on] += flow.amount
    # Bought and sold within the day, from nothing: only the purchases say what was at work.
    for moved in (list(net.items()), [(flow.on, flow.amount) for flow in flows]):
        weighed = [(amount, (end.on - on).days + (amount > 0)) for on, amount in moved]
        rate = modified_dietz(start.value, weighed, end.value, days)
        if rate is not None:
            return rate if rate >= -1 else f"More than everything was lost until {spoken(end.on)}."
    return f"Nothing was invested on average until {spoken(end.on)}, yet something was gained or lost."


class _Series:
    """Payments by day, the first at nought, ready to be discounted again and again."""

    def __init__(self, payments: Sequence[tuple[date, Decimal]]) -> None:
        days = [(on - payments[0][0]).days for on, _ in payments]
        self._steps = [
            (amount, amount * day, gap)
            for (_, amount), day, gap in zip(payments, days, [0, *(b - a for a, b in pairwise(days))], strict=True)
        ][::-1]
        self._gaps = {gap for _, _, gap in self._steps}

    def present(self, growth: Decimal) -> Decimal:
        """Their present value at `growth` (1 + yearly rate)."""
        powers = self._powers(growth)
        value = ZERO
        for amount, _, gap in self._steps:
            value = (value + amount) * powers[gap]
        return value

    def slope(self, growth: Decimal) -> Decimal:
        """Its derivative by `growth`."""
        powers = self._powers(growth)
        slope = ZERO
        for _, weighed, gap in self._steps:
            slope = (slope + weighed) * powers[gap]
        return -slope / YEAR / growth

    def _powers(self, growth: Decimal) -> dict[int, Decimal]:
        daily = growth ** (Decimal(-1) / YEAR)
        return {gap: daily**gap for gap in self._gaps}


def _solve(steps: _Series, low: Decimal, high: Decimal) -> Decimal:
    """Newton's steps while they stay within the bracket, else halves of it."""
    rising = steps.present(low) < 0
    growth = (low + high) / 2
    for _ in range(200):
        value, slope = steps.present(growth), steps.slope(growth)
        if (value < 0) is rising:
            low = growth
        else:
            high = growth
        guess = growth - value / slope if slope else low
        if not low < guess < high:
            guess = (low + high) / 2
        if abs(guess - growth) < _SMALLEST * growth or value == 0:
            return guess
        growth = guess
    return growth
