"""What statements report beside transactions: positions held, cash and exchange rates. They reconcile and price; they are
no entries. Written only when they differ from what is there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, select

from stonks.core.records import CashBalance, FxRate, Position, StatementSummary
from stonks.db import db, insert_ignoring
from stonks.ledger import marks
from stonks.ledger.tables import ReportedBalance, ReportedPosition, ReportedRate

Day = tuple[date, str | None]  # as of, account

_FACTS = (
    "symbol", "isin", "currency", "quantity", "mark_price", "cost_basis", "asset_class", "multiplier", "description",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangedFacts:
    days: dict[Day, list[Position]]
    rates: list[FxRate]
    balances: dict[Day, dict[str, Decimal]]  # by currency

    def __bool__(self) -> bool:
        return bool(self.days or self.rates or self.balances)

    def write(self, portfolio_id: int) -> None:
        """Replaces positions and balances of each changed day and adds the new rates; within a transaction."""
        named: dict[tuple[str, str], date] = {}
        for (as_of, account), positions in sorted(self.days.items(), key=lambda day: day[0][0], reverse=True):
            columns = (ReportedPosition.symbol, ReportedPosition.isin, ReportedPosition.asset_class)
            before = select(*columns).where(*_of_day(ReportedPosition, portfolio_id, as_of, account))
            named |= {marks.name_of(*row): as_of for row in db.session.execute(before)}
            named |= {marks.name_of(one.symbol, one.isin, one.asset_class): as_of for one in positions}
            db.session.execute(delete(ReportedPosition).where(*_of_day(ReportedPosition, portfolio_id, as_of, account)))
            rows = [
                {"portfolio_id": portfolio_id, "as_of": as_of, "account": account} | _facts(position)
                for position in positions
            ]
            db.session.execute(insert(ReportedPosition), rows)
        for (as_of, account), balances in self.balances.items():
            db.session.execute(delete(ReportedBalance).where(*_of_day(ReportedBalance, portfolio_id, as_of, account)))
            lines = [
                {"portfolio_id": portfolio_id, "as_of": as_of, "account": account}
                | {"currency": currency, "ending_cash": amount}
                for currency, amount in balances.items()
            ]
            db.session.execute(insert(ReportedBalance), lines)
        if self.rates:
            rates = [{"portfolio_id": portfolio_id, **rate._asdict()} for rate in self.rates]
            db.session.execute(insert_ignoring(ReportedRate), rates)
        since = min((rate.on for rate in self.rates), default=None)
        marks.facts(portfolio_id, positions=named, rates_since=since)


def changed_facts(portfolio_id: int, positions: list[Position], summary: StatementSummary) -> ChangedFacts:
    """What of a statement's reported facts the database does not hold in the same words."""
    days: dict[Day, list[Position]] = defaultdict(list)
    for position in positions:
        days[position.as_of, position.account].append(position)
    changed = {
        day: rows
        for day, rows in days.items()
        if _comparable([_facts(row) for row in rows]) != _comparable(_stored(portfolio_id, *day))
    }
    return ChangedFacts(changed, _new_rates(portfolio_id, summary.rates), _new_balances(portfolio_id, summary.balances))


def _new_balances(portfolio_id: int, lines: tuple[CashBalance, ...]) -> dict[Day, dict[str, Decimal]]:
    """By day and account, those that are not stored in the same figures; of a line told twice the last one."""
    days: dict[Day, dict[str, Decimal]] = defaultdict(dict)
    for line in lines:
        days[line.as_of, line.account][line.currency] = line.ending_cash
    return {day: balances for day, balances in days.items() if balances != _stored_balances(portfolio_id, *day)}


def _stored_balances(portfolio_id: int, as_of: date, account: str | None) -> dict[str, Decimal]:
    query = select(ReportedBalance).where(*_of_day(ReportedBalance, portfolio_id, as_of, account))
    return {row.currency: row.ending_cash for row in db.session.scalars(query)}


def _new_rates(portfolio_id: int, rates: tuple[FxRate, ...]) -> list[FxRate]:
    if not rates:
        return []
    first, last = min(rate.on for rate in rates), max(rate.on for rate in rates)
    query = select(ReportedRate.on, ReportedRate.from_currency, ReportedRate.to_currency).where(
        ReportedRate.portfolio_id == portfolio_id, ReportedRate.on.between(first, last)
    )
    seen = {tuple(row) for row in db.session.execute(query)}
    unseen = {
        (rate.on, rate.from_currency, rate.to_currency): rate
        for rate in rates
        if (rate.on, rate.from_currency, rate.to_currency) not in seen
    }
    return list(unseen.values())


def _stored(portfolio_id: int, as_of: date, account: str | None) -> list[dict[str, Any]]:
    rows = db.session.scalars(select(ReportedPosition).where(*_of_day(ReportedPosition, portfolio_id, as_of, account)))
    return [{name: getattr(row, name) for name in _FACTS} for row in rows]


def _of_day(
    table: type[ReportedPosition] | type[ReportedBalance], portfolio_id: int, as_of: date, account: str | None
) -> tuple[Any, ...]:
    return table.portfolio_id == portfolio_id, table.as_of == as_of, table.account.is_not_distinct_from(account)


def _facts(position: Position) -> dict[str, Any]:
    return {name: getattr(position, name) for name in _FACTS}


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr([row[name] for name in _FACTS]) for row in rows)
