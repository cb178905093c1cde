"""The history of a portfolio's value, found the plain way from all entries, positions and prices: what
tests/portfolio/plainly.py walks through."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from stonks.core.amounts import PER_HUNDRED_CLASSES
from stonks.db import db
from stonks.ledger import folding, prices
from stonks.ledger.entries import FOLD_ROWS
from stonks.ledger.folding import Folding
from stonks.ledger.tables import Entry, ReportedPosition
from stonks.portfolio.movements import instrument_key
from stonks.portfolio.valuation import Price
from tests.portfolio.plainly import CashDay, Mark, Told

_COLUMNS = (
    Entry.kind, Entry.type, Entry.entry_date, Entry.currency, Entry.quantity, Entry.price, Entry.amount,
    Entry.commission, Entry.commission_currency, Entry.taxes, Entry.other_amount, Entry.other_currency,
    Entry.cancels, Entry.asset_class, Entry.multiplier,
)  # fmt: skip


def told(portfolio_id: int) -> Told:
    found = folding.folding(portfolio_id)
    marked, cash = marks(portfolio_id, found), cash_days(portfolio_id)
    # Prices of what is no instrument of the portfolio make no day of it.
    marked = [mark for mark in marked if mark.key in found.instruments]
    return Told(found.movements, found.receipts, found.instruments, found.held(), marked, cash)


def marks(portfolio_id: int, found: Folding) -> list[Mark]:
    """The prices of all days that statements reported positions of, and those from elsewhere, by the instruments' keys
    in `found`. Of one day the one that counts comes last."""
    position = ReportedPosition
    query = select(
        position.as_of, position.symbol, position.isin, position.asset_class, position.currency, position.mark_price
    ).where(position.portfolio_id == portfolio_id, position.mark_price.is_not(None))
    by_symbol = {(one.symbol.upper(), one.currency): key for key, one in found.instruments.items()}
    told = [Mark(key, price) for key, price in prices.every(portfolio_id)]
    for row in db.session.execute(query):
        key = instrument_key(row.isin, row.symbol, row.asset_class, row.currency)
        if key not in found.instruments:
            key = by_symbol.get(((row.symbol or "").upper(), row.currency), key)
        told.append(Mark(key, Price(row.mark_price, row.as_of, True)))
    return told


def cash_days(portfolio_id: int) -> list[CashDay]:
    """What each day moved of each currency: trades, payments, conversions, commissions and taxes."""
    query = (
        select(*_COLUMNS)
        .where(Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None))
        .execution_options(yield_per=FOLD_ROWS)
    )
    days: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for row in db.session.execute(query):
        on = row.entry_date
        days[on, row.currency] += (row.amount if row.amount is not None else _notional(row)) + (row.taxes or 0)
        if row.commission:
            days[on, row.commission_currency or row.currency] += row.commission
        if row.kind == "FX" and row.other_amount and row.other_currency:
            days[on, row.other_currency] += row.other_amount
    return [CashDay(on, currency, amount) for (on, currency), amount in days.items() if amount]


def _notional(row: Any) -> Decimal:
    """What a future's trade would have moved, had its notional been paid; nothing for other rows without an amount."""
    if row.kind != "TRADE":
        return Decimal(0)
    unit = (row.multiplier or Decimal(1)) / (100 if row.asset_class in PER_HUNDRED_CLASSES else 1)
    amount: Decimal = row.quantity * (row.price or 0) * unit
    return amount if (row.type == "SELL") is not row.cancels else -amount
