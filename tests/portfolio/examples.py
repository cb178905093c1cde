"""Movements in few words, for worked examples."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from stonks.portfolio.movements import Kind, Movement

KEY = "US0378331005/USD"


def day(text: str) -> date:
    return date.fromisoformat(text)


def trade(
    on: str, quantity: str, price: str, *, key: str = KEY, fee: str = "0", unit: str = "1", at: str = "", **more: Any
) -> Movement:
    """A purchase (+) or sale (-); `fee` is what it cost, `unit` the contract's multiplier."""
    cash = -Decimal(quantity) * Decimal(price) * Decimal(unit) - Decimal(fee)
    time = datetime.fromisoformat(f"{on}T{at}") if at else None
    return Movement(day(on), Kind.TRADE, key, Decimal(quantity), cash, price=Decimal(price), at=time, **more)


def action(on: str, kind: str, quantity: str, *, key: str = KEY, cash: str = "0", **more: Any) -> Movement:
    return Movement(day(on), Kind.ACTION, key, Decimal(quantity), Decimal(cash), action_kind=kind, **more)


def transfer(on: str, quantity: str, *, key: str = KEY) -> Movement:
    kind = Kind.TRANSFER_IN if Decimal(quantity) > 0 else Kind.TRANSFER_OUT
    return Movement(day(on), kind, key, Decimal(quantity), Decimal(0), cash_known=False)
