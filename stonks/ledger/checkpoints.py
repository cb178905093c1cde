"""How an instrument stood at the beginning of a year: what changed since is folded on from there.

Kept for the last two years of instruments with many entries whose earlier figures hang on nothing later: families of one
instrument, without cancels, which may take back any trade, without opening entries, which are valued at the prices
around them, and without purchases that no rate converts. `under` tells what of the whole the years before were folded
by; once that is another, all is folded anew. Nobody but `refolding.family` reads a checkpoint.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import select

from stonks.core.fingerprint import plain
from stonks.db import db
from stonks.ledger import folding
from stonks.ledger.entries import Called
from stonks.ledger.families import Name, keys_of
from stonks.ledger.figure_rows import called_in_order
from stonks.ledger.folding import Folding, Names, Pair
from stonks.ledger.snapshot_tables import SnapshotCheckpoint, SnapshotHolding
from stonks.portfolio.flows import UNPAID_KINDS
from stonks.portfolio.lots import ZERO, Book, Lot, Method
from stonks.portfolio.summary import EXACT, Summary
from stonks.portfolio.valuation import Instrument, Price

LEAST = 200  # entries before a checkpoint: fewer are folded as fast as one is read
_NONE = date.min.year


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that the fold of the years before leaves for those after; of no year: nothing."""

    year: int = _NONE
    under: str = ""
    instrument: Instrument | None = None  # as the years before name it
    pairs: frozenset[tuple[str, str]] = frozenset()  # symbols and ISINs in one row
    moved_as: frozenset[Called] = frozenset()
    paid_as: Mapping[str, frozenset[Called]] = field(default_factory=dict)
    traded: Price | None = None
    begun: date | None = None
    transferred: bool = False
    last_day: date | None = None
    lots: tuple[Lot, ...] = ()
    closed: int = 0  # lots
    missing: Decimal = ZERO
    unmatched_cash: Decimal = ZERO
    reasons: tuple[str, ...] = ()
    income: Decimal = ZERO  # net, in the base currency
    unconverted: int = 0
    oldest_rate: date | None = None

    @property
    def day(self) -> date:
        return date(self.year, 1, 1)

    def named(self) -> Iterator[Pair]:
        return (Pair(symbol, isin) for symbol, isin in self.pairs)

    def gathered(self) -> Folding:
        found = Folding()
        if self.instrument is not None:
            key = self.instrument.key
            found.instruments[key] = self.instrument
            found.moved_as[key] = set(self.moved_as)
            if self.traded is not None:
                found.traded[key] = self.traded
        found.paid_as.update((name, set(called)) for name, called in self.paid_as.items())
        return found

    def books(self, method: Method) -> dict[str, Book]:
        if self.instrument is None:
            return {}
        key = self.instrument.key
        return {
            key: Book(key, method, list(self.lots), [], self.missing, self.unmatched_cash, list(self.reasons)),
        }


class Start(NamedTuple):
    """Where a fold begins: a checkpoint, and the figures of the years before it as the holding has them in its own."""

    point: Checkpoint
    gains: str
    lacking: str


NOTHING = Start(Checkpoint(), "{}", "[]")


def latest(portfolio_id: int, names: set[Name], year: int) -> Start:
    """The last one that stands before everything since `year`."""
    if year == _NONE:
        return NOTHING
    columns = (SnapshotHolding.key, SnapshotHolding.gains, SnapshotHolding.lacking)
    mine = (SnapshotHolding.portfolio_id == portfolio_id, SnapshotHolding.name.in_(keys_of(names)))
    holdings = db.session.execute(select(*columns).where(*mine).limit(2)).all()
    if len(holdings) != 1:
        return NOTHING
    (one,) = holdings
    table = SnapshotCheckpoint
    kept = select(table.year, table.under, table.state).where(table.portfolio_id == portfolio_id, table.key == one.key)
    row = db.session.execute(kept.where(table.year <= year).order_by(table.year.desc()).limit(1)).first()
    if row is None:
        return NOTHING
    return Start(_of(row.year, row.under, json.loads(row.state)), one.gains, one.lacking)


def legs(rows: Sequence[Any], start: Checkpoint) -> Iterator[tuple[int | None, list[Any]]]:
    """The entries up to each year at whose beginning a checkpoint is to be taken, and the rest."""
    done = 0
    for year in _wanted(rows, start):
        end = bisect_left(rows, date(year, 1, 1), lo=done, key=lambda row: row.entry_date)
        yield year, list(rows[done:end])
        done = end
    yield None, list(rows[done:])


def reach_back(rows: Sequence[Any]) -> bool:
    """Whether what came earlier may look otherwise because of one of these entries."""
    return any(row.cancels or row.type == "OPENING" for row in rows)


def taken(year: int, start: Checkpoint, found: Folding, books: Mapping[str, Book], rows: Sequence[Any]) -> Checkpoint:
    """At the beginning of `year`, before which are all entries of `rows`. What the sums were is not known yet."""
    point = Checkpoint(year)
    if len(found.instruments) != 1 or not books:
        return point
    ((key, instrument),) = found.instruments.items()
    book = books[key]
    return replace(
        point,
        instrument=instrument,
        pairs=start.pairs | folding.pairs(row for row in rows if row.entry_date < point.day),
        moved_as=frozenset(found.moved_as[key]),
        paid_as={name: frozenset(called) for name, called in found.paid_as.items()},
        traded=found.traded.get(key),
        begun=start.begun or min((item.on for item in found.movements), default=None),
        transferred=start.transferred or any(item.kind in UNPAID_KINDS for item in found.movements),
        last_day=max((row.entry_date for row in rows if row.entry_date < point.day), default=start.last_day),
        lots=tuple(book.lots),
        closed=start.closed + len(book.closed),
        missing=book.missing,
        unmatched_cash=book.unmatched_cash,
        reasons=tuple(book.reasons),
    )


def summed(point: Checkpoint, start: Checkpoint, under: str, since: Summary, oldest: date | None) -> Checkpoint:
    """`since`: what lots and receipts came to between the two."""
    return replace(
        point,
        under=under,
        income=EXACT.add(start.income, since.income_base),
        unconverted=start.unconverted + since.unconverted,
        oldest_rate=min((day for day in (start.oldest_rate, oldest) if day), default=None),
    )


def under_of(called: Names, what: Instrument, part: str) -> str:
    """What of the whole decides about each year of it."""
    return json.dumps([sorted(called.told.items()), what.symbol, plain(what.unit), what.unpaid, part])


def rows(portfolio_id: int, points: Sequence[Checkpoint]) -> list[dict[str, Any]]:
    """As they are stored."""
    return [
        {
            "portfolio_id": portfolio_id,
            "key": one.instrument.key,
            "year": one.year,
            "under": one.under,
            "state": _text(one),
        }
        for one in points
        if one.instrument is not None
    ]


def _wanted(entries: Sequence[Any], start: Checkpoint) -> Iterator[int]:
    if not entries or reach_back(entries):
        return
    last = entries[-1].entry_date.year
    for year in (last - 1, last):
        many = start.year > _NONE or bisect_left(entries, date(year, 1, 1), key=lambda row: row.entry_date) >= LEAST
        if year > start.year and many:
            yield year


def _text(one: Checkpoint) -> str:
    assert one.instrument is not None
    what, traded = one.instrument, one.traded
    return json.dumps(
        {
            "instrument": [*what[:5], _plain(what.multiplier), what.description],
            "pairs": sorted(one.pairs),
            "moved": called_in_order(one.moved_as),
            "paid": {name: called_in_order(called) for name, called in sorted(one.paid_as.items())},
            "traded": None if traded is None else [plain(traded.price), _iso(traded.on)],
            "days": [_iso(one.begun), _iso(one.last_day), _iso(one.oldest_rate)],
            "transferred": one.transferred,
            "lots": [[_iso(lot.opened), plain(lot.quantity), plain(lot.cost), lot.cost_known] for lot in one.lots],
            "sums": [plain(one.missing), plain(one.unmatched_cash), plain(one.income)],
            "counts": [one.closed, one.unconverted],
            "reasons": one.reasons,
        },
        separators=(",", ":"),
    )


def _of(year: int, under: str, told: Mapping[str, Any]) -> Checkpoint:
    key, symbol, isin, currency, asset_class, multiplier, description = told["instrument"]
    unit = None if multiplier is None else Decimal(multiplier)
    begun, last_day, oldest = map(_day, told["days"])
    missing, unmatched, income = map(Decimal, told["sums"])
    traded = told["traded"]
    return Checkpoint(
        year=year,
        under=under,
        instrument=Instrument(key, symbol, isin, currency, asset_class, unit, description),
        pairs=frozenset((symbol, isin) for symbol, isin in told["pairs"]),
        moved_as=_called(told["moved"]),
        paid_as={name: _called(called) for name, called in told["paid"].items()},
        traded=None if traded is None else Price(Decimal(traded[0]), date.fromisoformat(traded[1]), False),
        begun=begun,
        transferred=told["transferred"],
        last_day=last_day,
        lots=tuple(
            Lot(date.fromisoformat(opened), Decimal(quantity), Decimal(cost), known)
            for opened, quantity, cost, known in told["lots"]
        ),
        closed=told["counts"][0],
        missing=missing,
        unmatched_cash=unmatched,
        reasons=tuple(told["reasons"]),
        income=income,
        unconverted=told["counts"][1],
        oldest_rate=oldest,
    )


def _called(told: list[list[str | None]]) -> frozenset[Called]:
    return frozenset((symbol, isin) for symbol, isin in told)


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
