"""A portfolio's value and returns over a range of days, and what is not known of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from stonks.core.records import CashKind
from stonks.portfolio.income import Receipt
from stonks.portfolio.movements import Kind, Movement
from stonks.portfolio.performance import Basis, Performance, performance
from stonks.portfolio.valuation import Instrument, Price
from tests.portfolio.examples import KEY, action, day, trade, transfer
from tests.portfolio.plainly import CashDay, Mark
from tests.portfolio.telling import told
from tests.portfolio.test_overview import FUTURE, SAP, instrument, rates

D = Decimal
ISIN = KEY.partition("/")[0]
SHARE = Instrument(KEY, "AAPL", ISIN, "USD", "STK", None)


def mark(on: str, price: str, key: str = KEY) -> Mark:
    return Mark(key, Price(D(price), day(on), True))


def paid(on: str, amount: str, kind: CashKind = CashKind.DIVIDEND, **more: Any) -> Receipt:
    return Receipt(day(on), kind, D(amount), more.pop("currency", "USD"), more.pop("key", ISIN), **more)


def cash(*days: tuple[str, str]) -> list[CashDay]:
    return [CashDay(day(on), "USD", D(amount)) for on, amount in days]


def look(
    *movements: Movement,
    marks: tuple[Mark, ...] = (),
    receipts: tuple[Receipt, ...] = (),
    money: list[CashDay] | None = None,
    first: str | None = None,
    last: str = "2025-12-31",
) -> Performance:
    instruments = {one.key: one for one in (SHARE, instrument(SAP), instrument(FUTURE, "FUT", "125000"))}
    found = told(movements, receipts, instruments, marks, money or [], rates)
    return performance(found, rates, day(first) if first else None, day(last))


def values(found: Performance) -> dict[str, Decimal | None]:
    return {point.on.isoformat(): point.value for point in found.points}


def test_the_textbooks_two_shares_earn_the_textbooks_rates() -> None:
    """CFA programme, level I: see tests/portfolio/test_returns.py. From the trades and dividends themselves."""
    found = look(
        trade("2021-01-01", "1", "100"),
        trade("2022-01-01", "1", "120"),
        trade("2023-01-01", "-2", "130"),
        marks=(mark("2021-12-31", "120"),),
        receipts=(paid("2021-12-31", "2"), paid("2023-01-01", "4")),
        last="2023-01-01",
    )
    assert found.basis is Basis.SECURITIES
    assert found.money_weighted.yearly is not None
    assert round(found.money_weighted.yearly, 3) == D("0.139")  # a dividend a day early, a first day more
    assert found.time_weighted.rate is not None
    assert round(found.time_weighted.rate, 12) == D("0.342")  # 1.22 times 1.10
    assert found.gain == 46


def test_a_day_has_a_value_while_each_price_is_of_the_last_five_days() -> None:
    found = look(
        trade("2025-03-03", "10", "100"),
        trade("2025-03-07", "1", "50", key=SAP),
        marks=(mark("2025-03-09", "60", SAP), mark("2025-03-08", "60", SAP)),
        last="2025-03-20",
    )
    assert values(found) == {
        "2025-03-02": D(0),
        "2025-03-03": D(1000),
        "2025-03-07": D(1055),
        "2025-03-08": D(1066),
        "2025-03-09": None,
        "2025-03-20": None,
    }
    assert [point.at_last for point in found.points] == [D(0), D(1000), D(1055), D(1066), D(1066), D(1066)]
    assert found.unpriced == [(KEY, 2), (SAP, 1)]
    assert (found.start and found.start.on, found.end and found.end.on) == (day("2025-03-02"), day("2025-03-08"))


def test_a_range_that_begins_before_everything_begins_with_the_first_day() -> None:
    moved = (trade("2025-03-03", "10", "100"), trade("2025-03-04", "10", "100"))
    assert look(*moved, first="2025-01-01", last="2025-03-05").points == look(*moved, last="2025-03-05").points
    assert [point.on for point in look(*moved, first="2025-01-01", last="2025-02-01").points] == [
        day("2025-01-31"),
        day("2025-02-01"),
    ]


def test_a_price_from_before_a_split_is_not_one_after_it() -> None:
    moved = (trade("2020-08-28", "10", "500"), action("2020-08-31", "FS", "30"))
    unmarked = look(*moved, last="2020-09-01")
    assert values(unmarked)["2020-09-01"] is None
    assert unmarked.points[-1].at_last is None
    marked = look(*moved, marks=(mark("2020-08-31", "129"),), last="2020-09-01")
    assert values(marked)["2020-09-01"] == 40 * 129


def test_net_invested_is_purchases_less_sales_at_each_days_rate_and_income_is_apart() -> None:
    found = look(
        trade("2025-03-03", "10", "100", key=SAP),
        trade("2026-03-03", "-4", "100", key=SAP),
        receipts=(paid("2025-06-02", "7", key=SAP.partition("/")[0], currency="EUR"),),
        last="2026-03-04",
    )
    assert [(point.on.isoformat(), point.invested) for point in found.points][-2:] == [
        ("2026-03-03", D(620)),
        ("2026-03-04", D(620)),
    ]
    assert found.flows == D("612.30")
    assert found.gain == D("720") - D("612.30")  # six at 100 euros, now at 1.20


def test_with_deposits_from_the_first_day_on_the_account_is_measured_with_its_cash() -> None:
    found = look(
        trade("2025-01-02", "5", "100", fee="1"),
        marks=(mark("2025-12-31", "120"),),
        receipts=(
            paid("2025-01-01", "1000", CashKind.DEPOSIT),
            paid("2025-07-01", "10"),
            paid("2025-10-01", "-100", CashKind.WITHDRAWAL),
        ),
        money=cash(("2025-01-01", "1000"), ("2025-01-02", "-501"), ("2025-07-01", "10"), ("2025-10-01", "-100")),
    )
    assert found.basis is Basis.ACCOUNT
    assert values(found)["2025-12-31"] == 409 + 600
    assert found.points[-1].invested == 900
    assert found.gain == 109


def test_what_an_opening_entry_brought_was_not_paid_by_a_deposit() -> None:
    opened = Movement(day("2025-01-02"), Kind.OPENING, KEY, D(5), D(-500))
    deposit = paid("2025-01-01", "1000", CashKind.DEPOSIT)
    found = look(opened, marks=(mark("2025-01-02", "100"),), receipts=(deposit,), money=cash(("2025-01-01", "1000")))
    assert found.basis is Basis.SECURITIES
    assert found.points[-1].invested == 500


def test_a_future_counts_with_the_account_by_what_it_gained_and_is_left_out_of_securities() -> None:
    bought = trade("2025-01-02", "1", "1.25", key=FUTURE, unit="125000", asset_class="FUT")
    marks = (mark("2025-01-03", "1.26", FUTURE),)
    account = look(
        bought,
        marks=marks,
        receipts=(paid("2025-01-01", "9000", CashKind.DEPOSIT),),
        money=cash(("2025-01-01", "9000"), ("2025-01-02", "-156250")),
        last="2025-01-03",
    )
    assert account.points[-1].value == 10250
    alone = look(bought, marks=marks, last="2025-01-03")
    assert (alone.left_out, alone.points[-1].value) == ([FUTURE], D(0))


def test_an_incomplete_history_is_left_out_and_named() -> None:
    found = look(
        transfer("2025-01-02", "10", key=SAP),
        trade("2025-01-02", "5", "100"),
        receipts=(paid("2025-01-02", "3", CashKind.DEPOSIT),),
        money=cash(("2025-01-02", "-497")),
        last="2025-01-03",
    )
    assert (found.basis, found.left_out) == (Basis.SECURITIES, [SAP])
    assert found.points[-1] == (date(2025, 1, 3), D(500), D(500), D(500))


def opening(on: str, quantity: str, cost: str) -> Movement:
    return Movement(day(on), Kind.OPENING, KEY, D(quantity), -D(cost), arrival=1)


def test_what_an_opening_entry_brings_is_put_in_at_what_it_was_worth_that_day() -> None:
    """It cost 1,000 long ago; the gain until the history begins is none of the range's."""
    found = look(
        opening("2025-01-01", "10", "1000"),
        trade("2025-01-02", "1", "300", arrival=2),
        receipts=(paid("2025-01-01", "5", CashKind.DEPOSIT),),
        money=cash(("2025-01-01", "5"), ("2025-01-02", "-300")),
        marks=(mark("2025-12-31", "330"),),
    )
    assert found.basis is Basis.SECURITIES
    assert [point.invested for point in found.points] == [0, 3000, 3300, 3300]
    assert found.gain == 330
    assert found.money_weighted.rate is not None
    assert round(found.money_weighted.rate, 3) == D("0.100")


def test_an_opening_entry_without_a_price_near_its_day_is_left_out_and_named() -> None:
    found = look(opening("2025-01-01", "10", "1000"), marks=(mark("2025-01-07", "300"),))
    assert found.left_out == [KEY]
    assert look(opening("2025-01-01", "10", "1000"), marks=(mark("2025-01-06", "300"),)).left_out == []


def test_a_range_starts_from_what_was_there_the_evening_before() -> None:
    found = look(
        trade("2025-01-02", "10", "100"),
        marks=(mark("2024-12-31", "99"), mark("2025-05-30", "110"), mark("2025-12-30", "121")),
        first="2025-06-01",
    )
    assert found.start == (day("2025-05-31"), D(1100))
    assert found.end == (day("2025-12-31"), D(1210))
    assert found.money_weighted.rate is not None
    assert round(found.money_weighted.rate, 12) == D("0.10")
    assert found.time_weighted.rate == D("0.1")
    assert found.gain == 110


def test_a_cancelled_trade_put_nothing_in() -> None:
    wrong = trade("2025-01-02", "10", "100", external_id="7")
    cancel = trade("2025-01-02", "10", "100", cancels=True, original_id="7")
    found = look(wrong, cancel, trade("2025-01-02", "10", "99", external_id="7"), last="2025-01-03")
    assert found.points[-1] == (date(2025, 1, 3), D(990), D(990), D(990))


def test_a_commission_in_another_currency_lowers_the_return_once() -> None:
    found = look(
        trade("2025-01-02", "10", "100", arrival=8),
        trade("2025-01-20", "-10", "100", arrival=9, fee="1"),
        receipts=(
            paid("2025-01-02", "-10", CashKind.FEE, currency="EUR", entry_id=8),
            paid("2025-01-20", "-1", CashKind.FEE, entry_id=9),
        ),
        last="2025-01-20",
    )
    assert found.gain == D(-12)


def test_what_has_no_rate_is_counted_beside() -> None:
    found = look(trade("2025-01-02", "10", "100"), receipts=(paid("2025-01-02", "5", currency="RUB"),))
    assert found.unconverted == 1


def test_nothing_known_is_said() -> None:
    found = look(trade("2025-01-02", "10", "100"), first="2025-06-01")
    assert (found.start, found.end, found.gain) == (None, None, None)
    assert "fewer than two days" in found.money_weighted.why
    assert found.money_weighted.rate is found.time_weighted.rate is None


def test_an_account_that_moved_cash_before_its_first_deposit_is_not_told_from_its_start() -> None:
    found = look(
        trade("2025-01-03", "5", "100"),
        receipts=(paid("2025-01-02", "1000", CashKind.DEPOSIT),),
        money=cash(("2025-01-01", "-4"), ("2025-01-02", "1000"), ("2025-01-03", "-500")),
    )
    assert found.basis is Basis.SECURITIES


def test_days_without_a_price_are_counted_until_there_is_one() -> None:
    found = look(
        trade("2025-01-02", "5", "100"),
        trade("2025-01-02", "1", "50", key=SAP),
        marks=(*(mark(f"2025-01-{day:02}", "60", SAP) for day in (4, 8, 9, 10, 12, 13)), mark("2025-01-12", "99")),
        last="2025-01-13",
    )
    assert found.unpriced == [(KEY, 3)]  # the 8th, 9th and 10th
