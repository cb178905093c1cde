"""The page of all holdings: what it shows, in which order, and what it leaves out when asked."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from stonks.core.records import Record, Side
from stonks.ledger import figures
from stonks.ledger.importing import import_reading
from stonks.ledger.tables import Portfolio
from stonks.web import holdings
from tests.conftest import Clock
from tests.readings import ReadingOf, dividend, position, trade
from tests.web.test_overview import see, words

Let = Callable[..., None]


@pytest.fixture
def let(mine: Portfolio, clock: Clock) -> Let:
    def let_in(*records: Record) -> None:
        import_reading(mine.id, ReadingOf(records), origin="upload", now=clock.now)

    return let_in


def bought(number: str, symbol: str, quantity: str, price: str, isin: str | None = None, **more: object) -> Record:
    one = trade(number, quantity=quantity, price=price, on=date(2026, 2, 2), commission=None, symbol=symbol, **more)
    return one._replace(isin=isin)


@pytest.fixture
def three(let: Let) -> None:
    """Alpha is worth 1,000, Beta 300 after a gain of 100; Gamma was sold."""
    let(
        bought("1", "ALPHA", "10", "100")._replace(description="First Works"),
        bought("2", "BETA", "20", "10", "DE0000000002"),
        bought("3", "BETA", "1", "15", "DE0000000002")._replace(trade_date=date(2026, 3, 2)),
        bought("4", "GAMMA", "5", "10"),
        bought("5", "GAMMA", "5", "12", side=Side.SELL)._replace(trade_date=date(2026, 4, 2)),
    )


def listed(client: FlaskClient, portfolio: Portfolio, query: str = "") -> list[str]:
    answer = client.get(f"/portfolios/{portfolio.id}/holdings{query}")
    assert answer.status_code == 200
    return re.findall(r'class="lead"><a [^>]+>([^<]+)<', answer.text)


@pytest.mark.usefixtures("three")
def test_every_figure_of_a_holding_is_there(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(
        dividend("9", "20", on=date(2026, 4, 1))._replace(symbol="BETA", isin="DE0000000002"),
        position("21", date(2026, 11, 19))._replace(symbol="BETA", isin="DE0000000002", description=None),
    )
    text = see(signed_in, mine, "/holdings")
    # 21 at a cost of 215, worth 200 each; ALPHA beside it is worth 1,000
    assert "BETA 21 10.2381 USD 215.00 200.00 USD 19 Nov 2026 4200.00 +3985.00 80.8 % 20.00" in text
    assert "Total 1215.00 5200.00 +3985.00 100.0 % 20.00" in text


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", ["ALPHA", "BETA"]),
        ("symbol", ["ALPHA", "BETA"]),
        ("-symbol", ["BETA", "ALPHA"]),
        ("quantity", ["ALPHA", "BETA"]),
        ("-quantity", ["BETA", "ALPHA"]),
        ("average", ["BETA", "ALPHA"]),
        ("cost", ["BETA", "ALPHA"]),
        ("-price", ["ALPHA", "BETA"]),
        ("day", ["ALPHA", "BETA"]),
        ("value", ["BETA", "ALPHA"]),
        ("-gain", ["BETA", "ALPHA"]),
        ("-share", ["ALPHA", "BETA"]),
        ("nonsense", ["ALPHA", "BETA"]),
    ],
)
def test_it_sorts_by_any_column(signed_in: FlaskClient, mine: Portfolio, sort: str, order: list[str]) -> None:
    assert listed(signed_in, mine, f"?sort={sort}" if sort else "") == order


@pytest.mark.usefixtures("three")
def test_a_heading_links_to_its_order_and_turns_it_round(signed_in: FlaskClient, mine: Portfolio) -> None:
    page = signed_in.get(f"/portfolios/{mine.id}/holdings?sort=-gain&q=a&closed=1").text
    assert re.search(r'aria-sort="descending"><a href="[^"]+sort=gain&amp;q=a&amp;closed=1">Unrealised gain', page)
    assert re.search(r'<a href="[^"]+sort=symbol&amp;q=a&amp;closed=1">Instrument', page)


@pytest.mark.usefixtures("three")
def test_what_is_not_known_comes_last_either_way(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(bought("8", "DELTA", "1", "1")._replace(currency="RUS"))
    assert listed(signed_in, mine, "?sort=value")[-1] == listed(signed_in, mine, "?sort=-value")[-1] == "DELTA"
    assert "1 holding without a price or an exchange rate is left out" in see(signed_in, mine, "/holdings")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=alp", ["ALPHA"]),
        ("?q=works+first", ["ALPHA"]),
        ("?q=de00", ["BETA"]),
        ("?q=gamma", []),
        ("?q=gamma&closed=1", ["GAMMA"]),
        ("?closed=1&sort=symbol", ["ALPHA", "BETA", "GAMMA"]),
    ],
)
def test_it_shows_what_is_asked_for(signed_in: FlaskClient, mine: Portfolio, query: str, found: list[str]) -> None:
    assert listed(signed_in, mine, query) == found
    if not found:
        assert "Nothing matches" in see(signed_in, mine, f"/holdings{query}")


def test_many_come_page_by_page(
    signed_in: FlaskClient, mine: Portfolio, let: Let, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "PAGE_SIZE", 2)
    let(*(bought(str(number), f"S{number}", "1", "10") for number in range(5)))
    pages = [listed(signed_in, mine, f"?sort=symbol&page={number}") for number in (1, 2, 3, 9)]
    assert pages == [["S0", "S1"], ["S2", "S3"], ["S4"], ["S4"]]
    assert "3 to 4 of 5" in see(signed_in, mine, "/holdings?sort=symbol&page=2")


def test_nothing_held_says_where_the_closed_ones_are(signed_in: FlaskClient, mine: Portfolio, let: Let) -> None:
    let(
        bought("4", "GAMMA", "5", "10"),
        bought("5", "GAMMA", "5", "12", side=Side.SELL)._replace(trade_date=date(2026, 4, 2)),
    )
    assert "Nothing is held now What was sold is among the closed ones" in see(signed_in, mine, "/holdings")


@pytest.mark.parametrize("query", ["", "?closed=1", "?q=alpha"])
def test_before_the_first_purchase_nothing_is_said_of_closed_ones(
    signed_in: FlaskClient, mine: Portfolio, query: str
) -> None:
    text = see(signed_in, mine, f"/holdings{query}")
    assert "No holdings yet" in text
    assert "closed" not in text


@pytest.mark.usefixtures("three")
def test_while_figures_are_reckoned_none_is_shown(
    signed_in: FlaskClient, mine: Portfolio, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "PATIENCE_SECONDS", -1)
    # As an update makes all of them stale.
    monkeypatch.setattr("stonks.ledger.snapshot.ARITHMETIC", 999)
    for rest in ("", "/holdings", "/instruments/ALPHA/USD"):
        answer = signed_in.get(f"/portfolios/{mine.id}{rest}")
        assert (answer.status_code, answer.headers["Refresh"]) == (503, "1")
        assert "Your figures are being worked out" in words(answer.text)
        assert "<table" not in answer.text


def test_it_is_nobody_elses(signed_in: FlaskClient, anothers: Portfolio) -> None:
    assert signed_in.get(f"/portfolios/{anothers.id}/holdings").status_code == 404


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("asked", ["", "?closed=1", "?q=beta", "?sort=symbol&page=2"])
def test_the_file_of_holdings_and_the_page_agree_to_the_last_digit(
    signed_in: FlaskClient, mine: Portfolio, let: Let, asked: str
) -> None:
    let(
        dividend("9", "20.0625", on=date(2026, 4, 1))._replace(symbol="BETA", isin="DE0000000002"),
        bought("6", "BETA", "0.3333", "15.12345", "DE0000000002")._replace(trade_date=date(2026, 3, 3)),
    )
    page = signed_in.get(f"/portfolios/{mine.id}/holdings{asked}").text
    link = re.search(r'href="([^"]+as=csv[^"]*)">Export CSV', page)
    assert link
    text = signed_in.get(html.unescape(link[1])).text.removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Instrument"] for row in rows] == listed(signed_in, mine, asked)
    foot = page[page.index("<tfoot") : page.index("</tfoot")]
    shown = [
        Decimal((exact or whole).replace("\u2009", "").replace("\u2212", "-").lstrip("+"))
        for exact, whole in re.findall(r'title="([^"]+)"|<span class="num[^>]*>([^< %]+)<', foot)
    ]
    columns = [f"{name} {mine.base_currency}" for name in ("Cost", "Value", "Unrealised gain", "Income")]
    sums = {name: sum((Decimal(row[name]) for row in rows if row[name]), Decimal(0)) for name in columns}
    assert shown == list(sums.values())
