"""A query that gains or loses Trade ID, Transaction ID or ISIN: the same rows, and none of them twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from decimal import Decimal
from io import BytesIO
from itertools import permutations

import pytest
from sqlalchemy import delete, func, select

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import Reading
from stonks.db import db, transaction
from stonks.ledger import exporting, importing, manual, passages, repeats, replaying, review
from stonks.ledger.importing import ImportOutcome, Prepared, import_reading
from stonks.ledger.manual import ManualEntry
from stonks.ledger.repeats import ReadAs
from stonks.ledger.tables import Entry
from stonks.services import services
from tests.conftest import Clock
from tests.ledger.conftest import on_postgresql
from tests.ledger.shelf import bring
from tests.statements import CASH_COLUMNS, TRADE_COLUMNS, buy, dividend, statement, withheld

CONVERSION = "EUR.USD,,77,20251105,SELL,-1500.55,1.0842,-2,USD"
TRADES, CASH = [buy(1), buy(2), buy(3, "20251110"), CONVERSION], [dividend(11), dividend(12), withheld(13)]
WIDE = statement(TRADES, CASH)


def without(*names: str, trades: list[str] = TRADES, cash: list[str] = CASH) -> bytes:
    """The same rows by a query that lacks these columns."""
    lines: list[str] = []
    for header, rows in ((TRADE_COLUMNS, trades), (CASH_COLUMNS, cash)):
        places = [place for place, name in enumerate(header.split(",")) if name not in names]
        lines += [",".join(line.split(",")[place] for place in places) for line in (header, *rows)]
    return ("\n".join(lines) + "\n").encode()


NARROW = without("TradeID", "TransactionID")
NARROWEST = without("TradeID", "TransactionID", "ISIN")


def let_in(portfolio_id: int, body: bytes, clock: Clock) -> ImportOutcome:
    return import_reading(portfolio_id, read_statement(BytesIO(body)), origin="sync", now=clock())


@pytest.mark.parametrize("bodies", list(permutations((WIDE, NARROW, NARROWEST))))
def test_whatever_the_query_gains_or_loses_each_row_is_there_once(
    portfolio_id: int, clock: Clock, bodies: tuple[bytes, ...]
) -> None:
    assert let_in(portfolio_id, bodies[0], clock).new == 7
    for body in (*bodies[1:], *bodies):
        outcome = let_in(portfolio_id, body, clock)
        assert (outcome.new, outcome.known, outcome.amended) == (0, 7, 0)
    names = db.session.scalars(select(Entry.external_id).where(Entry.kind != "CASH").order_by(Entry.external_id))
    assert list(names) == ["1", "2", "3", "77"]


@pytest.mark.parametrize("bodies", list(permutations((WIDE, NARROW, NARROWEST), 2)))
def test_two_queries_at_the_same_moment_bring_each_row_once(
    portfolio_id: int, clock: Clock, bodies: tuple[bytes, ...]
) -> None:
    read_as = ReadAs(services().brokers["ibkr"])
    both = [repeats.compare(portfolio_id, BytesIO(body), read_as) for body in bodies]
    assert [compared.write(now=clock()).new for compared in both] == [7, 0]
    for body in bodies:
        assert repeats.compare(portfolio_id, BytesIO(body), read_as).write(now=clock()).batch_id is None


@pytest.mark.parametrize("bodies", list(permutations((WIDE, NARROW, NARROWEST))))
def test_a_replay_of_all_that_a_changing_query_brought_changes_nothing(
    portfolio_id: int, clock: Clock, bodies: tuple[bytes, ...]
) -> None:
    for body in bodies:
        bring(portfolio_id, body, clock, ReadAs(services().brokers["ibkr"]))
    told = list(replaying.replay(portfolio_id, clock(), apply=True))
    assert [difference.changes for difference in told] == [0, 0, 0]
    assert db.session.scalar(select(func.count()).select_from(Entry)) == 7


@pytest.mark.parametrize("narrow", [NARROW, NARROWEST])
def test_an_export_of_the_time_before_a_query_told_more_adds_nothing(
    portfolio_id: int, new_portfolio: Callable[[], int], clock: Clock, narrow: bytes
) -> None:
    ibkr, elsewhere = services().brokers["ibkr"], new_portfolio()
    bring(portfolio_id, narrow, clock, ReadAs(ibkr))
    export = "".join(exporting.export_csv(portfolio_id)).encode()
    bring(portfolio_id, WIDE, clock, ReadAs(ibkr))
    bring(portfolio_id, export, clock, ReadAs(ibkr, origin="upload"))
    bring(elsewhere, export, clock, ReadAs(ibkr, origin="upload"))
    bring(elsewhere, WIDE, clock, ReadAs(ibkr))
    for portfolio in (portfolio_id, elsewhere):
        assert [one.changes for one in replaying.replay(portfolio, clock(), apply=True)][:1] == [0]
        entries = db.session.scalars(select(Entry.external_id).where(Entry.portfolio_id == portfolio))
        assert sorted(entries, key=str) == ["1", "11", "12", "13", "2", "3", "77"]


def test_an_export_says_which_ids_its_rows_lack(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, NARROW, clock)
    reading = exporting.open_upload(
        services().brokers["ibkr"], BytesIO("".join(exporting.export_csv(portfolio_id)).encode())
    )
    assert list(reading)
    assert [(finding.code, finding.severity) for finding in reading.summary.findings] == [
        ("field-missing:cash:transaction-id", "note"), ("field-missing:trades:isin", "note"),
        ("field-missing:trades:trade-id", "note"),
    ]  # fmt: skip


def test_a_replay_beside_a_sync_of_another_query_brings_each_row_once(
    portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(portfolio_id, WIDE, clock, ReadAs(services().brokers["ibkr"]))
    with transaction():
        db.session.execute(delete(Entry))
    prepare, syncs = importing.prepare, [NARROW]

    def overtaken(portfolio_id: int, reading: Reading) -> Prepared:
        prepared = prepare(portfolio_id, reading)
        if syncs:
            import_reading(portfolio_id, read_statement(BytesIO(syncs.pop())), origin="sync", now=clock())
        return prepared

    monkeypatch.setattr(importing, "prepare", overtaken)
    told = list(replaying.replay(portfolio_id, clock(), apply=True))
    assert db.session.scalar(select(func.count()).select_from(Entry)) == 7
    assert [difference.new for difference in told] == [0]


def test_a_further_equal_row_is_new(portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    let_in(portfolio_id, NARROW, clock)
    monkeypatch.setattr(importing, "BATCH_ROWS", 1)  # however the file is cut into parts
    monkeypatch.setattr(passages, "_ENDS_BELOW", b"\xff" * 21)  # and into passages
    assert let_in(portfolio_id, statement([*TRADES, buy(4)], [*CASH, dividend(14)]), clock).new == 2


@pytest.mark.parametrize("nameless_first", [True, False])
def test_an_empty_cell_is_no_missing_column(portfolio_id: int, clock: Clock, nameless_first: bool) -> None:
    nameless, named = dividend(0).replace(",0,", ",,"), dividend(11)
    for row in (nameless, named) if nameless_first else (named, nameless):
        assert let_in(portfolio_id, statement([], [row]), clock).new == 1
    assert let_in(portfolio_id, statement([], [nameless, named]), clock).batch_id is None


def test_what_was_discarded_stays_so_under_its_fuller_name(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, NARROW, clock)
    entry = db.session.scalars(select(Entry).where(Entry.kind == "FX")).one()
    review.discard(portfolio_id, entry.id, clock())
    assert let_in(portfolio_id, WIDE, clock).new == 0
    assert let_in(portfolio_id, WIDE, clock).batch_id is None


def test_the_same_trade_in_another_account_is_another_one(portfolio_id: int, clock: Clock) -> None:
    named = [f"ClientAccountID,{TRADE_COLUMNS}", f"U2,{buy(1)}"]
    place = named[0].split(",").index("TradeID")
    nameless = [",".join(cells[:place] + cells[place + 1 :]) for cells in (line.split(",") for line in named)]
    in_one, in_other = "\n".join(nameless).replace("U2", "U1").encode(), "\n".join(named).encode()
    assert let_in(portfolio_id, in_one, clock).new == 1
    assert let_in(portfolio_id, in_other, clock).new == 1


def corrected(portfolio_id: int, clock: Clock, **otherwise: object) -> int:
    """The first trade, of which a person now says something else than its statement."""
    trades = select(Entry).where(Entry.portfolio_id == portfolio_id, Entry.kind == "TRADE")
    entry = db.session.scalars(trades.order_by(Entry.id)).first()
    assert entry is not None
    as_it_is = {field.name: getattr(entry, field.name) for field in fields(ManualEntry)}
    return manual.edit(portfolio_id, entry.id, ManualEntry(**as_it_is | otherwise), clock()).id


@pytest.mark.parametrize(
    "otherwise", [{"price": Decimal(7)}, {"entry_date": date(2024, 1, 2)}, {"symbol": "OTHER", "isin": None}]
)
def test_what_a_person_corrected_is_known_under_another_name_and_stays_as_it_is(
    new_portfolio: Callable[[], int], clock: Clock, otherwise: dict[str, object]
) -> None:
    pairs = list(permutations((WIDE, NARROW, NARROWEST), 2))
    for before, after in pairs[::4] if on_postgresql() else pairs:
        portfolio_id = new_portfolio()
        let_in(portfolio_id, before, clock)
        corrected(portfolio_id, clock, description="once")
        entry_id = corrected(portfolio_id, clock, **otherwise)
        assert let_in(portfolio_id, after, clock).new == 0
        assert let_in(portfolio_id, after, clock).batch_id is None
        entry = db.session.get_one(Entry, entry_id)
        assert {name: getattr(entry, name) for name in otherwise} == otherwise


def test_a_trade_that_is_like_what_a_person_made_of_another_is_new(portfolio_id: int, clock: Clock) -> None:
    let_in(portfolio_id, without("TradeID", trades=[buy(1)], cash=[]), clock)
    corrected(portfolio_id, clock, price=Decimal(7))
    outcome = let_in(portfolio_id, statement([buy(1), buy(2, price="7")]), clock)
    assert (outcome.new, outcome.known) == (1, 1)


def test_a_cancel_is_known_under_another_name(new_portfolio: Callable[[], int], clock: Clock) -> None:
    trade = buy(1).split(",")
    cancel = ",".join([*trade[:2], "", trade[3], "BUY (Ca.)", f"-{trade[5]}", trade[6], "0", trade[8]])
    for before, after in permutations([(), ("ISIN",), ("TradeID", "ISIN")], 2):
        portfolio_id = new_portfolio()
        assert let_in(portfolio_id, without(*before, trades=[buy(1), cancel], cash=[]), clock).new == 2
        assert let_in(portfolio_id, without(*after, trades=[buy(1), cancel], cash=[]), clock).new == 0


def test_a_trade_of_another_instrument_with_the_same_facts_is_another_one(
    new_portfolio: Callable[[], int], clock: Clock
) -> None:
    other = buy(2).replace("AAPL", "MSFT").replace("US0378331005", "US5949181045")
    for missing in [("TradeID",), ("TradeID", "ISIN")]:
        portfolio_id = new_portfolio()
        let_in(portfolio_id, without(*missing, trades=[buy(1)], cash=[]), clock)
        let_in(portfolio_id, statement([other, buy(1)]), clock)
        named = select(Entry.external_id, Entry.symbol).where(Entry.portfolio_id == portfolio_id).order_by(Entry.symbol)
        assert list(map(tuple, db.session.execute(named))) == [("1", "AAPL"), ("2", "MSFT")]


def test_a_trade_with_another_id_is_another_one_though_the_isin_is_told_no_more(
    portfolio_id: int, clock: Clock
) -> None:
    let_in(portfolio_id, statement([buy(1)]), clock)
    assert let_in(portfolio_id, without("ISIN", trades=[buy(2)], cash=[]), clock).new == 1
