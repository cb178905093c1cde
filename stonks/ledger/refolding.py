"""What is reckoned anew for the stored figures: a family's instruments, a month, the broker's word. Reads only."""

from __future__ import annotations

import json
from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from stonks.core.fingerprint import plain
from stonks.db import db
from stonks.ledger import courses, families, folding, history, month_days
from stonks.ledger.entries import Called
from stonks.ledger.families import Name
from stonks.ledger.folding import Folding
from stonks.ledger.marks import name_of
from stonks.ledger.month_days import MonthOfDays
from stonks.ledger.snapshot_tables import SnapshotMonth
from stonks.ledger.tables import Entry
from stonks.portfolio import holdings, summary
from stonks.portfolio.income import COUNTED, Receipt
from stonks.portfolio.late import late
from stonks.portfolio.lots import ZERO, Book, Method
from stonks.portfolio.overview import Gains
from stonks.portfolio.summary import NotingRates, Summary
from stonks.portfolio.valuation import Instrument
from stonks.rates import RateTable

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What all instruments of a portfolio are folded by."""

    portfolio_id: int
    base: str
    method: Method
    rates: RateTable
    positions: Sequence[Any]  # the broker's last
    as_of: date | None  # the last day of those
    bank: dict[str, tuple[Decimal, date] | None] = field(default_factory=dict)  # its newest rates, once asked for

    def newest(self, currency: str) -> tuple[Decimal, date] | None:
        if currency == self.base:
            return None
        if currency not in self.bank:
            self.bank[currency] = self.rates.bank_newest(currency)
        return self.bank[currency]


@dataclass(slots=True)
class Refolded:
    """The rows of a family: its instruments, and the lots of each."""

    holdings: list[Row] = field(default_factory=list)
    lots: list[Row] = field(default_factory=list)
    income: list[Row] = field(default_factory=list)
    late: list[Row] = field(default_factory=list)
    years: list[Row] = field(default_factory=list)
    entries: int = 0
    names: set[str] = field(default_factory=set)  # that keys of the family can begin with


def family(names: set[Name], by: Reckoning) -> Refolded:
    rows = families.rows_of(by.portfolio_id, names)
    mine = [row for row in by.positions if name_of(row.symbol, row.isin, row.asset_class) in names]
    found = folding.gathered(rows, mine)
    held = holdings.fold(found.movements, method=by.method, reported_short=found.reported_short)
    then = held
    if by.as_of is not None and any(item.on > by.as_of for item in found.movements):
        until = [item for item in found.movements if item.on <= by.as_of]
        then = holdings.fold(until, method=by.method, reported_short=found.reported_short)
    receipts = _receipts(found)
    reported = {one.key: one.quantity for one in found.reported}
    result = Refolded(entries=len(rows), names=families.keys_of(names))
    closed = {}
    for key, instrument in found.instruments.items():
        rates = NotingRates(by.rates, by.rates.stood_in)
        one = summary.summarise(held.books.get(key) or Book(key), instrument, receipts[key], rates)
        book_then = then.books.get(key)
        quantity_then = book_then.quantity if book_then else ZERO
        result.holdings.append(
            _stored(one, by.portfolio_id)
            | _priced(found, one.instrument, by)
            | {
                "called": _called(found, instrument),
                "oldest_rate": rates.oldest,
                # Of the whole family, as whatever moved may have touched this one's lots.
                "last_day": rows[-1].entry_date if rows else None,
                "reported": reported.get(key),
                "quantity_then": quantity_then,
                "compared": key in reported or bool(quantity_then),
                "agrees": quantity_then == reported.get(key, ZERO),
            }
        )
        result.lots += _lots(one, by.portfolio_id)
        closed[key] = one.closed
    marks = history.marks(by.portfolio_id, names, found.instruments.values())
    made = courses.of_family(found, held, closed, marks, by.rates)
    for row in result.holdings:
        row |= made[row["key"]].facts
        result.years += made[row["key"]].years
    # What a conversion of currencies cost is of no instrument, whatever its row calls itself.
    conversions = {row.id for row in rows if row.kind == "FX"}
    counted = [one for one in found.receipts if one.key and one.kind in COUNTED and one.entry_id not in conversions]
    result.income = _income(counted, by)
    result.late = _late(counted, by.portfolio_id)
    return result


def month(first: date, by: Reckoning, only: Collection[date] = ()) -> list[Row]:
    """The rows of a month, a currency each. With `only` these days are reckoned and the others left as they are
    stored."""
    since = Entry.entry_date.in_(sorted(only)) if only else Entry.entry_date.between(first, last_day(first))
    days, oldest = _kept_days(first, by, only) if only else ({}, {})
    of_day: dict[date, list[Any]] = defaultdict(list)
    for row in folding.rows_of(by.portfolio_id, since):
        of_day[row.entry_date].append(row)
    for on, rows in of_day.items():
        # A day's rates are noted together: which currency asked does not matter to what is said.
        rates = NotingRates(by.rates, by.rates.stood_in)
        for currency, found in month_days.of_rows(rows, folding.receipts_of(rows), by.rates, rates).items():
            days.setdefault(currency, {}).update(found)
        if rates.oldest is not None:
            oldest[on] = rates.oldest
    common = {
        "portfolio_id": by.portfolio_id,
        "month": first,
        "oldest_rate": min(oldest.values(), default=None),
        "oldest_rates": json.dumps({on.isoformat(): day.isoformat() for on, day in sorted(oldest.items())}),
    }
    return [
        common | {"currency": currency, "days": month_days.text(of)} | month_days.total(of.values())._asdict()
        for currency, of in sorted(days.items())
    ]


def _kept_days(first: date, by: Reckoning, but: Collection[date]) -> tuple[month_days.Days, dict[date, date]]:
    columns = (SnapshotMonth.currency, SnapshotMonth.days, SnapshotMonth.oldest_rates)
    mine = (SnapshotMonth.portfolio_id == by.portfolio_id, SnapshotMonth.month == first)
    days: month_days.Days = {}
    oldest: dict[date, date] = {}
    for row in db.session.execute(select(*columns).where(*mine)):
        kept = MonthOfDays(first, row.currency, row.days).days()
        left = {on: day for on, day in kept.items() if on not in but}
        if left:
            days[row.currency] = left
        told = json.loads(row.oldest_rates).items()
        oldest = {date.fromisoformat(on): date.fromisoformat(day) for on, day in told}
    return days, {on: day for on, day in oldest.items() if on not in but}


def last_day(of: date) -> date:
    """Of its month."""
    return of.replace(day=monthrange(of.year, of.month)[1])


def gains_text(gains: Mapping[int, Gains]) -> str:
    return json.dumps({str(year): [plain(one.gain), one.sales, one.unknown] for year, one in sorted(gains.items())})


def gains_of(text: str) -> dict[int, Gains]:
    return {
        int(year): Gains(Decimal(gain), sales, unknown) for year, (gain, sales, unknown) in json.loads(text).items()
    }


def costs_text(costs: Mapping[date, Decimal]) -> str:
    return json.dumps({day.isoformat(): plain(amount) for day, amount in sorted(costs.items())})


def costs_of(text: str) -> dict[date, Decimal]:
    return {date.fromisoformat(day): Decimal(amount) for day, amount in json.loads(text).items()}


def _receipts(found: Folding) -> dict[str, list[Receipt]]:
    """By instrument: of several listings of one ISIN, that in the receipt's currency, else the first."""
    called: dict[str, list[Instrument]] = defaultdict(list)
    for one in sorted(found.instruments.values(), key=lambda one: one.key):
        for name in {one.isin or one.symbol, one.symbol}:
            called[name].append(one)
    given: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in found.receipts:
        listings = called.get(receipt.key or "", [])
        own = next((one for one in listings if one.currency == receipt.currency), listings[0] if listings else None)
        if own is not None:
            given[own.key].append(receipt)
    return given


def _called(found: Folding, what: Instrument) -> str:
    moved = found.moved_as.get(what.key, set())
    paid = [found.paid_as.get(name, set()) for name in (what.isin, what.symbol) if name]
    return json.dumps({"moved": _in_order(moved), "paid": _in_order(set().union(*paid))})


def _in_order(called: set[Called]) -> list[Called]:
    return sorted(called, key=lambda one: (one[0] or "", one[1] or ""))


def _stored(one: Summary, portfolio_id: int) -> Row:
    what = one.instrument
    return {
        "portfolio_id": portfolio_id,
        "key": what.key,
        "name": what.key.rpartition("/")[0],
        "is_open": bool(one.open),
        "complete": not one.reasons,
        "symbol": what.symbol,
        "isin": what.isin,
        "currency": what.currency,
        "asset_class": what.asset_class,
        "multiplier": what.multiplier,
        "description": what.description,
        "quantity": one.quantity,
        "cost": one.cost,
        "cost_known": one.cost_known,
        "cost_base": one.cost_base,
        "missing": one.missing,
        "closed_lots": len(one.closed),
        "income_base": one.income_base,
        "unconverted": one.unconverted,
        "reasons": json.dumps(one.reasons),
        "gains": gains_text(one.gains),
        "costs": costs_text(one.costs),
    }


def _priced(found: Folding, what: Instrument, by: Reckoning) -> Row:
    traded, marked, bank = found.traded.get(what.key), found.marked.get(what.key), by.newest(what.currency)
    return {
        "traded": traded.price if traded else None,
        "traded_on": traded.on if traded else None,
        "mark": marked.price if marked else None,
        "marked_on": marked.on if marked else None,
        "bank_rate": bank[0] if bank else None,
        "bank_day": bank[1] if bank else None,
    }


def _income(counted: list[Receipt], by: Reckoning) -> list[Row]:
    return [
        {"portfolio_id": by.portfolio_id, "name": name, "family": name.upper(), "year": year}
        | {f"{what}_base": amount for what, amount in one._asdict().items()}
        for (name, year), one in sorted(summary.by_year(counted, by.rates).items())
    ]


def _late(counted: list[Receipt], portfolio_id: int) -> list[Row]:
    return [
        {"portfolio_id": portfolio_id, "entry_id": one.receipt.entry_id, "name": one.receipt.key}
        | {"family": (one.receipt.key or "").upper(), "concerns": one.concerns, "known_in": one.known_in}
        for one in late(counted)
    ]


def _lots(one: Summary, portfolio_id: int) -> list[Row]:
    common = {"portfolio_id": portfolio_id, "key": one.instrument.key}
    closed = [
        common
        | {
            "place": place,
            "opened": lot.opened,
            "closed": lot.closed,
            "quantity": lot.quantity,
            "cost": lot.cost,
            "cost_known": lot.cost_known,
            "proceeds": lot.proceeds,
            "gain_base": gain,
        }
        for place, (lot, gain) in enumerate(one.closed)
    ]
    return closed + [
        common
        | {
            "place": place,
            "opened": lot.opened,
            "closed": None,
            "quantity": lot.quantity,
            "cost": lot.cost,
            "cost_known": lot.cost_known,
            "proceeds": None,
            "gain_base": None,
        }
        for place, lot in enumerate(one.open, len(closed))
    ]
