import pytest
from flask.testing import FlaskClient

from stonks.accounts import users
from stonks.ledger import portfolios
from stonks.ledger.tables import Portfolio


def test_without_a_portfolio_the_list_says_what_one_is(signed_in: FlaskClient) -> None:
    page = signed_in.get("/portfolios").text
    assert "No portfolio yet" in page
    assert page.count(">New portfolio</a>") == 1


def test_a_portfolio_takes_a_name_and_a_currency(signed_in: FlaskClient, owner: users.User) -> None:
    answer = signed_in.post("/portfolios/new", data={"name": "Long term", "base_currency": "usd"})
    made = portfolios.list_for(owner.id)[0]
    assert (answer.status_code, answer.location) == (303, f"/portfolios/{made.id}")
    assert (made.name, made.base_currency) == ("Long term", "USD")
    assert "Long term" in signed_in.get("/portfolios").text


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": "", "base_currency": "USD"}, "Give it a name."),
        ({"name": "Long term", "base_currency": ""}, "Say which currency"),
        ({"name": "Long term", "base_currency": "dollars"}, 'id="base_currency-error"'),
        ({"name": "Long term", "base_currency": "USD", "lot_method": "best"}, 'id="lot_method-error"'),
    ],
)
def test_a_portfolio_of_the_wrong_shape_is_asked_for_again(
    signed_in: FlaskClient, form: dict[str, str], sentence: str
) -> None:
    answer = signed_in.post("/portfolios/new", data=form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{form["name"]}"' in answer.text


def test_the_only_portfolio_is_where_home_leads(
    signed_in: FlaskClient, mine: Portfolio, owner: users.User, clock
) -> None:
    assert signed_in.get("/").location == f"/portfolios/{mine.id}"
    portfolios.create(owner.id, "Second", "EUR", clock.now)
    assert signed_in.get("/").location == "/portfolios"


def test_a_portfolio_is_renamed(signed_in: FlaskClient, mine: Portfolio) -> None:
    answer = signed_in.post(f"/portfolios/{mine.id}/edit", data={"name": "Pension", "base_currency": "CHF"})
    assert answer.status_code == 303
    page = signed_in.get(f"/portfolios/{mine.id}/edit").text
    assert "Pension" in page
    assert "base currency CHF" in page


def test_deleting_asks_for_the_name(signed_in: FlaskClient, mine: Portfolio, owner: users.User) -> None:
    refused = signed_in.post(f"/portfolios/{mine.id}/delete", data={"typed_name": "long"})
    assert refused.status_code == 422
    assert "Nothing was deleted." in refused.text
    assert len(portfolios.list_for(owner.id)) == 1
    done = signed_in.post(f"/portfolios/{mine.id}/delete", data={"typed_name": "Long term"})
    assert (done.status_code, done.location) == (303, "/portfolios")
    assert portfolios.list_for(owner.id) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("GET", "/performance"), ("GET", "/edit"), ("POST", "/edit"), ("POST", "/delete"), ("POST", "/dismiss"),
        ("GET", "/transactions"), ("GET", "/transactions/new"), ("POST", "/transactions/new"),
        ("GET", "/transactions/1/edit"), ("POST", "/transactions/1/delete"), ("GET", "/transactions/export.csv"),
        ("GET", "/import"), ("POST", "/import"), ("GET", "/settings"), ("POST", "/settings/save"),
        ("POST", "/settings/test"), ("GET", "/settings/test/1"), ("POST", "/sync"), ("GET", "/status"),
        ("GET", "/prices"), ("POST", "/prices"), ("POST", "/prices/remove"),
        ("GET", "/reconciliation"), ("POST", "/reconciliation/dismiss"), ("POST", "/reconciliation/take-back"),
        ("GET", "/review"), ("POST", "/review/done"), ("POST", "/review/1/discard"),
    ],
)  # fmt: skip
def test_anothers_portfolio_is_as_unknown_as_one_that_never_was(
    signed_in: FlaskClient, anothers: Portfolio, method: str, path: str
) -> None:
    for portfolio_id in (anothers.id, 999):
        assert signed_in.open(f"/portfolios/{portfolio_id}{path}", method=method).status_code == 404
    assert portfolios.get(anothers.user_id, anothers.id).name == "Not yours"


def test_a_number_that_no_row_can_have_is_an_address_that_does_not_exist(signed_in: FlaskClient) -> None:
    assert signed_in.get(f"/portfolios/{2**31}").status_code == 404
    assert signed_in.get(f"/portfolios/{10**30}/transactions").status_code == 404
