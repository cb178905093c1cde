"""The pictures' geometry: what is drawn where, and that a long history stays a short picture."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from stonks.portfolio.income import Income
from stonks.portfolio.overview import Month
from stonks.portfolio.performance import Point
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


def point(days: int, invested: int, value: int | None, at_last: int | None = None) -> Point:
    known = None if value is None else D(value)
    return Point(date(2026, 1, 1) + timedelta(days=days), D(invested), known, known if at_last is None else D(at_last))


def test_what_was_put_in_steps_on_its_day_and_the_value_runs_above_it() -> None:
    chart = charts.lines([point(0, 1000, 1000), point(180, 2000, 2300), point(360, 2000, 2500)])
    assert chart is not None
    assert chart.invested.count("H") == 2
    assert chart.value.count("L") == 2
    assert chart.at_last == ""
    assert [label.text for label in chart.labels] == ["Value", "Net invested"]
    assert chart.labels[0].at < chart.labels[1].at
    assert all(chart.left <= day.at <= chart.right for day in chart.days)


def test_where_a_price_is_old_the_value_has_a_gap_and_the_line_at_last_prices_none() -> None:
    chart = charts.lines([point(0, 9, 9), point(9, 9, None, 8), point(18, 9, 10), point(27, 9, None, 10)])
    assert chart is not None
    assert (chart.value.count("M"), chart.value.count("L")) == (2, 0)
    assert chart.value.count("h0") == 2  # a day alone is a dot
    assert (chart.at_last.count("M"), chart.at_last.count("L")) == (1, 3)
    assert chart.labels[0].text == "At last prices"


def test_labels_change_places_where_the_value_is_below() -> None:
    chart = charts.lines([point(0, 1000, 1000), point(360, 1000, 400)])
    assert chart is not None
    value, invested = chart.labels
    assert invested.at < value.at


def test_a_label_stands_clear_of_a_step_beside_it() -> None:
    early, late = [point(0, 1000, 1000), point(100, 2000, 2000)], [point(0, 1000, 1000)]
    end = [point(340, 2000, 2000), point(360, 2000, 2100)]
    flat, stepped = charts.lines([*early, *end]), charts.lines([*late, *end])
    assert flat is not None
    assert stepped is not None
    assert stepped.labels[0].at == flat.labels[0].at
    assert stepped.labels[1].at > flat.labels[1].at + 20


def test_one_value_alone_is_no_line() -> None:
    assert charts.lines([point(0, 1000, 1000)]) is None
    assert charts.lines([point(0, 0, 0), point(1, 1000, None), point(2, 1000, None)]) is None


def test_years_of_days_stay_short() -> None:
    points = [point(day, day, day + 1) for day in range(3650)]
    chart = charts.lines(points)
    assert chart is not None
    assert max(chart.invested.count("H"), chart.value.count("L")) <= chart.width
    assert len(charts.for_table(points)) == 120
    assert charts.for_table(points)[0] == points[-1]
