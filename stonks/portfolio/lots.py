"""The lots of one instrument: what opened them, what closed them, what is left. First in, first out, or average cost.

A lot's cost is signed like its quantity: money paid for a long one, minus the money received for a short one. Then
gain = cash of the closing - cost of what it closed, whichever way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from stonks.core.days import spoken

# Shares of a cost are cut here, and the rest keeps what was cut: nothing is lost or made, at any division.
_SMALLEST = Decimal("1E-12")
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
ZERO = Decimal(0)


class Method(StrEnum):
    FIFO = "fifo"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Lot:
    opened: date
    quantity: Decimal  # signed: negative = short
    cost: Decimal  # signed, in the instrument's currency
    cost_known: bool = True  # False: came by transfer or action without what was paid


@dataclass(frozen=True, slots=True)
class ClosedLot:
    key: str
    opened: date
    closed: date
    quantity: Decimal  # signed like the lot was
    cost: Decimal
    proceeds: Decimal  # signed cash of the closing
    cost_known: bool
    delivered: bool = False  # an option for its shares, whose price its cost went into: it brought what it had cost

    @property
    def gain(self) -> Decimal | None:
        return _EXACT.subtract(self.proceeds, self.cost) if self.cost_known else None

    @property
    def days(self) -> int:
        return (self.closed - self.opened).days


@dataclass(slots=True)
class Book:
    """One instrument's lots while they are folded."""

    key: str
    method: Method = Method.FIFO
    lots: list[Lot] = field(default_factory=list)
    closed: list[ClosedLot] = field(default_factory=list)
    missing: Decimal = ZERO  # signed quantity that left, or closed, without having come
    unmatched_cash: Decimal = ZERO  # the cash of that
    reasons: list[str] = field(default_factory=list)  # why the history is incomplete, in words

    @property
    def quantity(self) -> Decimal:
        return sum((lot.quantity for lot in self.lots), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((lot.cost for lot in self.lots), ZERO)

    @property
    def cost_known(self) -> bool:
        return all(lot.cost_known for lot in self.lots)

    @property
    def complete(self) -> bool:
        return not self.reasons

    def say(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)

    def add(self, lot: Lot) -> None:
        if lot.quantity == 0:
            return
        if self.method is Method.AVERAGE and self.lots:
            held = self.lots[0]
            self.lots = [
                Lot(
                    held.opened,
                    _EXACT.add(held.quantity, lot.quantity),
                    _EXACT.add(held.cost, lot.cost),
                    held.cost_known and lot.cost_known,
                )
            ]
        else:
            self.lots.append(lot)

    def take(self, quantity: Decimal) -> list[Lot]:
        """Removes up to `quantity` (signed like the lots), oldest first, and returns what was taken."""
        taken: list[Lot] = []
        left = quantity
        while left and self.lots and (self.lots[0].quantity > 0) == (left > 0):
            first = self.lots[0]
            if abs(first.quantity) <= abs(left):
                self.lots.pop(0)
                taken.append(first)
                left = _EXACT.subtract(left, first.quantity)
                continue
            cost = share(first.cost, left, first.quantity)
            taken.append(replace(first, quantity=left, cost=cost))
            self.lots[0] = replace(
                first, quantity=_EXACT.subtract(first.quantity, left), cost=_EXACT.subtract(first.cost, cost)
            )
            left = ZERO
        return taken

    def close(self, quantity: Decimal, cash: Decimal, on: date) -> tuple[Decimal, Decimal]:
        """Closes against `quantity` (signed as it moves: a sale is negative). What met no lot is returned, signed as it
        came, with its part of the cash, which stays out of every gain."""
        taken = self.take(-quantity)
        left, cash_left = quantity, cash
        for lot in taken:
            left_after = _EXACT.add(left, lot.quantity)
            proceeds = cash_left if left_after == 0 else share(cash_left, lot.quantity, -left)
            self.closed.append(ClosedLot(self.key, lot.opened, on, lot.quantity, lot.cost, proceeds, lot.cost_known))
            left, cash_left = left_after, _EXACT.subtract(cash_left, proceeds)
        return left, cash_left

    def end(self, quantity: Decimal, on: date) -> Decimal:
        """Closes `quantity` (signed like the lots), which is held, for what is delivered. Returns what it had cost."""
        cost = ZERO
        for lot in self.take(quantity):
            closed = ClosedLot(
                self.key, lot.opened, on, lot.quantity, lot.cost, lot.cost, lot.cost_known, delivered=True
            )
            self.closed.append(closed)
            cost = _EXACT.add(cost, lot.cost)
        return cost

    def trade(self, quantity: Decimal, cash: Decimal, on: date, *, may_open: bool) -> None:
        """A purchase (+) or sale (-). `may_open`: what meets no lot opens one; else it is missing history."""
        left, cash_left = self.close(quantity, cash, on)
        if not left:
            return
        if may_open:
            self.add(Lot(on, left, _EXACT.minus(cash_left)))
        else:
            self.missing = _EXACT.add(self.missing, left)
            self.unmatched_cash = _EXACT.add(self.unmatched_cash, cash_left)
            self.say(f"On {spoken(on)} more was {'sold' if left < 0 else 'closed'} than had come in.")

    def scale(self, change: Decimal) -> bool:
        """Spreads a signed change of quantity over the lots, costs unchanged. False when there is nothing to spread
        it over, or nothing would be left."""
        before = self.quantity
        after = _EXACT.add(before, change)
        if not before or not after or (before > 0) != (after > 0):
            return False
        parts = divided(change, [lot.quantity for lot in self.lots])
        self.lots = [
            replace(lot, quantity=_EXACT.add(lot.quantity, part)) for lot, part in zip(self.lots, parts, strict=True)
        ]
        return True


def divided(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """In proportion to the weights, which are not nothing together. The parts are the amount again."""
    whole = sum(weights, ZERO)
    left, parts = amount, []
    for weight in weights[:-1]:
        parts.append(share(amount, weight, whole))
        left = _EXACT.subtract(left, parts[-1])
    return [*parts, left]


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return _EXACT.divide(_EXACT.multiply(amount, part), whole).quantize(_SMALLEST, ROUND_HALF_EVEN, _EXACT)
