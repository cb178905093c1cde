"""Whole statement files through the real reader into the ledger."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from stonks.db import db
from stonks.ledger import entries, exporting, importing
from stonks.ledger.importing import ImportOutcome
from stonks.ledger.tables import Entry
from stonks.services import services
from tests.conftest import Clock
from tests.needs import not_shipped
from tests.statements import buy, dividend, statement, withheld

SAMPLES = Path(__file__).parents[3] / "shared" / "flex-samples" / "derived"
TRADES = [buy(number, f"202511{number:02}") for number in range(1, 9)]
CASH = [row for number in range(1, 5) for row in (dividend(number), withheld(number + 50))]


def upload(portfolio_id: int, body: bytes, clock: Clock, origin: str = "upload") -> ImportOutcome:
    reading = exporting.open_upload(services().brokers["ibkr"], BytesIO(body))
    return importing.import_reading(portfolio_id, reading, origin=origin, now=clock())


def held(portfolio_id: int) -> list[Entry]:
    return list(db.session.scalars(select(Entry).where(Entry.portfolio_id == portfolio_id)))


def test_what_a_sync_brought_is_known_to_an_upload_and_the_other_way_round(portfolio_id: int, clock: Clock) -> None:
    assert upload(portfolio_id, statement(TRADES[:4]), clock, "sync").new == 4
    later = upload(portfolio_id, statement(TRADES[2:], CASH), clock)
    assert (later.new, later.known, later.problems) == (12, 2, 0)
    assert upload(portfolio_id, statement(TRADES, CASH), clock, "sync").batch_id is None


part_of_trades = st.permutations(TRADES).flatmap(lambda rows: st.integers(0, 8).map(lambda size: rows[:size]))
part_of_cash = st.permutations(CASH).flatmap(lambda rows: st.integers(0, 8).map(lambda size: rows[:size]))


@given(parts=st.lists(st.tuples(part_of_trades, part_of_cash), max_size=4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_split_overlap_and_order_of_files_gives_the_same_ledger(
    new_portfolio: Callable[[], int], clock: Clock, parts: list[tuple[list[str], list[str]]]
) -> None:
    portfolio_id = new_portfolio()
    for trades, cash in [*parts, (TRADES, CASH)]:
        upload(portfolio_id, statement(trades, cash), clock)
    told = sorted(f"{entry.type} {entry.external_id}" for entry in held(portfolio_id))
    assert told == sorted(
        [f"BUY {number}" for number in range(1, 9)]
        + [f"DIVIDEND {number}" for number in range(1, 5)]
        + [f"WITHHOLDING_TAX {number + 50}" for number in range(1, 5)]
    )


def test_a_real_account_arrives_with_its_shares_conversions_dividend_and_tax(portfolio_id: int, clock: Clock) -> None:
    sample = SAMPLES / "vroonhof__opensteuerauszug--vtandchill_2025.spec.csv"
    if not sample.exists():
        not_shipped("the sample vtandchill_2025.spec.csv")
    outcome = upload(portfolio_id, sample.read_bytes(), clock, "sync")
    assert (outcome.new, outcome.problems) == (9, 0)
    rows = held(portfolio_id)
    buys = [entry for entry in rows if entry.type == "BUY"]
    assert {entry.symbol for entry in buys} == {"VT"}
    assert (len(buys), sum(entry.quantity or 0 for entry in buys)) == (5, 200)
    assert len([entry for entry in rows if entry.kind == "FX"]) == 2
    cash = {entry.type: entry.amount for entry in rows if entry.kind == "CASH"}
    assert cash == {"DIVIDEND": Decimal("144.976"), "WITHHOLDING_TAX": Decimal("-21.746")}
    assert upload(portfolio_id, sample.read_bytes(), clock).batch_id is None
    exported = "".join(exporting.export_csv(portfolio_id)).encode()
    again = upload(portfolio_id, exported, clock)
    assert (again.new, again.known, again.amended, again.problems) == (0, 9, 0, 0)
    assert not list(entries.all_for_folding(portfolio_id + 1))
