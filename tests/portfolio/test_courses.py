"""What each day changes of an instrument, and that such changes add up."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from stonks.portfolio.courses import Money, Step, Worth, last_prices, more, more_money, worths
from stonks.portfolio.valuation import OLD, Price

D = Decimal
DAY = date(2025, 3, 3)


def after(days: int) -> date:
    return DAY + timedelta(days=days)


def mark(days: int, price: str) -> Price:
    return Price(D(price), after(days), True)


def bought(quantity: str, price: str | None = None, *, action: bool = False) -> Step:
    return Step(D(quantity), None if price is None else D(price), action)


def test_a_price_serves_for_five_days_and_the_sixth_is_without_one() -> None:
    assert worths({DAY: bought("10", "3")}, [], D(1)) == {
        DAY: Worth(0, D(30), 0),
        after(6): Worth(0, D(-30), 1, D(30)),
    }


def test_a_price_of_the_very_day_on_which_the_last_one_ends_leaves_no_gap() -> None:
    found = worths({DAY: bought("10", "3")}, [mark(6, "4")], D(1))
    assert found[after(6)] == Worth(1, D(10), 0)
    late = worths({DAY: bought("10", "3")}, [mark(7, "4")], D(1))
    assert (late[after(6)], late[after(7)]) == (Worth(0, D(-30), 1, D(30)), Worth(1, D(40), -1, D(-30)))


def test_what_was_quoted_before_a_split_prices_nothing_after_it() -> None:
    steps = {DAY: bought("10", "3"), after(1): bought("40", action=True)}
    assert worths(steps, [mark(0, "3")], D(1))[after(1)] == Worth(0, D(-30), 1, D(0), 1)
    assert worths(steps, [mark(1, "1")], D(1))[after(1)] == Worth(1, D(10), 0)


def test_what_is_sold_is_worth_nothing_and_lacks_no_price() -> None:
    steps = {DAY: bought("10", "3"), after(20): bought("0", "5"), after(30): bought("2")}
    found = worths(steps, [], D(100))
    assert found[DAY].value == 3000
    assert found[after(20)] == Worth(0, D(0), -1, D(-3000))
    assert found[after(30)] == Worth(0, D(0), 1, D(1000))


steps = st.dictionaries(
    st.integers(0, 60).map(after),
    st.builds(
        bought, st.integers(-9, 9).map(str), st.one_of(st.none(), st.integers(1, 9).map(str)), action=st.booleans()
    ),
)
marks = st.lists(st.builds(mark, st.integers(0, 60), st.integers(1, 9).map(str)), max_size=9)


@given(steps=steps, told=marks)
def test_on_each_day_the_changes_before_come_to_what_is_held_at_the_last_price(
    steps: dict[date, Step], told: list[Price]
) -> None:
    told = sorted(told, key=lambda one: one.on)
    found = worths(steps, told, D(2))
    for number in range(80):
        on, total = after(number), Worth()
        for day, one in found.items():
            total = more(total, one) if day <= on else total
        quantity, price, serves = at(steps, told, on)
        amount = D(0) if price is None else quantity * price * 2
        assert (total.value, total.old) == ((amount, D(0)) if serves else (D(0), amount))
        assert (total.lacking, total.unpriced) == (bool(quantity) and not serves, bool(quantity) and price is None)


@given(steps=steps, told=marks, place=st.integers(0, 60))
def test_a_course_is_gone_on_with_from_what_was_held_and_the_last_price(
    steps: dict[date, Step], told: list[Price], place: int
) -> None:
    told = sorted(told, key=lambda one: one.on)
    # What served at the beginning is told again, as after the end of a year.
    begun, told_again = after(place), after(place - 10)
    quantity, price, _ = at(steps, told, told_again - timedelta(days=1))
    whole = worths(steps, told, D(2))
    later = worths(
        {on: one for on, one in steps.items() if on >= told_again},
        [one for one in told if one.on >= told_again],
        D(2),
        quantity,
        price,
    )
    assert {on: one for on, one in whole.items() if on >= begun} == {
        on: one for on, one in later.items() if on >= begun
    }


@given(steps=steps, told=marks)
def test_the_last_price_of_a_year_is_the_one_its_end_has(steps: dict[date, Step], told: list[Price]) -> None:
    told = sorted(told, key=lambda one: one.on)
    found = last_prices(steps, told, D(7))
    if not steps and not told:
        assert not found
    else:
        assert found == {2025: at({date.min: bought("0", "7")} | steps, told, after(90))[1]}


def at(steps: dict[date, Step], told: list[Price], on: date) -> tuple[Decimal, Decimal | None, bool]:
    """What is held, its last price, and whether that is of the day or the five before."""
    quantity = max(((day, step.quantity) for day, step in steps.items() if day <= on), default=(on, D(0)))[1]
    for day in sorted({*steps, *(one.on for one in told)}, reverse=True):
        of_day = [one.price for one in told if one.on == day]
        step = steps.get(day)
        price = of_day[-1] if of_day else step.price if step and not step.action else None
        if day <= on and (price is not None or (step and step.action)):
            return quantity, price, price is not None and on - day <= OLD
    return quantity, None, False


@given(st.lists(st.builds(Money, *[st.integers(-9, 9).map(D)] * 9), max_size=5))
def test_what_was_added_can_be_taken_away_again(several: list[Money]) -> None:
    total = Money()
    for one in several:
        total = more_money(total, one)
    for one in several:
        total = more_money(total, one, -1)
    assert not any(total)
    one = Worth(1, D(3), 1, D(4), 1)
    assert not any(more(one, one, -1))
