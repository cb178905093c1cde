"""What the performance page takes of the stored figures: some hundred rows a decade, each a year or month of days."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, or_, select

from stonks.core.records import FxRate
from stonks.db import read
from stonks.ledger import courses, month_days
from stonks.ledger.snapshot_tables import SnapshotHolding, SnapshotMonth, SnapshotYear, instrument_of
from stonks.ledger.tables import Portfolio, ReportedRate
from stonks.portfolio.courses import Money, Worth, more_money
from stonks.portfolio.earned import Receipts
from stonks.portfolio.flows import Part
from stonks.portfolio.income import Income
from stonks.portfolio.performance import Account, Course, Told
from stonks.portfolio.summary import EXACT
from stonks.portfolio.valuation import Instrument
from stonks.rates import RateTable

_MINE: Any = bindparam("portfolio_id")
_HOLDINGS = select(
    SnapshotHolding.key, SnapshotHolding.symbol, SnapshotHolding.isin, SnapshotHolding.currency,
    SnapshotHolding.asset_class, SnapshotHolding.multiplier, SnapshotHolding.description, SnapshotHolding.complete,
    SnapshotHolding.part, SnapshotHolding.begun, SnapshotHolding.transferred, SnapshotHolding.flows_unconverted,
    SnapshotHolding.lacking,
).where(SnapshotHolding.portfolio_id == _MINE)  # fmt: skip
_YEARS = select(SnapshotYear).where(SnapshotYear.portfolio_id == _MINE)
_MONTHS = select(SnapshotMonth.month, SnapshotMonth.currency, SnapshotMonth.days).where(
    SnapshotMonth.portfolio_id == _MINE
)
_RATES = select(ReportedRate.on, ReportedRate.from_currency, ReportedRate.to_currency, ReportedRate.rate).where(
    ReportedRate.portfolio_id == _MINE,
    or_(ReportedRate.from_currency == bindparam("base"), ReportedRate.to_currency == bindparam("base")),
)


@dataclass(frozen=True, slots=True)
class Measurable:
    """What performance and earnings of any range of days are reckoned from."""

    told: Told
    receipts: list[Receipts]
    gained: dict[str, dict[date, Money]]  # by currency
    instruments: dict[str, Instrument]
    rates: RateTable
    anything: bool  # whether there are transactions at all


def measurable(portfolio: Portfolio) -> Measurable:
    """The stored figures have to be up to date."""
    holdings = list(read(_HOLDINGS, portfolio_id=portfolio.id))
    parts: dict[str, _Sums] = {part: _Sums() for part in Part}
    gained: dict[str, dict[date, Money]] = defaultdict(dict)
    for row in read(_YEARS, portfolio_id=portfolio.id):
        sums, gains = parts[row.part], gained[row.currency]
        for on, money in courses.days_of(row.year, row.money, courses.money_of):
            sums.money[on] = more_money(sums.money[on], money) if on in sums.money else money
            gains[on] = more_money(gains[on], money) if on in gains else money
        for on, worth in courses.days_of(row.year, row.worths, courses.worth_of):
            sums.worths[on][row.currency] = worth
    months = list(read(_MONTHS, portfolio_id=portfolio.id))
    account, receipts = _account(months)
    begun = [row.begun for row in holdings if row.begun is not None]
    told = Told(
        securities=parts[Part.SECURITIES].course(holdings, Part.SECURITIES),
        unpaid=parts[Part.UNPAID].course(holdings, Part.UNPAID),
        account=account,
        begun=min(begun, default=None),
        whole=all(row.complete and not row.transferred for row in holdings),
        incomplete=[row.key for row in holdings if row.part == Part.NONE],
        futures=[row.key for row in holdings if row.part == Part.UNPAID],
    )
    rates = read(_RATES, portfolio_id=portfolio.id, base=portfolio.base_currency)
    return Measurable(
        told=told,
        receipts=receipts,
        gained=gained,
        instruments={row.key: instrument_of(row) for row in holdings},
        rates=RateTable(portfolio.base_currency, (FxRate(*row) for row in rates)),
        anything=bool(months),
    )


class _Sums:
    """Of the instruments of one part."""

    def __init__(self) -> None:
        self.worths: dict[date, dict[str, Worth]] = defaultdict(dict)
        self.money: dict[date, Money] = {}

    def course(self, holdings: list[Any], part: Part) -> Course:
        mine = [row for row in holdings if row.part == part]
        return Course(
            worths=self.worths,
            money=self.money,
            lacking={row.key: courses.lacking_of(row.lacking) for row in mine if row.lacking != "[]"},
            unconverted=sum(row.flows_unconverted for row in mine),
        )


def _account(months: list[Any]) -> tuple[Account, list[Receipts]]:
    across: dict[date, Money] = {}
    cash: dict[date, dict[str, Decimal]] = defaultdict(dict)
    receipts: list[Receipts] = []
    deposited: date | None = None
    without_rate = 0
    for row in months:
        for on, day in month_days.days_of(row.month, row.days):
            if day.paid:
                cash[on][row.currency] = day.paid
            if day.put_in or day.taken_out:
                more = Money(put_in=day.put_in, taken_out=day.taken_out, invested=EXACT.add(day.put_in, day.taken_out))
                across[on] = more_money(across.get(on, Money()), more)
            if day.deposits and (deposited is None or on < deposited):
                deposited = on
            without_rate += day.without_rate
            if day.receipts:
                own, base = (day.gross, day.withheld, day.fees), (day.gross_base, day.withheld_base, day.fees_base)
                receipts.append(Receipts(on, row.currency, Income(*own), Income(*base), day.unconverted))
    return Account(across, cash, deposited, without_rate), receipts
