"""What the pages read of the stored figures: a few hundred rows, however many transactions they come from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, cast

from flask import current_app
from sqlalchemy import ColumnElement, CursorResult, and_, bindparam, case, func, or_, select

from stonks.core.errors import NotFound, StonksError
from stonks.core.records import FxRate
from stonks.db import db, read
from stonks.ledger import agreeing, prices, realised, snapshot
from stonks.ledger.entries import Called
from stonks.ledger.kept import Kept
from stonks.ledger.snapshot import State
from stonks.ledger.snapshot_tables import SnapshotHolding, SnapshotLot, SnapshotMonth, instrument_of
from stonks.ledger.tables import Portfolio, ReportedRate
from stonks.portfolio.income import Income
from stonks.portfolio.lots import ZERO, ClosedLot, Lot
from stonks.portfolio.overview import Overview, overview
from stonks.portfolio.reconcile import Difference
from stonks.portfolio.valuation import Instrument, Price, Valued, newer, worth
from stonks.rates import HOLDS, RateTable

_T = TypeVar("_T")

MOST_NAMED = 6  # instruments of which the overview says something
MOST_LOTS = 50  # of each kind, on an instrument's page
MOST_KEPT = 32  # a megabyte each at most, of a large portfolio
MOST_LARGE = 2  # of some ten megabytes
MOST_OF_ENTRIES = 64  # pages of fifty rows, 70 KB each
PATIENCE_SECONDS = 8  # of a visitor, while the figures are brought up to date
_TRIES = 20
_COLUMNS = (
    SnapshotHolding.key, SnapshotHolding.complete, SnapshotHolding.symbol, SnapshotHolding.isin,
    SnapshotHolding.currency, SnapshotHolding.asset_class, SnapshotHolding.multiplier, SnapshotHolding.description,
    SnapshotHolding.quantity, SnapshotHolding.cost, SnapshotHolding.cost_known, SnapshotHolding.cost_base,
    SnapshotHolding.traded, SnapshotHolding.traded_on, SnapshotHolding.mark, SnapshotHolding.marked_on,
    SnapshotHolding.bank_rate, SnapshotHolding.bank_day, SnapshotHolding.income_base, SnapshotHolding.unconverted,
    SnapshotHolding.is_open, SnapshotHolding.closed_lots,
)  # fmt: skip
_MONTH = (
    SnapshotMonth.month, SnapshotMonth.currency, SnapshotMonth.moved, SnapshotMonth.gross_base,
    SnapshotMonth.withheld_base, SnapshotMonth.fees_base, SnapshotMonth.oldest_rate,
)  # fmt: skip


_MORE = (SnapshotHolding.missing, SnapshotHolding.compared, SnapshotHolding.quantity_then, SnapshotHolding.reported)
_EVERY = (
    select(*_COLUMNS, *_MORE)
    .where(SnapshotHolding.portfolio_id == bindparam("portfolio_id"))
    .order_by(SnapshotHolding.key)
)


class Compared(NamedTuple):
    """How the quantities compare with the broker's word of a day."""

    as_of: date
    compared: int
    differing: int  # and nobody dismissed it
    dismissed: int

    @property
    def agrees(self) -> bool:
        return not self.differing and not self.dismissed

    @property
    def agreeing(self) -> int:
        return self.compared - self.differing - self.dismissed


@dataclass(frozen=True, slots=True)
class Holding:
    """An instrument, held or not."""

    valued: Valued
    income: Decimal  # net, in the base currency, all there ever was
    is_open: bool


@dataclass(frozen=True, slots=True)
class Standing:
    view: Overview
    incomplete: list[tuple[str, str]]  # key and symbol, the first MOST_NAMED
    agreement: Compared | None
    cash: list[tuple[str, Decimal]]
    oldest_rate: date | None  # of the bank's rates used, where one stood in for a later day's


@dataclass(frozen=True, slots=True)
class OneInstrument:
    instrument: Instrument
    missing: Decimal  # signed quantity that left without having come
    reasons: list[str]  # why the history is incomplete
    valued: Valued | None  # None: not held
    open_lots: list[Lot]  # the oldest first, at most MOST_LOTS
    lots: int  # how many are open
    closed: list[tuple[ClosedLot, Decimal | None]]  # the newest first, at most MOST_LOTS, with the gain in base
    closed_lots: int  # how many are closed
    moved_as: list[Called]  # how its entries call it
    paid_as: list[Called]


class Stale(StonksError):
    """The figures are being reckoned, and nothing of them can be shown yet."""


def standing(portfolio: Portfolio, today: date, until: date | None = None) -> Standing:
    """For the overview, with the twelve months up to `until`, today if None. Raises Stale."""
    last = until or today
    return _consistent(portfolio, lambda state: _standing(portfolio, state, today, last), ("standing", today, last))


def holdings(portfolio: Portfolio, today: date, *, closed: bool = False) -> list[Holding]:
    """What is held, and with `closed` what once was; in no order. Raises Stale."""
    asked = ("closed" if closed else "open", today)
    return _consistent(portfolio, lambda _state: _holdings(portfolio, today, closed=closed)[0], asked)


def instruments(portfolio: Portfolio) -> list[Instrument]:
    """All there ever were. Raises Stale."""
    return remembered(portfolio, ("instruments",), lambda: [instrument_of(row) for row in _every(portfolio.id)])


def lacking(portfolio: Portfolio) -> list[Instrument]:
    """Of which something left without having come. Raises Stale."""
    return remembered(
        portfolio, ("lacking",), lambda: [instrument_of(row) for row in _every(portfolio.id) if row.missing]
    )


def compared(portfolio: Portfolio) -> tuple[date | None, list[tuple[Instrument, Difference]]]:
    """The day of the broker's last word on positions, and each quantity of it beside ours, agreeing or not; by key.
    Raises Stale."""
    return _consistent(portfolio, lambda state: (state.as_of, _compared(portfolio.id)), ("compared",))


def instrument(portfolio: Portfolio, key: str, today: date) -> OneInstrument:
    """Raises Stale, NotFound."""
    return _consistent(portfolio, lambda _state: _instrument(portfolio, key, today))


def remembered(portfolio: Portfolio, asked: tuple[Any, ...], make: Callable[[], _T]) -> _T:
    """What `make` makes of the figures and the ledger, given again while neither changes; `asked` says all else that it
    hangs on. Raises Stale."""
    return _consistent(portfolio, lambda _state: make(), ("made", *asked))


def remembered_large(portfolio: Portfolio, asked: tuple[Any, ...], make: Callable[[], _T]) -> _T:
    """The same for what takes much memory: only the last few are kept. Raises Stale."""
    return _consistent(portfolio, lambda _state: make(), asked, _kept("large", MOST_LARGE))


def whole(portfolio: Portfolio, make: Callable[[], _T]) -> _T:
    """What `make` makes of the figures in as many looks as it takes, all of them at one state. Raises Stale."""
    return _consistent(portfolio, lambda _state: make())


class OfEntries:
    """What is made of the entries alone, stale figures or not; given again until the ledger changes."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._whose, self._before = _whose(portfolio), snapshot.state(portfolio.id)

    def remembered(self, asked: tuple[Any, ...], make: Callable[[], _T]) -> _T:
        """What `make` makes, not None; `asked` are the words for what that is."""
        if self._before is None:
            return make()
        kept, key = _kept("entries", MOST_OF_ENTRIES), (*self._whose, self._before.version, *asked)
        if (known := kept.get(key)) is not None:
            return cast(_T, known)
        # Of a change since then all is already in what `make` finds: nobody will ask for that version again.
        found = make()
        kept.put(key, found)
        return found


def _whose(portfolio: Portfolio) -> tuple[Any, ...]:
    """SQLite gives the number of a deleted portfolio to the next one."""
    return portfolio.id, portfolio.created_at


def _kept(what: str, most: int) -> Kept:
    kept: Kept = current_app.extensions.setdefault(f"stonks_kept_{what}", Kept(most))
    return kept


def _consistent(
    portfolio: Portfolio, read: Callable[[State], _T], asked: tuple[Any, ...] = (), kept: Kept | None = None
) -> _T:
    """What `read` finds, all of it of one moment, brought up to date before if need be. With `asked`, the words for
    what that is, it is kept and given again while nothing changes."""
    kept = kept or _kept("figures", MOST_KEPT)
    for _ in range(_TRIES):
        before = snapshot.state(portfolio.id)
        if before is None or not snapshot.is_fresh(portfolio, before):
            if not snapshot.refresh(portfolio.id, PATIENCE_SECONDS):
                raise Stale("The figures of this portfolio are being reckoned anew.")
            continue
        key = (*_whose(portfolio), before, *asked)
        if asked and (known := kept.get(key)) is not None:
            return cast(_T, known)
        found = read(before)
        # PostgreSQL shows each query the newest there is: somebody may have written between two of them.
        if snapshot.state(portfolio.id) == before:
            if asked:
                kept.put(key, found)
            return found
    raise Stale("The figures of this portfolio change faster than they can be read.")


def _standing(portfolio: Portfolio, state: State, today: date, until: date) -> Standing:
    mine = SnapshotHolding.portfolio_id == portfolio.id
    held, rates = _holdings(portfolio, today)
    counts = db.session.execute(
        select(
            _count(~SnapshotHolding.complete),
            _count(SnapshotHolding.compared.is_(True)),
            _count(and_(SnapshotHolding.compared, ~SnapshotHolding.agrees)),
            _count(and_(~SnapshotHolding.is_open, SnapshotHolding.closed_lots > 0)),
            func.min(SnapshotHolding.oldest_rate),
        ).where(mine)
    ).one()
    incomplete, compared, differing, closed, oldest_rate = counts
    named = select(SnapshotHolding.key, SnapshotHolding.symbol).where(mine, ~SnapshotHolding.complete)
    months = list(db.session.execute(select(*_MONTH).where(SnapshotMonth.portfolio_id == portfolio.id)))
    oldest = (oldest_rate, rates.latest_ecb_day, *(row.oldest_rate for row in months))
    return Standing(
        view=overview(
            [one.valued for one in held],
            _income(months),
            until=until,
            incomplete=incomplete or 0,
            closed=closed or 0,
            base=portfolio.base_currency,
            today=today,
        ),
        incomplete=[(key, symbol) for key, symbol in db.session.execute(named.order_by("key").limit(MOST_NAMED))]
        if incomplete
        else [],
        agreement=_agreement(portfolio.id, state.as_of, compared, differing) if state.as_of is not None else None,
        cash=_cash(months),
        oldest_rate=min((day for day in oldest if day is not None), default=None),
    )


def _agreement(portfolio_id: int, as_of: date, compared: int, differing: int) -> Compared:
    if not differing:
        return Compared(as_of, compared, 0, 0)
    columns = (SnapshotHolding.key, SnapshotHolding.quantity_then, SnapshotHolding.reported)
    rows = db.session.execute(
        select(*columns).where(
            SnapshotHolding.portfolio_id == portfolio_id, SnapshotHolding.compared, ~SnapshotHolding.agrees
        )
    )
    found = [Difference(key, computed, reported or ZERO) for key, computed, reported in rows]
    open_, dismissed = agreeing.part(portfolio_id, found)
    return Compared(as_of, compared, len(open_), len(dismissed))


def _holdings(portfolio: Portfolio, today: date, *, closed: bool = False) -> tuple[list[Holding], RateTable]:
    wanted: ColumnElement[bool] = SnapshotHolding.is_open.is_(True)
    if closed:
        wanted = or_(wanted, SnapshotHolding.closed_lots > 0)
    rows = list(db.session.execute(select(*_COLUMNS).where(SnapshotHolding.portfolio_id == portfolio.id, wanted)))
    rates, quoted = _rates(portfolio, rows, today), prices.newest(portfolio.id)
    return [
        Holding(_valued(row, quoted.get(row.key), rates, today), row.income_base, row.is_open) for row in rows
    ], rates


def _instrument(portfolio: Portfolio, key: str, today: date) -> OneInstrument:
    mine = (SnapshotHolding.portfolio_id == portfolio.id, SnapshotHolding.key == key)
    more = (SnapshotHolding.missing, SnapshotHolding.reasons, SnapshotHolding.called)
    row = db.session.execute(select(*_COLUMNS, *more).where(*mine)).first()
    if row is None:
        raise NotFound("There is no such instrument in this portfolio.")
    valued = _valued(row, prices.newest(portfolio.id).get(key), _rates(portfolio, [row], today), today)
    called = {what: [(symbol, isin) for symbol, isin in names] for what, names in json.loads(row.called).items()}
    lots = select(SnapshotLot).where(SnapshotLot.portfolio_id == portfolio.id, SnapshotLot.key == key)
    closed = list(
        db.session.scalars(
            lots.where(SnapshotLot.place < row.closed_lots).order_by(SnapshotLot.place.desc()).limit(MOST_LOTS)
        )
    )
    still = lots.where(SnapshotLot.place >= row.closed_lots).order_by(SnapshotLot.place)
    count = select(func.count()).select_from(still.subquery())
    open_lots = list(db.session.scalars(still.limit(MOST_LOTS)))
    how_many = len(open_lots) if len(open_lots) < MOST_LOTS else db.session.scalar(count) or 0
    return OneInstrument(
        instrument=valued.instrument,
        missing=row.missing,
        reasons=json.loads(row.reasons),
        valued=valued if row.is_open else None,
        open_lots=[Lot(lot.opened, lot.quantity, lot.cost, lot.cost_known) for lot in open_lots],
        lots=how_many,
        closed=[(realised.closed_lot(lot), lot.gain_base) for lot in closed],
        closed_lots=row.closed_lots,
        moved_as=called["moved"],
        paid_as=called["paid"],
    )


def _compared(portfolio_id: int) -> list[tuple[Instrument, Difference]]:
    rows = [row for row in _every(portfolio_id) if row.compared]
    return [(instrument_of(row), Difference(row.key, row.quantity_then, row.reported or ZERO)) for row in rows]


def _every(portfolio_id: int) -> CursorResult[*tuple[Any, ...]]:
    return read(_EVERY, portfolio_id=portfolio_id)


def _valued(row: Any, quoted: Price | None, rates: RateTable, today: date) -> Valued:
    what = instrument_of(row)
    price = None if row.traded is None else Price(row.traded, row.traded_on, False)
    if row.mark is not None:
        price = newer(price, Price(row.mark, row.marked_on, True))
    if quoted is not None:
        price = newer(price, quoted)
    return worth(row, what, price, row.cost_base, rates, today)


def _rates(portfolio: Portfolio, rows: Iterable[Any], today: date) -> RateTable:
    """Of the last few days, and the bank's as they were stored."""
    base = portfolio.base_currency
    newest = {row.currency: (row.bank_rate, row.bank_day) for row in rows if row.bank_rate is not None}
    columns = (ReportedRate.on, ReportedRate.from_currency, ReportedRate.to_currency, ReportedRate.rate)
    recent = select(*columns).where(
        ReportedRate.portfolio_id == portfolio.id,
        ReportedRate.on.between(today - HOLDS, today),
        or_(ReportedRate.from_currency == base, ReportedRate.to_currency == base),
    )
    return RateTable(base, (FxRate(*row) for row in db.session.execute(recent)), newest)


def _income(months: Iterable[Any]) -> dict[date, Income]:
    found: dict[date, Income] = defaultdict(Income)
    for row in months:
        had = found[row.month]
        found[row.month] = Income(
            had.gross + row.gross_base, had.withheld + row.withheld_base, had.fees + row.fees_base
        )
    return found


def _cash(months: Iterable[Any]) -> list[tuple[str, Decimal]]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in months:
        found[row.currency] += row.moved
    return sorted((currency, amount) for currency, amount in found.items() if amount)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
