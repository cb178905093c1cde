"""Whatever brings a row, however often and in whatever order: it stands in the ledger once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from stonks.db import db
from stonks.ledger import exporting, manual, replaying
from stonks.ledger.repeats import ReadAs
from stonks.ledger.tables import Entry
from stonks.services import services
from tests.conftest import Clock
from tests.ledger.shelf import bring
from tests.statements import CASH_COLUMNS, FRAMES, TRADE_COLUMNS, buy, dividend, told_as, withheld

FIRST = date(2025, 3, 3)
DAYS = 4
MISSING = [(), ("TradeID",), ("ISIN",), ("TradeID", "TransactionID"), ("TradeID", "TransactionID", "ISIN")]

rows = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1), st.sampled_from(["buy", "dividend", "withheld"]), st.sampled_from(["EUR", "USD"])
    ),
    min_size=1,
    max_size=12,
)
spans = st.tuples(st.integers(0, DAYS - 1), st.integers(0, DAYS - 1)).map(sorted)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("statement"), spans, st.sampled_from(MISSING), st.sampled_from(FRAMES)),
        st.tuples(st.just("replay")),
        st.tuples(st.just("export")),
        st.tuples(st.just("upload"), st.integers(0, 9)),
        st.tuples(st.just("discard"), st.integers(0, 11)),
        st.tuples(st.just("correct"), st.integers(0, 11), st.sampled_from(["entry_date", "amount", "symbol"])),
    ),
    min_size=2,
    max_size=9,
)


def told(number: int, row: tuple[int, str, str]) -> tuple[str, str]:
    """The section of a row and its text; equal rows differ in nothing but their number."""
    day, kind, currency = row
    text = (FIRST + timedelta(days=day)).strftime("%Y%m%d")
    made = {"buy": buy, "dividend": dividend, "withheld": withheld}[kind](number, text, currency=currency)  # type: ignore[operator]
    return ("trades" if kind == "buy" else "cash"), made


def file_of(trades: list[str], cash: list[str], missing: tuple[str, ...], frame: str) -> bytes:
    if not missing:
        return told_as(trades, cash, frame=frame, days="%Y%m%d", wide=True)
    lines = []
    for header, section in ((TRADE_COLUMNS, trades), (CASH_COLUMNS, cash)):
        kept = [place for place, name in enumerate(header.split(",")) if name not in missing]
        lines += [",".join(line.split(",")[place] for place in kept) for line in (header, *section)]
    return ("\n".join(lines) + "\n").encode()


def entries_of(portfolio_id: int) -> list[Entry]:
    return list(db.session.scalars(select(Entry).where(Entry.portfolio_id == portfolio_id).order_by(Entry.id)))


def correct(portfolio_id: int, entry: Entry, fact: str, now: datetime) -> None:
    """By hand, so that no statement tells it so."""
    as_it_is = {field.name: getattr(entry, field.name) for field in fields(manual.ManualEntry)}
    otherwise = {
        "entry_date": entry.entry_date + timedelta(days=1),
        "amount": entry.amount and entry.amount + 1,
        "symbol": "OTHER",
    }
    form = manual.ManualEntry(**as_it_is | {fact: otherwise[fact]})
    if entry.quantity is not None and fact == "amount":
        form = replace(form, quantity=entry.quantity + 1)
    manual.edit(portfolio_id, entry.id, form, now)


@pytest.mark.parametrize("ledger_app", ["app"], indirect=True)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows, steps=steps)
def test_each_row_stands_once(
    new_portfolio: Callable[[], int], clock: Clock, rows: list[tuple[int, str, str]], steps: list[tuple[object, ...]]
) -> None:
    ibkr, portfolio_id = services().brokers["ibkr"], new_portfolio()
    there: set[int] = set()
    exports: list[tuple[bytes, set[int]]] = []
    for step in steps:
        match step:
            case ("statement", [int(first), int(last)], tuple(missing), str(frame)):
                came = {number for number, row in enumerate(rows, 1) if first <= row[0] <= last}
                texts = [told(number, rows[number - 1]) for number in sorted(came)]
                sections = ([text for where, text in texts if where == name] for name in ("trades", "cash"))
                bring(portfolio_id, file_of(*sections, missing, frame), clock, ReadAs(ibkr))
                there |= came
            case ("replay",):
                list(replaying.replay(portfolio_id, clock(), apply=True))
            case ("export",):
                exports.append(("".join(exporting.export_csv(portfolio_id)).encode(), set(there)))
            case ("upload", int(which)) if exports:
                body, came = exports[which % len(exports)]
                bring(portfolio_id, body, clock, ReadAs(ibkr, origin="upload"))
                there |= came
            case ("discard", int(which)) if found := entries_of(portfolio_id):
                manual.remove(portfolio_id, found[which % len(found)].id, clock())
            case ("correct", int(which), str(fact)) if found := entries_of(portfolio_id):
                correct(portfolio_id, found[which % len(found)], fact, clock())
    db.session.rollback()
    assert db.session.scalar(select(func.count()).where(Entry.portfolio_id == portfolio_id)) == len(there)
