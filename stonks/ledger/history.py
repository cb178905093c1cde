"""What the history of a portfolio's value takes beside its folding: the prices of every statement and from elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, bindparam, select

from stonks.db import read
from stonks.ledger.families import Name
from stonks.ledger.tables import QuotedPrice, ReportedPosition
from stonks.portfolio.movements import instrument_key
from stonks.portfolio.valuation import Instrument, Price

_AT_ONCE = 500
_COLUMNS = (
    ReportedPosition.id, ReportedPosition.as_of, ReportedPosition.symbol, ReportedPosition.isin,
    ReportedPosition.asset_class, ReportedPosition.currency, ReportedPosition.mark_price,
)  # fmt: skip
_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_MARKED = select(*_COLUMNS).where(
    ReportedPosition.portfolio_id == bindparam("portfolio_id"),
    ReportedPosition.mark_price.is_not(None),
    ReportedPosition.as_of >= bindparam("since"),
)
_BY_SYMBOL = _MARKED.where(ReportedPosition.symbol.in_(_NAMES))
_BY_ISIN = _MARKED.where(ReportedPosition.symbol.is_(None), ReportedPosition.isin.in_(_NAMES))
_QUOTED = (
    select(QuotedPrice.key, QuotedPrice.price, QuotedPrice.on, QuotedPrice.source)
    .where(
        QuotedPrice.portfolio_id == bindparam("portfolio_id"),
        QuotedPrice.key.in_(_NAMES),
        QuotedPrice.on >= bindparam("since"),
    )
    .order_by(QuotedPrice.id)
)


def marks(
    portfolio_id: int, names: set[Name], instruments: Iterable[Instrument], since: date = date.min
) -> Mapping[str, list[Price]]:
    """The prices from `since` on of a family's instruments, by key and in order; of one day that which counts last."""
    known = list(instruments)
    keys = {one.key for one in known}
    by_symbol = {(one.symbol.upper(), one.currency): one.key for one in known}
    found: dict[str, list[Price]] = defaultdict(list)
    for part in _parts(keys):
        for row in read(_QUOTED, portfolio_id=portfolio_id, names=part, since=since):
            found[row.key].append(Price(row.price, row.on, False, row.source))
    for row in sorted(_positions(portfolio_id, names, since), key=lambda row: row.id):
        key = instrument_key(row.isin, row.symbol, row.asset_class, row.currency)
        if key not in keys:
            key = by_symbol.get(((row.symbol or "").upper(), row.currency), key)
        if key in keys:
            found[key].append(Price(row.mark_price, row.as_of, True))
    for prices in found.values():
        prices.sort(key=lambda price: (price.on, price.rank))
    return found


def _positions(portfolio_id: int, names: set[Name], since: date) -> Iterator[Any]:
    for part in _parts({symbol for symbol, _ in names if symbol}):
        yield from read(_BY_SYMBOL, portfolio_id=portfolio_id, names=part, since=since)
    for part in _parts({isin for _, isin in names if isin}):
        yield from read(_BY_ISIN, portfolio_id=portfolio_id, names=part, since=since)


def _parts(names: set[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
