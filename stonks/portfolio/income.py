"""Dividends, interest, the tax withheld from them, and fees: gross, withheld, net, by any key a page asks for.

Amounts are summed as the broker signed them, so that a correction of a withheld tax, or a dividend taken back and
paid anew, comes out right by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeVar

from stonks.core.records import CashKind

GROSS = frozenset({CashKind.DIVIDEND, CashKind.PAYMENT_IN_LIEU, CashKind.INTEREST})
COUNTED = GROSS | {CashKind.WITHHOLDING_TAX, CashKind.FEE}

Key = TypeVar("Key", bound=Hashable)


class Receipt(NamedTuple):
    """One cash transaction, or the commission of a trade as a FEE."""

    on: date
    kind: CashKind
    amount: Decimal  # signed as sent; in `currency`, or in the base currency after conversion
    currency: str
    key: str | None = None  # the instrument it came from
    entry_id: int | None = None
    reported_on: date | None = None  # when the broker booked it, where told: a correction keeps the day it corrects


class Income(NamedTuple):
    gross: Decimal = Decimal(0)
    withheld: Decimal = Decimal(0)  # signed: negative = taken
    fees: Decimal = Decimal(0)  # signed: negative = cost; not part of net

    @property
    def net(self) -> Decimal:
        return self.gross + self.withheld

    def plus(self, receipt: Receipt) -> Income:
        if receipt.kind in GROSS:
            return self._replace(gross=self.gross + receipt.amount)
        if receipt.kind is CashKind.WITHHOLDING_TAX:
            return self._replace(withheld=self.withheld + receipt.amount)
        if receipt.kind is CashKind.FEE:
            return self._replace(fees=self.fees + receipt.amount)
        return self


def total(receipts: Iterable[Receipt]) -> Income:
    found = Income()
    for receipt in receipts:
        found = found.plus(receipt)
    return found


def added(several: Iterable[Income]) -> Income:
    found = Income()
    for one in several:
        found = Income(found.gross + one.gross, found.withheld + one.withheld, found.fees + one.fees)
    return found


def less(one: Income, other: Income) -> Income:
    return Income(one.gross - other.gross, one.withheld - other.withheld, one.fees - other.fees)


def grouped(several: Iterable[tuple[Key, Income]]) -> dict[Key, Income]:
    """Added up by key, in order of first sight."""
    found: dict[Key, Income] = {}
    for key, one in several:
        found[key] = added((found[key], one)) if key in found else one
    return found


def by(receipts: Iterable[Receipt], key: Callable[[Receipt], Key]) -> dict[Key, Income]:
    """Income per key, in order of first sight. Amounts of several currencies must not meet under one key."""
    found: dict[Key, Income] = defaultdict(Income)
    for receipt in receipts:
        name = key(receipt)
        found[name] = found[name].plus(receipt)
    return dict(found)


def month(receipt: Receipt) -> date:
    return receipt.on.replace(day=1)
