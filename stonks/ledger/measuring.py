"""What the performance page takes of the stored figures: some hundred rows a decade, each a year or month of days."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, select

from stonks.db import read
from stonks.ledger import course_text, folding
from stonks.ledger.month_days import MonthOfDays
from stonks.ledger.refolding import last_day
from stonks.ledger.snapshot_tables import SnapshotHolding, SnapshotMonth, SnapshotYear, instrument_of
from stonks.ledger.tables import Portfolio
from stonks.portfolio.courses import Money, Worth, more_flow
from stonks.portfolio.earned import Paid, Receipts, Sold
from stonks.portfolio.flows import Part
from stonks.portfolio.income import Income
from stonks.portfolio.overview import Gains
from stonks.portfolio.performance import Account, Course, Told
from stonks.portfolio.summary import EXACT
from stonks.portfolio.valuation import Instrument
from stonks.rates import RateTable

MOST_YEARS = 128  # remembered of each kind, 200 KB at most; one of a currency

_MINE: Any = bindparam("portfolio_id")
_HOLDINGS = select(
    SnapshotHolding.key, SnapshotHolding.symbol, SnapshotHolding.isin, SnapshotHolding.currency,
    SnapshotHolding.asset_class, SnapshotHolding.multiplier, SnapshotHolding.description, SnapshotHolding.complete,
    SnapshotHolding.part, SnapshotHolding.begun, SnapshotHolding.transferred, SnapshotHolding.flows_unconverted,
    SnapshotHolding.lacking,
).where(SnapshotHolding.portfolio_id == _MINE)  # fmt: skip
_YEARS = select(SnapshotYear).where(SnapshotYear.portfolio_id == _MINE)
_MONTHS = select(SnapshotMonth).where(SnapshotMonth.portfolio_id == _MINE)


@dataclass(frozen=True, slots=True)
class Measurable:
    """What performance and earnings of any range of days are reckoned from."""

    told: Told
    paid: list[Paid]  # by month and currency
    sold: list[Sold]
    instruments: dict[str, Instrument]
    rates: RateTable
    anything: bool  # whether there are transactions at all


def measurable(portfolio: Portfolio) -> Measurable:
    """The stored figures have to be up to date."""
    holdings = list(read(_HOLDINGS, portfolio_id=portfolio.id))
    worths: dict[str, dict[date, dict[str, Worth]]] = {part: defaultdict(dict) for part in Part}
    money: dict[str, dict[date, Money]] = {part: {} for part in Part}
    sold: list[Sold] = []
    for row in read(_YEARS, portfolio_id=portfolio.id):
        flows, gains = _money_of(row.year, row.currency, row.money)
        sold += gains
        of_part = money[row.part]
        for on, flow in flows:
            of_part[on] = more_flow(of_part[on], flow) if on in of_part else flow
        for on, worth in _worths_of(row.year, row.worths):
            worths[row.part][on][row.currency] = worth
    months = [(row, MonthOfDays(row.month, row.currency, row.days)) for row in read(_MONTHS, portfolio_id=portfolio.id)]
    whole = all(row.complete and not row.transferred for row in holdings)
    begun = [row.begun for row in holdings if row.begun is not None]

    def course(part: Part) -> Course:
        mine = [row for row in holdings if row.part == part]
        lacking = {row.key: course_text.lacking_of(row.lacking) for row in mine if row.lacking != "[]"}
        return Course(worths[part], money[part], lacking, sum(row.flows_unconverted for row in mine))

    return Measurable(
        told=Told(
            securities=course(Part.SECURITIES),
            unpaid=course(Part.UNPAID),
            account=_account([days for _, days in months]),
            begun=min(begun, default=None),
            whole=whole,
            incomplete=[row.key for row in holdings if row.part == Part.NONE],
            futures=[row.key for row in holdings if row.part == Part.UNPAID],
        ),
        paid=[_paid(row, days) for row, days in months if days.has_receipts],
        sold=sold,
        instruments={row.key: instrument_of(row) for row in holdings},
        rates=folding.rates(portfolio.id, portfolio.base_currency),
        anything=bool(months),
    )


# A change is one of a year or two: what earlier ones hold was read for the visit before.
@lru_cache(maxsize=MOST_YEARS)
def _money_of(year: int, currency: str, text: str) -> tuple[list[tuple[date, Money]], list[Sold]]:
    """Of a year's days: what was put in and taken out, and what was gained."""
    flows, sold = [], []
    for on, one in course_text.days_of(year, text, tuple):
        moved, put_in, taken_out, invested, gain, sales, unknown, own_gain, own_unknown = one
        if moved or put_in != "0" or taken_out != "0":
            flows.append((on, Money(moved, Decimal(put_in), Decimal(taken_out), Decimal(invested))))
        if sales or unknown:
            sold.append(Sold(on, currency, Gains(Decimal(gain), sales, unknown), Decimal(own_gain), own_unknown))
    return flows, sold


@lru_cache(maxsize=MOST_YEARS)
def _worths_of(year: int, text: str) -> list[tuple[date, Worth]]:
    return list(course_text.days_of(year, text, course_text.worth_of))


def _paid(row: Any, days: MonthOfDays) -> Paid:
    own, base = Income(row.gross, row.withheld, row.fees), Income(row.gross_base, row.withheld_base, row.fees_base)
    whole = Receipts(row.month, row.currency, own, base, row.unconverted)
    return Paid(row.month, last_day(row.month), whole, days.receipts)


def _account(months: list[MonthOfDays]) -> Account:
    across: dict[date, Money] = {}
    deposited: date | None = None
    without_rate = 0
    for month in months:
        for on, day in month.across():
            more = Money(put_in=day.put_in, taken_out=day.taken_out, invested=EXACT.add(day.put_in, day.taken_out))
            if any(more):
                across[on] = more_flow(across.get(on, Money()), more)
            if day.deposits and (deposited is None or on < deposited):
                deposited = on
            without_rate += day.without_rate
    cash: dict[date, dict[str, Decimal]] = defaultdict(dict)
    for month in months:
        for on, amount in month.paid():
            cash[on][month.currency] = amount
    return Account(across, cash, deposited, without_rate)
