"""Reading a portfolio's entries: a page at a time by key, one by id, all of them in the order they fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, TextClause, bindparam, func, or_, select, text, tuple_

from stonks.core.errors import NotFound
from stonks.db import db, read
from stonks.ledger.tables import RARE_ORIGIN, RARE_TYPE, Entry

Called = tuple[str | None, str | None]

MOVING = ("TRADE", "CORPORATE_ACTION", "TRANSFER")
PAGE_SIZE = 50
FOLD_ROWS = 5_000
MOST_SYMBOLS = 500  # to choose from; any other can be typed
IDS_AT_ONCE = 500  # databases take a limited number of parameters


class Shown(NamedTuple):
    """What the table shows of an entry; see tables.Entry. Not the row that was read, whose attributes cost ten times as
    much: forty of each entry were a third of a page's time."""

    id: int
    kind: str
    type: str
    entry_date: date
    executed_at: datetime | None
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
    account: str | None
    origin: str
    description: str | None
    external_id: str | None


Line = Entry | Shown  # an entry to be shown

_SHOWN: tuple[Any, ...] = tuple(getattr(Entry, name) for name in Shown._fields)
_ANY = select(Entry.id).where(Entry.portfolio_id == bindparam("portfolio_id"), Entry.discarded_at.is_(None)).limit(1)


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """None = any. The symbol counts as written or in capitals; both dates are included."""

    symbol: str | None = None
    type: str | None = None
    first: date | None = None
    last: date | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Newest first. `next` is the cursor of older entries, `previous` of newer ones; None where there are none."""

    entries: list[Shown]
    next: str | None
    previous: str | None


def page(
    portfolio_id: int,
    wanted: EntryFilter,
    *,
    after: str | None = None,
    before: str | None = None,
    size: int = PAGE_SIZE,
) -> EntryPage:
    """A page by key: as quick at the millionth row as at the first. An unreadable cursor means the first page."""
    older_than, newer_than = _cursor(after), _cursor(before)
    day, number = newer_than or older_than or (None, None)
    values = {
        "symbols": sorted({wanted.symbol, wanted.symbol.upper()}) if wanted.symbol else None,
        "type": wanted.type,
        "first": wanted.first,
        "last": wanted.last,
        "origin": wanted.origin,
        "day": day,
        "number": number,
    }
    told = {name: value for name, value in values.items() if value is not None}
    query = _page_query(frozenset(told), _telling(wanted), newer=bool(newer_than))
    found = [Shown._make(row) for row in read(query, portfolio_id=portfolio_id, size=size + 1, **told).all()]
    more, found = len(found) > size, found[:size]
    if newer_than:
        found.reverse()
    if not found:
        return EntryPage([], None, None)
    has_older = more if not newer_than else True
    has_newer = bool(older_than) if not newer_than else more
    return EntryPage(found, _name(found[-1]) if has_older else None, _name(found[0]) if has_newer else None)


def get(portfolio_id: int, entry_id: int) -> Entry:
    """An entry, discarded or not; raises NotFound when there is none or it is another portfolio's."""
    found = db.session.scalar(select(Entry).where(Entry.id == entry_id, Entry.portfolio_id == portfolio_id))
    if found is None:
        raise NotFound("There is no such transaction.")
    return found


def some(portfolio_id: int, ids: Sequence[int]) -> list[Entry]:
    """The entries with these ids, in no order; ids of another portfolio's are left out."""
    return [
        entry
        for start in range(0, len(ids), IDS_AT_ONCE)
        for entry in db.session.scalars(
            select(Entry).where(Entry.portfolio_id == portfolio_id, Entry.id.in_(ids[start : start + IDS_AT_ONCE]))
        )
    ]


def are_there(portfolio_id: int) -> bool:
    """Whether anything counts."""
    return read(_ANY, portfolio_id=portfolio_id).first() is not None


def movements(portfolio_id: int, called: Iterable[Called], currency: str) -> list[Entry]:
    """The newest trades, corporate actions and transfers of what goes by one of these pairs of symbol and ISIN."""
    return _newest_called(portfolio_id, called, Entry.kind.in_(MOVING), Entry.currency == currency)


def receipts(portfolio_id: int, called: Iterable[Called]) -> list[Entry]:
    """The newest payments, without fees."""
    return _newest_called(portfolio_id, called, Entry.kind == "CASH", Entry.type != "FEE")


def _newest_called(portfolio_id: int, called: Iterable[Called], *wanted: ColumnElement[bool]) -> list[Entry]:
    isins: dict[str | None, set[str | None]] = defaultdict(set)
    for symbol, isin in called:
        isins[symbol].add(isin)
    found: list[Entry] = []
    for symbol, those in isins.items():
        # One query a symbol: the index gives each one's newest without reading the rest.
        query = select(Entry).where(
            Entry.portfolio_id == portfolio_id,
            Entry.symbol == symbol if symbol is not None else Entry.symbol.is_(None),
            or_(*(Entry.isin == isin if isin is not None else Entry.isin.is_(None) for isin in those)),
            Entry.discarded_at.is_(None),
            *wanted,
        )
        found += db.session.scalars(query.order_by(Entry.entry_date.desc(), Entry.id.desc()).limit(PAGE_SIZE))
    return sorted(found, key=lambda entry: (entry.entry_date, entry.id), reverse=True)[:PAGE_SIZE]


def symbols(portfolio_id: int, limit: int = MOST_SYMBOLS) -> list[str]:
    """The symbols that count, in alphabetical order, at most `limit`. One look into the index for each, as reading
    them off a million rows takes a second."""
    counting = (Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None))
    first = select(func.min(Entry.symbol).label("symbol")).where(*counting).cte("found", recursive=True)
    following = select(func.min(Entry.symbol)).where(*counting, Entry.symbol > first.c.symbol).scalar_subquery()
    found = first.union_all(select(following).where(first.c.symbol.is_not(None)))
    query = select(found.c.symbol).where(found.c.symbol.is_not(None)).limit(limit)
    return [symbol for symbol in db.session.scalars(query) if symbol]


def all_for_folding(portfolio_id: int) -> Iterator[Entry]:
    """Every entry that counts, in the order in which lots are folded: date, then time where told, then arrival."""
    query = (
        select(Entry)
        .where(Entry.portfolio_id == portfolio_id, Entry.discarded_at.is_(None))
        .order_by(Entry.entry_date, Entry.executed_at.is_(None).desc(), Entry.executed_at, Entry.id)
        .execution_options(yield_per=FOLD_ROWS)
    )
    yield from db.session.scalars(query)


def net_amount(entry: Line) -> Decimal | None:
    """What the entry moved in its own currency: the amount with commission and taxes where those are in it too."""
    if entry.amount is None:
        return None
    amount = entry.amount + (entry.taxes or 0)
    if entry.commission is not None and entry.commission_currency in (None, entry.currency):
        amount += entry.commission
    return amount


def _telling(wanted: EntryFilter) -> str | None:
    """The one condition beyond the symbol that an index of few rows serves."""
    if wanted.symbol is not None:
        return None
    rare_type = wanted.type not in (None, "BUY", "SELL")
    if rare_type and wanted.origin != "manual":
        return RARE_TYPE
    return RARE_ORIGIN if wanted.origin not in (None, "sync") else None


@lru_cache(maxsize=128)
def _page_query(told: frozenset[str], telling: str | None, *, newer: bool) -> Select[Any]:
    """Put together once for each set of things that are `told`: it takes as long as running it. Of the indexes of few
    rows it names one at most: a database without statistics may take the one that tells less."""
    conditions: list[ColumnElement[bool] | TextClause] = [
        Entry.portfolio_id == bindparam("portfolio_id"),
        Entry.discarded_at.is_(None),
    ]
    if telling is not None:
        conditions.append(text(telling))
    if "symbols" in told:
        conditions.append(Entry.symbol.in_(bindparam("symbols", expanding=True)))
    if "type" in told:
        conditions.append(Entry.type == bindparam("type"))
    if "first" in told:
        conditions.append(Entry.entry_date >= bindparam("first"))
    if "last" in told:
        conditions.append(Entry.entry_date <= bindparam("last"))
    if "origin" in told:
        conditions.append(Entry.origin == bindparam("origin"))
    if "day" in told:
        # Compared as one value, so that the index starts the page instead of filtering it.
        day, number = bindparam("day", type_=Entry.entry_date.type), bindparam("number", type_=Entry.id.type)
        place, there = tuple_(Entry.entry_date, Entry.id), tuple_(day, number)
        conditions.append(place > there if newer else place < there)
    order = (Entry.entry_date, Entry.id) if newer else (Entry.entry_date.desc(), Entry.id.desc())
    return select(*_SHOWN).where(*conditions).order_by(*order).limit(bindparam("size"))


def _name(entry: Line) -> str:
    return f"{entry.entry_date.isoformat()}.{entry.id}"


def _cursor(text: str | None) -> tuple[date, int] | None:
    day, _, number = (text or "").partition(".")
    try:
        key = date.fromisoformat(day), int(number)
    except ValueError:
        return None
    return key if key[1] < 2**31 else None  # a larger one no database would take
