"""Rows of Stock Grant Activity and of Option Exercises: shares and cash that no other section of a statement tells.

Source: what holders of IBKR's award shares and of index options found in their files of 2021 to 2025.
"""

from __future__ import annotations

import re

from stonks.brokers.ibkr.cash_types import type_name
from stonks.brokers.ibkr.cells import account_of, currency_of, isin_of, number_of, number_or_none, text_of
from stonks.brokers.ibkr.dates import DateReader
from stonks.brokers.ibkr.frame import Row
from stonks.brokers.ibkr.reading import BROKER, Left, Unmarked
from stonks.core.fingerprint import cash_identity, other_identity, plain
from stonks.core.records import CashKind, CashTransaction, Transfer

_AWARD = re.compile(r"stock award (grant|return|vesting)\b", re.IGNORECASE)
_SETTLED = "Option Cash Settlement"


def grant(row: Row, dates: DateReader) -> Unmarked | Left:
    """Shares come with the award and go with its return; that an award vests moves none."""
    cells = row.cells
    told = text_of(cells, "activitydescription")
    found = _AWARD.search(told)
    if found is None:
        raise ValueError(f"“{told}” is no award of shares, no return of one and no vesting.")
    deed = found[1].lower()
    if deed == "vesting":
        return Left.ELSEWHERE
    direction = "IN" if deed == "grant" else "OUT"
    # A return bears the day of the award that it takes back.
    day = dates.day(text_of(cells, "awarddate" if deed == "grant" else "reportdate") or text_of(cells, "reportdate"))
    quantity = abs(number_of(cells, "quantity", "Quantity"))
    symbol, isin = text_of(cells, "symbol"), isin_of(cells)
    record = Transfer(
        transfer_date=day,
        direction=direction,
        quantity=quantity,
        currency=currency_of(cells),
        symbol=symbol or None,
        isin=isin or None,
        kind="GRANT",
        value=number_or_none(cells, "value", "Value"),
        cash=None,
        asset_class=text_of(cells, "assetclass") or text_of(cells, "assetcategory") or None,
        multiplier=number_or_none(cells, "multiplier", "Multiplier"),
        account=account_of(cells),
        external_id=None,
        description=told,
        line=row.line,
        fingerprint=b"",
    )
    facts = ("", "GRANT", direction, plain(quantity), day.isoformat(), (isin or symbol).upper())
    return Unmarked(record, other_identity(BROKER, "transfer", *facts))


def settlement(row: Row, dates: DateReader) -> Unmarked | Left:
    """An option on an index is settled in cash: Trades close it at the price 0, and only here stands what was paid.
    Positive: received. What is exercised, assigned or expired stands in Trades."""
    cells = row.cells
    if type_name(cells.get("transactiontype", "")) != "cashsettlement":
        return Left.ELSEWHERE
    amount = number_or_none(cells, "proceeds", "Proceeds")
    if amount is None:
        return Left.UNSETTLED
    if not amount:
        return Left.ELSEWHERE
    day, currency, symbol = dates.day(text_of(cells, "date")), currency_of(cells), text_of(cells, "symbol")
    record = CashTransaction(
        paid_on=day,
        kind=CashKind.OTHER,
        amount=amount,
        currency=currency,
        symbol=symbol or None,
        isin=isin_of(cells) or None,
        account=account_of(cells),
        external_id=None,
        type_text=_SETTLED,
        report_date=None,
        description=text_of(cells, "description") or None,
        line=row.line,
        fingerprint=b"",
    )
    return Unmarked(record, cash_identity(BROKER, None, type_name(_SETTLED), amount, day, symbol, currency))
