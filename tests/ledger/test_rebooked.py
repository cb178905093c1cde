"""A trade taken back and booked again with the same facts, its rows spread over files in any order: it stands once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from itertools import permutations

import pytest

from stonks.brokers.ibkr.statement import read_statement
from stonks.ledger import importing, passages, replaying
from stonks.ledger.cash import computed
from stonks.ledger.folding import folding
from stonks.ledger.importing import import_reading
from stonks.ledger.repeats import ReadAs
from stonks.services import services
from tests.conftest import Clock
from tests.ledger.shelf import bring
from tests.statements import TRADE_COLUMNS, dividend, statement

SHARES = {
    1: "DXET,LU0380865021,3571384109,20210304,BUY,100,56.11,-2.8055,EUR",
    2: "DXET,LU0380865021,,20210304,BUY (Ca.),-100,56.11,0,EUR",
    3: "DXET,LU0380865021,3571384109,20210304,BUY,100,56.11,0,EUR",
}
EUROS = {
    1: "EUR.USD,,77,20210304,SELL,-1500,1.2,-2,USD",
    2: "EUR.USD,,,20210304,SELL (Ca.),1500,1.2,0,USD",
    3: "EUR.USD,,77,20210304,SELL,-1500,1.2,0,USD",
}
FILES = [(1,), (2, 3), (1, 2, 3), (3, 2, 1)]


def cash_after(
    portfolio_id: int, clock: Clock, rows: dict[int, str], files: tuple[tuple[int, ...], ...]
) -> dict[str, Decimal]:
    for each in files:
        body = statement([rows[number] for number in each])
        import_reading(portfolio_id, read_statement(BytesIO(body)), origin="upload", now=clock())
    (money,) = computed(portfolio_id, [clock().date()]).values()
    return {currency: amount for currency, amount in money.items() if amount}


@pytest.mark.parametrize("ledger_app", ["app"], indirect=True)
def test_in_any_order_of_files_it_stands_once_with_one_commission(
    new_portfolio: Callable[[], int], clock: Clock
) -> None:
    for files in permutations(FILES, 2):
        if {number for each in files for number in each} != {1, 2, 3}:
            continue
        portfolio_id = new_portfolio()
        assert cash_after(portfolio_id, clock, SHARES, files) == {"EUR": Decimal("-5613.8055")}, files
        assert folding(portfolio_id).held().books["LU0380865021/EUR"].quantity == 100, files


@pytest.mark.parametrize("ledger_app", ["app"], indirect=True)
def test_all_of_them_again_change_nothing(new_portfolio: Callable[[], int], clock: Clock) -> None:
    for files in permutations(FILES):
        assert cash_after(new_portfolio(), clock, SHARES, files) == {"EUR": Decimal("-5613.8055")}, files


@pytest.mark.parametrize("ledger_app", ["app"], indirect=True)
def test_however_a_file_is_cut_into_parts(portfolio_id: int, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 1)
    monkeypatch.setattr(passages, "_ENDS_BELOW", b"\xff" * 21)  # and into passages
    files = ((2, 3), (1, 2, 3), (2, 3))
    assert cash_after(portfolio_id, clock, SHARES, files) == {"EUR": Decimal("-5613.8055")}


def test_payments_beside_it_change_nothing_of_that(portfolio_id: int, clock: Clock) -> None:
    for rows in ((1,), (2, 3)):
        body = statement([SHARES[number] for number in rows], [dividend(3)])
        import_reading(portfolio_id, read_statement(BytesIO(body)), origin="upload", now=clock())
    (money,) = computed(portfolio_id, [clock().date()]).values()
    assert money["EUR"] == Decimal("-5613.8055")


def test_a_conversion_stands_once_too(portfolio_id: int, clock: Clock) -> None:
    money = cash_after(portfolio_id, clock, EUROS, ((1,), (2, 3), (2, 3)))
    assert money == {"USD": Decimal(1798), "EUR": Decimal(-1500)}


def test_a_trade_that_was_only_taken_back_is_gone(portfolio_id: int, clock: Clock) -> None:
    assert cash_after(portfolio_id, clock, SHARES, ((1,), (1, 2), (2,))) == {"EUR": Decimal("-2.8055")}


@pytest.mark.parametrize("files", [((1, 2), (3, 2, 4)), ((1, 2, 4), (3, 2, 4))])
def test_the_cancel_of_an_equal_trade_takes_back_none_whose_commission_is_told_later(
    portfolio_id: int, clock: Clock, files: tuple[tuple[int, ...], ...]
) -> None:
    one, other = SHARES[1].replace("-2.8055", "0").replace("3571384109", "5"), SHARES[1]
    rows = {1: one, 2: other, 3: one.replace(",0,", ",-2.8055,"), 4: SHARES[2]}
    assert cash_after(portfolio_id, clock, rows, files) == {"EUR": Decimal("-5616.611")}
    assert folding(portfolio_id).held().books["LU0380865021/EUR"].quantity == 100


def test_a_cancel_that_names_another_trade_takes_back_none_of_these(portfolio_id: int, clock: Clock) -> None:
    header = f"{TRADE_COLUMNS},OrigTradeID"
    for rows in ([f"{SHARES[1]},"], [f"{SHARES[2]},999", f"{SHARES[3]},"]):
        body = "\n".join([header, *rows]).encode()
        outcome = import_reading(portfolio_id, read_statement(BytesIO(body)), origin="upload", now=clock())
    assert (outcome.new, outcome.amended) == (1, 1)


def test_what_is_told_later_of_a_trade_that_was_taken_back_makes_no_other_trade(
    portfolio_id: int, clock: Clock
) -> None:
    narrow = [TRADE_COLUMNS, SHARES[1], SHARES[2]]
    wide = [f"{TRADE_COLUMNS},Description", f"{SHARES[1]},XTRACKERS STOXX"]
    for rows in (narrow, wide):
        body = "\n".join(rows).encode()
        outcome = import_reading(portfolio_id, read_statement(BytesIO(body)), origin="upload", now=clock())
    assert (outcome.new, outcome.amended) == (0, 0)


def test_without_a_cancel_another_commission_amends_the_trade(portfolio_id: int, clock: Clock) -> None:
    assert cash_after(portfolio_id, clock, SHARES, ((1,), (3,))) == {"EUR": Decimal(-5611)}


@pytest.mark.parametrize("ledger_app", ["app"], indirect=True)
def test_a_replay_of_all_of_them_changes_nothing(new_portfolio: Callable[[], int], clock: Clock) -> None:
    for files in permutations(FILES, 2):
        portfolio_id = new_portfolio()
        for each in files:
            body = statement([SHARES[number] for number in each])
            bring(portfolio_id, body, clock, ReadAs(services().brokers["ibkr"]))
        told = replaying.replay(portfolio_id, clock(), apply=True)
        assert [difference.changes for difference in told] == [0, 0], files
