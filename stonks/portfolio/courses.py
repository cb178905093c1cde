"""What each day changed of an instrument: its worth, and the money put into it and taken out.

A course is told in changes, so that the courses of many instruments add up to a portfolio's, and one of them can be
taken out of that and put in anew. All sums are exact, whichever way they were reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from stonks.portfolio.lots import ZERO
from stonks.portfolio.movements import Kind, Movement
from stonks.portfolio.summary import EXACT
from stonks.portfolio.valuation import OLD, Price

_A_DAY = timedelta(days=1)


class Step(NamedTuple):
    """What a day's movements leave of an instrument."""

    quantity: Decimal  # at the day's end
    price: Decimal | None  # the last one traded at that day
    action: bool  # what was quoted before a split or a merger prices something else


class Worth(NamedTuple):
    """What a day changed of what is held, in the instrument's currency."""

    told: int = 0  # prices from beside the transactions
    value: Decimal = ZERO  # of what has a price that serves
    lacking: int = 0  # +1: from this day on what is held has no such price; -1: no longer so
    old: Decimal = ZERO  # of what has none that serves, at the last one there was
    unpriced: int = 0  # +1: from this day on what is held has no price at all; -1: no longer so


class Quote(NamedTuple):
    price: Decimal | None
    until: date = date.min  # the last day on which it serves


class Money(NamedTuple):
    """What a day brought; in the base currency unless called own."""

    moved: int = 0  # movements
    put_in: Decimal = ZERO  # what was paid for securities, and what they cost besides
    taken_out: Decimal = ZERO  # signed: negative
    invested: Decimal = ZERO  # of the two above, what was paid for securities less what they were sold for
    gain: Decimal = ZERO  # realised
    sales: int = 0  # closed lots in that
    unknown: int = 0  # those without a known cost or a rate
    own_gain: Decimal = ZERO
    own_unknown: int = 0  # closed lots without a known cost


def steps(movements: Iterable[Movement], before: Mapping[str, Decimal] | None = None) -> dict[str, dict[date, Step]]:
    """By instrument. `movements`: in folding order, without those taken back; `before`: quantities before the first of
    them, by key."""
    found: dict[str, dict[date, Step]] = {}
    held = dict(before or {})
    for item in movements:
        days = found.setdefault(item.key, {})
        quantity = held[item.key] = EXACT.add(held.get(item.key, ZERO), item.quantity)
        _, price, action = days.get(item.on, (ZERO, None, False))
        if item.kind is Kind.TRADE and item.price:
            price = item.price
        days[item.on] = Step(quantity, price, action or (item.kind is Kind.ACTION and bool(item.quantity)))
    return found


def worths(
    steps: Mapping[date, Step],
    marks: Sequence[Price],
    unit: Decimal,
    held: Decimal = ZERO,
    price: Decimal | None = None,
) -> dict[date, Worth]:
    """`marks`: by day, of one day that which counts last; `unit`: what one of quantity costs at a price of 1; `held`,
    `price`: before the first of all these, of a day too long ago to serve. A price serves on its day and the five after
    it."""
    by_day = _by_day(marks)
    found: dict[date, Worth] = {}
    quantity, quote = held, Quote(price)
    was = _worth(quantity, quote, unit, date.max)

    def become(on: date, told: int) -> None:
        nonlocal was
        now = _worth(quantity, quote, unit, on)
        change = more(now, was, -1)._replace(told=told)
        if any(change):
            found[on] = change
        was = now

    for on in sorted(steps.keys() | by_day.keys()):
        if not was.lacking and quote.until < on - _A_DAY:
            become(quote.until + _A_DAY, 0)
        if on in steps:
            quantity = steps[on].quantity
        told = by_day.get(on, ())
        quote = _quote(on, steps.get(on), told, quote)
        become(on, len(told))
    if not was.lacking and quote.until < date.max:
        become(quote.until + _A_DAY, 0)
    return found


def last_prices(
    steps: Mapping[date, Step], marks: Sequence[Price], price: Decimal | None = None
) -> dict[int, Decimal | None]:
    """What `worths` takes as `price` to go on after a year's end, by the years that tell anything of it."""
    by_day = _by_day(marks)
    found: dict[int, Decimal | None] = {}
    quote = Quote(price)
    for on in sorted(steps.keys() | by_day.keys()):
        quote = _quote(on, steps.get(on), by_day.get(on, ()), quote)
        found[on.year] = quote.price
    return found


def _by_day(marks: Sequence[Price]) -> Mapping[date, Sequence[Price]]:
    by_day: dict[date, list[Price]] = {}
    for mark in marks:
        by_day.setdefault(mark.on, []).append(mark)
    return by_day


def _quote(on: date, step: Step | None, told: Sequence[Price], before: Quote) -> Quote:
    """What prices an instrument from that day on."""
    if told:
        return Quote(told[-1].price, on + OLD)
    if step is not None and step.action:
        return Quote(None)
    return before if step is None or step.price is None else Quote(step.price, on + OLD)


def _worth(quantity: Decimal, quote: Quote, unit: Decimal, on: date) -> Worth:
    """The whole of it, not a change."""
    if not quantity:
        return Worth()
    if quote.price is None:
        return Worth(lacking=1, unpriced=1)
    amount = EXACT.multiply(EXACT.multiply(quantity, quote.price), unit)
    return Worth(lacking=1, old=amount) if quote.until < on else Worth(value=amount)


def more(one: Worth, other: Worth, sign: int = 1) -> Worth:
    add = EXACT.add if sign > 0 else EXACT.subtract
    return Worth(
        one.told + sign * other.told,
        add(one.value, other.value),
        one.lacking + sign * other.lacking,
        add(one.old, other.old),
        one.unpriced + sign * other.unpriced,
    )


def more_flow(one: Money, other: Money) -> Money:
    """What both put in and took out, gains left alone."""
    return Money(
        one.moved + other.moved,
        EXACT.add(one.put_in, other.put_in),
        EXACT.add(one.taken_out, other.taken_out),
        EXACT.add(one.invested, other.invested),
    )


def more_money(one: Money, other: Money, sign: int = 1) -> Money:
    add = EXACT.add if sign > 0 else EXACT.subtract
    return Money(
        one.moved + sign * other.moved,
        add(one.put_in, other.put_in),
        add(one.taken_out, other.taken_out),
        add(one.invested, other.invested),
        add(one.gain, other.gain),
        one.sales + sign * other.sales,
        one.unknown + sign * other.unknown,
        add(one.own_gain, other.own_gain),
        one.own_unknown + sign * other.own_unknown,
    )
