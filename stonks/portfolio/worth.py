"""What a portfolio was worth, day by day, as far as prices are known.

A day's value is known when each instrument held has a price of that day or the five before it, and each currency a
rate. Otherwise the day has no value and the instruments that lacked a price are named: nothing is carried further.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

from stonks.portfolio.lots import ZERO
from stonks.portfolio.movements import Kind, Movement
from stonks.portfolio.valuation import OLD, Instrument, Price, Rates


class CashDay(NamedTuple):
    """What a day moved of one currency; futures as if their notional had been paid."""

    on: date
    currency: str
    amount: Decimal


class Mark(NamedTuple):
    """A price from beside the transactions: a statement's positions."""

    key: str
    price: Price


@dataclass(slots=True)
class Values:
    known: dict[date, Decimal] = field(default_factory=dict)
    unknown: list[date] = field(default_factory=list)
    unpriced: Counter[str] = field(default_factory=Counter)  # key -> on how many days it was what lacked a price


def values(
    days: Iterable[date],
    movements: Iterable[Movement],
    marks: Iterable[Mark],
    instruments: Mapping[str, Instrument],
    rates: Rates,
    cash: Iterable[CashDay] = (),
) -> Values:
    """At the end of each of `days`. `movements`: in folding order, without those taken back, and only of instruments
    whose history is whole; futures among them only together with `cash`, which holds what their notional cost."""
    held = _Held(instruments)
    balances: dict[str, Decimal] = defaultdict(Decimal)
    told = sorted(marks, key=lambda mark: mark.price.on)
    paid = sorted(cash, key=lambda one: one.on)
    moved = list(movements)
    at_movement = at_mark = at_cash = 0
    found = Values()
    for day in sorted(set(days)):
        while at_movement < len(moved) and moved[at_movement].on <= day:
            # Marks of the days before, first: an action of a later day makes them useless.
            at_mark = held.mark(told, at_mark, moved[at_movement].on, through=False)
            held.move(moved[at_movement])
            at_movement += 1
        at_mark = held.mark(told, at_mark, day, through=True)
        while at_cash < len(paid) and paid[at_cash].on <= day:
            balances[paid[at_cash].currency] += paid[at_cash].amount
            at_cash += 1
        lacking = held.lacking(day)
        total = None if lacking else _in_base(chain(held.worths().items(), balances.items()), day, rates)
        if total is None:
            found.unknown.append(day)
            found.unpriced.update(lacking)
        else:
            found.known[day] = total
    return found


class _Held:
    """Quantities and last prices, as days go by."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._quantities: dict[str, Decimal] = {}
        self._prices: dict[str, Price] = {}
        self._until: dict[str, date] = {}  # the last day on which that price still serves
        self._worths: dict[str, Decimal] = {}  # of those whose quantity and price are as on the day before

    def move(self, item: Movement) -> None:
        self._worths.pop(item.key, None)
        quantity = self._quantities.get(item.key, ZERO) + item.quantity
        if quantity:
            self._quantities[item.key] = quantity
        else:
            self._quantities.pop(item.key, None)
        if item.kind is Kind.ACTION:
            # What was quoted before a split or a merger prices something else.
            self._prices.pop(item.key, None)
            self._until.pop(item.key, None)
        elif item.kind is Kind.TRADE and item.price:
            self._know(item.key, Price(item.price, item.on, False))

    def mark(self, marks: list[Mark], place: int, day: date, *, through: bool) -> int:
        """Takes the marks before `day`, and those of it too with `through`; returns the place of the next."""
        while place < len(marks) and (marks[place].price.on < day or (through and marks[place].price.on == day)):
            key, price = marks[place]
            before = self._prices.get(key)
            if before is None or before.on <= price.on:
                self._know(key, price)
            place += 1
        return place

    def _know(self, key: str, price: Price) -> None:
        self._worths.pop(key, None)
        self._prices[key] = price
        self._until[key] = price.on + OLD

    def lacking(self, day: date) -> list[str]:
        """What is held without a price that serves."""
        until = self._until
        return [key for key in self._quantities if until.get(key, date.min) < day]

    def worths(self) -> dict[str, Decimal]:
        """What is held, by currency; all must have a price."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for key, quantity in self._quantities.items():
            instrument = self._instruments[key]
            worth = self._worths.get(key)
            if worth is None:
                worth = self._worths[key] = quantity * self._prices[key].price * instrument.unit
            sums[instrument.currency] += worth
        return sums


def _in_base(amounts: Iterable[tuple[str, Decimal]], day: date, rates: Rates) -> Decimal | None:
    total = ZERO
    for currency, amount in amounts:
        if not amount:
            continue
        rate = rates(currency, day)
        if rate is None:
            return None
        total += amount * rate
    return total
