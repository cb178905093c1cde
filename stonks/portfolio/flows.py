"""What was put into instruments and taken out, day by day, and what their closed lots gained.

Put in is what was paid for securities, taken out what they brought, income included; an opening entry brought what it
was worth on its day. Instruments whose history is not whole are no part of that, but their gains count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from stonks.core.records import CashKind
from stonks.portfolio.courses import Money, more_money
from stonks.portfolio.income import GROSS, Receipt
from stonks.portfolio.lots import ZERO, ClosedLot
from stonks.portfolio.movements import Kind, Movement
from stonks.portfolio.valuation import OLD, Instrument, Price, Rates, converted

_OF_SECURITIES = GROSS | {CashKind.WITHHOLDING_TAX}
UNPAID_KINDS = frozenset({Kind.OPENING, Kind.TRANSFER_IN, Kind.TRANSFER_OUT})

Openings = Mapping[tuple[str, int], Decimal | None]  # by key and arrival: what it was worth on its day


class Part(StrEnum):
    """What of a portfolio's performance an instrument is part of."""

    SECURITIES = "securities"
    UNPAID = "unpaid"  # a future or CFD: of the account's only, with its cash
    NONE = "none"  # its history is not whole


@dataclass(slots=True)
class Flows:
    """Of one instrument."""

    days: dict[date, Money] = field(default_factory=lambda: defaultdict(Money))
    unconverted: int = 0

    def put(self, on: date, amount: Decimal, rate: Decimal | None, *, invested: bool) -> None:
        """`amount`: put in +, taken out -."""
        if not amount:
            return
        if rate is None:
            self.unconverted += 1
            return
        base = converted(amount, rate)
        flow = Money(put_in=max(base, ZERO), taken_out=min(base, ZERO), invested=base if invested else ZERO)
        self.days[on] = more_money(self.days[on], flow)


def opening_worths(
    movements: Sequence[Movement], marks: Mapping[str, Sequence[Price]], instruments: Mapping[str, Instrument]
) -> Openings:
    """At the nearest price of the five days around an opening entry, as its cost was paid long before. None where
    there is no such price."""
    openings = [item for item in movements if item.kind is Kind.OPENING]
    prices: dict[str, list[tuple[date, Decimal]]] = {item.key: [] for item in openings}
    for item in movements if openings else ():
        if item.key in prices and item.kind is Kind.TRADE and item.price:
            prices[item.key].append((item.on, item.price))
    for key, known in prices.items():
        known += [(mark.on, mark.price) for mark in marks.get(key, ())]
    found: dict[tuple[str, int], Decimal | None] = {}
    for item in openings:
        near = [(abs(on - item.on), price) for on, price in prices[item.key] if abs(on - item.on) <= OLD]
        unit = instruments[item.key].unit
        found[item.key, item.arrival] = item.quantity * min(near)[1] * unit if near else None
    return found


def parts(
    instruments: Mapping[str, Instrument], moved: Collection[str], incomplete: Collection[str], openings: Openings
) -> dict[str, Part]:
    """By key. `moved`: keys that have lots, or had."""
    unknown = {key for (key, _), worth in openings.items() if worth is None}
    found = {}
    for key, one in instruments.items():
        whole = key not in incomplete and key not in unknown
        found[key] = Part.NONE if not whole else Part.UNPAID if one.unpaid and key in moved else Part.SECURITIES
    return found


def flows(
    movements: Sequence[Movement],
    receipts: Iterable[Receipt],
    instruments: Mapping[str, Instrument],
    part_of: Mapping[str, Part],
    openings: Openings,
    rates: Rates,
) -> dict[str, Flows]:
    """By key. `movements`: without those taken back."""
    found = {key: Flows() for key in instruments}
    traded_by: dict[int, Instrument] = {}
    for item in movements:
        one, mine = instruments[item.key], found[item.key]
        if part_of[item.key] is Part.NONE:
            continue
        mine.days[item.on] = more_money(mine.days[item.on], Money(moved=1))
        if part_of[item.key] is Part.SECURITIES:
            traded_by[item.arrival] = one
            amount = openings.get((item.key, item.arrival)) or -item.cash
            mine.put(item.on, amount, rates(one.currency, item.on) if amount else None, invested=True)
    named = _named(instruments, part_of)
    for receipt in receipts:
        trade = traded_by.get(receipt.entry_id or 0)
        payer = named.get(receipt.key or "") if receipt.kind in _OF_SECURITIES else None
        if payer is None and receipt.kind is CashKind.FEE and trade is not None and trade.currency != receipt.currency:
            # A commission in the trade's own currency is in its cash already.
            payer = trade.key
        if payer is not None:
            rate = rates(receipt.currency, receipt.on) if receipt.amount else None
            found[payer].put(receipt.on, -receipt.amount, rate, invested=False)
    return found


def add_gains(found: Flows, closed: Iterable[tuple[ClosedLot, Decimal | None]]) -> None:
    """`closed`: with the gain in the base currency, where known."""
    for lot, gain in closed:
        own = lot.gain
        found.days[lot.closed] = more_money(
            found.days[lot.closed],
            Money(
                gain=gain or ZERO,
                sales=int(gain is not None),
                unknown=int(gain is None),
                own_gain=own or ZERO,
                own_unknown=int(own is None),
            ),
        )


def _named(instruments: Mapping[str, Instrument], part_of: Mapping[str, Part]) -> dict[str, str]:
    """What receipts may call those that are part of it: which of several it is does not matter to a sum."""
    return {
        name: key
        for key, one in sorted(instruments.items(), reverse=True)
        if part_of[key] is Part.SECURITIES
        for name in (one.isin, one.symbol)
        if name
    }
