"""Corporate actions: what a split, a merger, a spin-off does to lots.

A broker tells the legs: one row per instrument with the signed change of what is held.
- legs of one instrument only (FS, RS, SD): the change is spread over its lots, whose cost stays;
- one instrument goes and another comes (TC, IC, a split with a new ISIN): its lots go over with their day and cost;
  cash beside it lowers that cost first and is a gain beyond it;
- one instrument goes and several come (a merger into shares and rights): the same, its cost divided in proportion to what
  they were worth, as 26 CFR 1.358-2 has it and the rows tell; where they do not, what each of them cost is not known;
- something comes alone (SO, DI, RI): a lot at what was paid for it, usually nothing. A spin-off leaves all of the cost
  with the parent, because statements do not tell how to divide it;
- something goes for money alone (a cash merger, a tender): a sale;
- money alone, told of something held: what comes lowers its cost first and is a gain beyond it, what is paid raises it;
- something comes and money with it: the quantity is not believed, and the history is incomplete.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from stonks.core.days import spoken
from stonks.portfolio.lots import ZERO, Book, ClosedLot, Lot, divided, share
from stonks.portfolio.movements import Movement


class _Part(NamedTuple):
    """What comes in an exchange."""

    book: Book
    quantity: Decimal
    worth: Decimal  # 0 where that is not told


# Something else must come for what goes: without that other leg the lots are gone without a trace.
_EXCHANGES = frozenset({"FS", "RS", "IC", "TC", "TO", "SO"})


def grouped(legs: Iterable[Movement]) -> list[list[Movement]]:
    """The legs of each action of one day: by the broker's id, else by kind and the words before the last bracket."""
    groups: dict[tuple[str, str], list[Movement]] = defaultdict(list)
    for leg in legs:
        groups[group_of(leg.action_id, leg.action_kind, leg.description)].append(leg)
    return list(groups.values())


def group_of(action_id: str | None, kind: str, description: str) -> tuple[str, str]:
    """What the legs of one action have in common on their day."""
    return ("id", action_id) if action_id else (kind, description.rpartition("(")[0])


def apply(legs: list[Movement], book: Callable[[str], Book]) -> None:
    changes: dict[str, Decimal] = defaultdict(Decimal)
    for leg in legs:
        changes[leg.key] += leg.quantity
    gone = [key for key, change in changes.items() if change * _sign(book(key)) < 0]
    come = [key for key, change in changes.items() if change and key not in gone]
    cash = sum((leg.cash for leg in legs), ZERO)
    if not any(changes.values()):
        for key in changes:
            _money(legs[0], book(key), sum((leg.cash for leg in legs if leg.key == key), ZERO))
    elif len(changes) == 1:
        _alone(legs[0], book(legs[0].key), changes[legs[0].key], cash)
    elif len(gone) == 1 and (len(come) == 1 or (come and legs[0].action_kind in _EXCHANGES)):
        parts = [_Part(book(key), changes[key], _worth(key, legs)) for key in come]
        _exchange(legs[0], book(gone[0]), changes[gone[0]], parts, cash)
    else:
        for key in (*gone, *come):
            own = [leg for leg in legs if leg.key == key]
            _alone(own[0], book(key), changes[key], sum((leg.cash for leg in own), ZERO))


def _sign(book: Book) -> int:
    """Which way round it is held; an empty book counts as long."""
    return -1 if book.quantity < 0 else 1


def _worth(key: str, legs: list[Movement]) -> Decimal:
    told = [leg.worth for leg in legs if leg.key == key]
    return ZERO if None in told else abs(sum((one for one in told if one), ZERO))


def _alone(leg: Movement, book: Book, change: Decimal, cash: Decimal) -> None:
    held = book.quantity
    if leg.action_kind in ("FS", "RS", "SD") and book.scale(change):
        return
    if change * cash > 0:
        # What is got is paid for, or what is given paid with: never both alike. A redemption and a coupon were told so.
        book.say(
            f"The corporate action of {spoken(leg.on)} moved quantity and money the same way: only the money counts."
        )
    elif change * _sign(book) > 0:
        if leg.action_kind in ("FS", "SD") and not held:
            book.missing += change
            book.say(f"Nothing was held when the split of {spoken(leg.on)} came.")
            return
        alone_is_odd = leg.action_kind in _EXCHANGES and leg.action_kind != "SO" and not cash
        if alone_is_odd:
            book.say(f"It came by a corporate action on {spoken(leg.on)}, and what went for it is not here.")
        book.add(Lot(leg.on, change, -cash, cost_known=not alone_is_odd))
    elif leg.action_kind in _EXCHANGES and not cash:
        book.take(-change)
        book.say(f"The corporate action of {spoken(leg.on)} took it away, and what came for it is not here.")
    else:
        book.trade(change, cash, leg.on, may_open=False)


def _money(leg: Movement, book: Book, cash: Decimal) -> None:
    held = book.quantity
    if cash and held:
        _exchange(leg, book, -held, [_Part(book, held, ZERO)], cash)
    elif cash:
        book.unmatched_cash += cash
        book.say(f"The corporate action of {spoken(leg.on)} moved money, and nothing of it was held.")


def _exchange(leg: Movement, old: Book, gone: Decimal, parts: list[_Part], cash: Decimal) -> None:
    moved = old.take(-gone)
    found = sum((lot.quantity for lot in moved), ZERO)
    if found != -gone:
        old.missing += gone + found
        old.say(f"The corporate action of {spoken(leg.on)} took more than had come in.")
        if not found:
            for part in parts:
                part.book.missing += part.quantity
                part.book.say(
                    f"It came by a corporate action on {spoken(leg.on)} for something whose purchase is not here."
                )
            return
        parts = [part._replace(quantity=share(part.quantity, found, -gone)) for part in parts]
    unknown = _why_cost_is_unknown(leg, old, parts)
    if unknown:
        for part in parts:
            part.book.add(Lot(min(lot.opened for lot in moved), part.quantity, ZERO, cost_known=False))
            part.book.say(unknown)
        return
    held, worths = [lot.quantity for lot in moved], [part.worth for part in parts]
    quantities = [divided(part.quantity, held) for part in parts]
    for place, (lot, back) in enumerate(zip(moved, divided(cash, held), strict=True)):
        kept = max(lot.cost - back, ZERO) if lot.cost > 0 else lot.cost - back
        if (excess := back - (lot.cost - kept)) > 0:
            # Cash beyond the cost: a gain now, on a quantity that stays.
            old.closed.append(ClosedLot(old.key, lot.opened, leg.on, ZERO, ZERO, excess, lot.cost_known))
        costs = divided(kept, worths) if len(parts) > 1 else [kept]
        for part, of_part, cost in zip(parts, quantities, costs, strict=True):
            part.book.add(Lot(lot.opened, of_part[place], cost, lot.cost_known))


def _why_cost_is_unknown(leg: Movement, old: Book, parts: list[_Part]) -> str:
    """Empty where it follows from the legs."""
    currency = old.key.rpartition("/")[2]
    if any(part.book.key.rpartition("/")[2] != currency for part in parts):
        return f"It came in another currency on {spoken(leg.on)}, and its cost in that one is not told."
    if len(parts) > 1 and not all(part.worth for part in parts):
        return f"It came with others by a corporate action on {spoken(leg.on)}, and how the cost divides is not told."
    return ""
