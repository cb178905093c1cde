"""Prices that no statement told: uploaded by a person or fetched from a price source, one a day, instrument and source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from sqlalchemy import and_, delete, func, select

from stonks.db import db, insert_replacing, transaction
from stonks.ledger import marks
from stonks.ledger.tables import QuotedPrice
from stonks.portfolio.valuation import Price, newer

Quotes = Mapping[tuple[str, date], Decimal]  # by instrument's key and day

_UNIQUE = ("portfolio_id", "key", "on", "source")
_AT_ONCE = 500


class Saved(NamedTuple):
    new: int
    replaced: int
    known: int  # were here with the same price


def newest(portfolio_id: int) -> dict[str, Price]:
    """By instrument's key."""
    mine = QuotedPrice.portfolio_id == portfolio_id
    last = (
        select(QuotedPrice.key, QuotedPrice.source, func.max(QuotedPrice.on).label("on"))
        .where(mine)
        .group_by(QuotedPrice.key, QuotedPrice.source)
        .subquery()
    )
    same = and_(QuotedPrice.key == last.c.key, QuotedPrice.source == last.c.source, QuotedPrice.on == last.c.on)
    found: dict[str, Price] = {}
    for row in db.session.scalars(select(QuotedPrice).join(last, same).where(mine)):
        found[row.key] = newer(found.get(row.key), Price(row.price, row.on, False, row.source))
    return found


def every(portfolio_id: int) -> list[tuple[str, Price]]:
    """With the instrument's key; of one day the price that counts comes last."""
    query = select(QuotedPrice).where(QuotedPrice.portfolio_id == portfolio_id)
    found = [(row.key, Price(row.price, row.on, False, row.source)) for row in db.session.scalars(query)]
    return sorted(found, key=lambda one: (one[1].on, one[1].rank))


def save(portfolio_id: int, source: str, quotes: Quotes) -> Saved:
    """Adds and replaces; joins a surrounding transaction or makes its own."""
    if not quotes:
        return Saved(0, 0, 0)
    with transaction():
        here = _stored(portfolio_id, source, quotes)
        changed = {place: price for place, price in quotes.items() if here.get(place) != price}
        rows = (
            {"portfolio_id": portfolio_id, "key": key, "on": on, "source": source, "price": price}
            for (key, on), price in changed.items()
        )
        while part := list(islice(rows, _AT_ONCE)):
            db.session.execute(insert_replacing(QuotedPrice, _UNIQUE), part)
        if changed:
            marks.prices(portfolio_id, changed)
    replaced = len(changed.keys() & here.keys())
    return Saved(len(changed) - replaced, replaced, len(quotes) - len(changed))


def remove(portfolio_id: int, source: str, key: str, on: date) -> None:
    """Forgets one price; nothing happens where there is none."""
    with transaction():
        db.session.execute(
            delete(QuotedPrice).where(
                QuotedPrice.portfolio_id == portfolio_id,
                QuotedPrice.source == source,
                QuotedPrice.key == key,
                QuotedPrice.on == on,
            )
        )
        marks.prices(portfolio_id, [(key, on)])


def _stored(portfolio_id: int, source: str, quotes: Quotes) -> dict[tuple[str, date], Decimal]:
    days = [on for _key, on in quotes]
    query = select(QuotedPrice.key, QuotedPrice.on, QuotedPrice.price).where(
        QuotedPrice.portfolio_id == portfolio_id,
        QuotedPrice.source == source,
        QuotedPrice.on.between(min(days), max(days)),
    )
    return {(key, on): price for key, on, price in db.session.execute(query)}
