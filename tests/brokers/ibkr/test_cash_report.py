"""The cash report: a balance per currency, without the lines that sum up all of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import CashBalance

REPORT = b"""ClientAccountID,CurrencyPrimary,LevelOfDetail,FromDate,ToDate,EndingCash
U1,EUR,BaseCurrency,20260101,20260219,264.02
U1,BASE_SUMMARY,BaseCurrency,20260101,20260219,264.02
U1,EUR,Currency,20260101,20260219,100.5
U1,USD,Currency,20260101,20260219,-3
"""
EUR = CashBalance(date(2026, 2, 19), "EUR", Decimal("100.5"), "U1")
USD = CashBalance(date(2026, 2, 19), "USD", Decimal(-3), "U1")


def test_what_was_there_at_the_start_is_the_balance_of_the_day_before() -> None:
    text = (
        b"CurrencyPrimary,LevelOfDetail,FromDate,ToDate,StartingCash,EndingCash\nUSD,Currency,20260101,20260219,7,9\n"
    )
    reading = read_statement(BytesIO(text))
    assert list(reading) == []
    assert reading.summary.balances == (
        CashBalance(date(2025, 12, 31), "USD", Decimal(7), None),
        CashBalance(date(2026, 2, 19), "USD", Decimal(9), None),
    )


@pytest.mark.parametrize(("only", "told"), [(None, (EUR, USD)), ("EUR", (EUR,))])
def test_each_currency_is_told_once_and_only_those_that_were_asked_for(
    only: str | None, told: tuple[CashBalance, ...]
) -> None:
    reading = read_statement(BytesIO(REPORT), currency=only)
    assert list(reading) == []
    assert reading.summary.balances == told
