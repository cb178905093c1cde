"""What was earned within a range of days, from whole months and from days, and realised gains in sum."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from stonks.core.records import CashKind
from stonks.portfolio import summary
from stonks.portfolio.earned import Own, Paid, Receipts, Sold, earned
from stonks.portfolio.flows import Flows, add_gains
from stonks.portfolio.income import Income, Receipt
from stonks.portfolio.lots import ClosedLot
from stonks.portfolio.overview import Gains, gain_in_base
from tests.portfolio.test_overview import FUTURE, instrument

D = Decimal
MAY, MAY_9, MAY_31 = date(2025, 5, 1), date(2025, 5, 9), date(2025, 5, 31)


def receipts(on: date, gross: str) -> Receipts:
    return Receipts(on, "USD", Income(gross=D(gross)), Income(gross=D(gross) / 2), 0)


def may(days: Iterable[Receipts]) -> Paid:
    return Paid(MAY, MAY_31, receipts(MAY, "100"), lambda: days)


def gross(first: date | None, last: date) -> Decimal:
    """Of a month whose sum and whose days tell apart which of them was asked."""
    return earned([may([receipts(MAY_9, "7"), receipts(MAY_31, "5")])], [], first, last).own[0].income.gross


def test_a_whole_month_counts_by_its_sum_and_a_part_of_it_by_its_days() -> None:
    assert gross(None, MAY_31) == gross(MAY, MAY_31) == 100
    assert gross(MAY, date(2025, 5, 30)) == 7
    assert gross(date(2025, 5, 2), MAY_31) == 12
    assert gross(MAY_31, date(2025, 6, 30)) == 5


def test_a_month_beyond_the_range_is_not_looked_into() -> None:
    def never() -> Iterable[Receipts]:
        raise AssertionError
        yield

    month = Paid(MAY, MAY_31, receipts(MAY, "100"), never)
    for first, last in ((date(2025, 6, 1), date(2025, 6, 30)), (None, date(2025, 4, 30))):
        assert earned([month], [], first, last).own == []


def test_gains_of_a_range_are_those_closed_on_its_days() -> None:
    sold = [
        Sold(MAY_9, "USD", Gains(D(3), 1, 0), D(4), 0),
        Sold(MAY_31, "USD", Gains(D(0), 0, 2), D(0), 2),
        Sold(MAY_31, "EUR", Gains(D(5), 1, 0), D(5), 0),
    ]
    found = earned([], sold, MAY_9, MAY_31)
    assert found.gains == Gains(D(8), 2, 2)
    assert found.own == [Own("EUR", Income(), D(5), 0), Own("USD", Income(), D(4), 2)]
    assert earned([], sold, None, MAY_9).gains == Gains(D(3), 1, 0)
    assert earned([], sold, date(2025, 5, 10), date(2025, 5, 30)).own == []


def lot(key: str, *, known: bool = True) -> ClosedLot:
    return ClosedLot(key, MAY, MAY_9, D(1), D(100), D(130), known)


def test_a_lot_without_a_known_cost_is_counted_and_gains_nothing() -> None:
    flows = Flows()
    add_gains(flows, [(lot("A"), D(27)), (lot("A"), None), (lot("A", known=False), None)])
    money = flows.days[MAY_9]
    assert (money.gain, money.sales, money.unknown) == (27, 1, 2)
    # One of them had no rate only: in its own currency it is known.
    assert (money.own_gain, money.own_unknown) == (60, 1)


def test_a_futures_gain_is_converted_once_at_the_rate_of_its_closing() -> None:
    """Nothing was paid for it: only what it gained ever was in its currency."""

    def dearer(_currency: str, on: date) -> Decimal:
        return D(2) if on == MAY else D(3)

    assert gain_in_base(lot(FUTURE), instrument(FUTURE, "FUT"), dearer) == 30 * 3
    assert gain_in_base(lot(FUTURE), instrument(FUTURE, "STK"), dearer) == 130 * 3 - 100 * 2


def test_a_year_without_a_closed_lot_any_more_leaves_the_sums() -> None:
    total = {2024: Gains(D(1), 1, 0), 2025: Gains(D(7), 2, 1)}
    summary.replace_gains_in(total, {2024: Gains(D(1), 1, 0), 2025: Gains(D(5), 1, 0)}, {})
    assert total == {2025: Gains(D(2), 1, 1)}


def test_fees_count_beside_the_net_income() -> None:
    found = Income().plus(Receipt(MAY, CashKind.FEE, D(-3), "USD")).plus(Receipt(MAY, CashKind.DIVIDEND, D(9), "USD"))
    found = found.plus(Receipt(MAY, CashKind.WITHHOLDING_TAX, D(-1), "USD"))
    assert found.plus(Receipt(MAY, CashKind.DEPOSIT, D(500), "USD")) == found == Income(D(9), D(-1), D(-3))
    assert found.net == 8
