from decimal import Decimal

import pytest

from stonks.core.typed import parse_number


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1500.55", "1500.55"),
        ("1 500,55", "1500.55"),
        ("1,500.55", "1500.55"),
        ("1.500,55", "1500.55"),
        ("1\u2009500.55", "1500.55"),
        ("1,234,567", "1234567"),
        ("\u22123", "-3"),
        ("0,5", "0.5"),
        (".5", "0.5"),
        ("1'500", "1500"),
        ("1.500", "1.500"),
    ],
)
def test_numbers_are_read_as_people_type_them(typed: str, meant: str) -> None:
    assert parse_number(typed) == Decimal(meant)


@pytest.mark.parametrize("typed", ["1,500", "abc", "1e5", "NaN", "--1", "1.2.3", "٣", "9" * 41, "9" * 19])
def test_what_is_no_number_or_could_be_two_is_refused_in_words(typed: str) -> None:
    with pytest.raises(ValueError, match=r"Enter a number|two numbers"):
        parse_number(typed)
