"""From movements to holdings: every instrument's open and closed lots, and how sure they are.

What is sold without having come in opens a short only where that is told: options, futures and CFDs; a row with the
broker's code O (opening); or an instrument that the broker reports as held short. Everything else is missing history
and said to be that: no phantom shorts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from stonks.core.days import spoken
from stonks.portfolio import actions, exercises
from stonks.portfolio.exercises import Delivery
from stonks.portfolio.lots import ZERO, Book, ClosedLot, Lot, Method, share
from stonks.portfolio.movements import DERIVATIVES, Kind, Movement, in_order


@dataclass(slots=True)
class Holdings:
    """The books of every instrument that ever moved, by key."""

    books: dict[str, Book]

    def open(self) -> Iterator[Book]:
        return (book for book in self.books.values() if book.lots)

    def closed_lots(self) -> Iterator[ClosedLot]:
        return (lot for book in self.books.values() for lot in book.closed)

    def incomplete(self) -> list[Book]:
        return [book for book in self.books.values() if not book.complete]


def fold(
    movements: Iterable[Movement],
    *,
    method: Method = Method.FIFO,
    reported_short: frozenset[str] = frozenset(),
    books: dict[str, Book] | None = None,
) -> Holdings:
    """`movements` in any order; `reported_short`: keys of what the broker says is held short; `books`: what movements of
    earlier days left, folded on in place."""
    books = {} if books is None else books

    def book(key: str) -> Book:
        if key not in books:
            books[key] = Book(key, method)
        return books[key]

    ordered = in_order(movements)
    for _day, of_day in groupby(ordered.movements, key=lambda item: item.on):
        of_today = list(of_day)
        for item in exercises.with_deliveries(_without_own_transfers(of_today)):
            if isinstance(item, Delivery):
                _fold_delivery(item, book, reported_short)
            else:
                _fold_one(item, book(item.key), reported_short)
        for legs in actions.grouped(item for item in of_today if item.kind is Kind.ACTION):
            actions.apply(legs, book)
    for cancel in ordered.widows:
        book(cancel.key).say(f"The cancellation of {spoken(cancel.on)} takes back a trade that is not here.")
    return Holdings(books)


def _fold_one(item: Movement, book: Book, reported_short: frozenset[str]) -> None:
    if item.kind in (Kind.OPENING, Kind.TRANSFER_IN):
        book.add(Lot(item.on, item.quantity, -item.cash, item.cash_known))
        if not item.cash_known:
            came = "It came by transfer on" if item.kind is Kind.TRANSFER_IN else "Its opening entry is of"
            book.say(f"{came} {spoken(item.on)}; what was paid for it is not told.")
    elif item.kind is Kind.TRANSFER_OUT:
        found = sum((lot.quantity for lot in book.take(-item.quantity)), ZERO)
        if found != -item.quantity:
            book.missing += item.quantity + found
            book.say(f"On {spoken(item.on)} more was transferred out than had come in.")
    else:
        book.trade(item.quantity, item.cash, item.on, may_open=_may_open(item, reported_short))


def _fold_delivery(delivery: Delivery, book: Callable[[str], Book], reported_short: frozenset[str]) -> None:
    premium = _premium(delivery.options, book)
    if premium is None:
        for item in (*delivery.options, *delivery.shares):
            _fold_one(item, book(item.key), reported_short)
        return
    whole, left = sum((item.quantity for item in delivery.shares), ZERO), premium
    for place, item in enumerate(delivery.shares, 1):
        part = left if place == len(delivery.shares) else share(premium, item.quantity, whole)
        left -= part
        _fold_one(item._replace(cash=item.cash - part), book(item.key), reported_short)


def _premium(options: Iterable[Movement], book: Callable[[str], Book]) -> Decimal | None:
    """What the options cost (+) or brought (-), which ends them; None, and nothing is ended, where that is not known."""
    ending: dict[str, Decimal] = defaultdict(Decimal)
    for item in options:
        ending[item.key] -= item.quantity
    for key, quantity in ending.items():
        held = book(key)
        if held.quantity * quantity <= 0 or abs(held.quantity) < abs(quantity) or not held.cost_known:
            return None
    return sum((book(item.key).end(-item.quantity, item.on) - item.cash for item in options), ZERO)


def _may_open(item: Movement, reported_short: frozenset[str]) -> bool:
    if item.only_closes:
        return False
    if item.quantity > 0:
        return True
    return item.asset_class in DERIVATIVES or "O" in item.codes or item.key in reported_short


def _without_own_transfers(of_day: list[Movement]) -> list[Movement]:
    """Trades and transfers, without those that leave one own account for another the same day."""
    ins = [item for item in of_day if item.kind is Kind.TRANSFER_IN]
    own: set[int] = set()
    for out in (item for item in of_day if item.kind is Kind.TRANSFER_OUT):
        pair = next((i for i in ins if i.key == out.key and i.quantity == -out.quantity and id(i) not in own), None)
        if pair is not None:
            own |= {id(pair), id(out)}
    return [item for item in of_day if item.kind is not Kind.ACTION and id(item) not in own]
