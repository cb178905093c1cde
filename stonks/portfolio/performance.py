"""How a portfolio did over a range of days: value against what was put in, and its rates of return.

What counts as put in: deposits less withdrawals, where the statements tell all of the account from its first deposit
on; else what was paid for securities less what they brought, income included, cash being no part of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from stonks.portfolio import returns
from stonks.portfolio.courses import Money, Worth, more
from stonks.portfolio.lots import ZERO
from stonks.portfolio.returns import Flow, Return
from stonks.portfolio.returns import Worth as Known
from stonks.portfolio.summary import EXACT
from stonks.portfolio.valuation import Rates
from stonks.portfolio.worth import Lacking, Values, values

_A_DAY = timedelta(days=1)
_NOT_MEASURED = Return(None, None, "", "The value is known on fewer than two days.")


class Basis(Enum):
    ACCOUNT = "account"  # securities and cash, against deposits and withdrawals
    SECURITIES = "securities"  # securities alone, against purchases, sales and what they paid


class Point(NamedTuple):
    on: date
    invested: Decimal  # put in less taken out since the very first day, income apart
    value: Decimal | None  # None: not known
    at_last: Decimal | None  # the value at the last prices there were, however old; None: something never had one


@dataclass(frozen=True, slots=True)
class Course:
    """What each day changed, over some of the instruments."""

    worths: Mapping[date, Mapping[str, Worth]] = field(default_factory=dict)  # by currency
    money: Mapping[date, Money] = field(default_factory=dict)
    lacking: Mapping[str, Lacking] = field(default_factory=dict)  # by key
    unconverted: int = 0  # flows left out for want of an exchange rate


@dataclass(frozen=True, slots=True)
class Account:
    """What each day moved across its border, in the base currency, and within: cash by currency, futures as if their
    notional had been paid."""

    across: Mapping[date, Money] = field(default_factory=dict)
    cash: Mapping[date, Mapping[str, Decimal]] = field(default_factory=dict)
    deposited: date | None = None  # the first day of a deposit
    unconverted: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What a portfolio's history is made of; see `ledger.measuring`."""

    securities: Course
    unpaid: Course  # futures and CFDs: for them nothing is paid, so they count with the account's cash only
    account: Account
    begun: date | None  # the first movement's day
    whole: bool  # no history is incomplete, nothing was transferred or opened by a person's word
    incomplete: Sequence[str]  # keys that are no part of it
    futures: Sequence[str]  # keys that are a part of the account only


@dataclass(frozen=True)
class Performance:
    """The rates of return are reckoned when asked for: they take as long as all else, and the overview draws the value
    and shows none of them."""

    basis: Basis
    start: Known | None  # what the returns are measured between; None where the value is not known on two days
    end: Known | None
    flows: Decimal  # between the two: put in less taken out, income of securities counted as taken out
    points: list[Point]
    left_out: list[str]  # keys of instruments that are no part of it: their history is not whole, or nothing was paid
    unpriced: list[tuple[str, int]]  # keys with the number of days whose value is not known for want of their price
    unconverted: int  # flows left out for want of an exchange rate
    within: Sequence[Flow] = field(repr=False, compare=False)  # those that `flows` sums up, in their order
    worths: Sequence[Known] = field(repr=False, compare=False)  # known values after the start, up to the end

    @cached_property
    def money_weighted(self) -> Return:
        if self.start is None or self.end is None:
            return _NOT_MEASURED
        return returns.money_weighted(self.start, self.within, self.end)

    @cached_property
    def time_weighted(self) -> Return:
        if self.start is None:
            return _NOT_MEASURED
        return returns.time_weighted([self.start, *self.worths], self.within)

    @property
    def gain(self) -> Decimal | None:
        if self.start is None or self.end is None:
            return None
        return self.end.value - self.start.value - self.flows

    @property
    def known(self) -> int:
        return sum(1 for point in self.points if point.value is not None)


def performance(told: Told, rates: Rates, first: date | None, last: date) -> Performance:
    """From the start of `first`, or of everything if that is later (None: of everything), to the end of `last`."""
    basis = basis_of(told)
    course, moved, unconverted = _parts(told, basis)
    flows = [Flow(on, amount) for on, one in sorted(moved.items()) for amount in (one.taken_out, one.put_in) if amount]
    eventful = {on for on, one in course.money.items() if one.moved}
    begun = min([*(flow.on for flow in flows), *eventful], default=last)
    before = min(max(first or begun, begun), last) - _A_DAY  # before everything there is nothing to tell
    priced = {on for on, of_day in course.worths.items() if any(one.told for one in of_day.values())}
    days = {on for on in eventful | priced | {flow.on for flow in flows} if before <= on <= last} | {before, last}
    cash = told.account.cash if basis is Basis.ACCOUNT else {}
    found = values(days, course.worths, cash, course.lacking, rates)
    start, end = _span(found, flows)
    within = [flow for flow in flows if start and end and start.on < flow.on <= end.on]
    net = ZERO
    for flow in within:
        net = EXACT.add(net, flow.amount)
    return Performance(
        basis=basis,
        start=start,
        end=end,
        flows=net,
        points=_points(found, moved, days),
        left_out=[] if basis is Basis.ACCOUNT else sorted({*told.incomplete, *told.futures}),
        unpriced=found.unpriced,
        unconverted=unconverted,
        within=within,
        worths=[Known(on, found.known[on]) for on in sorted(found.known) if start and end and start.on < on <= end.on],
    )


def basis_of(told: Told) -> Basis:
    """The account's, where its first payment of all is a deposit, and nothing came or went but by payment."""
    if told.account.deposited is None or not told.account.cash or not told.whole:
        return Basis.SECURITIES
    begun = min(told.account.cash) if told.begun is None else min(told.begun, *told.account.cash)
    return Basis.ACCOUNT if told.account.deposited == begun else Basis.SECURITIES


def _parts(told: Told, basis: Basis) -> tuple[Course, Mapping[date, Money], int]:
    """What is measured, what was put in and taken out, and how many flows had no rate."""
    if basis is Basis.SECURITIES:
        return told.securities, told.securities.money, told.securities.unconverted
    worths: dict[date, dict[str, Worth]] = defaultdict(dict)
    money: dict[date, Money] = {}
    for part in (told.securities, told.unpaid):
        for on, of_day in part.worths.items():
            for currency, one in of_day.items():
                worths[on][currency] = more(worths[on].get(currency, Worth()), one)
        # Purchases stay within the account; that something moved makes a day of it.
        money |= {on: Money(moved=one.moved) for on, one in part.money.items() if one.moved}
    both = Course(worths, money, {**told.securities.lacking, **told.unpaid.lacking})
    return both, told.account.across, told.account.unconverted


def _span(found: Values, flows: Sequence[Flow]) -> tuple[Known | None, Known | None]:
    """The first and the last known value; nothing is measured from before the first flow while nothing was held."""
    known = sorted(found.known)
    if len(known) < 2:
        return None, None
    start, end = (Known(on, found.known[on]) for on in (known[0], known[-1]))
    if not start.value:
        began = next((flow.on for flow in flows if flow.on > start.on), None)
        if began is None or began > end.on:
            return None, None
        start = Known(began - _A_DAY, ZERO)
    return start, end


def _points(found: Values, moved: Mapping[date, Money], days: Iterable[date]) -> list[Point]:
    points, invested, place = [], ZERO, 0
    flowing = sorted(moved)
    for on in sorted(days):
        while place < len(flowing) and flowing[place] <= on:
            invested = EXACT.add(invested, moved[flowing[place]].invested)
            place += 1
        points.append(Point(on, invested, found.known.get(on), found.at_last.get(on)))
    return points
