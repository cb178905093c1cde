"""Corporate actions: what a split, a merger, a spin-off does to lots.

A broker tells the legs: one row per instrument with the signed change of what is held.
- legs of one instrument only (FS, RS, SD): the change is spread over its lots, whose cost stays;
- one instrument goes and another comes (TC, IC, a split with a new ISIN): its lots go over with their day and cost;
  cash beside it lowers that cost first and is a gain beyond it;
- something comes alone (SO, DI, RI): a lot at what was paid for it, usually nothing. A spin-off leaves all of the cost
  with the parent, because statements do not tell how to divide it;
- something goes for money alone (a cash merger, a tender): a sale;
- something comes and money with it: the quantity is not believed, and the history is incomplete.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from stonks.core.days import spoken
from stonks.portfolio.lots import ZERO, Book, ClosedLot, Lot, share
from stonks.portfolio.movements import Movement

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
    if len(changes) == 1:
        _alone(legs[0], book(legs[0].key), changes[legs[0].key], cash)
    elif len(gone) == 1 and len(come) == 1:
        _exchange(legs[0], book(gone[0]), changes[gone[0]], book(come[0]), changes[come[0]], cash)
    else:
        for key in (*gone, *come):
            own = [leg for leg in legs if leg.key == key]
            _alone(own[0], book(key), changes[key], sum((leg.cash for leg in own), ZERO))


def _sign(book: Book) -> int:
    """Which way round it is held; an empty book counts as long."""
    return -1 if book.quantity < 0 else 1


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


def _exchange(leg: Movement, old: Book, gone: Decimal, new: Book, come: Decimal, cash: Decimal) -> None:
    moved = old.take(-gone)
    found = sum((lot.quantity for lot in moved), ZERO)
    if found != -gone:
        old.missing += gone + found
        old.say(f"The corporate action of {spoken(leg.on)} took more than had come in.")
        if not found:
            new.missing += come
            new.say(f"It came by a corporate action on {spoken(leg.on)} for something whose purchase is not here.")
            return
        come = share(come, found, -gone)
    if old.key.rpartition("/")[2] != new.key.rpartition("/")[2]:
        new.add(Lot(min(lot.opened for lot in moved), come, ZERO, cost_known=False))
        new.say(f"It came in another currency on {spoken(leg.on)}, and its cost in that one is not told.")
        return
    left, cash_left = come, cash
    for place, lot in enumerate(moved):
        last = place == len(moved) - 1
        quantity = left if last else share(come, lot.quantity, found)
        back = cash_left if last else share(cash, lot.quantity, found)
        left, cash_left = left - quantity, cash_left - back
        kept = max(lot.cost - back, ZERO) if lot.cost > 0 else lot.cost - back
        if (excess := back - (lot.cost - kept)) > 0:
            # Cash beyond the cost: a gain now, on a quantity that stays.
            old.closed.append(ClosedLot(old.key, lot.opened, leg.on, ZERO, ZERO, excess, lot.cost_known))
        new.add(Lot(lot.opened, quantity, kept, lot.cost_known))
