"""What changes holdings, in the order in which it is folded.

Within a day: opening entries, transfers in, then trades (by the broker's clock when every trade of the instrument that
day has a time, else purchases before sales, and rows that can only close last), then transfers out, then corporate
actions, which IBKR books after the close (its rows say 20:25).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

DERIVATIVES = frozenset({"OPT", "FOP", "FUT", "FSFOP", "CFD", "FXCFD", "IOPT", "WAR"})
OPTIONS = frozenset({"OPT", "FOP", "FSFOP", "IOPT", "WAR"})
# IBKR's codes: A assignment, Ex exercise, Ep expired. On the option's own row they close it; on the row of what is
# delivered they say only why it was traded.
_OPTION_ENDINGS = frozenset({"A", "Ex", "Ep", "AEx", "MEx", "GEA"})


class Kind(IntEnum):
    OPENING = -1  # what was there before the history begins, by a person's word; no money moves
    TRANSFER_IN = 0
    TRADE = 1
    TRANSFER_OUT = 2
    ACTION = 3


class Leg(NamedTuple):
    """What a trade is of a delivery for options; see exercises.py."""

    root: str  # what the options and the shares are both called
    strike: Decimal
    each: Decimal  # shares for one of its quantity: signed, as that is a closing of the option
    is_option: bool


class Movement(NamedTuple):
    on: date
    kind: Kind
    key: str  # instrument and currency, see `instrument_key`
    quantity: Decimal  # signed: + comes, - goes. A cancel has the sign of the trade it takes back
    cash: Decimal  # signed, with commission and taxes; futures and CFDs: as if the notional had been paid
    cash_known: bool = True  # transfers, and opening entries without a cost: False, what was paid once is not told
    price: Decimal | None = None
    at: datetime | None = None
    arrival: int = 0  # what remains equal is in order of arrival
    asset_class: str | None = None
    codes: frozenset[str] = frozenset()
    cancels: bool = False
    external_id: str | None = None
    original_id: str | None = None
    action_kind: str = ""
    action_id: str | None = None
    description: str = ""
    worth: Decimal | None = None  # of what an action moved, signed like its quantity, when told
    leg: Leg | None = None

    @property
    def only_closes(self) -> bool:
        """Whether the row can only end what is held, never begin it."""
        if "C" in self.codes and "O" not in self.codes:
            return True
        return self.asset_class in OPTIONS and (bool(self.codes & _OPTION_ENDINGS) or self.price == 0)


class Ordered(NamedTuple):
    movements: list[Movement]
    widows: list[Movement]  # cancels whose trade is not here


def instrument_key(isin: str | None, symbol: str | None, asset_class: str | None, currency: str) -> str:
    """ISIN, else symbol, and the currency traded in: what one listing's lots have in common.

    Options and futures go by symbol: their ISIN, when told, can be that of what they are on.
    """
    name = symbol if asset_class in DERIVATIVES and symbol else isin or symbol
    return f"{(name or '?').upper()}/{currency}"


def in_order(movements: Iterable[Movement]) -> Ordered:
    """Without what was taken back, in folding order."""
    kept, widows = _without_cancelled(list(movements))
    untimed = {(item.on, item.key) for item in kept if item.kind is Kind.TRADE and item.at is None}

    def rank(item: Movement) -> tuple[object, ...]:
        if item.kind is not Kind.TRADE or (item.on, item.key) not in untimed:
            return (item.on, item.kind, 0, item.at or datetime.min, item.arrival)
        side = 2 if item.only_closes else int(item.quantity < 0)
        return (item.on, item.kind, side, item.at or datetime.min, item.arrival)

    return Ordered(sorted(kept, key=rank), widows)


def _without_cancelled(movements: list[Movement]) -> tuple[list[Movement], list[Movement]]:
    cancels = [item for item in movements if item.cancels]
    if not cancels:
        return movements, []
    trades: dict[tuple[str, Decimal], list[int]] = defaultdict(list)
    for place, item in enumerate(movements):
        if item.kind is Kind.TRADE and not item.cancels:
            trades[item.key, item.quantity].append(place)
    gone: set[int] = set()
    widows = []
    for cancel in cancels:
        like = [place for place in trades[cancel.key, cancel.quantity] if place not in gone]
        found = _best(cancel, [(place, movements[place]) for place in like])
        if found is not None:
            gone.add(found)
        elif (larger := _larger(cancel, movements, gone)) is not None:
            whole = movements[larger]
            left = whole.quantity - cancel.quantity
            movements[larger] = whole._replace(quantity=left, cash=whole.cash + cancel.cash)
        else:
            widows.append(cancel)
    return [item for place, item in enumerate(movements) if place not in gone and not item.cancels], widows


def _larger(cancel: Movement, movements: list[Movement], gone: set[int]) -> int | None:
    """The trade of its day and price, of which it takes back a part."""
    for place, item in enumerate(movements):
        if item.kind is not Kind.TRADE or item.cancels or place in gone or item.key != cancel.key:
            continue
        named = cancel.original_id in (None, item.external_id)
        larger = abs(item.quantity) > abs(cancel.quantity) and (item.quantity > 0) == (cancel.quantity > 0)
        if named and larger and (item.on, item.price) == (cancel.on, cancel.price):
            return place
    return None


def _best(cancel: Movement, trades: list[tuple[int, Movement]]) -> int | None:
    """The trade it names, else one at the same price: of its day, else the last one before."""
    named = [place for place, trade in trades if cancel.original_id and trade.external_id == cancel.original_id]
    priced = [(trade.on, -place) for place, trade in trades if trade.price == cancel.price and trade.on <= cancel.on]
    if named:
        same = [place for place in named if dict(trades)[place].price == cancel.price]
        return (same or named)[0]
    return -max(priced)[1] if priced else None
