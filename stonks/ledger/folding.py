"""A portfolio's entries as what stonks.portfolio folds: movements, receipts, instruments, prices, positions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import ColumnElement, and_, false, func, null, or_, select

from stonks.core.amounts import PER_HUNDRED_CLASSES
from stonks.core.records import CashKind, FxRate
from stonks.db import db
from stonks.ledger import prices
from stonks.ledger.cash import effects
from stonks.ledger.entries import FOLD_ROWS, MOVING, Called
from stonks.ledger.kept import Kept
from stonks.ledger.tables import Entry, Portfolio, ReportedPosition, ReportedRate
from stonks.portfolio import exercises, holdings
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.income import Receipt
from stonks.portfolio.lots import Method
from stonks.portfolio.movements import DERIVATIVES, Kind, Movement, instrument_key
from stonks.portfolio.valuation import Instrument, Price, newer
from stonks.rates import RateTable

_NAMING = (Entry.kind, Entry.symbol, Entry.isin, Entry.currency, Entry.asset_class, Entry.multiplier)
_ZERO = Decimal(0)
MOST_RATE_TABLES = 4  # of some thousand rates each


class Facts(NamedTuple):
    """What is folded of an entry; see tables.Entry. A tuple and not the row that was read, whose attributes cost ten
    times as much."""

    id: int
    kind: str
    type: str
    entry_date: date
    symbol: str | None
    isin: str | None
    currency: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal | None
    commission: Decimal | None
    commission_currency: str | None
    taxes: Decimal | None
    other_amount: Decimal | None
    other_currency: str | None
    cancels: bool
    asset_class: str | None
    multiplier: Decimal | None
    external_id: str | None
    original_id: str | None
    action_kind: str | None
    action_id: str | None
    executed_at: datetime | None
    report_date: date | None
    description: str | None
    notes: str | None
    underlying: str | None


_COLUMNS: tuple[Any, ...] = tuple(getattr(Entry, name) for name in Facts._fields)


class Held(NamedTuple):
    """What the broker says is held at the end of a day, all accounts together."""

    key: str
    quantity: Decimal
    as_of: date
    cost: Decimal | None


@dataclass(slots=True)
class Folding:
    movements: list[Movement] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)  # the newer of the two below
    traded: dict[str, Price] = field(default_factory=dict)
    marked: dict[str, Price] = field(default_factory=dict)
    reported: list[Held] = field(default_factory=list)
    # How the rows of an instrument (by key), and of receipts (by their name), call it: symbol and ISIN as they stand.
    moved_as: dict[str, set[Called]] = field(default_factory=lambda: defaultdict(set))
    paid_as: dict[str, set[Called]] = field(default_factory=lambda: defaultdict(set))
    cash: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))  # per currency, all that is imported
    entries: int = 0
    method: Method = Method.FIFO  # the portfolio's setting

    def held(self, until: date | None = None) -> Holdings:
        """The lots as the portfolio's setting has them, of movements up to the end of `until`."""
        movements = (item for item in self.movements if until is None or item.on <= until)
        return holdings.fold(movements, method=self.method, reported_short=self.reported_short)

    @property
    def reported_short(self) -> frozenset[str]:
        return frozenset(held.key for held in self.reported if held.quantity < 0)


def rates(portfolio_id: int, base: str) -> RateTable:
    """Read once a process until there are more of them: rates are only ever added."""
    kept: Kept = current_app.extensions.setdefault("stonks_kept_rates", Kept(MOST_RATE_TABLES))
    mine = ReportedRate.portfolio_id == portfolio_id
    # SQLite gives the number of a deleted portfolio to the next one.
    created = db.session.scalar(select(Portfolio.created_at).where(Portfolio.id == portfolio_id))
    key = (portfolio_id, created, base, db.session.scalar(select(func.max(ReportedRate.id)).where(mine)))
    found: RateTable | None = kept.get(key)
    if found is None:
        columns = (ReportedRate.on, ReportedRate.from_currency, ReportedRate.to_currency, ReportedRate.rate)
        of_base = or_(ReportedRate.from_currency == base, ReportedRate.to_currency == base)
        found = RateTable(base, (FxRate(*row) for row in db.session.execute(select(*columns).where(mine, of_base))))
        kept.put(key, found)
    return found


def folding(portfolio_id: int) -> Folding:
    """Everything that counts (discarded entries do not)."""
    found = gathered(list(rows_of(portfolio_id)), latest_positions(portfolio_id))
    method = db.session.scalar(select(Portfolio.lot_method).where(Portfolio.id == portfolio_id))
    found.method = Method(method or Method.FIFO)
    for key, price in prices.newest(portfolio_id).items():
        found.prices[key] = newer(found.prices.get(key), price)
    return found


def instruments(portfolio_id: int) -> list[Instrument]:
    """All there ever were, by name alone: for when the stored figures are not there to tell. Folds nothing."""
    query = (
        select(*_NAMING, null().label("description"))
        .where(Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None))
        .group_by(*_NAMING)
        .order_by(func.max(Entry.entry_date), func.max(Entry.id))
    )
    rows, positions = list(db.session.execute(query)), latest_positions(portfolio_id)
    found, names = Folding(), Names(chain(rows, positions))
    for row in chain((row for row in rows if row.kind in MOVING), positions):
        _know(found, names.key(row), names, row)
    return list(found.instruments.values())


def rows_of(portfolio_id: int, *conditions: ColumnElement[bool]) -> Iterator[Facts]:
    """Of entries that count, in the order they fold."""
    query = (
        select(*_COLUMNS)
        .where(Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None), *conditions)
        .order_by(Entry.entry_date, Entry.id)
        .execution_options(yield_per=FOLD_ROWS)
    )
    yield from map(Facts._make, db.session.execute(query))


def gathered(rows: Sequence[Facts], positions: Sequence[Any]) -> Folding:
    """Entries and the broker's last positions as what portfolio/ folds."""
    found, names = Folding(), Names(chain(rows, positions))
    gather(found, rows, names)
    report(found, positions, names)
    return found


def gather(found: Folding, rows: Sequence[Facts], names: Names) -> None:
    """Adds entries, which come after all that were added before."""
    found.entries += len(rows)
    for row in rows:
        if row.kind in MOVING and (row.quantity or (row.kind == "CORPORATE_ACTION" and row.amount)):
            key = names.key(row)
            _know(found, key, names, row)
            found.movements.append(_movement(row, row.quantity or _ZERO, key))
            found.moved_as[key].add((row.symbol, row.isin))
            if row.kind == "TRADE" and row.price and not row.cancels:
                found.traded[key] = newer(found.traded.get(key), Price(row.price, row.entry_date, False))
        _receive(found, row, names)
        _count_cash(found, row)


def receipts_of(rows: Iterable[Facts]) -> list[Receipt]:
    """What entries brought and cost, without the instruments' names."""
    found, names = Folding(), Names(())
    for row in rows:
        _receive(found, row, names)
    return found.receipts


class Pair(NamedTuple):
    """What a row of a security calls it, symbol and ISIN both told."""

    symbol: str
    isin: str
    asset_class: None = None


def pairs(rows: Iterable[Any]) -> set[tuple[str, str]]:
    found = {(row.symbol, row.isin) for row in rows if row.asset_class not in DERIVATIVES}
    return {(symbol, isin) for symbol, isin in found if symbol and isin}


class Names:
    """One name for what rows call by ISIN or by symbol alone: a symbol that only ever had one ISIN means that one."""

    def __init__(self, rows: Iterable[Any]) -> None:
        isins: dict[str, set[str]] = defaultdict(set)
        for symbol, isin in pairs(rows):
            isins[symbol.upper()].add(isin)
        self.told = {symbol: next(iter(found)) for symbol, found in isins.items() if len(found) == 1}

    def isin(self, row: Any) -> str | None:
        if row.asset_class in DERIVATIVES:
            return None
        return row.isin or self.told.get((row.symbol or "").upper())

    def key(self, row: Any) -> str:
        return instrument_key(self.isin(row), row.symbol, row.asset_class, row.currency)


def _know(found: Folding, key: str, names: Names, row: Any) -> None:
    """The newest row names the instrument; facts it leaves out stay as they were."""
    before = found.instruments.get(key)
    found.instruments[key] = Instrument(
        key=key,
        symbol=row.symbol or (before.symbol if before else None) or row.isin or "?",
        isin=names.isin(row),
        currency=row.currency,
        asset_class=row.asset_class or (before.asset_class if before else None),
        multiplier=row.multiplier or (before.multiplier if before else None),
        description=_title(row, before),
    )


def _title(row: Any, before: Instrument | None) -> str | None:
    """A corporate action's description tells the action, not the name."""
    told = None if getattr(row, "kind", "") == "CORPORATE_ACTION" else row.description
    return told or (before.description if before else None)


def _movement(row: Facts, told: Decimal, key: str) -> Movement:
    """`told`: the row's quantity; none only of money that an action paid or took."""
    quantity, kind = told, Kind.TRADE
    cash, known = _ZERO, True
    if row.kind == "TRADE":
        quantity = -told if row.type == "SELL" else told
        cash = _trade_cash(row, quantity)
    elif row.type == "OPENING":
        kind = Kind.OPENING
        cash, known = -(row.other_amount or _ZERO), row.other_amount is not None
    elif row.kind == "TRANSFER":
        kind = Kind.TRANSFER_IN if row.type == "TRANSFER_IN" else Kind.TRANSFER_OUT
        quantity = told if kind is Kind.TRANSFER_IN else -told
        known = False
    else:
        kind = Kind.ACTION
        cash = row.amount or _ZERO
    codes = codes_of(row.notes)
    return Movement(
        on=row.entry_date,
        kind=kind,
        key=key,
        quantity=quantity,
        cash=cash,
        cash_known=known,
        price=row.price,
        at=row.executed_at,
        arrival=row.id,
        asset_class=row.asset_class,
        codes=codes,
        cancels=row.cancels,
        external_id=row.external_id,
        original_id=row.original_id,
        action_kind=row.action_kind or "",
        action_id=row.action_id,
        description=row.description or "",
        worth=row.other_amount if kind is Kind.ACTION else None,
        leg=exercises.leg_of(row.symbol, row.asset_class, row.underlying, row.price, row.multiplier)
        if row.kind == "TRADE" and not codes.isdisjoint(exercises.CODES)
        else None,
    )


def codes_of(notes: str | None) -> frozenset[str]:
    """The broker's codes of an entry."""
    return frozenset(code.strip() for code in (notes or "").split(";") if code.strip())


def _trade_cash(row: Facts, quantity: Decimal) -> Decimal:
    """With commission and taxes; a commission in another currency counts as a fee, not in the cost."""
    if row.amount is None:
        unit = (row.multiplier or Decimal(1)) / (100 if row.asset_class in PER_HUNDRED_CLASSES else 1)
        cash = -quantity * (row.price or _ZERO) * unit
    else:
        cash = row.amount
    if row.commission and row.commission_currency in (None, row.currency):
        cash += row.commission
    return cash + (row.taxes or _ZERO)


def _receive(found: Folding, row: Facts, names: Names) -> None:
    if row.kind == "CASH" and row.amount is not None:
        name = names.isin(row) or row.symbol
        kind = CashKind(row.type)
        found.receipts.append(Receipt(row.entry_date, kind, row.amount, row.currency, name, row.id, row.report_date))
        if name:
            found.paid_as[name].add((row.symbol, row.isin))
    elif row.commission:
        name = names.isin(row) or row.symbol
        currency = row.commission_currency or row.currency
        found.receipts.append(Receipt(row.entry_date, CashKind.FEE, row.commission, currency, name, row.id))


def _count_cash(found: Folding, row: Facts) -> None:
    for currency, amount in effects(row):
        found.cash[currency] += amount


def latest_positions(portfolio_id: int) -> list[Any]:
    """Of the last day each account was reported; columns and no objects."""
    mine = ReportedPosition.portfolio_id == portfolio_id
    days = select(ReportedPosition.account, func.max(ReportedPosition.as_of)).where(mine)
    last = [
        and_(ReportedPosition.account.is_not_distinct_from(account), ReportedPosition.as_of == day)
        for account, day in db.session.execute(days.group_by(ReportedPosition.account))
    ]
    return list(db.session.execute(select(*ReportedPosition.__table__.c).where(mine, or_(false(), *last))))


def shorts(positions: Iterable[Any], names: Names) -> frozenset[str]:
    """Keys of what the broker's last positions hold short."""
    found = Folding()
    report(found, positions, names)
    return found.reported_short


def report(found: Folding, positions: Iterable[Any], names: Names) -> None:
    """Adds the broker's word, once all entries are there."""
    held: dict[str, Held] = {}
    for row in positions:
        key = names.key(row)
        _know(found, key, names, row)
        if row.mark_price is not None:
            found.marked[key] = newer(found.marked.get(key), Price(row.mark_price, row.as_of, True))
        before = held.get(key)
        cost = row.cost_basis
        if before is not None:
            cost = None if cost is None or before.cost is None else cost + before.cost
        held[key] = Held(key, row.quantity + (before.quantity if before else _ZERO), row.as_of, cost)
    found.reported = list(held.values())
    found.prices = dict(found.traded)
    for key, mark in found.marked.items():
        found.prices[key] = newer(found.prices.get(key), mark)
