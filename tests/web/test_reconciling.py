"""The reconciliation page: each difference with its reason and what to do about it; the tick only when all agree."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import CashBalance, Record, RowProblem, Side
from stonks.ledger.importing import import_reading
from stonks.ledger.tables import Portfolio
from tests.conftest import Clock
from tests.needs import not_shipped
from tests.readings import ReadingOf, dividend, position, problem, trade

SAMPLES = Path(__file__).parents[3] / "shared/flex-samples/vroonhof__opensteuerauszug"
LAST_DAY = date(2026, 11, 19)
Let = Callable[..., None]
See = Callable[..., str]


@pytest.fixture
def let(mine: Portfolio, clock: Clock) -> Let:
    def let_in(*records: Record | RowProblem, balances: tuple[CashBalance, ...] = ()) -> None:
        import_reading(mine.id, ReadingOf(records, balances=balances), origin="upload", now=clock.now)

    return let_in


@pytest.fixture
def see(signed_in: FlaskClient, mine: Portfolio) -> See:
    def words(rest: str = "/reconciliation") -> str:
        answer = signed_in.get(f"/portfolios/{mine.id}{rest}")
        assert answer.status_code == 200
        return plain(answer.text)

    return words


def plain(page: str) -> str:
    text = html.unescape(re.sub(r"<[^>]+>", " ", page[page.index("<main") :]))
    return (
        re.sub(r"\s+([.,]?)", r" \1", text.replace("\u2009", "").replace("\u2212", "-"))
        .replace(" .", ".")
        .replace(" ,", ",")
    )


def links(client: FlaskClient, portfolio: Portfolio, words: str, rest: str = "/reconciliation") -> list[str]:
    page = html.unescape(client.get(f"/portfolios/{portfolio.id}{rest}").text)
    return re.findall(rf'href="([^"]+)">{words}', page)


def dismissal(difference: str = "2", note: str = "A gift", key: str = "US0378331005/USD") -> dict[str, str]:
    return {"key": key, "difference": difference, "note": note}


def test_a_row_that_was_not_read_is_shown_where_it_is_missed(see: See, let: Let) -> None:
    let(
        trade("1", quantity="7", on=date(2026, 2, 2)),
        position("12", LAST_DAY),
        problem('BORROW,"AAPL",5'),
        problem("AAPLX,5"),
    )
    text = see()
    assert "Row not read. A row that names it could not be read" in text
    assert 'BORROW,"AAPL",5' in text
    assert "AAPLX" not in text


def test_an_opening_entry_filled_in_from_the_page_makes_it_agree(
    signed_in: FlaskClient, mine: Portfolio, see: See, let: Let
) -> None:
    let(trade("1", side=Side.SELL, quantity="4", price="120", on=date(2026, 2, 2)), position("6", LAST_DAY))
    text = see()
    assert "History incomplete. On 2 Feb 2026 more was sold than had come in." in text
    (address,) = links(signed_in, mine, "Add an opening entry")
    form = signed_in.get(address).text
    typed = {name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', form) for name in
             ("symbol", "isin", "quantity", "entry_date", "currency")}  # fmt: skip
    filled = {name: found.group(1) if found else "" for name, found in typed.items()}
    assert filled == {"symbol": "AAPL", "isin": "US0378331005", "quantity": "10",
                      "entry_date": "2026-02-01", "currency": "USD"}  # fmt: skip
    assert signed_in.post(address.split("?")[0], data=filled | {"type": "OPENING"}).status_code == 303
    assert "Everything agrees" in see()
    assert "AAPL computed 6 6" in see()
    assert "The history of AAPL is incomplete" in see("")  # as its cost is not known


def test_a_position_held_before_everything_opens_with_the_brokers_cost(
    signed_in: FlaskClient, mine: Portfolio, see: See, let: Let
) -> None:
    let(dividend("1", on=date(2026, 2, 2)), position("6", LAST_DAY))
    assert "It was held before the first imported transaction" in see()
    (address,) = links(signed_in, mine, "Add an opening entry")
    assert "amount=1895" in address
    assert "quantity=6" in address


def test_the_instruments_page_offers_the_opening_entry_too(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(trade("1", side=Side.SELL, quantity="4", price="120", on=date(2026, 2, 2)))
    (address,) = links(signed_in, mine, "Add an opening entry", "/instruments/US0378331005/USD")
    assert "quantity=4" in address
    assert "entry_date=2026-02-01" in address


def test_the_import_page_says_which_period_is_wanted(
    signed_in: FlaskClient, mine: Portfolio, see: See, let: Let
) -> None:
    let(trade("1", on=date(2026, 2, 2)), position("12", LAST_DAY))
    (address,) = links(signed_in, mine, "Import a statement")
    assert "Wanted: a statement of the time until 1 Feb 2026." in plain(signed_in.get(address).text)
    assert signed_in.get(f"/portfolios/{mine.id}/import?until=soon").status_code == 200


def test_a_dismissed_difference_is_said_and_comes_back_when_it_changes(
    signed_in: FlaskClient, mine: Portfolio, see: See, let: Let
) -> None:
    let(trade("1", on=date(2026, 2, 2)), position("12", LAST_DAY))
    assert "1 of 1 quantity differs" in see("")
    answer = signed_in.post(f"/portfolios/{mine.id}/reconciliation/dismiss", data=dismissal())
    assert (answer.status_code, answer.location) == (303, f"/portfolios/{mine.id}/reconciliation")
    text = see()
    assert "Nothing is open" in text
    assert "A gift" in text
    overview = see("")
    assert "✓" not in overview
    assert "0 quantities agree with what the broker reported for 19 Nov 2026, 1 dismissed." in overview
    let(trade("2", quantity="1", on=date(2026, 2, 3)))
    assert "1 of 1 quantity differs" in see("")
    assert "A gift" not in see()


def test_a_dismissal_is_taken_back(signed_in: FlaskClient, mine: Portfolio, see: See, let: Let) -> None:
    let(trade("1", on=date(2026, 2, 2)), position("12", LAST_DAY))
    signed_in.post(f"/portfolios/{mine.id}/reconciliation/dismiss", data=dismissal())
    answer = signed_in.post(f"/portfolios/{mine.id}/reconciliation/take-back", data={"key": "US0378331005/USD"})
    assert answer.status_code == 303
    assert "1 of 1 quantity differs" in see("")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (dismissal(note="  "), "Write down why"),
        (dismissal(note="x" * 501), "at most 500 characters"),
        (dismissal(difference="3"), "It has changed since you opened this page."),
        (dismissal(key="NOPE/USD"), "It has changed since you opened this page."),
    ],
)
def test_a_dismissal_that_is_not_taken_says_why_and_keeps_what_was_typed(
    signed_in: FlaskClient, mine: Portfolio, see: See, let: Let, typed: dict[str, str], sentence: str
) -> None:
    let(trade("1", on=date(2026, 2, 2)), position("12", LAST_DAY))
    answer = signed_in.post(f"/portfolios/{mine.id}/reconciliation/dismiss", data=typed)
    assert answer.status_code == 422
    assert sentence in plain(answer.text)
    assert "NOPE" in typed["key"] or f'value="{typed["note"]}"' in answer.text
    assert "1 of 1 quantity differs" in see("")


def test_nobody_dismisses_for_another(signed_in: FlaskClient, anothers: Portfolio) -> None:
    for rest in ("dismiss", "take-back"):
        assert signed_in.post(f"/portfolios/{anothers.id}/reconciliation/{rest}", data=dismissal()).status_code == 404


def balance(amount: str, on: date = LAST_DAY, currency: str = "USD", account: str | None = None) -> CashBalance:
    return CashBalance(on, currency, Decimal(amount), account)


def test_cash_that_agrees_is_said(see: See, let: Let) -> None:
    let(
        trade("1", side=Side.SELL, quantity="1", price="100", on=date(2026, 2, 2), commission="-1"),
        trade("2", side=Side.SELL, quantity="1", price="100", on=date(2026, 11, 20), commission="-1"),
        balances=(balance("90", account="U1"), balance("9", account="U2")),
    )
    text = see()
    assert "agrees with the cash report of 19 Nov 2026" in text
    assert "99.00 USD 99.00 USD none agrees" in text


def test_cash_that_was_there_before_is_told_by_two_reports_that_differ_alike(
    signed_in: FlaskClient, mine: Portfolio, see: See, let: Let
) -> None:
    let(dividend("1", "20", date(2026, 2, 2)), balances=(balance("120", date(2026, 2, 28)),))
    assert "The transactions begin on 2 Feb 2026: what was there before is not among them." in see()
    let(dividend("2", "30", date(2026, 3, 2)), balances=(balance("150"),))
    text = see()
    assert "+100.00 USD It was there before the transactions begin" in text
    (address,) = links(signed_in, mine, "Add what was there before")
    assert "type=DEPOSIT" in address
    assert "amount=100" in address
    assert "entry_date=2026-02-01" in address


def test_cash_that_went_missing_in_between_is_told(see: See, let: Let) -> None:
    let(dividend("1", "20", date(2026, 2, 2)), balances=(balance("120", date(2026, 2, 28)), balance("170")))
    assert "The difference changed since 28 Feb 2026" in see()


def test_rows_that_name_the_currency_and_were_not_read_are_suspected_first(see: See, let: Let) -> None:
    let(dividend("1", "20", date(2026, 2, 2)), problem("USD,much"), problem("EUR,much"), balances=(balance("120"),))
    assert "1 row with USD could not be read." in see()


def test_futures_settle_in_cash_without_a_transaction(see: See, let: Let) -> None:
    future = trade("1", quantity="1", price="5000", on=date(2026, 2, 2), symbol="ESZ6", asset_class="FUT")
    let(future, balances=(balance("120"),))
    assert "Futures and CFDs gain and lose in cash every day" in see()


def test_a_cash_difference_is_dismissed_like_any_other(
    signed_in: FlaskClient, mine: Portfolio, see: See, let: Let
) -> None:
    let(dividend("1", "20", date(2026, 2, 2)), balances=(balance("120"),))
    assert "USD 20.00" in see().replace("computed ", "")
    answer = signed_in.post(
        f"/portfolios/{mine.id}/reconciliation/dismiss", data=dismissal("100", "Paid in long ago", "cash/USD")
    )
    assert answer.status_code == 303
    text = see()
    assert "Cash, USD +100.00 USD" in text
    assert "Paid in long ago" in text
    assert "+100.00 USD The transactions" not in text


def test_a_later_statement_replaces_a_days_cash(see: See, let: Let) -> None:
    let(dividend("1", "20", date(2026, 2, 2)), balances=(balance("120"),))
    let(balances=(balance("20"),))
    assert "agrees with the cash report" in see()


def test_a_currency_that_the_report_does_not_name_is_no_difference(see: See, let: Let) -> None:
    let(
        dividend("1", "20", date(2026, 2, 2)),
        trade("2", side=Side.SELL, quantity="1", price="50", on=date(2026, 2, 2), symbol="SAP", currency="EUR"),
        balances=(balance("20"),),
    )
    assert "The cash report does not name it." in see()


def test_a_real_year_without_its_deposits_says_that_cash_is_missing_since_its_start(
    signed_in: FlaskClient, mine: Portfolio, see: See, clock: Clock
) -> None:
    """It began with 4.22 CHF, and most of what was exchanged and spent came by no row of it."""
    if not (SAMPLES / "vtandchill_2025.xml").exists():
        not_shipped("the sample vtandchill_2025.xml")
    with (SAMPLES / "vtandchill_2025.xml").open("rb") as body:
        import_reading(mine.id, read_statement(body), origin="upload", now=clock.now)
    text = see()
    assert "cash report of 1 Jan 2026" in text
    assert text.count("The difference changed since 31 Dec 2024") == 2


def test_the_files_hold_every_quantity_and_every_currency(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    held = trade("1", quantity="10", price="100", on=date(2026, 2, 2))
    let(
        held,
        position("10", LAST_DAY),
        position("3", LAST_DAY)._replace(symbol="OTHER", isin="DE0000000009"),
        balances=(CashBalance(LAST_DAY, "EUR", Decimal("12.345"), None),),
    )
    address = f"/portfolios/{mine.id}/reconciliation?as=csv"
    text = signed_in.get(address).text.removeprefix("\ufeff")
    rows = {row["ISIN"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows[held.isin or ""]["Difference"] == "0"
    assert (rows["DE0000000009"]["Computed"], rows["DE0000000009"]["Reported"]) == ("0", "3")
    cash = list(csv.DictReader(io.StringIO(signed_in.get(f"{address}&table=cash").text.removeprefix("\ufeff"))))
    euros = next(row for row in cash if row["Currency"] == "EUR")
    assert (euros["Reported"], Decimal(euros["Difference"])) == (
        "12.345",
        Decimal("12.345") - Decimal(euros["Computed"]),
    )


def test_of_many_differences_the_first_are_explained_and_the_file_has_all(
    signed_in: FlaskClient, mine: Portfolio, see: See, let: Let
) -> None:
    let(*(position("1", LAST_DAY)._replace(symbol=f"X{place:02}", isin=None) for place in range(23)))
    text = see()
    assert "the first 20 of 23, all are in the file" in text
    assert "X19" in text
    assert "X20" not in text
    file = signed_in.get(f"/portfolios/{mine.id}/reconciliation?as=csv").text
    assert all(f"X{place:02}" in file for place in range(23))
