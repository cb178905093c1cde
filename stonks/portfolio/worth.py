"""What a portfolio was worth, day by day, as far as prices are known.

A day's value is known when each instrument held has a price of that day or the five before it, and each currency a
rate. Otherwise the instruments that lacked a price are named, and there is only what the day would come to at the last
prices there were: to be looked at, and not to be reckoned with.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import chain

from stonks.portfolio.courses import Worth
from stonks.portfolio.lots import ZERO
from stonks.portfolio.summary import EXACT
from stonks.portfolio.valuation import Rates

Lacking = Sequence[tuple[date, int]]  # +1: from this day on there was no price, -1: until the day before


@dataclass(slots=True)
class Values:
    known: dict[date, Decimal] = field(default_factory=dict)
    at_last: dict[date, Decimal] = field(default_factory=dict)  # at the last prices, known or not
    unpriced: list[tuple[str, int]] = field(default_factory=list)  # keys, and on how many days they lacked a price


def values(
    days: Collection[date],
    worths: Mapping[date, Mapping[str, Worth]],
    cash: Mapping[date, Mapping[str, Decimal]],
    lacking: Mapping[str, Lacking],
    rates: Rates,
) -> Values:
    """At the end of each of `days`. `worths` and `cash`: what each day changed, by currency."""
    ordered = sorted(days)
    changed, moved = sorted(worths), sorted(cash)
    held, old, balances = (defaultdict[str, Decimal](Decimal) for _ in range(3))
    at_worth = at_cash = lack = unpriced = 0
    found = Values()
    for day in ordered:
        while at_worth < len(changed) and changed[at_worth] <= day:
            for currency, change in worths[changed[at_worth]].items():
                held[currency] = EXACT.add(held[currency], change.value)
                old[currency] = EXACT.add(old[currency], change.old)
                lack += change.lacking
                unpriced += change.unpriced
            at_worth += 1
        while at_cash < len(moved) and moved[at_cash] <= day:
            for currency, amount in cash[moved[at_cash]].items():
                balances[currency] = EXACT.add(balances[currency], amount)
            at_cash += 1
        if unpriced:
            continue
        total = _in_base(chain(held.items(), old.items(), balances.items()), day, rates)
        if total is not None:
            found.at_last[day] = total
            if not lack:
                found.known[day] = total
    counted = ((key, _days_within(ordered, spans)) for key, spans in lacking.items())
    found.unpriced = sorted(((key, count) for key, count in counted if count), key=lambda one: (-one[1], one[0]))
    return found


def _days_within(ordered: list[date], spans: Lacking) -> int:
    count, since = 0, date.max
    for day, change in spans:
        if change > 0:
            since = day
        else:
            count += bisect_left(ordered, day) - bisect_left(ordered, since)
            since = date.max
    return count + len(ordered) - bisect_left(ordered, since)


def _in_base(amounts: Iterable[tuple[str, Decimal]], day: date, rates: Rates) -> Decimal | None:
    total = ZERO
    for currency, amount in amounts:
        if not amount:
            continue
        rate = rates(currency, day)
        if rate is None:
            return None
        total = EXACT.add(total, EXACT.multiply(amount, rate))
    return total
