"""Movements in few words, for worked examples."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from stonks.portfolio.exercises import CODES, leg_of
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


def option(on: str, quantity: str, price: str, key: str, *codes: str, fee: str = "0", **more: Any) -> Movement:
    """Of a hundred shares; with a code of an exercise it ends by one."""
    leg = leg_of(key.rpartition("/")[0], "OPT", None, Decimal(price), Decimal(100))
    made = trade(on, quantity, price, key=key, unit="100", fee=fee, asset_class="OPT", codes=frozenset(codes), **more)
    return made._replace(leg=None if CODES.isdisjoint(codes) else leg)


def delivered(on: str, quantity: str, strike: str, symbol: str, key: str, *codes: str, **more: Any) -> Movement:
    """Shares that came (+) or went (-) for options."""
    made = trade(on, quantity, strike, key=key, asset_class="STK", codes=frozenset(codes), **more)
    return made._replace(leg=leg_of(symbol, "STK", None, Decimal(strike), None))


def action(on: str, kind: str, quantity: str, *, key: str = KEY, cash: str = "0", **more: Any) -> Movement:
    return Movement(day(on), Kind.ACTION, key, Decimal(quantity), Decimal(cash), action_kind=kind, **more)


def transfer(on: str, quantity: str, *, key: str = KEY) -> Movement:
    kind = Kind.TRANSFER_IN if Decimal(quantity) > 0 else Kind.TRANSFER_OUT
    return Movement(day(on), kind, key, Decimal(quantity), Decimal(0), cash_known=False)
