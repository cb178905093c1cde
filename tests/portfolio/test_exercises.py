"""Exercise and assignment: the premium goes into the price of the shares, as IRS Publication 550 says under "Puts and Calls"
and as IBKR reckons its cost basis.

The rows are real ones, from uebber/ibkr-german-tax-declaration-engine (MIT), unless said otherwise.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonks.portfolio.exercises import contract_of, leg_of, root_of
from stonks.portfolio.holdings import Holdings, fold
from stonks.portfolio.lots import Method
from stonks.portfolio.movements import Movement
from tests.portfolio.examples import delivered, option, trade, transfer

D = Decimal
LEG, LEG_69 = "DE000LEG1110/EUR", "P LEG  20230317 69 M/EUR"
CNXT, CNXT_34 = "US92189F6271/USD", "CNXT  220617C00034000/USD"
TIO, TIO_1 = "US55328R1095/USD", "TIO   231020P00001000/USD"
GME, GME_21 = "US36467W1099/USD", "GME   230630C00021000/USD"


def folded(*movements: Movement, method: Method = Method.FIFO) -> Holdings:
    return fold(movements, method=method)


def gains(found: Holdings, key: str) -> list[Decimal | None]:
    return [lot.gain for lot in found.books[key].closed]


def test_a_written_put_that_is_assigned_makes_its_shares_cheaper() -> None:
    """Sold at 1.75, assigned at 69. Publication 550: reduce your basis in the stock by what you received for the put."""
    found = folded(
        option("2023-02-24", "-1", "1.75", LEG_69, "O", fee="1.1"),
        option("2023-03-10", "1", "0", LEG_69, "A", "C"),
        delivered("2023-03-10", "100", "69", "LEGd", LEG, "A", "O"),
    )
    assert gains(found, LEG_69) == [0]
    assert [(lot.quantity, lot.cost) for lot in found.books[LEG].lots] == [(100, 6900 - D("173.9"))]
    assert not found.incomplete()


def test_a_bought_call_that_is_exercised_makes_its_shares_dearer() -> None:
    """Exercised at 34; its purchase, at 0.95, is made up. Publication 550: add its cost to your basis in the stock."""
    found = folded(
        option("2022-06-01", "1", "0.95", CNXT_34, fee="1"),
        option("2022-06-13", "-1", "0", CNXT_34, "Ex", "C"),
        delivered("2022-06-13", "100", "34", "CNXT", CNXT, "Ex", "O"),
    )
    assert [(lot.gain, lot.delivered) for lot in found.books[CNXT_34].closed] == [(0, True)]
    assert found.books[CNXT].cost == 3400 + 96


def test_a_written_call_that_is_assigned_has_its_shares_bring_more() -> None:
    """Fifteen at 21; what was held before, at 18, is made up. Publication 550: increase the amount realised."""
    found = folded(
        trade("2023-05-02", "1500", "18", key=GME),
        option("2023-06-16", "-15", "2", GME_21),
        option("2023-06-30", "15", "0", GME_21, "A", "C"),
        delivered("2023-06-30", "-1500", "21", "GME", GME, "A", fee="0.4695"),
    )
    assert gains(found, GME_21) == [0]
    assert gains(found, GME) == [D("31499.5305") + 3000 - 27000]


def test_a_bought_put_that_is_exercised_has_its_shares_bring_less() -> None:
    """Thirty at 1; both purchases are made up. Publication 550: reduce the amount realised by the cost of the put."""
    found = folded(
        trade("2023-09-01", "3000", "0.5", key=TIO),
        option("2023-09-01", "30", "0.1", TIO_1),
        option("2023-10-20", "-30", "0", TIO_1, "Ex", "C"),
        delivered("2023-10-20", "-3000", "1", "TIO", TIO, "Ex"),
    )
    assert gains(found, TIO_1) == [0]
    assert gains(found, TIO) == [3000 - 300 - 1500]


def test_an_option_whose_purchase_is_not_here_leaves_the_strike_alone() -> None:
    """The thirty puts as the file has them, and 3,000 shares sold short by them."""
    found = folded(
        option("2023-10-20", "-30", "0", TIO_1, "Ex", "C"),
        delivered("2023-10-20", "-3000", "1", "TIO", TIO, "Ex", "O"),
    )
    assert not found.books[TIO_1].lots
    assert not found.books[TIO_1].complete
    assert [(lot.quantity, lot.cost) for lot in found.books[TIO].lots] == [(D(-3000), D(-3000))]


def test_options_that_partly_came_by_transfer_pass_no_part_of_a_premium_on() -> None:
    found = folded(
        transfer("2022-06-01", "1", key=CNXT_34),
        option("2022-06-02", "1", "0.95", CNXT_34),
        option("2022-06-13", "-2", "0", CNXT_34, "Ex"),
        delivered("2022-06-13", "200", "34", "CNXT", CNXT, "Ex"),
    )
    assert gains(found, CNXT_34) == [None, -95]
    assert found.books[CNXT].cost == 6800


def test_the_premium_is_spread_over_several_executions_and_nothing_of_it_is_lost() -> None:
    found = folded(
        option("2022-06-01", "3", "0.333", CNXT_34, fee="1"),
        option("2022-06-13", "-3", "0", CNXT_34, "AEx", fee="0.05"),
        delivered("2022-06-13", "70", "34", "CNXT", CNXT, "AEx"),
        delivered("2022-06-13", "230", "34", "CNXT", CNXT, "AEx"),
    )
    first, second = found.books[CNXT].lots
    assert first.cost + second.cost == 10200 + D("100.9") + D("0.05")
    assert round(first.cost, 6) == round(70 * (34 + D("100.95") / 300), 6)
    assert gains(found, CNXT_34) == [0]


def test_options_of_two_months_with_one_strike_are_delivered_together() -> None:
    july = "GME   230728C00021000/USD"
    found = folded(
        trade("2023-05-02", "300", "18", key=GME),
        option("2023-06-16", "-1", "2", GME_21),
        option("2023-06-16", "-2", "3", july),
        option("2023-06-30", "1", "0", GME_21, "A"),
        option("2023-06-30", "2", "0", july, "A"),
        delivered("2023-06-30", "-300", "21", "GME", GME, "A"),
    )
    assert gains(found, GME_21) == gains(found, july) == [0]
    assert gains(found, GME) == [6300 + 200 + 600 - 5400]


def test_an_option_bought_that_morning_is_exercised_that_evening_also_where_the_rows_stand_otherwise() -> None:
    found = folded(
        delivered("2022-06-13", "100", "34", "CNXT", CNXT, "Ex", at="16:20:00"),
        option("2022-06-13", "-1", "0", CNXT_34, "Ex", at="16:20:00"),
        option("2022-06-13", "1", "0.95", CNXT_34, at="09:35:00"),
    )
    assert found.books[CNXT].cost == 3400 + 95
    assert not found.incomplete()


def test_at_average_cost_the_premium_is_in_the_average() -> None:
    found = folded(
        trade("2022-05-02", "100", "30", key=CNXT),
        option("2022-06-01", "1", "0.95", CNXT_34),
        option("2022-06-13", "-1", "0", CNXT_34, "Ex"),
        delivered("2022-06-13", "100", "34", "CNXT", CNXT, "Ex"),
        method=Method.AVERAGE,
    )
    assert [(lot.quantity, lot.cost) for lot in found.books[CNXT].lots] == [(200, 3000 + 3400 + 95)]


@pytest.mark.parametrize(
    "shares",
    [
        delivered("2022-06-13", "99", "34", "CNXT", CNXT, "Ex"),  # adjusted for a distribution
        delivered("2022-06-13", "100", "34.5", "CNXT", CNXT, "Ex"),
        delivered("2022-06-13", "-100", "34", "CNXT", CNXT, "Ex"),
        delivered("2022-06-13", "100", "34", "CNX", CNXT, "Ex"),
        delivered("2022-06-13", "100", "34", "CNXT", CNXT.replace("USD", "EUR"), "Ex"),
        delivered("2022-06-14", "100", "34", "CNXT", CNXT, "Ex"),
        trade("2022-06-13", "100", "34", key=CNXT),
    ],
    ids=["fewer", "another price", "the other way", "others", "another currency", "a day later", "no exercise"],
)
def test_what_does_not_fit_leaves_the_option_a_gain_of_its_own(shares: Movement) -> None:
    found = folded(option("2022-06-01", "1", "0.95", CNXT_34), option("2022-06-13", "-1", "0", CNXT_34, "Ex"), shares)
    assert gains(found, CNXT_34) == [-95]
    assert found.books[shares.key].cost == max(-shares.cash, 0)


@given(
    bought=st.decimals("0.01", "9", places=2), contracts=st.integers(1, 5), cut=st.integers(1, 99),
    sold=st.decimals("1", "90", places=2),
)  # fmt: skip
def test_all_gains_together_are_all_the_money_that_moved(
    bought: Decimal, contracts: int, cut: int, sold: Decimal
) -> None:
    shares = 100 * contracts
    moved = (
        option("2022-06-01", str(contracts), str(bought), CNXT_34, fee="1.25"),
        option("2022-06-13", str(-contracts), "0", CNXT_34, "Ex"),
        delivered("2022-06-13", str(cut), "34", "CNXT", CNXT, "Ex"),
        delivered("2022-06-13", str(shares - cut), "34", "CNXT", CNXT, "Ex"),
        trade("2022-07-01", str(-shares), str(sold), key=CNXT, fee="0.7"),
    )
    found = folded(*moved)
    assert sum(lot.gain or 0 for lot in found.closed_lots()) == sum(one.cash for one in moved)
    assert not list(found.open())


@pytest.mark.parametrize(
    ("symbol", "told"),
    [
        ("AAPL  260116C00150000", ("AAPL", "C", D(150))),
        ("TIO 231020P00001500", ("TIO", "P", D("1.5"))),
        ("GOOGL 260116C02500000", ("GOOGL", "C", D(2500))),
        ("ABCDEF260116P00000500", ("ABCDEF", "P", D("0.5"))),
        ("P LEG  20230317 69 M", ("LEG", "P", D(69))),
        ("C SAP  20230317 112.5 M", ("SAP", "C", D("112.5"))),
        ("AAPL", None),
        ("CHUF6 C1290", None),
        (None, None),
    ],
)
def test_a_contract_is_read_off_its_symbol(symbol: str | None, told: tuple[str, str, Decimal] | None) -> None:
    assert contract_of(symbol) == told


def test_an_option_and_its_shares_have_one_root() -> None:
    assert root_of("P LEG  20230317 69 M", "OPT", "LEG") == root_of("LEGd", "STK", None) == "LEG"
    assert root_of("BRKB  260116C00400000", "OPT", None) == root_of("BRK B", "STK", None) == "BRKB"
    assert root_of("CHUF6 C1290", "FOP", "CHF") is root_of("d", "STK", None) is None
    assert leg_of("AAPL  260116C00150000", "OPT", "AAPL", D("1.5"), D(100)) is None  # sold, and not exercised
    assert leg_of("AAPL  260116C00150000", "OPT", "AAPL", D(0), None) is None
