import re
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from stonks.ledger.tables import Portfolio
from tests.statements import buy, dividend, statement
from tests.web.paper_broker import PaperBroker

FRAGMENT = {"HX-Request": "true"}
ODD = buy(4).replace("BUY", "BORROW")


@pytest.fixture(autouse=True)
def _paper_only(paper: PaperBroker) -> None: ...


@pytest.fixture
def review(signed_in: FlaskClient, mine: Portfolio) -> str:
    """The address of a review of three transactions and a row that could not be read."""
    bring(signed_in, mine, statement([buy(1), buy(2, "20251110"), ODD], [dividend(11)]))
    return f"/portfolios/{mine.id}/review"


def bring(client: FlaskClient, portfolio: Portfolio, body: bytes) -> None:
    client.post(f"/portfolios/{portfolio.id}/import", data={"statement": (BytesIO(body), "year.csv")})


def discards(page: str) -> list[str]:
    """The addresses of the rows' buttons; each stands twice, for wide and narrow screens."""
    return sorted(set(re.findall(r'action="(/portfolios/\d+/review/\d+/discard)"', page)))


def test_the_review_lists_what_came_and_what_could_not_be_read(signed_in: FlaskClient, review: str) -> None:
    page = signed_in.get(review).text
    assert len(discards(page)) == 3
    for words in ("AAPL", "US0378331005", "189.50", "Dividend", "line 4", "BORROW"):
        assert words in page


def test_with_nothing_to_review_the_page_says_so(signed_in: FlaskClient, mine: Portfolio) -> None:
    assert "Nothing to review" in signed_in.get(f"/portfolios/{mine.id}/review").text


def test_a_discarded_row_is_gone_and_the_same_statement_does_not_bring_it_back(
    signed_in: FlaskClient, mine: Portfolio, review: str
) -> None:
    assert signed_in.post(discards(signed_in.get(review).text)[0]).status_code == 303
    assert len(discards(signed_in.get(review).text)) == 2
    bring(signed_in, mine, statement([buy(1), buy(2, "20251110"), ODD], [dividend(11)]))
    assert len(discards(signed_in.get(review).text)) == 2


def test_without_script_too_a_discarded_row_offers_to_come_back(
    signed_in: FlaskClient, mine: Portfolio, review: str
) -> None:
    signed_in.post(discards(signed_in.get(review).text)[0])
    page = signed_in.get(review).text
    assert re.search(r"<strong>Discarded:</strong> \w+ AAPL, ", page)
    undo = re.search(r'action="([^"]+/restore)"', page)
    assert undo
    assert signed_in.post(undo[1], data={"back": "review"}).location == review
    page = signed_in.get(review).text
    assert len(discards(page)) == 3
    assert "Discarded:" not in page


def test_for_htmx_a_discarded_row_offers_to_come_back(signed_in: FlaskClient, review: str) -> None:
    address = discards(signed_in.get(review).text)[0]
    gone = signed_in.post(address, headers=FRAGMENT).text
    assert "stays out" in gone
    assert "Undo" in gone
    back = signed_in.post(address.replace("discard", "restore"), headers=FRAGMENT).text
    assert discards(back) == [address]
    assert len(discards(signed_in.get(review).text)) == 3


def test_done_acknowledges_what_was_shown_and_not_what_came_meanwhile(
    signed_in: FlaskClient, mine: Portfolio, review: str
) -> None:
    page = signed_in.get(review).text
    shown = page.split('name="up_to" value="')[1].split('"')[0]
    bring(signed_in, mine, statement([buy(9, "20251118")]))
    answer = signed_in.post(review + "/done", data={"up_to": shown})
    assert (answer.status_code, answer.location) == (303, f"/portfolios/{mine.id}")
    assert len(discards(signed_in.get(review).text)) == 1


def ignores(page: str) -> str:
    """The address that ignores the first row that could not be read."""
    return page.split('<li id="problem-')[1].split('action="')[1].split('"')[0]


def test_an_ignored_row_is_not_shown_again(signed_in: FlaskClient, mine: Portfolio, review: str) -> None:
    address = ignores(signed_in.get(review).text)
    assert signed_in.post(address).status_code == 303
    assert "BORROW" not in signed_in.get(review).text
    bring(signed_in, mine, statement([ODD]))
    assert "BORROW" not in signed_in.get(review).text


def test_without_script_too_an_ignored_row_offers_to_come_back(signed_in: FlaskClient, review: str) -> None:
    signed_in.post(ignores(signed_in.get(review).text))
    page = signed_in.get(review).text
    assert re.search(r"<strong>Ignored:</strong> line \d+ of Trades", page)
    undo = re.search(r'action="([^"]+/keep)"', page)
    assert undo
    assert signed_in.post(undo[1], data={"back": "review"}).location == review
    page = signed_in.get(review).text
    assert "BORROW" in page
    assert "Ignored:" not in page


def test_for_htmx_an_ignored_row_offers_to_come_back(signed_in: FlaskClient, review: str) -> None:
    address = ignores(signed_in.get(review).text)
    gone = signed_in.post(address, headers=FRAGMENT).text
    assert "ignored" in gone
    assert "Undo" in gone
    back = signed_in.post(address.replace("ignore", "keep"), headers=FRAGMENT).text
    assert ignores(back) == address
    assert "BORROW" in signed_in.get(review).text


def test_another_person_s_review_does_not_exist(signed_in: FlaskClient, review: str, anothers: Portfolio) -> None:
    entry = discards(signed_in.get(review).text)[0].split("/")[-2]
    foreign = f"/portfolios/{anothers.id}/review"
    assert signed_in.get(foreign).status_code == 404
    for path in ("/done", f"/{entry}/discard", f"/{entry}/restore", "/problems/1/ignore", "/problems/1/keep"):
        assert signed_in.post(foreign + path).status_code == 404


def test_an_entry_of_another_portfolio_is_not_discarded(signed_in: FlaskClient, mine: Portfolio, review: str) -> None:
    assert signed_in.post(f"{review}/999999/discard").status_code == 404
    assert signed_in.post(f"{review}/problems/999999/ignore").status_code == 404
    assert signed_in.post(f"{review}/problems/999999/keep").status_code == 404


def test_the_review_has_no_banner_that_leads_to_itself(signed_in: FlaskClient, mine: Portfolio, review: str) -> None:
    assert "New transactions" in signed_in.get(f"/portfolios/{mine.id}/transactions").text
    assert 'aria-label="New transactions"' not in signed_in.get(review).text
