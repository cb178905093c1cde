"""Portfolios and whose they are. Somebody else's portfolio and none at all are the same answer: NotFound."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy import delete as delete_rows

from stonks.core.errors import InvalidInput, NotFound
from stonks.db import db, transaction
from stonks.ledger.tables import Portfolio
from stonks.portfolio.lots import Method

LONGEST_NAME = 100

_MINE = select(Portfolio).where(Portfolio.user_id == bindparam("user_id")).order_by(Portfolio.name)


def create(user_id: int, name: str, base_currency: str, now: datetime, lot_method: Method = Method.FIFO) -> Portfolio:
    """A new, empty portfolio. Raises InvalidInput."""
    name, base_currency = _checked(name, base_currency)
    portfolio = Portfolio(
        user_id=user_id, name=name, base_currency=base_currency, lot_method=lot_method, created_at=now
    )
    with transaction():
        db.session.add(portfolio)
    return portfolio


def get(user_id: int, portfolio_id: int) -> Portfolio:
    """Raises NotFound when there is none or it is another user's."""
    found = db.session.scalar(select(Portfolio).where(Portfolio.id == portfolio_id, Portfolio.user_id == user_id))
    if found is None:
        raise NotFound("There is no such portfolio.")
    return found


def list_for(user_id: int) -> list[Portfolio]:
    """By name."""
    return list(db.session.scalars(_MINE, {"user_id": user_id}))


def rename(portfolio: Portfolio, name: str, base_currency: str, lot_method: Method | None = None) -> None:
    """`lot_method` None leaves it as it is. Raises InvalidInput."""
    name, base_currency = _checked(name, base_currency)
    with transaction():
        portfolio.name = name
        portfolio.base_currency = base_currency
        if lot_method is not None:
            portfolio.lot_method = lot_method


def delete(portfolio: Portfolio) -> None:
    """Removes the portfolio and everything of it: entries, statements, connection and its sealed token."""
    portfolio_id = portfolio.id
    with transaction():
        db.session.execute(delete_rows(Portfolio).where(Portfolio.id == portfolio_id))


def _checked(name: str, base_currency: str) -> tuple[str, str]:
    name, currency = " ".join(name.split()), base_currency.strip().upper()
    wrong: dict[str, str] = {}
    if not name:
        wrong["name"] = "Give the portfolio a name."
    elif len(name) > LONGEST_NAME:
        wrong["name"] = f"A name has at most {LONGEST_NAME} characters."
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        wrong["base_currency"] = "A currency has three letters, like USD."
    if wrong:
        raise InvalidInput(wrong)
    return name, currency
