"""Names what of the stored figures a change of the ledger makes stale, within the transaction of that change.

Every change counts the ledger's version up first, which also puts two changes of one portfolio in a line. A portfolio
whose figures were never made needs no marks: they will be made of everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import bindparam, delete, select, text, update

from stonks.db import db, insert_ignoring
from stonks.ledger.snapshot_tables import Snapshot, SnapshotMark
from stonks.ledger.tables import ACTING, DELIVERING, Entry
from stonks.portfolio.movements import DERIVATIVES

NAME, MONTH, POSITIONS, RATES = "name", "month", "positions", "rates"
_PRICE = "price"  # and the year since which, as with names that were not marked as a whole
MOST_DAYS = 5  # of a month; a change of more is marked as one of the month
MOST = 20_000  # entries; a change of more is marked as a change of everything
_FACTS = (Entry.kind, Entry.symbol, Entry.isin, Entry.asset_class, Entry.entry_date, Entry.notes)
# Of entries that tie instruments together: as databases tell them, and as we do; indexes hold those alone.
_TIES: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    (ACTING, lambda row: row.kind == "CORPORATE_ACTION"),
    (DELIVERING, lambda row: row.kind == "TRADE" and bool(row.notes) and ("A" in row.notes or "Ex" in row.notes)),
)
_OF_MARK = ("of_kind", "of_name", "of_isin")
_FORGET = delete(SnapshotMark).where(
    SnapshotMark.portfolio_id == bindparam("of_portfolio"),
    SnapshotMark.kind == bindparam("of_kind"),
    SnapshotMark.name == bindparam("of_name"),
    SnapshotMark.isin == bindparam("of_isin"),
)

Mark = tuple[str, str, str]  # kind, name, ISIN


def name_of(symbol: str | None, isin: str | None, asset_class: str | None) -> tuple[str, str]:
    """What tells an entry's instrument; the ISIN of an option can be that of what it is on."""
    return symbol or "", "" if asset_class in DERIVATIVES else isin or ""


def entry(changed: Entry) -> None:
    """To be called before an entry changes as well as after: it may leave one instrument for another."""
    _add(changed.portfolio_id, _of_rows(_with_tied(changed.portfolio_id, [changed])))


def entries(portfolio_id: int, ids: list[int]) -> None:
    """The same for entries of one portfolio by their ids."""
    if not ids:
        return
    if len(ids) > MOST:
        everything(portfolio_id)
    elif _count_up(portfolio_id):
        parts = (ids[start : start + 500] for start in range(0, len(ids), 500))
        rows = [row for part in parts for row in db.session.execute(select(*_FACTS).where(Entry.id.in_(part)))]
        write(portfolio_id, _of_rows(_with_tied(portfolio_id, rows)))


def batch(portfolio_id: int, batch_id: int, rows: int) -> None:
    """What an import brought: `rows` entries."""
    if not rows:
        return
    if rows > MOST:
        everything(portfolio_id)
    elif _count_up(portfolio_id):
        found = db.session.execute(select(*_FACTS).where(Entry.batch_id == batch_id).distinct())
        write(portfolio_id, _of_rows(found))


def facts(portfolio_id: int, *, positions: Mapping[tuple[str, str], date], rates_since: date | None) -> None:
    """What a statement reported beside its entries; `positions`: the names of those that came or went, with the first
    such day."""
    marks: set[Mark] = {of_price(*name, since) for name, since in positions.items()}
    if positions:
        marks.add((POSITIONS, "", ""))
    if rates_since is not None:
        marks.add((RATES, rates_since.isoformat(), ""))
    if marks:
        _add(portfolio_id, marks)


def everything(portfolio_id: int) -> None:
    if _count_up(portfolio_id):
        db.session.execute(update(Snapshot).where(Snapshot.portfolio_id == portfolio_id).values(basis=None))


def beside(portfolio_id: int) -> None:
    """What pages add to the stored figures has changed: dismissals. Nothing is stale, but what was read before is not
    shown again."""
    _count_up(portfolio_id)


def prices(portfolio_id: int, priced: Iterable[tuple[str, date]]) -> None:
    """Of instruments by their keys, from elsewhere than statements."""
    _add(portfolio_id, {of_price(key.rpartition("/")[0], "", on) for key, on in priced})


def of_price(name: str, isin: str, since: date) -> Mark:
    return f"{_PRICE} {since.year:04}", name, isin


def years_by_name(stale: Iterable[Mark]) -> dict[tuple[str, str], int]:
    """The names of marks of prices, with the first year of each."""
    return _years(stale, _PRICE)


def of_name(name: str, isin: str, since: date) -> Mark:
    return f"{NAME} {since.year:04}", name, isin


def is_name(mark: Mark) -> bool:
    return mark[0].startswith(NAME)


def years_to_fold(stale: Iterable[Mark]) -> dict[tuple[str, str], int]:
    """The same of marks of names; the first year there is for one marked as a whole."""
    return _years(stale, NAME)


def of_month(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


def month_of(mark: Mark) -> date:
    """The first day of the month that a mark is of."""
    return date.fromisoformat(f"{mark[1][:7]}-01")


def days_by_month(stale: Iterable[Mark]) -> dict[date, set[date]]:
    """What marks of months and of their days name, by the month's first day; no days: all of it."""
    found: dict[date, set[date]] = defaultdict(set)
    whole = set()
    for mark in stale:
        if mark[1] == of_month(month_of(mark)):
            whole.add(month_of(mark))
        else:
            found[month_of(mark)].add(date.fromisoformat(mark[1]))
    return {first: set() if first in whole else found[first] for first in sorted(whole | found.keys())}


def _years(stale: Iterable[Mark], of: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for kind, name, isin in stale:
        year = int(kind.removeprefix(of) or date.min.year)
        found[name, isin] = min(year, found.get((name, isin), year))
    return found


def _with_tied(portfolio_id: int, rows: Sequence[Any]) -> list[Any]:
    """And those of the same day that may be tied to them: legs of a corporate action, options and what is delivered for
    them. Without this one, theirs is another story."""
    found = list(rows)
    for tie, tied in _TIES:
        days = {row.entry_date for row in rows if tied(row)}
        if days:
            others = (Entry.portfolio_id == portfolio_id, text(tie), Entry.entry_date.in_(days))
            found += db.session.execute(select(*_FACTS).where(*others))
    return found


def _of_rows(rows: Iterable[Any]) -> set[Mark]:
    marks: set[Mark] = set()
    days: dict[str, set[date]] = defaultdict(set)
    named: dict[tuple[str, str], date] = {}
    for row in rows:
        days[of_month(row.entry_date)].add(row.entry_date)
        if row.kind != "FX":
            name = name_of(row.symbol, row.isin, row.asset_class)
            if row.kind != "CASH" or any(name):
                named[name] = min(row.entry_date, named.get(name, row.entry_date))
    marks |= {of_name(*name, since) for name, since in named.items()}
    for month, some in days.items():
        whole = len(some) > MOST_DAYS
        marks |= {(MONTH, month, "")} if whole else {(MONTH, day.isoformat(), "") for day in some}
    return marks


def _add(portfolio_id: int, marks: set[Mark]) -> None:
    if _count_up(portfolio_id):
        write(portfolio_id, marks)


def _count_up(portfolio_id: int) -> bool:
    """Whether there are figures to go stale. Also takes the row's lock, so that whoever reckons them waits."""
    up = (
        update(Snapshot)
        .where(Snapshot.portfolio_id == portfolio_id)
        .values(version=Snapshot.version + 1)
        .returning(Snapshot.basis)
        .execution_options(synchronize_session=False)
    )
    counted = db.session.execute(up).first()
    if counted is None:
        db.session.execute(insert_ignoring(Snapshot).values(portfolio_id=portfolio_id))
        counted = db.session.execute(up).one()
    return counted.basis is not None


def write(portfolio_id: int, marks: set[Mark]) -> None:
    """Adds marks; what is marked stays so."""
    rows = [
        {"portfolio_id": portfolio_id, "kind": kind, "name": name, "isin": isin} for kind, name, isin in sorted(marks)
    ]
    if rows:
        db.session.execute(insert_ignoring(SnapshotMark), rows)


def forget(portfolio_id: int, done: Iterable[Mark]) -> None:
    """Takes away the marks of what was reckoned anew."""
    given = [{"of_portfolio": portfolio_id} | dict(zip(_OF_MARK, mark, strict=True)) for mark in done]
    if given:
        db.session.connection().execute(_FORGET, given)
