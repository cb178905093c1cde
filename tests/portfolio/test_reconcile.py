"""Computed against reported: where they differ, why that may be, and what was held before."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from stonks.portfolio.explaining import Explanation, Reason, explain
from stonks.portfolio.holdings import fold
from stonks.portfolio.movements import Movement
from stonks.portfolio.reconcile import Difference, Opening, differences, opening
from tests.portfolio.examples import KEY, action, trade, transfer

D = Decimal
AS_OF = date(2026, 3, 31)
SAP, FUTURE = "DE0007164600/EUR", "6SZ6/USD"


def why(*movements: Movement, reported: str, parked: int = 0) -> Explanation:
    """The reason for the difference that these movements leave at the end of March."""
    book = fold(item for item in movements if item.on <= AS_OF).books.get(KEY)
    found = Difference(KEY, book.quantity if book else D(0), D(reported))
    return explain(found, book, movements, AS_OF, parked)


def before(*movements: Movement, reported: str | None, cost: str | None = None) -> Opening | None:
    return opening(movements, None if reported is None else D(reported), None if cost is None else D(cost), AS_OF)


def test_quantities_are_compared_over_the_union_of_instruments() -> None:
    found = differences({KEY: D(10), FUTURE: D(3)}, {KEY: D(40), SAP: D(1), FUTURE: D("3.0")})
    assert found == [(SAP, 0, 1), (KEY, 10, 40)]
    assert [one.amount for one in found] == [D(1), D(30)]


def test_a_row_that_was_not_read_is_the_first_suspect() -> None:
    found = why(trade("2026-01-05", "10", "10"), reported="20", parked=2)
    assert found == (Reason.PARKED, "2 rows that name it could not be read and are not counted.")


def test_a_trade_of_the_reports_last_hours_may_be_in_only_one_of_the_two() -> None:
    bought = trade("2026-01-05", "10", "10")
    late = why(bought, trade("2026-04-01", "-3", "10"), reported="7")
    assert late == (Reason.PENDING, "The broker’s figure counts the trade of 1 Apr 2026 already.")
    early = why(bought, trade("2026-03-31", "-3", "10"), reported="10")
    assert early == (Reason.PENDING, "The broker’s figure does not count the trade of 31 Mar 2026 yet.")
    assert why(bought, trade("2026-06-01", "-3", "10"), reported="7").reason is Reason.LATER


def test_a_transfer_of_just_as_many_lacks_its_other_side() -> None:
    found = why(trade("2025-01-05", "10", "10"), transfer("2026-02-02", "5"), reported="10")
    assert found.reason is Reason.TRANSFER
    assert "2 Feb 2026" in found.why


def test_what_was_never_bought_was_held_before() -> None:
    assert why(reported="10").reason is Reason.HISTORY
    sold = why(trade("2026-01-05", "-4", "10"), reported="6")
    assert sold == (Reason.HISTORY, "On 5 Jan 2026 more was sold than had come in.")
    assert why(trade("2026-01-05", "4", "10"), reported="9").reason is Reason.HISTORY


def test_a_round_multiple_hints_at_a_split() -> None:
    assert "4 times" in why(trade("2026-01-05", "10", "10"), reported="40").why
    assert "1.5 times" in why(trade("2026-01-05", "10", "10"), reported="15").why
    assert why(trade("2026-01-05", "10", "10"), reported="5").reason is Reason.SPLIT
    assert why(trade("2026-01-05", "10", "10"), reported="-10").reason is not Reason.SPLIT


def test_what_the_broker_no_longer_holds_went_since() -> None:
    assert why(trade("2026-01-05", "10", "10"), reported="0").reason is Reason.LATER
    assert why(trade("2026-01-05", "10", "10"), reported="7").reason is Reason.LATER


def test_what_was_all_held_before_opens_with_the_brokers_cost() -> None:
    assert before(reported="10", cost="900.50") == (D(10), D("900.50"))
    assert before(reported="10") == (D(10), None)
    assert before(reported="-10", cost="-900.50") == (D(-10), D("900.50"))


def test_an_opening_is_what_is_missing_beside_what_was_bought() -> None:
    bought = trade("2026-01-05", "4", "100")
    assert before(bought, reported="10", cost="1000") == (D(6), D(600))


def test_an_opening_covers_what_was_sold_too_and_then_its_cost_is_not_told() -> None:
    sold = trade("2026-01-05", "-4", "10")
    assert before(sold, reported="6", cost="60") == (D(10), None)
    assert before(sold, reported=None) == (D(4), None)
    assert before(trade("2025-12-01", "1", "10"), sold, reported="6") == (D(9), None)


def test_lots_that_were_sold_from_leave_the_openings_cost_open() -> None:
    traded = trade("2026-01-05", "4", "10"), trade("2026-01-06", "-1", "10")
    assert before(*traded, reported="10", cost="100") == (D(7), None)


def test_what_was_held_before_a_split_is_told_by_its_row() -> None:
    assert before(action("2026-02-02", "FS", "10"), reported="20") == (D(10), None)


def test_where_the_sum_does_not_come_out_the_number_is_for_a_person_to_say() -> None:
    """Ten became five, but the row of a reverse split tells only that five went."""
    merged = action("2026-02-02", "RS", "-5")
    assert before(merged, reported="5") == (None, None)
    assert before(merged, trade("2026-02-03", "-4", "10"), reported=None) == (None, None)


def test_a_cost_that_would_be_made_up_is_left_open() -> None:
    assert before(transfer("2026-01-05", "4"), reported="10", cost="100") == (D(6), None)
    assert before(trade("2026-01-05", "4", "100"), reported="10", cost="300") == (D(6), None)


def test_what_is_held_short_may_have_been_before() -> None:
    assert before(trade("2026-01-05", "-4", "10"), reported="-10", cost="-100") == (D(-6), D(60))


def test_where_too_much_is_here_no_opening_helps() -> None:
    assert before(trade("2026-01-05", "10", "10"), reported="7") is None
    assert before(trade("2026-01-05", "10", "10"), reported="0") is None
    assert before(trade("2026-01-05", "10", "10"), reported=None) is None
    assert before(trade("2026-01-05", "-10", "10"), trade("2026-04-05", "10", "10"), reported=None) == (D(10), None)


def test_a_purchase_after_the_report_is_no_part_of_it() -> None:
    assert before(trade("2026-04-05", "10", "10"), reported="3") == (D(3), None)
