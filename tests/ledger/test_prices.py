"""Prices from elsewhere: kept once a day and source, and the newest one counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from stonks.ledger import agreeing, entries, importing, prices, review, snapshot
from stonks.ledger.entries import EntryFilter
from stonks.ledger.folding import folding
from stonks.portfolio.reconcile import Difference
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


def bought(number: str, isin: str | None, **more: object) -> object:
    return trade(number, quantity="1", price="3", on=FIRST, symbol="AAPL", **more)._replace(isin=isin)  # type: ignore[arg-type]


def come(portfolio_id: int, clock: Clock, *rows: object) -> None:
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="upload", now=clock.now)  # type: ignore[arg-type]
    snapshot.refresh(portfolio_id)


def test_an_isin_that_is_learned_later_takes_prices_and_dismissals_along(portfolio_id: int, clock: Clock) -> None:
    come(portfolio_id, clock, bought("1", None))
    prices.save(
        portfolio_id, UPLOADED, {("AAPL/USD", FIRST): D(1), ("AAPL/USD", LATER): D(2), ("AAPL/EUR", LATER): D(9)}
    )
    prices.save(portfolio_id, UPLOADED, {(APPLE, LATER): D(5)})
    agreeing.dismiss(portfolio_id, Difference("AAPL/USD", D(1), D(3)), "Two are in the post.", clock.now)
    come(portfolio_id, clock, bought("2", "US0378331005"))
    assert sorted(prices.every(portfolio_id), key=lambda one: one[1].price) == [
        (APPLE, Price(D(1), FIRST, False, UPLOADED)),
        (APPLE, Price(D(5), LATER, False, UPLOADED)),  # was there under the new key and stays
        ("AAPL/EUR", Price(D(9), LATER, False, UPLOADED)),  # another listing's
    ]
    open_, dismissed = agreeing.part(portfolio_id, [Difference(APPLE, D(1), D(3))])
    assert (open_, [one.note for one in dismissed]) == ([], ["Two are in the post."])


def test_an_isin_that_is_taken_back_leaves_the_prices_with_the_symbol(portfolio_id: int, clock: Clock) -> None:
    come(portfolio_id, clock, bought("1", None), bought("2", "US0378331005"))
    prices.save(portfolio_id, UPLOADED, {(APPLE, FIRST): D(1)})
    named = next(one for one in entries.page(portfolio_id, EntryFilter()).entries if one.isin)
    review.discard(portfolio_id, named.id, clock.now)
    assert prices.newest(portfolio_id) == {"AAPL/USD": Price(D(1), FIRST, False, UPLOADED)}
