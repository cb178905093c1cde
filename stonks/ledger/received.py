"""Income as it is stored: by month and currency, by instrument and year, and the corrections that came late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import bindparam, extract, or_, select

from stonks.core.records import CashKind
from stonks.db import read
from stonks.ledger.snapshot_tables import SnapshotIncome, SnapshotLate, SnapshotMonth
from stonks.ledger.tables import Entry
from stonks.portfolio.income import COUNTED, Income, Receipt
from stonks.portfolio.late import Late, late

_MINE: Any = bindparam("portfolio_id")
_MONTHS = select(SnapshotMonth).where(SnapshotMonth.portfolio_id == _MINE)
_NAMED = select(SnapshotIncome).where(SnapshotIncome.portfolio_id == _MINE)
_RECEIPT = (Entry.id, Entry.type, Entry.entry_date, Entry.report_date, Entry.amount, Entry.currency)
_LATE = (
    select(*_RECEIPT, SnapshotLate.name, SnapshotLate.concerns, SnapshotLate.known_in)
    .join(Entry, Entry.id == SnapshotLate.entry_id)
    .where(SnapshotLate.portfolio_id == _MINE)
)
_NAMELESS = select(*_RECEIPT).where(
    Entry.portfolio_id == _MINE,
    Entry.discarded_at.is_(None),
    Entry.kind == "CASH",
    Entry.symbol.is_(None),
    Entry.isin.is_(None),
    or_(
        Entry.type.in_(("DIVIDEND", "PAYMENT_IN_LIEU", "WITHHOLDING_TAX")),
        extract("year", Entry.report_date) > extract("year", Entry.entry_date),
    ),
    Entry.amount.is_not(None),
)


class MonthOf(NamedTuple):
    """What came in one currency in one month."""

    month: date
    currency: str
    own: Income
    base: Income
    unconverted: int  # payments without a rate, in `own` only


@dataclass(frozen=True, slots=True)
class Received:
    months: list[MonthOf]  # only those in which something came
    named: dict[tuple[str, int], Income]  # by what receipts call the instrument, and year; in the base currency
    late: list[Late]  # the newest first


def received(portfolio_id: int) -> Received:
    """The stored figures have to be up to date."""
    rows = read(_MONTHS, portfolio_id=portfolio_id)
    months = [
        MonthOf(
            row.month,
            row.currency,
            Income(row.gross, row.withheld, row.fees),
            Income(row.gross_base, row.withheld_base, row.fees_base),
            row.unconverted,
        )
        for row in rows
        if row.gross or row.withheld or row.fees or row.unconverted
    ]
    named = {
        (row.name, row.year): Income(row.gross_base, row.withheld_base, row.fees_base)
        for row in read(_NAMED, portfolio_id=portfolio_id)
    }
    return Received(months, named, _late(portfolio_id))


def _late(portfolio_id: int) -> list[Late]:
    found = [
        Late(_receipt(row, row.name), row.concerns, row.known_in) for row in read(_LATE, portfolio_id=portfolio_id)
    ]
    nameless = [_receipt(row, None) for row in read(_NAMELESS, portfolio_id=portfolio_id)]
    found += late(one for one in nameless if one.kind in COUNTED)
    return sorted(found, key=lambda one: (one.receipt.reported_on or one.receipt.on, one.receipt.on), reverse=True)


def _receipt(row: Any, name: str | None) -> Receipt:
    amount: Decimal = row.amount
    return Receipt(row.entry_date, CashKind(row.type), amount, row.currency, name, row.id, row.report_date)
