"""What a few movements, prices and payments tell, as the stored figures would: for tests of what is made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from stonks.core.records import CashKind
from stonks.portfolio import courses, flows
from stonks.portfolio.courses import Money, Worth, more, more_money
from stonks.portfolio.flows import Flows, Part
from stonks.portfolio.holdings import fold
from stonks.portfolio.income import Receipt
from stonks.portfolio.movements import Movement, in_order
from stonks.portfolio.performance import Account, Course, Told
from stonks.portfolio.valuation import Instrument, Rates
from tests.portfolio.plainly import CashDay, Mark


def told(
    movements: Sequence[Movement],
    receipts: Sequence[Receipt],
    instruments: Mapping[str, Instrument],
    marks: Sequence[Mark],
    cash: Iterable[CashDay],
    rates: Rates,
) -> Told:
    held = fold(movements)
    quoted = {
        key: [one.price for one in sorted(marks, key=lambda one: one.price.on) if one.key == key] for key in instruments
    }
    openings = flows.opening_worths(movements, quoted, instruments)
    incomplete = {book.key for book in held.incomplete()}
    part_of = flows.parts(instruments, held.books.keys(), incomplete, openings)
    ordered = in_order(movements).movements
    money = flows.flows(ordered, receipts, instruments, part_of, openings, rates)
    steps = courses.steps(ordered)
    worths = {
        key: courses.worths(steps.get(key, {}), quoted[key], one.unit)
        for key, one in instruments.items()
        if part_of[key] is not Part.NONE
    }

    def course(part: Part) -> Course:
        keys = [key for key in instruments if part_of[key] is part]
        return _course({key: worths.get(key, {}) for key in keys}, {key: money[key] for key in keys}, instruments)

    transferred = any(item.kind in flows.UNPAID_KINDS for item in movements)
    return Told(
        securities=course(Part.SECURITIES),
        unpaid=course(Part.UNPAID),
        account=_account(receipts, cash, rates),
        begun=min((item.on for item in movements), default=None),
        whole=not incomplete and not transferred,
        incomplete=[key for key, part in part_of.items() if part is Part.NONE],
        futures=[key for key, part in part_of.items() if part is Part.UNPAID],
    )


def _course(
    worths: Mapping[str, Mapping[date, Worth]], money: Mapping[str, Flows], instruments: Mapping[str, Instrument]
) -> Course:
    by_day: dict[date, dict[str, Worth]] = defaultdict(dict)
    moved: dict[date, Money] = {}
    for key, days in worths.items():
        currency = instruments[key].currency
        for on, one in days.items():
            by_day[on][currency] = more(by_day[on].get(currency, Worth()), one)
    for flowing in money.values():
        for on, amount in flowing.days.items():
            moved[on] = more_money(moved.get(on, Money()), amount)
    lacking = {
        key: [(on, one.lacking) for on, one in sorted(days.items()) if one.lacking] for key, days in worths.items()
    }
    return Course(by_day, moved, lacking, sum(one.unconverted for one in money.values()))


def _account(receipts: Sequence[Receipt], cash: Iterable[CashDay], rates: Rates) -> Account:
    days: dict[date, dict[str, Decimal]] = defaultdict(dict)
    for one in cash:
        days[one.on][one.currency] = one.amount
    across = Flows()
    for receipt in receipts:
        if receipt.kind in (CashKind.DEPOSIT, CashKind.WITHDRAWAL):
            across.put(receipt.on, receipt.amount, rates(receipt.currency, receipt.on), invested=True)
    deposits = [one.on for one in receipts if one.kind is CashKind.DEPOSIT]
    return Account(across.days, days, min(deposits, default=None), across.unconverted)
