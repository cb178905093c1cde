"""Rates of return against published examples, and what is said where there is none."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stonks.portfolio.returns import Flow, Return, Worth, modified_dietz, money_weighted, time_weighted, xirr
from tests.portfolio.examples import day

D = Decimal


def near(found: Decimal | str | None, told: str) -> bool:
    """Equal in every digit that the source prints."""
    assert isinstance(found, Decimal)
    return round(found, -D(told).as_tuple().exponent) == D(told)  # type: ignore[operator]


def test_xirr_is_as_in_microsofts_documentation() -> None:
    """https://support.microsoft.com/en-us/office/xirr-function-de1242ec-6477-445b-b11b-a303ad9adc9d: 0.373362535,
    reached there to 0.000001 %."""
    payments = [
        (day("2008-01-01"), D(-10000)),
        (day("2008-03-01"), D(2750)),
        (day("2008-10-30"), D(4250)),
        (day("2009-02-15"), D(3250)),
        (day("2009-04-01"), D(2750)),
    ]
    assert near(xirr(payments), "0.37336253")


def test_xirr_takes_payments_in_any_order_as_another_implementation_of_it_does() -> None:
    """https://docs.rs/xirr/latest/xirr/ prints 0.1635371584432641 for these: a float, so not
    to its last digit."""
    payments = [
        (day("2015-06-11"), D(-1000)),
        (day("2015-07-21"), D(-9000)),
        (day("2018-06-10"), D(20000)),
        (day("2015-10-17"), D(-3000)),
    ]
    assert near(xirr(payments), "0.163537158443264")


# CFA programme, level I, "Money-Weighted and Time-Weighted Rates of Return": a share bought at 100, a second a year
# later at 120, both sold after another year at 130; each pays 2 a year. Money-weighted 13.86 %, time-weighted 15.84 %.
FIRST, SECOND, LAST = date(2021, 1, 1), date(2022, 1, 1), date(2023, 1, 1)
CFA_FLOWS = [Flow(FIRST, D(100)), Flow(SECOND, D(120)), Flow(SECOND, D(-2)), Flow(LAST, D(-264))]


def test_money_weighted_is_the_textbooks() -> None:
    found = money_weighted(Worth(FIRST, D(0)), CFA_FLOWS, Worth(LAST, D(0)))
    assert near(found.yearly, "0.1386")


def test_time_weighted_is_the_textbooks() -> None:
    year_end = SECOND - timedelta(days=1)  # its dividend comes at the end of the year, the purchase at the next's start
    values = [Worth(FIRST, D(100)), Worth(year_end, D(120)), Worth(SECOND, D(240)), Worth(LAST, D(0))]
    found = time_weighted(values, [Flow(year_end, D(-2)), Flow(SECOND, D(120)), Flow(LAST, D(-264))])
    assert near(found.yearly, "0.1584")
    assert near(found.rate, "0.3420")  # 1.22 times 1.10


def test_time_weighted_does_not_care_when_money_came() -> None:
    """https://www.investopedia.com/terms/t/time-weightedror.asp: one adds 100,000, another takes as much, 9.79 % both."""
    start, before, middle, end = (day(text) for text in ("2014-12-31", "2015-08-14", "2015-08-15", "2015-12-31"))
    for flow, then, last in ((100_000, 1_262_484, 1_192_328), (-100_000, 1_062_484, 1_003_440)):
        told = ((start, 1_000_000), (before, 1_162_484), (middle, then), (end, last))
        found = time_weighted([Worth(on, D(value)) for on, value in told], [Flow(middle, D(flow))])
        assert near(found.rate, "0.0979")
        assert near(found.yearly, "0.0979")


def test_modified_dietz_is_the_gips_practice_questions() -> None:
    """CFA level III practice on GIPS (bloombergprep.com, "Performance Measurement: GIPS Verification"): October from
    585.60 to 602.34 with flows on the 5th, 9th, 15th and 24th gives 2.45 %."""
    flows = [(D("-15.05"), 26), (D("19.82"), 22), (D("16.42"), 16), (D("-18.96"), 7)]
    assert near(modified_dietz(D("585.60"), flows, D("602.34"), 31), "0.0245")


@pytest.mark.parametrize(
    ("payments", "words"),
    [
        ([(0, "-100"), (30, "-50")], "one way"),
        ([(0, "-100"), (365, "230"), (730, "-132")], "More than one rate"),  # 10 % and 20 %
        ([(0, "100"), (365, "-100"), (730, "100")], "No rate"),
    ],
)
def test_where_no_single_rate_fits_it_is_said(payments: list[tuple[int, str]], words: str) -> None:
    found = xirr([(FIRST + timedelta(days=days), D(amount)) for days, amount in payments])
    assert isinstance(found, str)
    assert words in found


def test_a_few_days_have_no_rate() -> None:
    start, end = Worth(FIRST, D(100)), Worth(FIRST + timedelta(days=6), D(101))
    for found in (money_weighted(start, [], end), time_weighted([start, end], [])):
        assert found.rate is None
        assert "fewer than 7 days" in found.why


def test_less_than_a_year_is_not_stretched_to_one() -> None:
    """As the GIPS standards demand: no annualised return for less than a year."""
    start, end = Worth(FIRST, D(100)), Worth(FIRST + timedelta(days=73), D(102))
    for found in (money_weighted(start, [], end), time_weighted([start, end], [])):
        assert near(found.rate, "0.02000000")
        assert found.yearly is None


def test_a_total_loss_is_minus_all_by_time_and_no_rate_by_money() -> None:
    start, end = Worth(FIRST, D(100)), Worth(LAST, D(0))
    assert time_weighted([start, end], []).rate == -1
    assert money_weighted(start, [], end).rate is None


def test_what_was_bought_and_sold_within_a_day_earned_on_what_it_cost() -> None:
    flows = [Flow(SECOND, D(100)), Flow(SECOND, D(-110))]
    found = time_weighted([Worth(FIRST, D(0)), Worth(SECOND, D(0)), Worth(LAST, D(0))], flows)
    assert near(found.rate, "0.10")


def test_changing_one_holding_for_another_puts_nothing_more_to_work() -> None:
    flows = [Flow(SECOND, D(100)), Flow(SECOND, D(-100))]
    found = time_weighted([Worth(SECOND - timedelta(days=9), D(100)), Worth(SECOND, D(110))], flows)
    assert near(found.rate, "0.10")


def stretch(days: int, flow: str) -> Return:
    end = FIRST + timedelta(days=days)
    return time_weighted([Worth(FIRST, D(100)), Worth(end, D(200))], [Flow(FIRST + timedelta(days=5), D(flow))])


def test_a_long_gap_in_the_values_is_bridged_only_while_little_money_moved() -> None:
    assert stretch(32, "11").rate is None
    assert "not known between 1 Jan 2021 and 2 Feb 2021" in stretch(32, "11").why
    assert stretch(32, "10").rate is not None
    assert stretch(31, "11").rate is not None
    assert "modified Dietz" in stretch(31, "11").method


amounts = st.decimals(min_value="0.01", max_value="1000000", places=2)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3000), amounts), min_size=1, max_size=20), st.integers(-90, 900))
def test_the_rate_found_is_the_rate_that_made_the_payments(paid: list[tuple[int, Decimal]], percent: int) -> None:
    """Everything paid grows at one rate and is taken out at the end."""
    rate = D(percent) / 100
    grown = sum((amount * (1 + rate) ** (D(3010 - days) / 365) for days, amount in paid), D(0))
    payments = [(FIRST + timedelta(days=days), -amount) for days, amount in paid]
    found = xirr([*payments, (FIRST + timedelta(days=3010), grown)])
    assert isinstance(found, Decimal)
    assert abs(found - rate) < D("1E-9")
