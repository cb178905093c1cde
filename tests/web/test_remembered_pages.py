"""Pages that a process remembers are shown again only while they are true, and only to whom they belong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from stonks.ledger import importing, manual, portfolios, review
from stonks.ledger.entries import EntryFilter, page
from stonks.ledger.manual import ManualEntry
from stonks.ledger.tables import Portfolio
from tests.conftest import Clock
from tests.readings import ReadingOf, trade

PAGES = ("", "/holdings", "/transactions", "/gains", "/income")


def of(symbol: str, price: str = "10") -> ManualEntry:
    return ManualEntry("BUY", date(2026, 1, 5), "EUR", symbol, quantity=Decimal(1), price=Decimal(price))


def add(portfolio_id: int, clock: Clock) -> None:
    manual.add(portfolio_id, of("ADDED"), clock.now)


def edit(portfolio_id: int, clock: Clock) -> None:
    entry = page(portfolio_id, EntryFilter(origin="manual")).entries[0]
    manual.edit(portfolio_id, entry.id, of("TYPED", "11.25"), clock.now)


def remove(portfolio_id: int, clock: Clock) -> None:
    manual.remove(portfolio_id, page(portfolio_id, EntryFilter(origin="manual")).entries[0].id, clock.now)


def discard(portfolio_id: int, clock: Clock) -> None:
    review.discard(portfolio_id, page(portfolio_id, EntryFilter(origin="sync")).entries[0].id, clock.now)


def restore(portfolio_id: int, clock: Clock) -> None:
    entry_id = page(portfolio_id, EntryFilter(origin="sync")).entries[0].id
    review.discard(portfolio_id, entry_id, clock.now)
    review.restore(portfolio_id, entry_id)


def bring_more(portfolio_id: int, clock: Clock) -> None:
    importing.import_reading(portfolio_id, ReadingOf([trade("2", price="7")]), origin="sync", now=clock.now)


def tell_otherwise(portfolio_id: int, clock: Clock) -> None:
    importing.import_reading(portfolio_id, ReadingOf([trade("1", commission="-3.75")]), origin="sync", now=clock.now)


@pytest.mark.parametrize(
    ("change", "gone", "come"),
    [
        (add, "", "ADDED"),
        (edit, "10.00", "11.25"),
        (remove, "TYPED", ""),
        (discard, "AAPL", ""),
        (restore, "", "AAPL"),
        (bring_more, "", "7.00"),
        (tell_otherwise, "", "3.75"),
    ],
)
def test_the_table_shows_what_has_changed_since_it_was_last_asked_for(
    signed_in: FlaskClient,
    mine: Portfolio,
    clock: Clock,
    change: Callable[[int, Clock], None],
    gone: str,
    come: str,
) -> None:
    importing.import_reading(mine.id, ReadingOf([trade("1")]), origin="sync", now=clock.now)
    manual.add(mine.id, of("TYPED"), clock.now)
    address = f"/portfolios/{mine.id}/transactions"
    before = signed_in.get(address).text
    assert gone in before
    change(mine.id, clock)
    after = rows(signed_in.get(address).text)
    assert come in after
    assert not gone or gone not in after
    assert after == rows(signed_in.get(address).text)


def rows(text: str) -> str:
    return text[text.index('<div id="entries"') :]


def test_a_portfolio_with_the_number_of_a_deleted_one_shows_nothing_of_that(
    signed_in: FlaskClient, mine: Portfolio, clock: Clock
) -> None:
    manual.add(mine.id, of("HIDDEN"), clock.now)
    owner, number = mine.user_id, mine.id
    for address in PAGES:
        signed_in.get(f"/portfolios/{number}{address}")
    portfolios.delete(mine)
    following = portfolios.create(owner, "Another", "USD", clock.now)
    assert following.id == number, "SQLite gives the number again; if it does not, there is nothing to test"
    manual.add(number, of("SHOWN"), clock.now)
    for address in PAGES:
        assert "HIDDEN" not in signed_in.get(f"/portfolios/{number}{address}").text
