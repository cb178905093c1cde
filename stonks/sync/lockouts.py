"""Lockouts of tokens: until when the broker takes nothing, whichever portfolio or test was told.

Kept by the token's keyed hash and apart from the connection: deleting a portfolio and making it anew, as somebody who was
locked out may do, must not have the broker asked once more.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update

from stonks.db import db, insert_ignoring
from stonks.sync.tables import Lockout


def note(allowance: str, until: datetime) -> None:
    """The token is locked until then, or longer when that was known before. Wants to be called inside a transaction."""
    db.session.execute(insert_ignoring(Lockout).values(allowance=allowance, until=until))
    db.session.execute(update(Lockout).where(Lockout.allowance == allowance, Lockout.until < until).values(until=until))


def ends(allowance: str | None, now: datetime) -> datetime | None:
    """When the token's lockout is over; None = it is not locked out."""
    if allowance is None:
        return None
    return db.session.scalar(select(Lockout.until).where(Lockout.allowance == allowance, Lockout.until > now))


def rename(old: str, new: str) -> None:
    """The token is known by another name from now on. Wants to be called inside a transaction."""
    until = db.session.scalar(delete(Lockout).where(Lockout.allowance == old).returning(Lockout.until))
    if until is not None:
        note(new, until)


def prune(now: datetime) -> None:
    """Forgets those that are over. Wants to be called inside a transaction."""
    db.session.execute(delete(Lockout).where(Lockout.until <= now))
