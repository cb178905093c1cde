"""IBKR's Open/Close Indicator, through the real reader: shorts are shorts, and what only closes opens nothing."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

from sqlalchemy import select

from stonks.brokers.ibkr.statement import read_statement
from stonks.db import db
from stonks.ledger.folding import folding
from stonks.ledger.importing import ImportOutcome, import_reading
from stonks.ledger.tables import Entry
from stonks.portfolio.lots import Book
from tests.conftest import Clock

D = Decimal
COLUMNS = (
    "Symbol,ISIN,AssetClass,Multiplier,TradeID,DateTime,TradeDate,Buy/Sell,Quantity,TradePrice,IBCommission,"
    "CurrencyPrimary,Notes/Codes,Open/CloseIndicator"
)
WRITTEN = "AAPL 251219C00200000,,OPT,100,1,20251103;100000,20251103,SELL,-1,3,-1,USD,P,O"
ASSIGNED = [
    "AAPL 251219C00200000,,OPT,100,2,20251219;162000,20251219,BUY,1,0,0,USD,A,C",
    "AAPL,US0378331005,STK,1,3,20251219;162000,20251219,SELL,-100,200,0,USD,A,O",
]
COVERED = "AAPL,US0378331005,STK,1,4,20251222;093000,20251222,BUY,100,195,-1,USD,,C"


def let_in(portfolio_id: int, clock: Clock, *rows: str, columns: str = COLUMNS) -> ImportOutcome:
    body = "\n".join((columns, *rows)) + "\n"
    return import_reading(portfolio_id, read_statement(BytesIO(body.encode())), origin="upload", now=clock())


def book(portfolio_id: int, key: str = "US0378331005/USD") -> Book:
    return folding(portfolio_id).held().books[key]


def test_shares_sold_by_assignment_are_a_short_until_they_are_bought_back(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, clock, WRITTEN, *ASSIGNED)
    short = book(portfolio_id)
    assert (short.quantity, short.cost, short.complete) == (-100, -20299, True)  # with the premium
    assert [lot.gain for lot in book(portfolio_id, "AAPL 251219C00200000/USD").closed] == [0]
    let_in(portfolio_id, clock, COVERED)
    assert [lot.gain for lot in book(portfolio_id).closed] == [D(798)]


def test_buying_back_what_was_sold_before_the_history_opens_nothing(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, clock, COVERED)
    found = book(portfolio_id)
    assert (found.quantity, found.missing, found.complete) == (0, 100, False)


def test_a_wider_query_adds_the_indicator_and_a_narrower_one_takes_nothing_away(
    portfolio_id: int, clock: Clock
) -> None:
    columns, narrow = COLUMNS.rpartition(",")[0], [row.rpartition(",")[0] for row in (WRITTEN, *ASSIGNED)]
    let_in(portfolio_id, clock, *narrow, columns=columns)
    assert not book(portfolio_id).complete
    outcome = let_in(portfolio_id, clock, WRITTEN, *ASSIGNED)
    assert (outcome.new, outcome.known, outcome.amended) == (0, 3, 0)
    assert book(portfolio_id).complete
    let_in(portfolio_id, clock, *narrow, columns=columns)
    assert set(db.session.scalars(select(Entry.notes))) == {"O;P", "C;A", "O;A"}
