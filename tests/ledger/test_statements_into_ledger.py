"""Whole statement files through the real reader into the ledger."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from stonks.db import db
from stonks.ledger import entries, exporting, importing
from stonks.ledger.importing import ImportOutcome
from stonks.ledger.tables import Entry
from stonks.services import services
from tests.conftest import Clock
from tests.needs import not_shipped
from tests.statements import DAYS, FRAMES, buy, dividend, statement, told_as, withheld

SAMPLES = Path(__file__).parents[3] / "shared" / "flex-samples" / "derived"
TRADES = [buy(number, f"202511{number:02}") for number in range(1, 9)]
CASH = [row for number in range(1, 5) for row in (dividend(number), withheld(number + 50))]


def upload(
    portfolio_id: int, body: bytes, clock: Clock, origin: str = "upload", day_first: bool | None = None
) -> ImportOutcome:
    reading = exporting.open_upload(services().brokers["ibkr"], BytesIO(body), day_first=day_first)
    return importing.import_reading(portfolio_id, reading, origin=origin, now=clock())


def held(portfolio_id: int) -> list[Entry]:
    return list(db.session.scalars(select(Entry).where(Entry.portfolio_id == portfolio_id)))


def test_what_a_sync_brought_is_known_to_an_upload_and_the_other_way_round(portfolio_id: int, clock: Clock) -> None:
    assert upload(portfolio_id, statement(TRADES[:4]), clock, "sync").new == 4
    later = upload(portfolio_id, statement(TRADES[2:], CASH), clock)
    assert (later.new, later.known, later.problems) == (12, 2, 0)
    assert upload(portfolio_id, statement(TRADES, CASH), clock, "sync").batch_id is None


RARER = [
    "EUR.USD,,101,20251104,SELL,-1500.55,1.0842,-2,USD",
    "AAPL,US0378331005,,20251103,BUY (Ca.),-10,189.5,0,USD",
    "AAPL,US0378331005,3,20251103,BUY,10,189.4,0,USD",
    buy(9, "20251102", currency="EUR"),
]
REVERSED = [dividend(21), dividend(22, amount="-2.6"), dividend(23), dividend(0).replace(",0,", ",,")]
rows_of_a_file = st.tuples(st.permutations([*TRADES, *RARER]), st.permutations([*CASH, *REVERSED]))
part_of_a_year = st.builds(
    lambda rows, trades, cash: (rows[0][:trades], rows[1][:cash]),
    rows_of_a_file,
    st.integers(0, 14),
    st.integers(0, 12),
)
spelled = st.fixed_dictionaries(
    {"frame": st.sampled_from(FRAMES), "days": st.sampled_from(DAYS), "wide": st.booleans()}
)


def ledger_of(portfolio_id: int) -> list[tuple[object, ...]]:
    return sorted((entry.fingerprint, entry.type, entry.entry_date, entry.amount) for entry in held(portfolio_id))


def test_any_split_overlap_order_and_spelling_of_files_gives_the_same_ledger(
    new_portfolio: Callable[[], int], clock: Clock, examples: Callable[[int], settings]
) -> None:
    @examples(5)
    @given(parts=st.lists(st.tuples(part_of_a_year, spelled), max_size=3), whole=st.tuples(rows_of_a_file, spelled))
    def holds(
        parts: list[tuple[tuple[list[str], list[str]], dict[str, Any]]],
        whole: tuple[tuple[list[str], list[str]], dict[str, Any]],
    ) -> None:
        portfolio_id, plain_id = new_portfolio(), new_portfolio()
        upload(plain_id, statement([*TRADES, *RARER], [*CASH, *REVERSED]), clock)
        assert len(held(plain_id)) == len(TRADES) + len(RARER) + len(CASH) + len(REVERSED)
        for (trades, cash), how in [*parts, whole]:
            outcome = upload(portfolio_id, told_as(trades, cash, **how), clock, day_first=how["days"].startswith("%d"))
            assert outcome.problems == 0
        assert ledger_of(portfolio_id) == ledger_of(plain_id)

    holds()


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


def test_a_number_of_an_export_that_nobody_could_reckon_with_is_parked(portfolio_id: int, clock: Clock) -> None:
    upload(portfolio_id, statement([buy(1)]), clock)
    changed = "".join(exporting.export_csv(portfolio_id)).replace(",10,189.5,", ",1E+999999,189.5,")
    outcome = upload(portfolio_id, changed.encode(), clock)
    assert (outcome.new, outcome.problems) == (0, 1)
