"""Whatever statements came before, with whatever fields: once one tells all there is, the figures are those that it would
have left alone. Among its rows are trades that were taken back, and some that were booked again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from stonks.db import db
from stonks.ledger import replaying
from stonks.ledger.cash import computed
from stonks.ledger.folding import folding
from stonks.ledger.repeats import ReadAs
from stonks.ledger.tables import Entry
from stonks.services import services
from tests.conftest import Clock
from tests.ledger.shelf import bring
from tests.ledger.test_each_once import DAYS, FIRST, file_of, spans
from tests.statements import FRAMES, buy, dividend

MISSING = [(), ("TradeID",), ("ISIN",), ("IBCommission",), ("TradeID", "TransactionID", "ISIN", "IBCommission")]
MISSING_AT_LAST = [(), ("TradeID",), ("ISIN",), ("TradeID", "TransactionID", "ISIN")]
KINDS = [
    "dividend", "trade", "charged later", "charged otherwise", "taken back", "booked again", "booked otherwise",
    "conversion booked again",
]  # fmt: skip
Told = tuple[int, str, str]  # day, kind, currency

rows = st.lists(
    st.tuples(st.integers(0, DAYS - 1), st.sampled_from(KINDS), st.sampled_from(["EUR", "USD"])), min_size=1, max_size=6
)
steps = st.lists(
    st.one_of(st.tuples(spans, st.sampled_from(MISSING), st.sampled_from(FRAMES), st.booleans()), st.just("replay")),
    min_size=1,
    max_size=5,
)


def texts_of(number: int, row: Told, *, late: bool) -> tuple[list[str], list[str]]:
    """Of trades and of cash; `late`: what happened to a trade after it was first told is told too."""
    day, kind, currency = row
    on = (FIRST + timedelta(days=day)).strftime("%Y%m%d")
    if kind == "dividend":
        return [], [dividend(number, on, currency=currency)]
    if kind == "conversion booked again":
        trade = f"EUR.USD,,{number},{on},SELL,-1500,1.2,-2,USD"
    else:
        trade = buy(number, on, currency=currency)
    if kind in ("charged later", "charged otherwise"):
        early = "0" if kind == "charged later" else "-2.5"
        return [trade if late else trade.replace(",-1,", f",{early},")], []
    if kind == "trade" or not late:
        return [trade], []
    symbol, isin, name, on, side, quantity, price, _, of = trade.split(",")
    opposite = quantity.removeprefix("-") if quantity.startswith("-") else f"-{quantity}"
    cancel = ",".join([symbol, isin, "", on, f"{side} (Ca.)", opposite, price, "0", of])
    if kind == "taken back":
        return [trade, cancel], []
    again = "188.25" if kind == "booked otherwise" else price
    return [trade, cancel, ",".join([symbol, isin, name, on, side, quantity, again, "0", of])], []


def statement_of(told: list[Told], days: list[int], missing: tuple[str, ...], frame: str, *, late: bool) -> bytes:
    trades: list[str] = []
    cash: list[str] = []
    for number, row in enumerate(told, 1):
        if days[0] <= row[0] <= days[1]:
            of_trades, of_cash = texts_of(number, row, late=late)
            trades += of_trades
            cash += of_cash
    return file_of(trades, cash, missing, frame)


def figures(portfolio_id: int) -> tuple[dict[str, Decimal], dict[str, Decimal], int]:
    """Cash and quantities by currency, as a narrower query calls an instrument otherwise; and the number of entries."""
    db.session.rollback()
    (money,) = computed(portfolio_id, [date(2026, 12, 31)]).values()
    held: dict[str, Decimal] = defaultdict(Decimal)
    for key, book in folding(portfolio_id).held().books.items():
        held[key.rpartition("/")[2]] += book.quantity
    entries = db.session.scalar(select(func.count()).where(Entry.portfolio_id == portfolio_id)) or 0
    return (
        {name: sum_ for name, sum_ in money.items() if sum_},
        {name: size for name, size in held.items() if size},
        entries,
    )


@pytest.mark.parametrize("ledger_app", ["app"], indirect=True)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=rows, steps=steps, last_missing=st.sampled_from(MISSING_AT_LAST))
def test_a_statement_of_all_rows_has_the_last_word(
    new_portfolio: Callable[[], int],
    clock: Clock,
    told: list[Told],
    steps: list[tuple[list[int], tuple[str, ...], str, bool] | str],
    last_missing: tuple[str, ...],
) -> None:
    read_as, portfolio_id, alone = ReadAs(services().brokers["ibkr"]), new_portfolio(), new_portfolio()
    late = False
    for step in steps:
        if isinstance(step, str):
            list(replaying.replay(portfolio_id, clock(), apply=True))
        else:
            days, missing, frame, is_late = step
            late = late or is_late
            bring(portfolio_id, statement_of(told, days, missing, frame, late=late), clock, read_as)
    last = statement_of(told, [0, DAYS - 1], last_missing, "plain", late=True)
    for one in (portfolio_id, alone):
        bring(one, last, clock, read_as)
    assert figures(portfolio_id) == figures(alone)
