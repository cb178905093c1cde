"""The overview, an instrument and the reconciliation, as a person sees them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import CashKind, CashTransaction, Record, Side
from stonks.ledger import portfolios
from stonks.ledger.importing import import_reading
from stonks.ledger.tables import Portfolio
from stonks.practice import demo_statement
from tests.conftest import Clock
from tests.needs import not_shipped
from tests.readings import ReadingOf, dividend, position, trade

SAMPLES = Path(__file__).parents[3] / "shared/flex-samples/vroonhof__opensteuerauszug"
Let = Callable[..., None]


@pytest.fixture
def let(mine: Portfolio, clock: Clock) -> Let:
    def let_in(*records: Record) -> None:
        import_reading(mine.id, ReadingOf(records), origin="upload", now=clock.now)

    return let_in


def withheld(transaction_id: str, amount: str, on: date) -> CashTransaction:
    return dividend(transaction_id, amount, on)._replace(kind=CashKind.WITHHOLDING_TAX, type_text="Withholding Tax")


def words(page: str) -> str:
    """What a person reads in the page's main part, thin spaces and all made plain."""
    text = re.sub(r"<[^>]+>", " ", page[page.index("<main") :])
    return re.sub(r"\s+", " ", text.replace("\u2009", "").replace("\u2212", "-"))


def see(client: FlaskClient, portfolio: Portfolio, rest: str = "") -> str:
    answer = client.get(f"/portfolios/{portfolio.id}{rest}")
    assert answer.status_code == 200
    assert not re.search(r'\sstyle="|<style|<script>', answer.text)
    return words(answer.text)


def test_an_empty_portfolio_says_how_to_begin(signed_in: FlaskClient, mine: Portfolio) -> None:
    text = see(signed_in, mine)
    assert "Connect Interactive Brokers" in text
    assert "Upload a statement" in text


def test_a_year_without_income_says_so_instead_of_drawing_nothing(
    signed_in: FlaskClient, mine: Portfolio, let: Let, clock: Clock
) -> None:
    let(trade("1"))
    assert "No income in the last twelve months" in see(signed_in, mine)
    let(dividend("2", "10", clock.now.date()))
    assert "No income in the last twelve months" not in see(signed_in, mine)


def test_amounts_in_yen_have_no_cents_though_their_code_stands_elsewhere(
    signed_in: FlaskClient, mine: Portfolio, let: Let, clock: Clock
) -> None:
    portfolios.rename(mine, mine.name, "JPY")
    today = clock.now.date()
    bought = trade("1", currency="JPY", price="1001.5", commission="-80", on=today - timedelta(days=9))
    sold = trade("2", side=Side.SELL, quantity="4", currency="JPY", price="1100", commission="-80", on=today)
    let(bought, sold, dividend("3", "12345", today)._replace(currency="JPY"))
    pages = ("", "/holdings", "/gains", "/income?year=all", "/performance", "/transactions", "/review")
    for rest in (*pages, "/instruments/US0378331005/JPY"):
        text = see(signed_in, mine, rest)
        assert not re.search(r"\d\.00\b", text), rest


def test_the_file_of_cash_movements_has_what_the_overview_shows(
    signed_in: FlaskClient, mine: Portfolio, let: Let
) -> None:
    let(
        trade("1", quantity="3", price="100.123456", on=date(2025, 2, 3), commission="-1"),
        dividend("2", "20.5", date(2026, 4, 1))._replace(currency="EUR"),
    )
    page = signed_in.get(f"/portfolios/{mine.id}").text
    link = re.search(r'href="([^"]+as=csv[^"]*)">Export CSV<span class="hidden-text"> of cash movements', page)
    assert link
    assert "EUR 20.50 EUR USD -301.37 USD" in words(page)
    answer = signed_in.get(html.unescape(link[1]))
    assert (answer.mimetype, answer.text.splitlines()) == (
        "text/csv",
        ["\ufeffCurrency,Moved", "EUR,20.5", "USD,-301.370368"],
    )


def test_it_is_nobody_elses(signed_in: FlaskClient, anothers: Portfolio) -> None:
    for rest in ("", "/reconciliation", "/instruments/AAPL/USD"):
        assert signed_in.get(f"/portfolios/{anothers.id}{rest}").status_code == 404


def test_value_gain_and_income_add_up(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(
        trade("1", quantity="10", price="100", on=date(2026, 2, 2), commission="-1"),
        trade("2", side=Side.SELL, quantity="4", price="120", on=date(2026, 3, 2), commission="-1"),
        dividend("3", "20", on=date(2026, 4, 1)),
        withheld("4", "-3", on=date(2026, 4, 1)),
        position("6", date(2026, 11, 19)),
    )
    text = see(signed_in, mine, "?range=year")
    assert "Value 1200.00 USD" in text
    assert "+599.40" in text  # 1,200 less six tenths of 1,001
    assert "Realised gain, 2026 +78.60" in text  # 479 less four tenths of 1,001
    assert "Income, 2026, net 17.00" in text
    assert "20.00 gross - 3.00 withheld" in text
    assert "1 quantity agrees with what the broker reported" in text


def test_a_sale_without_its_purchase_is_said(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(trade("2", side=Side.SELL, quantity="4", price="120", on=date(2026, 3, 2)))
    assert "history of AAPL is incomplete" in see(signed_in, mine)
    text = see(signed_in, mine, "/instruments/US0378331005/USD")
    assert "The history is incomplete." in text
    assert "Without its purchase: 4" in text


def test_an_instrument_shows_its_lots_trades_and_income(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(
        trade("1", quantity="10", price="100", on=date(2026, 2, 2), commission=None),
        trade("2", side=Side.SELL, quantity="4", price="120", on=date(2026, 3, 2), commission=None),
        dividend("3", "20", on=date(2026, 4, 1)),
    )
    text = see(signed_in, mine, "/instruments/US0378331005/USD")
    for part in ("Open lots 1 lot", "2 Feb 2026", "600.00", "+80.00", "Dividend", "+20.00 USD", "Sell -4"):
        assert part in text


def test_an_instrument_nobody_knows_is_not_found(signed_in: FlaskClient, mine: Portfolio) -> None:
    assert signed_in.get(f"/portfolios/{mine.id}/instruments/NOPE/USD").status_code == 404


def test_a_difference_from_the_brokers_word_is_shown(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(
        trade("1", quantity="10", price="100", on=date(2026, 2, 2)),
        position("12", date(2026, 11, 19)),
        trade("5", quantity="2", price="100", on=date(2026, 11, 20)),
    )
    assert "1 of 1 quantity differs" in see(signed_in, mine)
    assert "counts the trade of 20 Nov 2026 already" in see(signed_in, mine, "/reconciliation")


@pytest.mark.parametrize(
    ("name", "agrees", "named"),
    [("vtandchill_2025.xml", 1, []), ("options_future_2025.xml", 9, ["NLCP", "RIO"])],
)
def test_real_statements_agree_with_their_own_positions(
    signed_in: FlaskClient, mine: Portfolio, clock: Clock, name: str, agrees: int, named: list[str]
) -> None:
    """What does not agree was held before the statement's first trade, and is named."""
    if not (SAMPLES / name).exists():
        not_shipped(f"the sample {name}")
    with (SAMPLES / name).open("rb") as body:
        import_reading(mine.id, read_statement(body), origin="upload", now=clock.now)
    text = see(signed_in, mine, "/reconciliation")
    assert all(symbol in text for symbol in named)
    assert ("Quantities that agree" if named else "Everything agrees") in text
    assert re.search(rf"\b{agrees} quantit(y agrees|ies agree) with what the broker reported", text)
    see(signed_in, mine)


def test_amounts_stay_exact(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(trade("1", quantity="0.1", price="0.3", on=date(2026, 2, 2), commission=None))
    assert str(Decimal("0.03")) in see(signed_in, mine)


def test_the_demo_year_agrees_with_its_positions_and_has_fresh_prices(
    signed_in: FlaskClient, mine: Portfolio, clock: Clock
) -> None:
    year = BytesIO(demo_statement.whole_year(clock.now.date()))
    signed_in.post(f"/portfolios/{mine.id}/import", data={"statement": (year, "year.csv")})
    text = see(signed_in, mine)
    assert "6 quantities agree with what the broker reported for 19 Nov 2026" in text
    assert not re.search(r"\bold\b|older than", text)
    assert "Everything agrees" in see(signed_in, mine, "/reconciliation")
    assert re.search(r"4\d.\d % of the value is in (USD|EUR)", text)
    assert "All of the value is in shares and ETFs" in text


def test_with_one_currency_and_no_class_told_nothing_is_said_of_the_spread(
    signed_in: FlaskClient, mine: Portfolio, let: Let
) -> None:
    let(trade("1"), trade("2", quantity="3", on=date(2026, 11, 18)))
    assert "of the value is in" not in see(signed_in, mine)
