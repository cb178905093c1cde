"""Trades into lots: worked examples, and what holds for any trades at all."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonks.portfolio.holdings import fold
from stonks.portfolio.lots import Book, Method
from stonks.portfolio.movements import Kind, Movement
from tests.portfolio.examples import KEY, trade

D = Decimal


def book(*movements: Movement, method: Method = Method.FIFO, short: bool = False) -> Book:
    return fold(movements, method=method, reported_short=frozenset({KEY} if short else ())).books[movements[0].key]


BUYS = (trade("2024-02-01", "100", "12"), trade("2024-03-01", "200", "11.50"))


def test_a_sale_takes_the_oldest_lots_first() -> None:
    found = book(*BUYS, trade("2024-06-03", "-160", "13"))
    assert [(lot.quantity, lot.cost, lot.gain) for lot in found.closed] == [
        (D(100), D(1200), D(100)),
        (D(60), D(690), D(90)),
    ]
    assert (found.quantity, found.cost) == (D(140), D(1610))


def test_average_cost_spreads_the_cost_over_all_shares() -> None:
    found = book(*BUYS, trade("2024-06-03", "-150", "13"), method=Method.AVERAGE)
    assert [(lot.cost, lot.gain) for lot in found.closed] == [(D(1750), D(200))]
    assert (found.quantity, found.cost) == (D(150), D(1750))


# Table 3 of the Internal Revenue Service's Publication 564 (2009), "Example of How To Figure Basis of Shares Sold".
IRS_TABLE = (
    trade("2008-02-06", "160", "25"),
    trade("2008-08-07", "240", "20"),
    trade("2008-12-18", "10", "30"),
    trade("2009-10-01", "-210", "32"),
)


def test_both_methods_give_the_basis_of_the_internal_revenue_services_table() -> None:
    first_out = book(*IRS_TABLE)
    assert [(lot.quantity, lot.cost) for lot in first_out.closed] == [(D(160), D(4000)), (D(50), D(1000))]
    assert sum(lot.gain or 0 for lot in first_out.closed) == 6720 - 5000
    average = book(*IRS_TABLE, method=Method.AVERAGE)
    # The table rounds 9,100 / 410 to 22.20 a share, which makes 4,662.
    assert [(lot.quantity, round(lot.cost, 2)) for lot in average.closed] == [(D(210), D("4660.98"))]
    assert round(average.cost / average.quantity, 2) == D("22.20")
    assert average.closed[0].cost + average.cost == 9100


def test_a_pool_with_costs_of_dealing_gives_the_revenue_and_customs_gains() -> None:
    """HM Revenue & Customs, helpsheet HS284, example 3 (Ms Pierson, Lobster plc): gains of 329 and 300 pounds."""
    found = book(
        trade("2015-04-01", "1000", "4.00", fee="150"),
        trade("2017-09-01", "500", "4.10", fee="80"),
        trade("2018-05-01", "-700", "4.80", fee="100"),
        trade("2019-02-01", "-400", "5.20", fee="105"),
        method=Method.AVERAGE,
    )
    assert [(round(lot.cost), lot.proceeds, round(lot.gain or 0)) for lot in found.closed] == [
        (D(2931), D(3260), D(329)),
        (D(1675), D(1975), D(300)),
    ]
    assert (found.quantity, round(found.cost)) == (D(400), D(1675))


def test_commissions_raise_the_cost_and_lower_the_proceeds() -> None:
    found = book(trade("2024-01-02", "10", "100", fee="1"), trade("2024-01-03", "-10", "110", fee="1.50"))
    assert (found.closed[0].cost, found.closed[0].proceeds, found.closed[0].gain) == (D(1001), D("1098.50"), D("97.50"))


def test_fractional_shares_stay_exact() -> None:
    found = book(trade("2024-01-02", "0.3333", "30.03"), trade("2024-01-03", "-0.1111", "31"))
    assert found.quantity == D("0.2222")
    assert found.cost + found.closed[0].cost == D("0.3333") * D("30.03")


def test_a_cancelled_trade_never_happened() -> None:
    wrong = trade("2024-01-02", "10", "100", external_id="7")
    cancel = trade("2024-01-03", "10", "100", cancels=True, original_id="7")
    replaced = trade("2024-01-03", "10", "99", external_id="7")
    found = book(wrong, replaced, cancel)
    assert [(lot.quantity, lot.cost) for lot in found.lots] == [(D(10), D(990))]
    assert found.complete


def test_a_trade_taken_back_in_part_keeps_the_rest_at_its_price() -> None:
    taken_back = trade("2024-01-02", "4", "100", cancels=True)._replace(cash=D(400))
    found = book(trade("2024-01-02", "10", "100", fee="1"), trade("2024-01-02", "20", "90"), taken_back)
    assert (found.quantity, found.cost, found.complete) == (26, 601 + 1800, True)


def test_a_cancellation_of_a_trade_that_is_not_here_is_said() -> None:
    found = book(trade("2024-01-02", "5", "100"), trade("2024-01-03", "10", "100", cancels=True))
    assert found.quantity == 5
    assert not found.complete


def test_a_sale_without_its_purchase_is_missing_history_and_no_short() -> None:
    found = book(trade("2024-01-02", "10", "100"), trade("2024-02-01", "-15", "120"))
    assert found.quantity == 0
    assert found.missing == -5
    assert [(lot.quantity, lot.gain) for lot in found.closed] == [(D(10), D(200))]
    assert found.unmatched_cash == 600


@pytest.mark.parametrize("told", ["by the broker's code", "by the broker's positions", "by being an option"])
def test_a_short_is_one_where_it_is_told(told: str) -> None:
    codes = frozenset({"O"}) if "code" in told else frozenset()
    asset_class = "OPT" if "option" in told else "STK"
    sale = trade("2024-01-02", "-10", "50", fee="1", codes=codes, asset_class=asset_class)
    found = book(sale, trade("2024-02-01", "10", "40", fee="1"), short="positions" in told)
    assert [(lot.quantity, lot.cost, lot.gain) for lot in found.closed] == [(D(-10), D(-499), D(98))]
    assert not found.lots


def test_a_sale_beyond_what_is_held_turns_an_option_short() -> None:
    found = book(
        trade("2024-01-02", "1", "2", unit="100", asset_class="OPT"),
        trade("2024-01-03", "-3", "3", unit="100", asset_class="OPT"),
    )
    assert [lot.gain for lot in found.closed] == [D(100)]
    assert [(lot.quantity, lot.cost) for lot in found.lots] == [(D(-2), D(-600))]


def test_an_option_that_expires_worthless_closes_at_nothing() -> None:
    """Like TLT 250613C00089500 in the sample options_future_2025: three bought, three expired by rows at price 0."""
    found = book(
        trade("2025-05-21", "2", "0.2", unit="100", asset_class="OPT"),
        trade("2025-05-21", "1", "0.14", unit="100", asset_class="OPT"),
        trade("2025-06-13", "-3", "0", unit="100", asset_class="OPT", codes=frozenset({"Ep"})),
    )
    assert sum(lot.gain or 0 for lot in found.closed) == D(-54)
    assert not found.lots


def test_the_expiry_of_an_option_written_before_the_history_opens_nothing() -> None:
    """Like IGIC 250117C00025000 there: the only row is the expiry of what was sold the year before."""
    found = book(trade("2025-01-17", "1", "0", unit="100", asset_class="OPT"))
    assert not found.lots
    assert not found.complete


def test_futures_gain_the_difference_times_the_multiplier() -> None:
    """Like 6SZ5 there: sold at 1.2650, bought at 1.2500, 125,000 francs each."""
    found = book(
        trade("2025-10-17", "-1", "1.265", unit="125000", asset_class="FUT"),
        trade("2025-10-17", "1", "1.25", unit="125000", asset_class="FUT"),
    )
    assert [lot.gain for lot in found.closed] == [D(1875)]


def test_of_one_day_purchases_come_first_where_times_are_not_told() -> None:
    found = book(trade("2024-01-02", "-10", "110"), trade("2024-01-02", "10", "100"))
    assert [lot.gain for lot in found.closed] == [D(100)]
    assert found.complete


def test_of_one_day_the_clock_decides_where_all_times_are_told() -> None:
    found = book(
        trade("2024-01-02", "-10", "110", at="15:00:00", arrival=1),
        trade("2024-01-02", "10", "100", at="09:30:00", arrival=3),
        trade("2024-01-02", "10", "120", at="15:30:00", arrival=2),
    )
    assert [lot.gain for lot in found.closed] == [D(100)]
    assert [lot.cost for lot in found.lots] == [D(1200)]


amounts = st.decimals(min_value="0.0001", max_value="100000", places=4)
trades = st.lists(st.tuples(amounts, amounts, st.booleans(), st.integers(0, 30)), min_size=1, max_size=25)


@given(trades, st.sampled_from(Method), st.booleans())
def test_no_share_and_no_money_is_ever_lost_or_made(
    made: list[tuple[Decimal, Decimal, bool, int]], method: Method, derivative: bool
) -> None:
    movements = [
        Movement(
            on=date(2024, 1, 1) + timedelta(days=days),
            kind=Kind.TRADE,
            key=KEY,
            quantity=-quantity if sells else quantity,
            cash=cash if sells else -cash,
            price=cash / quantity,
            arrival=place,
            asset_class="FUT" if derivative else "STK",
        )
        for place, (quantity, cash, sells, days) in enumerate(made)
    ]
    found = fold(movements, method=method).books[KEY]
    assert found.quantity + found.missing == sum(one.quantity for one in movements)
    gains = sum((lot.gain or D(0) for lot in found.closed), D(0))
    assert gains - found.cost + found.unmatched_cash == sum(one.cash for one in movements)
    assert not derivative or found.complete
