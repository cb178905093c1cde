from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from stonks.ledger.tables import Portfolio
from tests.statements import buy, dividend, statement
from tests.web.paper_broker import PaperBroker

FRAGMENT = {"HX-Request": "true"}
YEAR = statement([buy(1), buy(2, "20251110"), buy(3, "20251117", currency="EUR")], [dividend(11)])


@pytest.fixture(autouse=True)
def _paper_only(paper: PaperBroker) -> None: ...


def upload(client: FlaskClient, portfolio: Portfolio, body: bytes | None = YEAR, **fields: str) -> TestResponse:
    data: dict[str, object] = dict(fields)
    if body is not None:
        data["statement"] = (BytesIO(body), "year.csv")
    return client.post(f"/portfolios/{portfolio.id}/import", data=data)


def test_the_page_says_what_it_takes(signed_in: FlaskClient, mine: Portfolio) -> None:
    page = signed_in.get(f"/portfolios/{mine.id}/import").text
    assert '<label for="statement">Statement file</label>' in page
    assert "Up to 50 MB" in page


def test_another_person_s_portfolio_takes_nothing(signed_in: FlaskClient, anothers: Portfolio) -> None:
    assert signed_in.get(f"/portfolios/{anothers.id}/import").status_code == 404
    assert upload(signed_in, anothers).status_code == 404


def test_the_outcome_is_told_inline_and_the_second_time_adds_nothing(signed_in: FlaskClient, mine: Portfolio) -> None:
    first = upload(signed_in, mine)
    assert first.status_code == 200
    assert "4 new, 0 known" in first.text
    assert f"/portfolios/{mine.id}/review" in first.text
    second = upload(signed_in, mine).text
    assert "0 new, 4 known" in second
    assert "Everything in it was here already." in second


def test_the_same_file_again_is_not_read_again_and_the_page_says_so(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker
) -> None:
    upload(signed_in, mine)
    again = upload(signed_in, mine).text
    assert paper.reads == 1
    assert "the statement is the same as on <time" in again
    assert "0 new, 4 known" in again
    assert "1 new, 0 known" not in upload(signed_in, mine, only_currency="EUR").text
    assert paper.reads == 2


def test_uploads_stand_in_the_history_of_a_portfolio_that_is_not_connected(
    signed_in: FlaskClient, mine: Portfolio, anothers: Portfolio
) -> None:
    assert 'id="status-body" hidden' in signed_in.get(f"/portfolios/{mine.id}/settings").text
    upload(signed_in, mine)
    upload(signed_in, mine)
    upload(signed_in, mine, b"<!doctype html><html></html>")
    page = signed_in.get(f"/portfolios/{mine.id}/settings").text
    assert 'id="status-body" hidden' not in page
    newest, second, first = page.split("Upload of year.csv")[1:]
    assert "web page" in newest
    assert "0 new, 4 known: the statement is the same as on" in second
    assert "4 new, 0 known" in first
    assert "Last try" not in page


def test_a_file_s_name_is_text_and_only_its_end_is_kept(signed_in: FlaskClient, mine: Portfolio) -> None:
    name = "x" * 300 + "<b>.csv"
    signed_in.post(f"/portfolios/{mine.id}/import", data={"statement": (BytesIO(YEAR), name)})
    page = signed_in.get(f"/portfolios/{mine.id}/settings").text
    assert "xx&lt;b&gt;.csv" in page
    assert "x" * 197 not in page


def test_for_htmx_the_outcome_comes_alone_with_the_banner(signed_in: FlaskClient, mine: Portfolio) -> None:
    answer = signed_in.post(
        f"/portfolios/{mine.id}/import", data={"statement": (BytesIO(YEAR), "year.csv")}, headers=FRAGMENT
    )
    assert "<form" not in answer.text.split('id="banners"')[0]
    assert 'id="banners" hx-swap-oob="true"' in answer.text
    assert "4 new" in answer.text


def test_only_one_currency_leaves_the_others_out(signed_in: FlaskClient, mine: Portfolio) -> None:
    assert "1 new, 0 known" in upload(signed_in, mine, only_currency="eur").text
    refused = upload(signed_in, mine, only_currency="euros")
    assert refused.status_code == 422
    assert "three letters" in refused.text


def test_the_connection_s_currency_is_filled_in(signed_in: FlaskClient, mine: Portfolio) -> None:
    typed = {"broker": "paper", "login": "ada", "secret": "s3cret-on-paper", "only_currency": "EUR"}
    signed_in.post(f"/portfolios/{mine.id}/settings/save", data=typed)
    assert 'name="only_currency" type="text" value="EUR"' in signed_in.get(f"/portfolios/{mine.id}/import").text


@pytest.mark.parametrize("body", [b"", b"<!doctype html><html><body>We are sorry</body></html>", b"a;b\n1;2\n"])
def test_what_is_no_statement_is_refused_by_name(signed_in: FlaskClient, mine: Portfolio, body: bytes) -> None:
    answer = upload(signed_in, mine, body)
    assert answer.status_code == 422
    assert "Nothing was imported from year.csv." in answer.text
    assert answer.text.count("Nothing was imported") == 1
    assert "No transactions yet" in signed_in.get(f"/portfolios/{mine.id}/transactions").text


def test_no_file_is_asked_for(signed_in: FlaskClient, mine: Portfolio) -> None:
    answer = upload(signed_in, mine, None)
    assert answer.status_code == 422
    assert "Choose a file first." in answer.text
