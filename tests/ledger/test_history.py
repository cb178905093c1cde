"""What a portfolio's value over time takes beside its folding."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from stonks.core.records import FxConversion, Record, Side
from stonks.db import db, transaction
from stonks.ledger import history, measuring, prices, snapshot
from stonks.ledger import marks as marks_of
from stonks.ledger.folding import folding
from stonks.ledger.importing import import_reading
from stonks.ledger.tables import Entry, Portfolio
from stonks.portfolio.valuation import UPLOADED, Price
from tests.conftest import Clock
from tests.portfolio.plainly import CashDay
from tests.readings import ReadingOf, dividend, position, trade

D = Decimal
DAY = date(2025, 11, 3)


def let(portfolio_id: int, clock: Clock, *records: Record) -> None:
    import_reading(portfolio_id, ReadingOf(records), origin="upload", now=clock.now)


def cash(portfolio_id: int) -> set[CashDay]:
    assert snapshot.refresh(portfolio_id)
    days = measuring.measurable(db.session.get_one(Portfolio, portfolio_id)).told.account.cash
    return {CashDay(on, currency, amount) for on, moved in days.items() for currency, amount in moved.items()}


def marks(portfolio_id: int) -> list[Price]:
    found = history.marks(
        portfolio_id, {("AAPL", "US0378331005"), ("AAPL", "")}, folding(portfolio_id).instruments.values()
    )
    assert found.keys() == {"US0378331005/USD"}
    return found["US0378331005/USD"]


def test_the_marks_of_all_days_are_found_by_isin_or_by_symbol_alone(portfolio_id: int, clock: Clock) -> None:
    let(
        portfolio_id,
        clock,
        trade("1"),
        position("10", date(2025, 11, 19)),
        position("10", date(2025, 11, 20))._replace(isin=None, mark_price=D(201)),
        position("10", date(2025, 11, 21))._replace(mark_price=None),
    )
    assert marks(portfolio_id) == [
        Price(D(200), date(2025, 11, 19), True),
        Price(D(201), date(2025, 11, 20), True),
    ]


def test_prices_from_elsewhere_are_marks_too_and_of_one_day_the_statements_counts(
    portfolio_id: int, clock: Clock
) -> None:
    let(portfolio_id, clock, trade("1"), position("10", date(2025, 11, 19)))
    key = "US0378331005/USD"
    prices.save(portfolio_id, UPLOADED, {(key, on): D(190) for on in (date(2025, 11, 18), date(2025, 11, 19))})
    prices.save(portfolio_id, "tiingo", {(key, date(2025, 11, 18)): D(180)})
    assert [price.price for price in marks(portfolio_id)] == [D(180), D(190), D(190), D(200)]


def test_a_day_moves_trades_with_their_costs_and_payments(portfolio_id: int, clock: Clock) -> None:
    bought = trade("1", quantity="10", price="100", commission="-2")._replace(taxes=D("-3"))
    in_euros = trade("2", quantity="1", price="100", commission="-1.50")._replace(commission_currency="EUR")
    let(portfolio_id, clock, bought, in_euros, dividend("3", "7", DAY))
    assert cash(portfolio_id) == {CashDay(DAY, "USD", D(-1098)), CashDay(DAY, "EUR", D("-1.50"))}


def test_a_conversion_moves_both_currencies(portfolio_id: int, clock: Clock) -> None:
    changed = FxConversion(
        DAY, False, D(110), "USD", D(100), "EUR", D("1.10"), "EUR.USD", "USD", D(-2), "GBP",
        None, "9", None, None, None, 2, b"f" * 20,
    )  # fmt: skip
    let(portfolio_id, clock, changed)
    assert cash(portfolio_id) == {
        CashDay(DAY, "USD", D(-110)),
        CashDay(DAY, "EUR", D(100)),
        CashDay(DAY, "GBP", D(-2)),
    }


def test_a_future_moves_its_notional_and_its_cancellation_moves_it_back(portfolio_id: int, clock: Clock) -> None:
    bought = trade("1", quantity="1", price="1.25", commission=None, symbol="6SZ5", asset_class="FUT")
    bought = bought._replace(multiplier=D(125000))
    let(portfolio_id, clock, bought)
    assert cash(portfolio_id) == {CashDay(DAY, "USD", D(-156250))}
    back = trade(None, quantity="1", price="1.25", commission=None, symbol="6SZ5", asset_class="FUT", cancels=True)
    let(portfolio_id, clock, back._replace(multiplier=D(125000), original_id="1"))
    assert cash(portfolio_id) == set()


def test_a_sale_brings_and_what_was_discarded_moves_nothing(portfolio_id: int, clock: Clock) -> None:
    let(portfolio_id, clock, trade("1", side=Side.SELL, quantity="2", price="50", commission=None))
    assert cash(portfolio_id) == {CashDay(DAY, "USD", D(100))}
    with transaction():
        for entry in db.session.scalars(db.select(Entry)):
            entry.discarded_at = clock.now
        marks_of.everything(portfolio_id)
    assert cash(portfolio_id) == set()
