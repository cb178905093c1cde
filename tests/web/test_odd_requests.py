"""Addresses and forms that no page of ours makes: refused or passed over, and never an error of the server."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from random import Random

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from stonks.accounts import users
from stonks.db import db
from stonks.ledger import portfolios
from stonks.ledger.tables import Portfolio
from tests.conftest import Clock
from tests.statements import buy, dividend, statement
from tests.web.conftest import PASSWORD

TEXTS = (
    "", "0", "-1", "2147483648", "9" * 30, "abc", "\0", "a\0b", "é☃", "%00", "2026-11-31", "0001-01-01", "9999-12-31",
    "2026-11-18.99999999999999999999", "9999-12-31.-5", "1e400", "NaN", "Infinity", "١٢", "²", "csv", "year", "cash",
    "currencies", "USD", "BUY", "sync", "12m", "<script>", "..", "a" * 5000, "\r\nSet-Cookie: a=b", "1\n",
)  # fmt: skip
NAMES = (
    "after", "amount", "as", "base_currency", "before", "broker", "changed", "closed", "currency", "date_order",
    "description", "difference", "entry_date", "first", "isin", "key", "last", "lot_method", "name", "next", "note", "on",
    "only_currency", "origin", "page", "price", "q", "quantity", "query_id", "range", "seen", "since", "sort", "symbol",
    "table", "test", "token", "token_expires_on", "type", "until", "up_to", "year",
)  # fmt: skip
NUMBERS = (0, 1, 2, 3, 999_999, 2**31, 2**63, 10**30)
KEYS = ("US0378331005/USD", "a\0b", "é")
TIMES = 4


@pytest.fixture(params=["app", "pg_app"], ids=["sqlite", "postgresql"])
def strict(request: pytest.FixtureRequest) -> Flask:
    """An app that answers as it does in earnest."""
    app: Flask = request.getfixturevalue(request.param)
    app.testing = False
    return app


@pytest.fixture
def mine(strict: Flask, clock: Clock) -> Portfolio:
    return portfolios.create(users.create("owner@example.com", PASSWORD, clock.now).id, "Long term", "USD", clock.now)


@pytest.fixture
def client(strict: Flask, mine: Portfolio) -> Iterator[FlaskClient]:
    client = strict.test_client()
    client.post("/sign-in", data={"email": "owner@example.com", "password": PASSWORD})
    body = statement([buy(1), buy(2, "20251110"), buy(3).replace("BUY", "BORROW")], [dividend(11)])
    came = client.post(f"/portfolios/{mine.id}/import", data={"statement": (BytesIO(body), "year.csv")})
    assert came.status_code == 200
    yield client
    strict.testing = True


def address(rule: Rule, portfolio_id: int, random: Random) -> str:
    found = {
        name: portfolio_id if name == "portfolio_id" else random.choice(NUMBERS if name.endswith("_id") else KEYS)
        for name in rule.arguments
    }
    return url_for(rule.endpoint, **found)


def asked(app: Flask, portfolio_id: int, random: Random) -> Iterator[tuple[str, str]]:
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if rule.endpoint in ("static", "auth.sign_out", "portfolios.delete", "health.metrics"):
                continue
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                yield from ((method, address(rule, portfolio_id, random)) for _ in range(TIMES))


def test_no_address_and_no_form_makes_the_server_stumble(strict: Flask, client: FlaskClient, mine: Portfolio) -> None:
    random = Random(1)
    stumbled = []
    for method, where in list(asked(strict, mine.id, random)):
        query, form = ({random.choice(NAMES): random.choice(TEXTS) for _ in range(4)} for _ in range(2))
        fragment = {"HX-Request": "true"} if random.random() < 0.3 else {}
        answer = client.open(
            where, method=method, query_string=query, data=form if method == "POST" else None, headers=fragment
        )
        db.session.remove()
        if answer.status_code == 500:
            stumbled.append((method, where, query, form))
    assert stumbled == []


@pytest.mark.parametrize(
    ("method", "where", "status"),
    [
        ("GET", "/portfolios/{mine}/instruments/a%00b", (400, 404)),
        ("GET", "/portfolios/{mine}/settings?test=2147483648", (200,)),
        ("POST", "/portfolios/{mine}/review/done?up_to=9", (303,)),
    ],
)
def test_a_value_that_the_database_has_no_place_for_is_refused_or_passed_over(
    client: FlaskClient, mine: Portfolio, method: str, where: str, status: tuple[int, ...]
) -> None:
    answer = client.open(
        where.format(mine=mine.id), method=method, data={"up_to": "9" * 30} if method == "POST" else None
    )
    assert answer.status_code in status
    assert "Something went wrong" not in answer.text
