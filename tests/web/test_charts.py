"""The pictures' geometry: what is drawn where, and that a long history stays a short picture."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from stonks.portfolio.income import Income
from stonks.portfolio.overview import Month, Point
from stonks.web import charts

D = Decimal


def months(*incomes: Income) -> list[Month]:
    return [Month(date(2026, place + 1, 1), one) for place, one in enumerate(incomes)]


def test_withheld_stands_on_top_of_net() -> None:
    chart = charts.bars(months(Income(D(100), D(-15)), Income()), "USD")
    bar, nothing = chart.bars
    assert bar.net_y + bar.net_height == chart.zero
    assert bar.withheld_y < bar.net_y
    assert bar.withheld_y + bar.withheld_height < bar.net_y
    assert (nothing.net_height, nothing.withheld_height) == (0, 0)
    assert [tick.text for tick in chart.ticks] == ["0", "50", "100"]
    assert bar.words == "January 2026: net 85.00 USD, withheld \u221215.00 USD"
    assert bar.told == "Jan 2026: 85.00 net, \u221215.00 withheld"


def test_a_month_that_gave_back_hangs_below_zero() -> None:
    chart = charts.bars(months(Income(D(-40)), Income(D(80))), "USD")
    assert chart.bars[0].net_y == chart.zero
    assert chart.bars[0].net_height > 0


def test_no_income_at_all_is_still_a_picture() -> None:
    assert all(bar.net_height == 0 for bar in charts.bars(months(Income(), Income()), "USD").bars)


def test_cost_steps_on_its_day_and_ends_at_todays_value() -> None:
    points = [Point(date(2026, 1, 1), D(1000)), Point(date(2026, 7, 2), D(2000)), Point(date(2026, 12, 31), D(2000))]
    chart = charts.steps(points, D(2500))
    assert chart is not None
    assert chart.path.count("H") == 2
    assert chart.value_y is not None
    assert chart.value_y < chart.end_y
    assert all(chart.left <= day.at <= chart.right for day in chart.days)


def test_a_single_day_is_no_line() -> None:
    assert charts.steps([Point(date(2026, 1, 1), D(1000))], None) is None


def test_years_of_daily_trades_stay_short() -> None:
    points = [Point(date(2016, 1, 1) + timedelta(days=day), D(day)) for day in range(3650)]
    chart = charts.steps(points, None)
    assert chart is not None
    assert chart.path.count("H") <= chart.width
    assert len(charts.for_table(points)) == 120
    assert charts.for_table(points)[0] == points[-1]
