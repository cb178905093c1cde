"""Prices from elsewhere: kept once a day and source, and the newest one counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from stonks.ledger import importing, prices
from stonks.ledger.folding import folding
from stonks.portfolio.valuation import UPLOADED, Price
from tests.conftest import Clock
from tests.readings import ReadingOf, position, trade

D = Decimal
APPLE = "US0378331005/USD"
FIRST, LATER = date(2025, 11, 20), date(2025, 11, 21)


def test_uploaded_again_it_replaces_and_is_counted(portfolio_id: int) -> None:
    assert prices.save(portfolio_id, UPLOADED, {(APPLE, FIRST): D("1.10"), (APPLE, LATER): D(2)}) == (2, 0, 0)
    assert prices.save(portfolio_id, UPLOADED, {(APPLE, FIRST): D("1.1"), (APPLE, LATER): D(3)}) == (0, 1, 1)
    assert prices.save(portfolio_id, UPLOADED, {}) == (0, 0, 0)
    assert prices.newest(portfolio_id) == {APPLE: Price(D(3), LATER, False, UPLOADED)}


def test_a_portfolios_prices_are_its_own(new_portfolio: Callable[[], int]) -> None:
    mine, other = new_portfolio(), new_portfolio()
    prices.save(mine, UPLOADED, {(APPLE, FIRST): D(1)})
    assert prices.newest(other) == {}
    prices.remove(other, UPLOADED, APPLE, FIRST)
    assert prices.newest(mine)


def test_a_price_that_is_removed_makes_way_for_the_one_before(portfolio_id: int) -> None:
    prices.save(portfolio_id, UPLOADED, {(APPLE, FIRST): D(1), (APPLE, LATER): D(2)})
    prices.remove(portfolio_id, UPLOADED, APPLE, LATER)
    assert prices.newest(portfolio_id)[APPLE].price == 1


@pytest.mark.parametrize(
    ("uploaded", "fetched", "marked", "counts"),
    [
        (LATER, FIRST, FIRST, UPLOADED),
        (FIRST, LATER, FIRST, "tiingo"),
        (LATER, LATER, FIRST, UPLOADED),
        (LATER, LATER, LATER, None),
        (FIRST, FIRST, None, UPLOADED),
        (None, date(2025, 11, 3), None, "tiingo"),
        (date(2025, 11, 2), None, None, None),
    ],
)
def test_the_newest_counts_and_of_one_day_the_brokers_word_goes_first(
    portfolio_id: int,
    clock: Clock,
    uploaded: date | None,
    fetched: date | None,
    marked: date | None,
    counts: str | None,
) -> None:
    """The last trade was on 3 November."""
    rows = [trade("1")] + ([position("10", marked)] if marked else [])
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    for source, on in ((UPLOADED, uploaded), ("tiingo", fetched)):
        prices.save(portfolio_id, source, {(APPLE, on): D(7)} if on else {})
    price = folding(portfolio_id).prices[APPLE]
    assert price.source == counts
    assert price.reported is (counts is None and marked is not None)
