"""Values, gains and income in the base currency, and what is left out of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from currency_converter import CurrencyConverter

from stonks.core.records import CashKind, FxRate
from stonks.portfolio import income, summary
from stonks.portfolio.holdings import fold
from stonks.portfolio.income import Income, Receipt
from stonks.portfolio.overview import Overview, gain_in_base, overview
from stonks.portfolio.valuation import Instrument, Price, newer, value
from stonks.rates import RateTable
from tests.portfolio.examples import KEY, day, trade, transfer

D = Decimal
TODAY = date(2026, 11, 20)
SAP, FUTURE = "DE0007164600/EUR", "6SZ6/USD"


def rates(currency: str, on: date) -> Decimal | None:
    """A euro was 1.10 dollars in 2025 and is 1.20 since; nobody knows about the rouble."""
    return {"USD": D(1), "EUR": D("1.10") if on.year < 2026 else D("1.20")}.get(currency)


def instrument(key: str, asset_class: str = "STK", multiplier: str | None = None) -> Instrument:
    name, _, currency = key.rpartition("/")
    return Instrument(key, name, None, currency, asset_class, D(multiplier) if multiplier else None)


def at(price: str, on: str = "2026-11-20", *, reported: bool = True) -> Price:
    return Price(D(price), day(on), reported)


def view(
    *movements: object, prices: dict[str, Price], receipts: tuple[Receipt, ...] = (), until: date = TODAY
) -> Overview:
    """As the stored sums make it: month by month."""
    instruments = {one.key: one for one in (instrument(KEY), instrument(SAP), instrument(FUTURE, "FUT", "125000"))}
    held = fold(movements)  # type: ignore[arg-type]
    paid: dict[date, Income] = {}
    for first in {receipt.on.replace(day=1) for receipt in receipts}:
        of_month = [receipt for receipt in receipts if receipt.on.replace(day=1) == first]
        found = summary.month(of_month, {}, rates).values()
        paid[first] = income.added(Income(one.gross_base, one.withheld_base, one.fees_base) for one in found)
    return overview(
        [value(book, instruments[book.key], prices.get(book.key), rates, TODAY) for book in held.open()],
        paid, until=until, incomplete=len(held.incomplete()), closed=0, base="USD", today=TODAY,
    )  # fmt: skip


def test_value_and_gain_hold_the_currencys_part() -> None:
    found = view(trade("2025-03-03", "10", "100", key=SAP), prices={SAP: at("130")})
    assert (found.value, found.cost, found.gain) == (D(1560), D(1100), D(460))
    assert found.holdings[0].gain == D(300)  # in euros


def test_a_realised_gain_takes_each_day_at_its_own_rate() -> None:
    held = fold([trade("2025-03-03", "10", "100", key=SAP), trade("2026-03-03", "-10", "100", key=SAP)])
    assert [gain_in_base(lot, instrument(SAP), rates) for lot in held.closed_lots()] == [D(100)]


def test_what_has_no_price_or_no_cost_is_left_out_and_named() -> None:
    found = view(trade("2025-03-03", "10", "100"), transfer("2025-03-03", "5", key=SAP), prices={SAP: at("100")})
    assert [one.instrument.key for one in found.unvalued] == [KEY]
    assert [one.instrument.key for one in found.uncosted] == [SAP]
    assert (found.value, found.gain, found.incomplete) == (D(600), D(0), 1)


def test_the_value_is_spread_over_currencies_and_classes() -> None:
    found = view(
        trade("2025-03-03", "10", "100", key=SAP),
        trade("2025-03-03", "10", "40"),
        trade("2026-11-02", "1", "1.25", key=FUTURE, unit="125000"),
        prices={SAP: at("130"), KEY: at("44"), FUTURE: at("1.26")},
    )
    assert found.by_currency() == [("USD", D(1690), D(1690) / 3250), ("EUR", D(1560), D(1560) / 3250)]
    assert found.by_asset_class() == [("STK", D(2000), D(2000) / 3250), ("FUT", D(1250), D(1250) / 3250)]


def test_each_currency_has_its_own_value_and_gain() -> None:
    found = view(
        trade("2025-03-03", "10", "100", key=SAP),
        transfer("2025-03-03", "5"),
        prices={SAP: at("130"), KEY: at("44")},
    )
    assert found.own() == [("EUR", D(1300), D(300)), ("USD", D(220), D(0))]  # what was transferred has no known cost


def test_what_is_worth_less_than_nothing_has_no_share() -> None:
    found = view(trade("2026-11-02", "1", "1.25", key=FUTURE, unit="125000"), prices={FUTURE: at("1.24")})
    assert found.by_currency() == [("USD", D(-1250), None)]


def test_a_future_is_worth_what_it_gained() -> None:
    found = view(trade("2026-11-02", "1", "1.25", key=FUTURE, unit="125000"), prices={FUTURE: at("1.26")})
    assert (found.value, found.cost, found.gain) == (D(1250), D(0), D(1250))


def test_a_price_is_old_after_five_days() -> None:
    held = trade("2025-03-03", "10", "100")
    assert not view(held, prices={KEY: at("1", "2026-11-15")}).holdings[0].old_price
    assert view(held, prices={KEY: at("1", "2026-11-14")}).holdings[0].old_price


def test_the_brokers_mark_goes_before_a_trade_of_its_day() -> None:
    mark, later = at("10"), at("11", reported=False)
    assert newer(mark, later) == newer(later, mark) == mark


def paid(on: str, kind: CashKind, amount: str, currency: str = "USD") -> Receipt:
    return Receipt(day(on), kind, D(amount), currency)


def test_income_is_gross_less_what_was_withheld_and_corrections_count() -> None:
    receipts = (
        paid("2026-03-02", CashKind.DIVIDEND, "100"),
        paid("2026-03-02", CashKind.WITHHOLDING_TAX, "-30"),
        paid("2026-04-01", CashKind.WITHHOLDING_TAX, "30"),
        paid("2026-04-01", CashKind.WITHHOLDING_TAX, "-15"),
        paid("2026-05-04", CashKind.PAYMENT_IN_LIEU, "10", "EUR"),
        paid("2026-05-04", CashKind.FEE, "-2"),
        paid("2026-05-05", CashKind.DEPOSIT, "1000"),
        paid("2025-12-30", CashKind.DIVIDEND, "5"),
        paid("2026-06-01", CashKind.INTEREST, "7", "RUB"),
    )
    months = view(prices={}, receipts=receipts).months
    assert [month.first for month in months][:2] == [date(2025, 12, 1), date(2026, 1, 1)]
    assert months[0].income.gross == 5
    assert [months[place].income for place in (3, 4, 5)] == [
        (D(100), D(-30), D(0)),
        (D(0), D(15), D(0)),
        (D(12), D(0), D(-2)),
    ]
    assert months[6].income == Income()  # nobody knows what a rouble is
    assert view(prices={}, receipts=receipts, until=date(2025, 12, 31)).months[-1].income.net == 5


def test_income_by_any_key_adds_up_to_the_total() -> None:
    receipts = [paid("2026-03-02", CashKind.DIVIDEND, "1.005"), paid("2026-04-02", CashKind.INTEREST, "-0.5")]
    by_month = income.by(receipts, income.month)
    assert sum(one.net for one in by_month.values()) == income.total(receipts).net == D("0.505")


def test_a_statements_rate_goes_before_the_banks_for_five_days() -> None:
    table = RateTable("USD", [FxRate(date(2024, 6, 3), "EUR", "USD", D("9.99"))])
    assert table("EUR", date(2024, 6, 8)) == D("9.99")
    assert table("EUR", date(2024, 6, 10)) == D("1.0756")  # the ECB's reference rate of that day


def test_rates_between_any_two_currencies_are_those_of_the_banks_whole_file() -> None:
    whole = CurrencyConverter(fallback_on_missing_rate=True, fallback_on_missing_rate_method="last_known", decimal=True)
    for base, currency in (("EUR", "USD"), ("USD", "EUR"), ("CHF", "JPY"), ("SEK", "GBP")):
        table = RateTable(base)
        for on in (date(2001, 9, 11), date(2016, 6, 25), date(2024, 6, 3)):
            assert table(currency, on) == whole.convert(1, currency, base, date=on)


def test_a_statements_rate_serves_the_other_way_round() -> None:
    assert RateTable("EUR", [FxRate(date(2024, 6, 3), "EUR", "USD", D("1.25"))])("USD", date(2024, 6, 3)) == D("0.8")


@pytest.mark.parametrize("currency", ["CNH", "BASE_SUMMARY", "RUS"])
def test_a_currency_the_bank_does_not_know_has_no_rate(currency: str) -> None:
    assert RateTable("EUR")(currency, date(2024, 6, 3)) is None
