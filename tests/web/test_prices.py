"""The prices page: what holdings are valued at, and uploading some of one's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stonks.db import db, transaction
from stonks.ledger import figures
from stonks.ledger.importing import import_reading
from stonks.ledger.tables import Portfolio, PriceFetch
from stonks.prices.tiingo.adapter import TiingoSource
from stonks.services import services
from tests.conftest import Clock
from tests.readings import ReadingOf, trade
from tests.web.test_reconciling import plain

HEADER = "date,symbol,price,currency\n"


@pytest.fixture
def held(mine: Portfolio, clock: Clock) -> Portfolio:
    """Ten shares bought at 189.50 in November of last year."""
    import_reading(mine.id, ReadingOf([trade("1", commission=None)]), origin="upload", now=clock.now)
    return mine


def upload(client: FlaskClient, portfolio: Portfolio, text: str, code: int = 200) -> str:
    body = {"prices": (BytesIO(text.encode()), "prices.csv")}
    answer = client.post(f"/portfolios/{portfolio.id}/prices", data=body)
    assert answer.status_code == code
    return plain(answer.text)


def see(client: FlaskClient, portfolio: Portfolio, rest: str = "") -> str:
    return plain(client.get(f"/portfolios/{portfolio.id}{rest}").text)


def test_an_uploaded_price_values_the_holding_and_says_where_it_is_from(
    signed_in: FlaskClient, held: Portfolio
) -> None:
    assert "1 price older than five days" in see(signed_in, held)
    assert "189.50 USD 3 Nov 2025 old last trade" in see(signed_in, held, "/prices")
    text = upload(
        signed_in,
        held,
        HEADER + "2026-11-19,AAPL,200,USD\n2026-11-18,AAPL,199,USD\n2026-11-19,MSFT,1,USD\nx,AAPL,1,USD",
    )
    assert "2 new prices, 0 replaced, 0 known. 4 rows in the file." in text
    assert "1 row left out, of what this portfolio never held in that currency: MSFT" in text
    assert "1 row could not be read and was not saved: Line 5: “x” is no date." in text
    assert "200.00 USD 19 Nov 2026 uploaded" in text
    overview = see(signed_in, held)
    assert "2000.00 USD" in overview
    assert "uploaded 19 Nov 2026" in overview
    assert "older than five days" not in overview
    assert "uploaded of 19 Nov 2026" in see(signed_in, held, "/instruments/US0378331005/USD")


def test_a_file_that_cant_be_read_saves_nothing(signed_in: FlaskClient, held: Portfolio) -> None:
    text = upload(signed_in, held, "date,price\n2026-11-19,1", 422)
    assert "no column for symbol or ISIN, currency" in text
    assert "Nothing was saved." in text
    assert "3 Nov 2025 old last trade" in text
    assert "Choose a file first." in plain(signed_in.post(f"/portfolios/{held.id}/prices").text)


def test_prices_that_come_while_figures_are_reckoned_are_saved_and_said_to_be(
    signed_in: FlaskClient, held: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as update:
        update.setattr(figures, "PATIENCE_SECONDS", -1)
        update.setattr("stonks.ledger.snapshot.ARITHMETIC", 999)
        assert signed_in.get(f"/portfolios/{held.id}/prices").status_code == 503
        text = upload(signed_in, held, HEADER + "2026-11-19,AAPL,200,USD\n2026-11-19,MSFT,1,USD")
        assert "1 new price, 0 replaced, 0 known." in text
        assert "Your figures are being worked out." in text
        assert "Nothing is held" not in text
        assert "Choose a file first." in plain(signed_in.post(f"/portfolios/{held.id}/prices").text)
    assert "200.00 USD 19 Nov 2026 uploaded" in see(signed_in, held, "/prices")


def test_an_uploaded_price_is_removed(signed_in: FlaskClient, held: Portfolio) -> None:
    upload(signed_in, held, HEADER + "2026-11-19,AAPL,200,USD")
    body = {"key": "US0378331005/USD", "on": "2026-11-19"}
    assert signed_in.post(f"/portfolios/{held.id}/prices/remove", data=body).status_code == 303
    assert "last trade" in see(signed_in, held, "/prices")
    assert signed_in.post(f"/portfolios/{held.id}/prices/remove", data={"on": "soon"}).status_code == 303


def test_what_has_no_price_leads_to_uploading_one(signed_in: FlaskClient, mine: Portfolio, clock: Clock) -> None:
    given = trade("1", price="0", on=date(2026, 11, 2))
    import_reading(mine.id, ReadingOf([given]), origin="upload", now=clock.now)
    page = signed_in.get(f"/portfolios/{mine.id}").text
    assert f'<a href="/portfolios/{mine.id}/prices">Upload prices</a>' in page
    assert "no price" in see(signed_in, mine, "/prices")


def test_the_price_source_says_how_it_went(app: Flask, signed_in: FlaskClient, held: Portfolio, clock: Clock) -> None:
    assert "asked once a day" not in see(signed_in, held, "/prices")
    app.extensions["stonks"] = replace(services(), prices=TiingoSource("http://127.0.0.1:9", "key"))
    assert "Tiingo is asked once a day for American shares and funds." in see(signed_in, held, "/prices")
    failed = PriceFetch(portfolio_id=held.id, due_at=clock(), failures=1, message="Tiingo refused the key.")
    with transaction():
        db.session.add(failed)
    assert "the last time it failed: Tiingo refused the key." in see(signed_in, held, "/prices")


def test_anothers_prices_cannot_be_seen_or_touched(signed_in: FlaskClient, anothers: Portfolio) -> None:
    address = f"/portfolios/{anothers.id}/prices"
    assert signed_in.get(address).status_code == 404
    assert signed_in.post(address, data={"prices": (BytesIO(b"date"), "p.csv")}).status_code == 404
    assert signed_in.post(f"{address}/remove", data={}).status_code == 404
