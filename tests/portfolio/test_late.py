"""Payments that come after the year they belong to, and where an ISIN is from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import CashKind, CashTransaction
from stonks.portfolio import countries
from stonks.portfolio.income import Receipt
from stonks.portfolio.late import late
from tests.needs import not_shipped
from tests.portfolio.examples import day

D = Decimal
TAX, DIVIDEND = CashKind.WITHHOLDING_TAX, CashKind.DIVIDEND
SAMPLE = Path(__file__).parents[3] / "shared/flex-samples/cquillen__ibkr-conduit/cash-transactions.xml"


def paid(on: str, kind: CashKind, amount: str, booked: str = "", key: str = "US0378331005") -> Receipt:
    return Receipt(day(on), kind, D(amount), "USD", key, None, day(booked) if booked else None)


def found(*receipts: Receipt) -> list[tuple[str, int, int]]:
    return [(str(one.receipt.amount), one.concerns, one.known_in) for one in late(receipts)]


def test_next_springs_correction_of_a_withheld_tax_belongs_to_the_year_of_its_day() -> None:
    """IBKR sends the old row back and a new one, with the day of the payment and a new report date."""
    receipts = (
        paid("2024-11-14", TAX, "-15", "2024-11-14"),
        paid("2024-11-14", TAX, "15", "2025-02-21"),
        paid("2024-11-14", TAX, "-9.50", "2025-02-21"),
    )
    assert found(*receipts) == [("-9.50", 2024, 2025), ("15", 2024, 2025)]


def test_new_years_eve_is_booked_in_january_without_being_a_correction() -> None:
    assert found(paid("2024-12-31", DIVIDEND, "10", "2025-01-03")) == []
    assert found(paid("2024-12-23", DIVIDEND, "10", "2025-01-03")) == [("10", 2024, 2025)]


def test_a_correction_within_the_year_is_none_of_these() -> None:
    assert found(paid("2025-02-14", TAX, "-15", "2025-02-14"), paid("2025-02-14", TAX, "15", "2025-11-03")) == []


def test_a_payment_taken_back_in_a_later_year_names_the_year_it_came_in() -> None:
    receipts = (paid("2024-12-12", DIVIDEND, "10"), paid("2025-01-20", DIVIDEND, "-10"))
    assert found(*receipts) == [("-10", 2024, 2025)]


def test_what_takes_back_a_payment_of_its_own_year_concerns_no_earlier_one() -> None:
    """Dividends are often the same every year; IBKR takes one back and pays it anew, in any order within a day."""
    before = paid("2024-03-12", DIVIDEND, "10")
    day_of = [paid("2025-03-12", DIVIDEND, amount) for amount in ("-10", "10", "10.01")]
    assert found(before, *day_of) == []
    assert found(before, *reversed(day_of)) == []


def test_a_payment_still_to_come_is_not_what_was_taken_back() -> None:
    receipts = (paid("2024-12-12", TAX, "-3"), paid("2025-01-20", TAX, "3"), paid("2025-03-12", TAX, "-3"))
    assert found(*receipts) == [("3", 2024, 2025)]


def test_each_payment_is_taken_back_once_and_only_by_its_equal() -> None:
    receipts = (
        paid("2023-12-12", DIVIDEND, "10"),
        paid("2025-01-20", DIVIDEND, "-10"),
        paid("2025-01-21", DIVIDEND, "-10"),
        paid("2025-01-22", DIVIDEND, "-11"),
        paid("2025-01-23", DIVIDEND, "-10", key="DE0007164600"),
    )
    assert found(*receipts) == [("-10", 2023, 2025)]


def test_interest_paid_is_no_correction_of_interest_received() -> None:
    assert found(paid("2024-12-03", CashKind.INTEREST, "2"), paid("2025-01-03", CashKind.INTEREST, "-2")) == []


def test_a_real_statements_rows_within_their_year_are_left_alone() -> None:
    if not SAMPLE.exists():
        not_shipped(f"the sample {SAMPLE.name}")
    with SAMPLE.open("rb") as body:
        rows = [row for row in read_statement(body) if isinstance(row, CashTransaction)]
    assert rows
    receipts = [
        Receipt(row.paid_on, row.kind, row.amount, row.currency, row.isin, None, row.report_date) for row in rows
    ]
    assert late(receipts) == []


@pytest.mark.parametrize(
    ("isin", "code", "name"),
    [
        ("US0378331005", "US", "United States"),
        ("IE00B4L5Y983", "IE", "Ireland"),
        ("XS2029574624", "XS", "International"),
        ("EU000A1G0AB4", "EU", "International"),
        ("CI0000000220", "CI", "Côte d’Ivoire"),
    ],
)
def test_an_isins_first_letters_are_its_country(isin: str, code: str, name: str) -> None:
    assert (countries.code(isin), countries.name(code)) == (code, name)


@pytest.mark.parametrize("symbol", ["SAPd", None, "", "AAPL  260116C00150000", "USAPPLE"])
def test_a_symbol_is_no_isin(symbol: str | None) -> None:
    assert countries.code(symbol) is None
