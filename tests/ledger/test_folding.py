"""Stored entries as movements, receipts and prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from stonks.core.records import Record, Side
from stonks.db import db, transaction
from stonks.ledger.folding import Folding, folding
from stonks.ledger.importing import import_reading
from stonks.ledger.tables import Entry
from stonks.portfolio.holdings import fold
from stonks.portfolio.valuation import value
from tests.conftest import Clock
from tests.readings import ReadingOf, dividend, position, trade

D = Decimal
Fold = Callable[..., Folding]
APPLE = "US0378331005/USD"


@pytest.fixture
def folded(portfolio_id: int, clock: Clock) -> Fold:
    def let(*records: Record) -> Folding:
        import_reading(portfolio_id, ReadingOf(records), origin="upload", now=clock.now)
        return folding(portfolio_id)

    return let


def test_a_symbol_alone_means_the_isin_it_always_had(folded: Fold) -> None:
    found = folded(trade("1"), trade("2", side=Side.SELL, quantity="4")._replace(isin=None))
    assert list(found.instruments) == [APPLE]
    assert fold(found.movements).books[APPLE].quantity == 6


def test_a_new_symbol_alone_makes_no_new_instrument(folded: Fold) -> None:
    """Facebook traded as META from 9 June 2022 on, with its ISIN unchanged (Meta Platforms, Form 8-K of 31 May 2022)."""
    bought = trade("1", symbol="FB", quantity="5", on=date(2022, 3, 1))._replace(isin="US30303M1027")
    sold = trade("2", symbol="META", side=Side.SELL, quantity="2", on=date(2022, 7, 1))._replace(isin="US30303M1027")
    found = folded(bought, sold)
    assert [(one.key, one.symbol) for one in found.instruments.values()] == [("US30303M1027/USD", "META")]
    assert found.held().books["US30303M1027/USD"].quantity == 3


def test_a_bond_costs_and_is_worth_a_hundredth_of_its_face(folded: Fold) -> None:
    bond = trade("1", quantity="5000", price="98.5", commission="-5", symbol="T 4 5/8", asset_class="BOND")
    found = folded(bond)
    key = "T 4 5/8/USD"
    one = value(
        fold(found.movements).books[key],
        found.instruments[key],
        found.prices[key]._replace(price=D(99)),
        lambda *_: D(1),
        date(2025, 11, 4),
    )
    assert (one.cost, one.value, one.average_cost) == (D(4930), D(4950), D("98.6"))


def test_a_commission_in_another_currency_is_a_fee_and_no_cost(folded: Fold) -> None:
    found = folded(trade("1", quantity="10", price="100", commission="-2")._replace(commission_currency="EUR"))
    assert fold(found.movements).books[APPLE].cost == 1000
    assert [(one.amount, one.currency) for one in found.receipts] == [(D(-2), "EUR")]
    assert found.cash == {"USD": D(-1000), "EUR": D(-2)}


def test_what_was_discarded_does_not_count(folded: Fold, portfolio_id: int, clock: Clock) -> None:
    folded(trade("1"), dividend())
    with transaction():
        for entry in db.session.scalars(db.select(Entry)):
            entry.discarded_at = clock.now
    found = folding(portfolio_id)
    assert (found.entries, found.movements, found.receipts, dict(found.cash)) == (0, [], [], {})


def test_positions_of_several_accounts_add_up_and_price(folded: Fold) -> None:
    day = date(2025, 11, 20)
    found = folded(
        trade("1"),
        position("6", day)._replace(account="U1"),
        position("4", day)._replace(account="U2"),
        position("9", date(2025, 11, 19))._replace(account="U2"),
    )
    assert [(one.key, one.quantity, one.as_of) for one in found.reported] == [(APPLE, D(10), day)]
    assert (found.prices[APPLE].price, found.prices[APPLE].reported) == (D(200), True)


def test_a_short_the_broker_reports_is_known(folded: Fold) -> None:
    found = folded(trade("1", side=Side.SELL, quantity="4"), position("-4"))
    assert found.reported_short == {APPLE}
    assert fold(found.movements, reported_short=found.reported_short).books[APPLE].quantity == -4
