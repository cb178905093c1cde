from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from stonks.web import filters

NOW = datetime(2026, 11, 21, 9, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        ("70296.56", "USD", "70 296.56"),
        ("-2033.44", "USD", "−2 033.44"),
        ("1234567.891", "EUR", "1 234 567.89"),
        ("0.005", "EUR", "0.01"),
        ("-0.004", "EUR", "0.00"),
        ("1500", "JPY", "1 500"),
        ("1.2345", "KWD", "1.235"),
        ("5", None, "5.00"),
        ("123456789012345678901234567890.126", "USD", "123 456 789 012 345 678 901 234 567 890.13"),
    ],
)
def test_money_is_rounded_to_its_currency_and_grouped_by_thin_spaces(value: str, currency: str, shown: str) -> None:
    assert filters.money(Decimal(value), currency) == shown.replace(" ", "\u2009")


@pytest.mark.parametrize(("value", "shown"), [("367.5", "+367.50"), ("-3", "−3.00"), ("0", "0.00"), ("0.001", "0.00")])
def test_a_signed_figure_says_plus_or_minus_but_zero_neither(value: str, shown: str) -> None:
    assert filters.signed(Decimal(value), "USD") == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("182.400", "182.4"), ("9500", "9 500"), ("1E+3", "1 000"), ("0.00010", "0.0001")]
)
def test_a_quantity_shows_what_there_is(value: str, shown: str) -> None:
    assert filters.quantity(Decimal(value)) == shown.replace(" ", "\u2009")


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        ("512.84", "USD", "512.84"),
        ("0.7406", "GBP", "0.7406"),
        ("3.12345678", "USD", "3.1235"),
        ("139", "EUR", "139.00"),
        ("2500", "JPY", "2 500"),
        ("0.01", "USD", "0.01"),
        ("0", "USD", "0.00"),
    ],
)
def test_a_price_has_two_to_four_places(value: str, currency: str, shown: str) -> None:
    assert filters.price(Decimal(value), currency) == shown.replace(" ", "\u2009")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.000012345678", "0.00001235"),
        ("-0.00001", "−0.00001"),
        ("0.0045", "0.0045"),
        ("0.0012345", "0.001235"),
        ("0.00999999", "0.01"),
    ],
)
def test_a_price_below_a_hundredth_is_not_shown_as_nothing(value: str, shown: str) -> None:
    assert filters.price(Decimal(value), "USD") == shown
    assert filters.price(Decimal(value), "JPY") == shown


def test_a_rounded_figure_is_known_to_lose_digits() -> None:
    assert filters.loses_digits(Decimal("3.12345678"), filters.price(Decimal("3.12345678")))
    assert not filters.loses_digits(Decimal("-2033.4"), filters.signed(Decimal("-2033.4")))
    assert not filters.loses_digits(Decimal("2033.40"), filters.signed(Decimal("2033.40")))


def test_percentages_and_counts() -> None:
    assert filters.percent(Decimal("0.1453")) == "14.5\u00a0%"
    assert filters.signed_percent(Decimal("0.421")) == "+42.1\u00a0%"
    assert filters.signed_percent(Decimal("-0.064")) == "−6.4\u00a0%"
    assert filters.count(1, "row") == "1 row"
    assert filters.count(1200, "entry", "entries") == "1\u2009200 entries"


def test_days_and_times_read_in_words_with_the_zone() -> None:
    assert filters.day_text(date(2026, 11, 8)).replace("\u00a0", " ") == "8 Nov 2026"
    assert filters.moment_text(NOW).replace("\u00a0", " ") == "21 Nov 2026, 09:40 UTC"
    assert filters.day(date(2026, 11, 8)) == '<time datetime="2026-11-08">8\u00a0Nov\u00a02026</time>'


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(hours=3, minutes=10), "3 h ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=30), "22 Oct 2026"),
        (timedelta(minutes=-5), "in 5 min"),
    ],
)
def test_relative_time_keeps_the_absolute_one_beside_it(distance: timedelta, words: str) -> None:
    shown = filters.ago(NOW - distance, NOW).replace("\u00a0", " ")
    assert f">{words}</time>" in shown
    assert f'datetime="{NOW - distance:%Y-%m-%dT%H:%M:%SZ}"' in shown


def test_the_places_of_a_figure_are_those_it_shows() -> None:
    assert [filters.places(filters.quantity(Decimal(value))) for value in ("4", "1500.55", "-0.0001")] == [0, 2, 4]
