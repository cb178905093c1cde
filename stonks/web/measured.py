"""How a portfolio did over a range of days, for the pages that tell of it; remembered until the figures change."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from stonks.ledger import figures, measuring
from stonks.ledger.measuring import Measurable
from stonks.ledger.tables import Portfolio
from stonks.portfolio.earned import Earned, earned
from stonks.portfolio.performance import Performance, performance
from stonks.portfolio.valuation import Instrument


class Lack(NamedTuple):
    symbol: str
    days: int


class Measured(NamedTuple):
    anything: bool  # whether there are transactions at all
    view: Performance
    left_out: list[Instrument]
    unpriced: list[Lack]


def over(portfolio: Portfolio, first: date | None, last: date) -> Measured:
    """`first` None: from the beginning; both days included. Raises Stale."""

    def measure() -> Measured:
        found = _measurable(portfolio)
        view = performance(found.told, found.rates, first, last)
        return Measured(
            anything=found.anything,
            view=view,
            left_out=[found.instruments[key] for key in view.left_out],
            unpriced=[Lack(found.instruments[key].symbol, days) for key, days in view.unpriced],
        )

    return figures.remembered(portfolio, ("performance", first, last), measure)


def earned_over(portfolio: Portfolio, first: date | None, last: date) -> Earned:
    """The same of what was earned. Raises Stale."""
    found = _measurable(portfolio)
    return earned(found.paid, found.sold, first, last)


def _measurable(portfolio: Portfolio) -> Measurable:
    # Every range of days comes from the same figures.
    return figures.remembered_large(portfolio, ("measurable",), lambda: measuring.measurable(portfolio))
