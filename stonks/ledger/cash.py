"""Money per currency as far as the imported rows tell, and the balances that statements reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from stonks.db import db, read
from stonks.ledger.snapshot_tables import SnapshotMonth
from stonks.ledger.tables import Entry, ReportedBalance

Balances = dict[str, Decimal]  # by currency

_COLUMNS = (
    Entry.entry_date, Entry.kind, Entry.currency, Entry.amount, Entry.commission, Entry.commission_currency,
    Entry.taxes, Entry.other_amount, Entry.other_currency,
)  # fmt: skip


_MONTHS = select(SnapshotMonth.currency, SnapshotMonth.moved).where(
    SnapshotMonth.portfolio_id == bindparam("portfolio_id"), SnapshotMonth.month < bindparam("before")
)
_ENTRIES = select(*_COLUMNS).where(
    Entry.portfolio_id == bindparam("portfolio_id"),
    Entry.discarded_at.is_(None),
    Entry.entry_date.between(bindparam("first"), bindparam("last")),
)


class Reports(NamedTuple):
    """What cash reports said, all accounts together."""

    as_of: date
    balances: Balances
    earlier: tuple[date, Balances] | None  # the first day told of, where it is the same for all accounts


def effects(row: Any) -> Iterator[tuple[str, Decimal]]:
    """What an entry moved in cash, by currency; `row` has the ledger's columns."""
    if row.amount:
        yield row.currency, row.amount
    if row.commission:
        yield row.commission_currency or row.currency, row.commission
    if row.taxes:
        yield row.currency, row.taxes
    if row.kind == "FX" and row.other_amount and row.other_currency:
        yield row.other_currency, row.other_amount


def computed(portfolio_id: int, days: Collection[date]) -> dict[date, Balances]:
    """The sum of everything that counts, up to and with each of `days`."""
    return {day: _computed(portfolio_id, day) for day in days}


def _computed(portfolio_id: int, day: date) -> Balances:
    """Of whole months what is stored, which has to be up to date; of the last one its entries."""
    first, sums = day.replace(day=1), defaultdict[str, Decimal](Decimal)
    for currency, moved in read(_MONTHS, portfolio_id=portfolio_id, before=first):
        sums[currency] += moved
    for row in read(_ENTRIES, portfolio_id=portfolio_id, first=first, last=day):
        for currency, amount in effects(row):
            sums[currency] += amount
    return dict(sums)


def reports(portfolio_id: int) -> Reports | None:
    """None where no statement had a cash report."""
    accounts: dict[str | None, dict[date, Balances]] = defaultdict(lambda: defaultdict(dict))
    query = select(ReportedBalance).where(ReportedBalance.portfolio_id == portfolio_id)
    for row in db.session.scalars(query):
        of_day = accounts[row.account][row.as_of]
        of_day[row.currency] = of_day.get(row.currency, Decimal(0)) + row.ending_cash
    if not accounts:
        return None
    last = max(max(days) for days in accounts.values())
    first = {min(days) for days in accounts.values()}
    earlier = None
    if len(first) == 1 and (day := first.pop()) < last:
        earlier = day, _sum([days[day] for days in accounts.values()])
    return Reports(last, _sum([days[max(days)] for days in accounts.values()]), earlier)


def _sum(parts: list[Balances]) -> Balances:
    total: Balances = defaultdict(Decimal)
    for balances in parts:
        for currency, amount in balances.items():
            total[currency] += amount
    return dict(total)
