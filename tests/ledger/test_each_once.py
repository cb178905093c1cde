"""Whatever brings a row, however often and in whatever order: it stands in the ledger once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from stonks.db import db
from stonks.ledger import exporting, replaying
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
    ),
    min_size=2,
    max_size=7,
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
    db.session.rollback()
    assert db.session.scalar(select(func.count()).where(Entry.portfolio_id == portfolio_id)) == len(there)
