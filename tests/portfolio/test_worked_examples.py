"""What brokers' rows do to holdings, on rows that brokers really sent; each test names where its figures are from.

The files named are the test data of other projects (MIT or Apache-2.0), some with their dates moved by their authors.
"""

from __future__ import annotations

from decimal import Decimal

from stonks.portfolio.holdings import Holdings, fold
from stonks.portfolio.lots import Lot
from stonks.portfolio.valuation import Instrument, Price, value
from tests.portfolio.examples import KEY, action, day, option, trade, transfer

D = Decimal
LEG_54 = "P LEG  20230421 54 M/EUR"
LVGO, TDOC = "US5391831030/USD", "US87918A1051/USD"


def folded(*movements: object) -> Holdings:
    return fold(movements)  # type: ignore[arg-type]


def test_a_split_of_fractions() -> None:
    """OSadovy/uabean, beancount.xml: 1.038 Apple, and IBKR's row for four for one brings 3.114."""
    found = folded(
        trade("2020-02-05", "1", "289", fee="1"),
        trade("2020-02-05", "0.038", "288.98"),
        action(
            "2020-08-31", "FS", "3.114", description="AAPL(US0378331005) SPLIT 4 FOR 1 (AAPL, APPLE INC, US0378331005)"
        ),
    ).books[KEY]
    assert [(lot.quantity, lot.cost) for lot in found.lots] == [(D(4), D(290)), (D("0.152"), D("10.98124"))]
    assert found.complete


def test_a_merger_for_shares_and_money() -> None:
    """OSadovy/uabean, beancount.xml: Livongo into Teladoc, 592 for 1000 and 4.24 dollars a share."""
    words = "LVGO(US5391831030) CASH and STOCK MERGER (Acquisition) US87918A1051 592 FOR 1000 AND USD 4.24 ({})"
    found = folded(
        trade("2020-03-03", "0.5052", "49.88", key=LVGO, fee="0.25199376"),
        trade("2020-03-03", "2", "49.9", key=LVGO, fee="0.74800624"),
        action(
            "2020-11-02", "TC", "-2.5052", key=LVGO, cash="10.622048", action_id="48", description=words.format("LVGO")
        ),
        action("2020-11-02", "TC", "1.4831", key=TDOC, action_id="48", description=words.format("TDOC")),
    )
    assert not found.books[LVGO].lots
    assert found.books[TDOC].quantity == D("1.4831")
    assert found.books[TDOC].cost == D("125.999376") - D("10.622048")
    assert {lot.opened for lot in found.books[TDOC].lots} == {day("2020-03-03")}
    assert not found.incomplete()


def test_a_merger_for_shares_alone() -> None:
    """OSadovy/uabean, beancount.xml: Marathon Oil into ConocoPhillips, 255 for 1000; the purchase is made up."""
    mro, cop = "US5658491064/USD", "US20825C1045/USD"
    found = folded(
        trade("2024-01-10", "50", "23", key=mro),
        action("2024-11-22", "TC", "-50", key=mro, action_id="61"),
        action("2024-11-22", "TC", "12.75", key=cop, action_id="61"),
    )
    assert found.books[cop].lots == [Lot(day("2024-01-10"), D("12.75"), D(1150))]


def test_a_new_isin_and_symbol() -> None:
    """OSadovy/uabean, beancount.xml: Trine becomes Desktop Metal; IBKR calls the old one TRNE.OLD."""
    old, new = "US89628U1088/USD", "US25058X1054/USD"
    found = folded(
        trade("2020-12-01", "19", "12", key=old),
        action("2020-12-10", "IC", "19", key=new, action_id="51"),
        action("2020-12-10", "IC", "-19", key=old, action_id="51"),
        trade("2021-02-01", "-19", "20", key=new),
    )
    assert [(lot.opened, lot.cost, lot.gain) for lot in found.books[new].closed] == [
        (day("2020-12-01"), D(228), D(152))
    ]
    assert not found.incomplete()


def test_a_spin_off() -> None:
    """GE HealthCare, one for three General Electric, 3 January 2023 (ge.com, "GE Completes Separation of GE
    HealthCare"); with money for the third of a share, as IBKR books it."""
    ge, gehc = "US3696043013/USD", "US36266G1076/USD"
    found = folded(
        trade("2022-06-01", "100", "78", key=ge),
        action("2023-01-03", "SO", "33.3333", key=gehc, action_id="3"),
        trade("2023-01-10", "-0.3333", "58.80", key=gehc),
    )
    assert (found.books[ge].quantity, found.books[ge].cost) == (D(100), D(7800))
    assert (found.books[gehc].quantity, found.books[gehc].cost) == (D(33), D(0))
    assert [lot.gain for lot in found.books[gehc].closed] == [D("19.59804")]


def test_a_reverse_split_told_in_one_row() -> None:
    """Citigroup's one for ten of 9 May 2011, had its number stayed the same: nine of ten go, at no price."""
    found = folded(trade("2010-02-01", "250", "3.30"), action("2011-05-09", "RS", "-225")).books[KEY]
    assert [(lot.quantity, lot.cost) for lot in found.lots] == [(D(25), D(825))]
    assert not found.closed


def test_rights_come_for_nothing_and_what_they_buy_costs_what_is_paid() -> None:
    """clifton/ib-flex, activity_complex_corporate_actions.xml: 20 rights, ten new shares for 250."""
    rights = "MNO.RTS/USD"
    found = folded(
        trade("2025-01-02", "20", "30"),
        action("2025-01-20", "RI", "20", key=rights, action_id="7"),
        action("2025-01-27", "SR", "-20", key=rights, action_id="8"),
        action("2025-01-27", "SR", "10", cash="-250", action_id="8"),
    )
    assert not found.books[rights].lots
    assert (found.books[KEY].quantity, found.books[KEY].cost) == (D(30), D(850))


def test_a_tender_is_a_sale() -> None:
    """clifton/ib-flex, activity_complex_corporate_actions.xml: 50 ABC tendered for 3,500."""
    found = folded(trade("2024-03-01", "50", "60"), action("2025-01-15", "TO", "-50", cash="3500")).books[KEY]
    assert [(lot.proceeds, lot.gain) for lot in found.closed] == [(D(3500), D(500))]


def test_an_option_written_and_expired_keeps_its_premium() -> None:
    """uebber/ibkr-german-tax-declaration-engine, real rows: a put on LEG sold at 1.25 that expired."""
    found = folded(option("2023-04-14", "-1", "1.25", LEG_54, fee="1.1"), option("2023-04-21", "1", "0", LEG_54, "Ep"))
    assert [lot.gain for lot in found.books[LEG_54].closed] == [D("123.9")]
    assert not found.books[LEG_54].lots


def test_bonds_are_quoted_per_hundred_of_their_face() -> None:
    """clifton/ib-flex, activity_bonds.xml: 5,000 of Apple 3.85 08/04/46 at 95.25, worth 4,775.00 at 95.50."""
    key = "US037833CJ94/USD"
    bond = Instrument(key, "AAPL 3.85 08/04/46", "US037833CJ94", "USD", "BOND", D(1))
    book = folded(trade("2025-01-15", "5000", "95.25", key=key, fee="5", unit="0.01")).books[key]
    found = value(book, bond, Price(D("95.50"), day("2025-01-15"), True), lambda *_: D(1), day("2025-01-15"))
    assert (found.cost, found.value) == (D("4767.50"), D("4775.00"))


def test_fractions_with_a_cancelled_purchase_cost_what_the_statement_says() -> None:
    """clifton/ib-flex, activity_fractional_shares.xml: 1.25 Amazon left, cost 231.75 in its own OpenPositions."""
    found = folded(
        trade("2025-01-15", "2.5", "185.40", at="10:00:00"),
        trade("2025-01-15", "-1.25", "186.00", at="11:00:00"),
        trade("2025-01-15", "0.5", "186.50", at="12:00:00"),
        trade("2025-01-15", "0.5", "186.50", at="12:00:00", cancels=True),
    ).books[KEY]
    assert (found.quantity, found.cost) == (D("1.25"), D("231.75"))


def test_warrants_sold_in_part_cost_what_the_statement_says() -> None:
    """clifton/ib-flex, activity_warrants.xml: 50 of 100 left, cost 125.50 in its own OpenPositions."""
    found = folded(
        trade("2025-01-15", "100", "2.50", fee="1", asset_class="WAR", at="10:00:00"),
        trade("2025-01-15", "-50", "3.00", fee="1", asset_class="WAR", at="11:00:00"),
    ).books[KEY]
    assert (found.quantity, found.cost) == (D(50), D("125.50"))
    assert [lot.gain for lot in found.closed] == [D("23.50")]


def test_a_transfer_out_takes_the_oldest_lots_without_a_gain() -> None:
    """vroonhof/ibflex, crypto_transfer.xml: half a bitcoin sent away; the purchases are made up."""
    key = "BTC.USD-PAXOS/USD"
    found = folded(
        trade("2024-01-10", "0.4", "46000", key=key),
        trade("2024-06-10", "0.35", "69000", key=key),
        transfer("2025-02-26", "-0.5", key=key),
    ).books[key]
    assert [(lot.opened, lot.quantity, lot.cost) for lot in found.lots] == [(day("2024-06-10"), D("0.25"), D(17250))]
    assert not found.closed
    assert found.complete
