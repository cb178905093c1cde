"""Fingerprints are in people's ledgers: a change of any of them would let every known row in once more."""

from __future__ import annotations

import gc
from io import BytesIO
from itertools import islice, pairwise

import pytest

from stonks.brokers.ibkr import csv_frame
from stonks.brokers.ibkr.statement import read_statement
from stonks.core.fingerprint import Fingerprints, fingerprint
from stonks.core.records import RowProblem
from stonks.core.seen import Seen
from tests.brokers.ibkr.test_statement import PLAIN, TRADES, read
from tests.statements import CASH_COLUMNS, TRADE_COLUMNS, buy, statement

# Written down from version 1 of the identities, by line of the statement PLAIN.
WRITTEN_DOWN = {
    2: "495f92274dd2055c63defca20f62986621df1da8",
    3: "edad60dee307468ec07a9ba5139a0d61fe3744f6",
    4: "39f3d07d7dceee9c0c893901af500aedadff98b2",
    5: "b2d9121225aa5972dd3e3cd2324621038c5b7947",
    6: "f8e556a8bf6dad6804051506698f60f17773ff8b",
    8: "06694568419fe4394163e6c7b57f979ce426c659",
    9: "f2637e97778b8dfe3e4a5c7568afe020f869ff08",
    10: "6d2b8755202de40ce9f601797aeef66d3405ae08",
    11: "3ad62d3cdd9fd77abfe6da51ea1a57a9a78a4ee1",
}


def test_the_fingerprints_of_every_kind_of_row_are_those_written_down() -> None:
    assert {
        row.line: row.fingerprint.hex() for row in read(PLAIN)[0] if not isinstance(row, RowProblem)
    } == WRITTEN_DOWN


@pytest.mark.parametrize("price", ["189.5", "189.50", "0189.5", "+189.5", " 189.5 "])
def test_a_number_however_spelled_has_one_fingerprint(price: str) -> None:
    assert read(statement([buy(1, price=price)]))[0][0].fingerprint == read(PLAIN)[0][0].fingerprint  # type: ignore[union-attr]


def test_rows_without_an_id_are_told_apart_by_instrument_and_number() -> None:
    nameless = buy(0).replace(",0,", ",,")
    rows, _ = read(
        statement([nameless, nameless, nameless.replace("AAPL", "MSFT").replace("US0378331005", "US5949181045")])
    )
    identity = "v1|ibkr|trade||BUY|10|189.5|2025-11-03|US0378331005|USD"
    assert [row.fingerprint for row in rows[:2]] == [fingerprint(identity, 0), fingerprint(identity, 1)]  # type: ignore[union-attr]
    assert len({row.fingerprint for row in rows}) == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_rows_that_cannot_be_read_change_no_other_fingerprint_however_blocks_fall(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_frame, "_ROWS", size)
    odd = ["AAPL,US0378331005,4,20251103,BORROW,1,2,-1,USD", "AAPL,US0378331005,5,20251103,BUY,0,2,-1,USD"]
    twins = [buy(7), buy(7), buy(7)]
    rows, reading = read(statement([twins[0], odd[0], *TRADES, twins[1], odd[1], twins[2]]))
    clean, _ = read(statement([twins[0], *TRADES, twins[1], twins[2]]))
    good = [row for row in rows if not isinstance(row, RowProblem)]
    assert [row.fingerprint for row in good] == [row.fingerprint for row in clean if not isinstance(row, RowProblem)]
    assert [row.line for row in rows if isinstance(row, RowProblem)] == [3, 10]
    assert [row.line for row in good] == sorted(row.line for row in good)
    assert reading.summary.rows == 10


def test_a_long_file_counts_equal_rows_however_far_apart() -> None:
    counted = Fingerprints()
    first = counted.of("twin")
    for start, end in pairwise(range(0, 190_001, 10_000)):
        counted.of_all([f"row {number}" for number in range(start, end)])
    assert first == fingerprint("twin", 0)
    assert [counted.of("twin"), counted.of("twin")] == [fingerprint("twin", 1), fingerprint("twin", 2)]
    assert counted.of_all(["row 5", "row 189999", "new", "new"]) == [
        fingerprint("row 5", 1),
        fingerprint("row 189999", 1),
        fingerprint("new", 0),
        fingerprint("new", 1),
    ]


def test_a_row_of_many_lines_keeps_its_line_number_and_those_after_it_theirs() -> None:
    body = (
        f"{TRADE_COLUMNS},Description\n"
        'AAPL,US0378331005,1,20251103,BUY,10,189.5,-1,USD,"APPLE\nINC\r\nCOMMON"\n\n'
        "AAPL,US0378331005,2,20251103,BUY,10,189.5,-1,USD,APPLE\n"
        f"{CASH_COLUMNS}\n"
        "AAPL,US0378331005,20251113;202000,2.6,Dividends,11,USD\n"
    )
    assert [row.line for row in islice(read(body.encode())[0], 3)] == [2, 6, 8]


def test_a_symbol_that_is_also_the_name_of_a_record_is_a_trade() -> None:
    rows, _ = read(statement([buy(1).replace("AAPL", symbol) for symbol in ("MSG", "BOF", "DATA")]))
    assert [getattr(row, "symbol", None) for row in rows] == ["MSG", "BOF", "DATA"]


def test_masked_identifiers_lose_no_row() -> None:
    masked = buy(0).replace(",0,", ",REDACTED,")
    cash = "AAPL,US0378331005,20251113;202000,2.6,Dividends,REDACTED,USD"
    rows, reading = read(statement([masked, masked], [cash, cash]))
    assert (len(rows), reading.summary.summaries) == (4, 0)
    assert len({row.fingerprint for row in rows}) == 4  # type: ignore[union-attr]


@pytest.mark.parametrize("rows", [3, None])
def test_what_tells_equal_rows_apart_is_let_go_with_the_last_row_that_is_read(rows: int | None) -> None:
    gc.disable()
    try:
        before = {id(each) for each in gc.get_objects() if isinstance(each, Seen)}
        for _ in islice(read_statement(BytesIO(PLAIN)), rows):
            pass
        kept = [each for each in gc.get_objects() if isinstance(each, Seen) and id(each) not in before]
        assert sum(map(len, kept)) == 0
    finally:
        gc.enable()
