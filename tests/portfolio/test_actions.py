"""Corporate actions and transfers, each with what they do to quantity, cost and day."""

from __future__ import annotations

from decimal import Decimal

from stonks.portfolio.holdings import fold
from tests.portfolio.examples import KEY, action, day, trade, transfer

D = Decimal
NEW = "US3696043013/USD"


def test_a_split_spreads_over_the_lots_and_leaves_their_cost() -> None:
    """Apple's four for one of 31 August 2020: IBKR's row brings three more for each."""
    found = fold(
        [
            trade("2019-01-02", "10", "154.89"),
            trade("2020-01-02", "5", "296.24"),
            action("2020-08-31", "FS", "45"),
            trade("2020-09-01", "-40", "132.76"),
        ]
    ).books[KEY]
    assert [(lot.quantity, lot.cost) for lot in found.closed] == [(D(40), D("1548.90"))]
    assert [(lot.opened, lot.quantity, lot.cost) for lot in found.lots] == [(day("2020-01-02"), D(20), D("1481.20"))]


def test_a_split_comes_after_the_trades_of_its_day() -> None:
    found = fold([action("2024-06-07", "FS", "90"), trade("2024-06-07", "10", "1200")]).books[KEY]
    assert (found.quantity, found.cost, found.complete) == (D(100), D(12000), True)


def test_a_reverse_split_with_a_new_isin_carries_day_and_cost_over() -> None:
    """General Electric's one for eight of 2 August 2021 is told in two rows, as its ISIN changed."""
    old = "US3696041033/USD"
    found = fold(
        [
            trade("2020-05-04", "80", "6.50", key=old),
            action("2021-08-02", "RS", "-80", key=old, action_id="9"),
            action("2021-08-02", "RS", "10", key=NEW, action_id="9"),
        ]
    )
    assert not found.books[old].lots
    assert [(lot.opened, lot.quantity, lot.cost) for lot in found.books[NEW].lots] == [
        (day("2020-05-04"), D(10), D(520))
    ]
    assert not found.incomplete()


def test_legs_without_an_id_find_each_other_by_their_words() -> None:
    words = "OLD(US1) CUSIP/ISIN CHANGE TO (US2) ({}, INC, US1)"
    found = fold(
        [
            trade("2020-05-04", "7", "10"),
            action("2021-01-05", "IC", "-7", description=words.format("OLD")),
            action("2021-01-05", "IC", "7", key=NEW, description=words.format("NEW")),
        ]
    )
    assert found.books[NEW].cost == 70


def test_cash_beside_a_merger_lowers_the_cost_first() -> None:
    found = fold(
        [
            trade("2020-05-04", "10", "10"),
            action("2021-01-05", "TC", "-10", cash="30", action_id="1"),
            action("2021-01-05", "TC", "5", key=NEW, action_id="1"),
        ]
    )
    assert found.books[NEW].cost == 70
    assert not found.books[KEY].closed


def test_a_merger_into_shares_and_rights_divides_the_cost_by_what_they_were_worth() -> None:
    """Signature Group, 25 February 2015: 34,000 subscription shares became as many new ones, worth 227,460, and 19,108
    subscribed ones, worth 101,272.40. What was paid for the subscription, 107,769.12, is cost as well."""
    subscription, subscribed, new = "SGGHU.EX/USD", "20150224001800SGGHU/USD", "SGRH/USD"
    found = fold(
        [
            trade("2014-06-10", "30000", "5", key="SGGHU/USD"),
            trade("2014-07-10", "4000", "6", key="SGGHU/USD"),
            action("2015-02-19", "TO", "-34000", key="SGGHU/USD", action_id="1"),
            action("2015-02-19", "TO", "34000", key=subscription, action_id="1"),
            action("2015-02-19", "TO", "0", key="SGGHU/USD", cash="-107769.12", action_id="1"),
            action("2015-02-25", "TC", "-34000", key=subscription, action_id="2", worth=D(-243440)),
            action("2015-02-25", "TC", "34000", key=new, action_id="2", worth=D(227460)),
            action("2015-02-25", "TC", "19108", key=subscribed, action_id="2", worth=D("101272.4")),
        ]
    )
    cost = 30000 * 5 + 4000 * 6 + D("107769.12")
    assert found.books[new].cost + found.books[subscribed].cost == cost
    part = D(227460) / (D(227460) + D("101272.4"))
    assert abs(found.books[new].cost - cost * part) < D("0.000001")
    assert [(lot.opened, lot.quantity) for lot in found.books[new].lots] == [
        (day("2014-06-10"), D(30000)), (day("2014-07-10"), D(4000)),
    ]  # fmt: skip
    assert found.books[subscribed].quantity == 19108
    assert not found.books[subscription].lots
    assert not found.incomplete()


def test_a_merger_into_several_without_their_worth_leaves_each_cost_unknown_and_says_so() -> None:
    """Pulse Biosciences' rights of 2022 became shares and warrants, one of each."""
    found = fold(
        [
            trade("2022-05-16", "487", "1"),
            action("2022-06-16", "TC", "-487", action_id="1", worth=D(0)),
            action("2022-06-16", "TC", "487", key="PLSE/USD", action_id="1", worth=D(998)),
            action("2022-06-16", "TC", "487", key="PLSE.WT/USD", action_id="1"),
        ]
    )
    for key in ("PLSE/USD", "PLSE.WT/USD"):
        book = found.books[key]
        assert (book.quantity, book.cost_known) == (487, False)
        assert "how the cost divides is not told" in book.reasons[0]
    assert (found.books[KEY].lots, found.books[KEY].complete) == ([], True)


def test_a_merger_into_several_of_what_was_never_bought_here_is_missing_history() -> None:
    found = fold(
        [
            action("2022-06-16", "TC", "-487", action_id="1"),
            action("2022-06-16", "TC", "487", key="PLSE/USD", action_id="1"),
            action("2022-06-16", "TC", "487", key="PLSE.WT/USD", action_id="1"),
        ]
    )
    assert [found.books[key].missing for key in (KEY, "PLSE/USD", "PLSE.WT/USD")] == [-487, 487, 487]
    assert len(found.incomplete()) == 3


def test_money_that_an_action_pays_lowers_the_cost_first_and_is_a_gain_beyond_it() -> None:
    found = fold(
        [
            trade("2020-05-04", "10", "10"),
            trade("2020-06-04", "10", "2"),
            action("2021-01-05", "CC", "0", cash="60", action_id="1"),
        ]
    ).books[KEY]
    assert [(lot.opened, lot.quantity, lot.cost) for lot in found.lots] == [
        (day("2020-05-04"), D(10), D(70)), (day("2020-06-04"), D(10), D(0)),
    ]  # fmt: skip
    assert [(lot.quantity, lot.gain) for lot in found.closed] == [(0, 10)]


def test_money_that_an_action_takes_raises_the_cost() -> None:
    found = fold([trade("2020-05-04", "10", "10"), action("2021-01-05", "OR", "0", cash="-30")]).books[KEY]
    assert (found.quantity, found.cost, found.closed) == (10, 130, [])


def test_money_of_an_action_on_what_is_not_held_is_said() -> None:
    found = fold([action("2021-01-05", "TO", "0", cash="30")]).books[KEY]
    assert found.reasons == ["The corporate action of 5 Jan 2021 moved money, and nothing of it was held."]


def test_a_merger_for_money_is_a_sale() -> None:
    found = fold([trade("2020-05-04", "10", "10"), action("2021-01-05", "TC", "-10", cash="150")]).books[KEY]
    assert [lot.gain for lot in found.closed] == [D(50)]


def test_a_quantity_that_comes_together_with_money_is_not_counted_and_that_is_said() -> None:
    """A bill's redemption told with the quantity that was redeemed as if it came."""
    found = fold([trade("2025-01-15", "10000", "0.9985"), action("2025-04-24", "TC", "10000", cash="10000")]).books[KEY]
    assert (found.quantity, found.complete) == (D(10000), False)
    assert found.reasons == [
        "The corporate action of 24 Apr 2025 moved quantity and money the same way: only the money counts."
    ]


def test_a_merger_whose_other_leg_is_not_here_is_said() -> None:
    found = fold([trade("2020-05-04", "10", "10"), action("2021-01-05", "TC", "-10")]).books[KEY]
    assert not found.lots
    assert not found.closed
    assert not found.complete


def test_what_comes_by_a_merger_alone_has_no_known_cost() -> None:
    found = fold([action("2021-01-05", "TC", "5", key=NEW)]).books[NEW]
    assert (found.quantity, found.cost_known, found.complete) == (D(5), False, False)


def test_a_spin_off_comes_at_no_cost_and_takes_none_from_the_parent() -> None:
    found = fold([trade("2020-05-04", "10", "10"), action("2021-01-05", "SO", "2", key=NEW)])
    assert found.books[KEY].cost == 100
    assert (found.books[NEW].quantity, found.books[NEW].cost) == (D(2), D(0))


def test_a_stock_dividend_makes_each_share_cheaper() -> None:
    found = fold([trade("2020-05-04", "100", "10"), action("2021-01-05", "SD", "5")]).books[KEY]
    assert (found.quantity, found.cost) == (D(105), D(1000))


def test_a_split_of_what_was_never_bought_here_is_missing_history() -> None:
    found = fold([action("2020-08-31", "FS", "45")]).books[KEY]
    assert not found.lots
    assert not found.complete


def test_what_comes_by_transfer_has_a_quantity_and_no_known_cost() -> None:
    found = fold([transfer("2024-01-02", "10"), trade("2024-02-01", "-4", "50")]).books[KEY]
    assert found.quantity == 6
    assert found.closed[0].gain is None
    assert not found.complete


def test_a_transfer_between_own_accounts_changes_nothing() -> None:
    found = fold([trade("2024-01-02", "10", "50"), transfer("2024-03-01", "-10"), transfer("2024-03-01", "10")])
    assert [(lot.opened, lot.cost) for lot in found.books[KEY].lots] == [(day("2024-01-02"), D(500))]
    assert not found.incomplete()
