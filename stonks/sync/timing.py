"""When a connection is synced next. Pure: the broker tells its windows, `now` comes in."""

from __future__ import annotations

from datetime import datetime, timedelta

from stonks.brokers.contract import Broker
from stonks.sync.states import NextSync

SLOTS = 10_000
MOST_REQUESTS_A_DAY = 3  # by schedule; each refused one brings IBKR's lockout nearer
LATER = timedelta(hours=4)


def slot_for(portfolio_id: int) -> int:
    """A stable place within the daily window, spread evenly over neighbouring ids."""
    return portfolio_id * 6_181 % SLOTS


def next_regular(broker: Broker, slot: int, now: datetime, every: timedelta | None) -> datetime:
    """The connection's place in the first window that has it still to come. `every` replaces the windows."""
    if every is not None:
        return now + every
    asked = now
    # A window that has begun may have the place behind it, and a broker may name the window under way.
    for _ in range(10):
        first, last = broker.sync_window(asked)
        place = first + (last - first) * slot / SLOTS
        if place > now:
            return place
        asked = max(last, asked + timedelta(hours=1))
    return now + timedelta(days=1)


def next_after(
    end: NextSync, broker: Broker, slot: int, now: datetime, every: timedelta | None, *, requests_today: int
) -> datetime | None:
    """After a run that ended so; None = not by itself. A lockout's end is not known here: see `locked_until`."""
    if end in (NextSync.STOPPED, NextSync.UNLOCKED):
        return None
    regular = next_regular(broker, slot, now, every)
    if end is NextSync.HOURS and every is None and requests_today < MOST_REQUESTS_A_DAY:
        return min(regular, now + LATER)
    return regular
