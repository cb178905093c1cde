"""What a person sees who compares the ledger with the broker's word: each difference with its likely reason and with
what an opening entry would have to say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import func, select

from stonks.db import db
from stonks.ledger import agreeing, cash, families, folding
from stonks.ledger.agreeing import Agreement, Dismissed
from stonks.ledger.families import Name
from stonks.ledger.folding import Folding
from stonks.ledger.marks import name_of
from stonks.ledger.tables import Entry, ParkedRow, Portfolio
from stonks.portfolio import reconcile
from stonks.portfolio.cash import Known, cash_differences, currency_of, explain_cash, key_of
from stonks.portfolio.explaining import Explanation, explain
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.lots import Method
from stonks.portfolio.movements import Movement
from stonks.portfolio.reconcile import Difference, Opening
from stonks.portfolio.valuation import Instrument

MOST_PARKED = 2_000  # rows looked through; more than that is a broken query and no missing purchase
_CELL_ENDS = re.compile(r'[",;\t|]')
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Explained:
    difference: Difference
    instrument: Instrument
    explanation: Explanation
    opening: Opening | None
    opening_on: date  # the day before the first transaction of the instrument, else of the portfolio
    parked: list[ParkedRow]


@dataclass(frozen=True, slots=True)
class CashLine:
    currency: str
    computed: Decimal
    reported: Decimal | None  # None: the cash report does not name the currency
    difference: Difference | None  # None: it agrees, was dismissed or is not reported
    why: str
    dismissed: Dismissed | None


@dataclass(frozen=True, slots=True)
class CashAgreement:
    as_of: date
    lines: list[CashLine]
    before_on: date | None  # where an opening balance belongs

    @property
    def agrees(self) -> bool:
        return all(line.difference is None and line.dismissed is None for line in self.lines)


def around(portfolio: Portfolio, keys: Collection[str]) -> Folding:
    """The instruments of these keys and all that shared a name or a corporate action with them, folded from entries."""
    names = {key.rpartition("/")[0] for key in keys}
    positions = folding.latest_positions(portfolio.id)
    known = families.Families(portfolio.id, [name_of(row.symbol, row.isin, row.asset_class) for row in positions])
    members: set[Name] = set()
    for family in known.all():
        if families.keys_of(family) & names:
            members |= family
    mine = [row for row in positions if name_of(row.symbol, row.isin, row.asset_class) in members]
    found = folding.gathered(families.rows_of(portfolio.id, members), mine)
    found.method = Method(portfolio.lot_method)
    return found


def explained(portfolio_id: int, found: Folding, held: Holdings, compared: Agreement) -> list[Explained]:
    """The open differences of `compared`."""
    if not compared.differences:
        return []
    keys = {one.key for one in compared.differences}
    movements: dict[str, list[Movement]] = defaultdict(list)
    for item in found.movements:
        if item.key in keys:
            movements[item.key].append(item)
    parked = _naming(portfolio_id, [found.instruments[key] for key in keys])
    then, costs = agreeing.held_at(found, held, compared.as_of), {one.key: one.cost for one in found.reported}
    begins = min((item.on for item in found.movements), default=compared.as_of)
    rows = []
    for one in compared.differences:
        own = movements[one.key]
        first = min((item.on for item in own), default=begins)
        rows.append(
            Explained(
                difference=one,
                instrument=found.instruments[one.key],
                explanation=explain(one, then.books.get(one.key), own, compared.as_of, len(parked[one.key])),
                opening=reconcile.opening(own, one.reported, costs.get(one.key), compared.as_of),
                opening_on=first - _DAY,
                parked=parked[one.key],
            )
        )
    return rows


def compared_cash(portfolio_id: int, instruments: Iterable[Instrument]) -> CashAgreement | None:
    """None where no statement had a cash report. The stored figures have to be up to date."""
    told = cash.reports(portfolio_id)
    if told is None:
        return None
    days = {told.as_of} | ({told.earlier[0]} if told.earlier else set())
    sums = cash.computed(portfolio_id, days)
    known = _known(portfolio_id, instruments, told, sums)
    all_of_them = cash_differences(sums[told.as_of], told.balances)
    open_, dismissed = agreeing.part(portfolio_id, all_of_them)
    by_key, away = {one.key: one for one in open_}, {one.difference.key: one for one in dismissed}
    lines = []
    for currency in sorted(told.balances.keys() | {name for name, amount in sums[told.as_of].items() if amount}):
        one = by_key.get(key_of(currency))
        lines.append(
            CashLine(
                currency=currency,
                computed=sums[told.as_of].get(currency, Decimal(0)),
                reported=told.balances.get(currency),
                difference=one,
                why=explain_cash(one, known) if one else "",
                dismissed=away.get(key_of(currency)),
            )
        )
    return CashAgreement(told.as_of, lines, known.begins - _DAY if known.begins else None)


def _known(
    portfolio_id: int, instruments: Iterable[Instrument], told: cash.Reports, sums: dict[date, cash.Balances]
) -> Known:
    first = None
    if told.earlier:
        day, balances = told.earlier
        first = day, {currency_of(one.key): one.amount for one in cash_differences(sums[day], balances)}
    begins = db.session.scalar(
        select(func.min(Entry.entry_date)).where(Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None))
    )
    parked: dict[str, int] = defaultdict(int)
    for _row, cells in _parked(portfolio_id):
        for currency in cells & told.balances.keys():
            parked[currency] += 1
    daily = frozenset(one.currency for one in instruments if one.unpaid)
    return Known(begins, first, parked, daily)


def _naming(portfolio_id: int, instruments: Collection[Instrument]) -> dict[str, list[ParkedRow]]:
    """The rows that could not be read and hold an instrument's symbol or ISIN as a cell of its own."""
    found: dict[str, list[ParkedRow]] = defaultdict(list)
    for row, cells in _parked(portfolio_id):
        for one in instruments:
            if {one.symbol.upper(), (one.isin or one.symbol).upper()} & cells:
                found[one.key].append(row)
    return found


def _parked(portfolio_id: int) -> list[tuple[ParkedRow, set[str]]]:
    query = select(ParkedRow).where(ParkedRow.portfolio_id == portfolio_id).order_by(ParkedRow.id.desc())
    rows = db.session.scalars(query.limit(MOST_PARKED))
    return [(row, {cell.strip().upper() for cell in _CELL_ENDS.split(row.raw)}) for row in rows]
