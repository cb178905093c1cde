import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stonks.accounts import users
from stonks.config import Settings
from stonks.db import db
from stonks.factory import create_app
from stonks.web.security import limiter
from tests.conftest import Clock

PASSWORD = "correct horse battery"


def sign_in(client: FlaskClient, password: str = PASSWORD, **query: str):
    form = {"email": "owner@example.com", "password": password}
    return client.post("/sign-in", data=form, query_string=query)


def test_the_first_visit_creates_the_owners_account_and_signs_in(client: FlaskClient) -> None:
    assert client.get("/portfolios").location == "/welcome"
    assert client.get("/sign-in").location == "/welcome"
    page = client.get("/welcome").text
    assert "Create account" in page
    answer = client.post("/welcome", data={"email": "owner@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/portfolios").status_code == 200


def test_a_refused_account_is_asked_again_with_the_e_mail_kept(client: FlaskClient) -> None:
    answer = client.post("/welcome", data={"email": "owner@example.com", "password": "short"})
    assert answer.status_code == 422
    assert "Use at least 10 characters." in answer.text
    assert 'value="owner@example.com"' in answer.text
    assert "short" not in answer.text


def test_afterwards_registration_is_closed(client: FlaskClient, owner: users.User) -> None:
    assert client.get("/welcome").location == "/sign-in"
    assert client.post("/welcome", data={"email": "b@example.com", "password": PASSWORD}).location == "/sign-in"
    assert client.get("/register").status_code == 404
    assert client.post("/register", data={"email": "b@example.com", "password": PASSWORD}).status_code == 404
    assert users.count() == 1


def test_signing_in_leads_back_to_where_one_was_going(client: FlaskClient, owner: users.User) -> None:
    away = client.get("/portfolios/new")
    assert away.location == "/sign-in?next=/portfolios/new"
    assert sign_in(client, next="/portfolios/new").location == "/portfolios/new"


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "evil.example",
    ],
)
def test_signing_in_leads_nowhere_else(client: FlaskClient, owner: users.User, address: str) -> None:
    assert sign_in(client, next=address).location == "/"


def test_a_wrong_password_says_no_more_than_it_must(client: FlaskClient, owner: users.User) -> None:
    answer = sign_in(client, "wrong password")
    assert answer.status_code == 422
    assert "Email and password do not match an account here." in answer.text
    assert client.get("/portfolios").status_code == 303


def test_signing_out_ends_the_session(client: FlaskClient, owner: users.User) -> None:
    sign_in(client)
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").location == "/sign-in"
    assert client.get("/portfolios").status_code == 303


def test_a_new_password_ends_every_other_session_but_not_this_one(app: Flask, owner: users.User) -> None:
    here, elsewhere = app.test_client(), app.test_client()
    sign_in(here)
    sign_in(elsewhere)
    answer = here.post("/account", data={"old": PASSWORD, "new": "another horse battery"})
    assert answer.status_code == 303
    assert "Your password was changed" in here.get(answer.location).text
    assert elsewhere.get("/portfolios").status_code == 303


def test_a_wrong_current_password_changes_nothing(client: FlaskClient, owner: users.User) -> None:
    sign_in(client)
    answer = client.post("/account", data={"old": "not the password", "new": "another horse battery"})
    assert answer.status_code == 422
    assert "This is not your current password." in answer.text
    assert users.authenticate("owner@example.com", PASSWORD) is not None


def test_guessing_is_stopped_after_ten_wrong_passwords_a_minute(app: Flask, owner: users.User) -> None:
    limiter.enabled = True
    client = app.test_client()
    try:
        for _ in range(3):
            assert sign_in(client).status_code in (302, 303)  # right ones do not count
            client.post("/sign-out")
        assert [sign_in(client, "wrong password").status_code for _ in range(10)] == [422] * 10
        stopped = sign_in(client)
        assert stopped.status_code == 429
        assert "Too many attempts" in stopped.text
        assert "Wait a minute" in stopped.text
        assert 0 < int(stopped.headers["Retry-After"]) <= 61
    finally:
        limiter.enabled = False


def test_an_htmx_request_without_a_session_is_sent_to_sign_in_as_a_whole(
    client: FlaskClient, owner: users.User
) -> None:
    answer = client.get("/portfolios", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/sign-in"
    assert not answer.text


def test_a_page_that_polls_comes_back_to_itself_after_signing_in(client: FlaskClient, owner: users.User) -> None:
    asking = {"HX-Request": "true", "HX-Current-URL": "http://localhost/portfolios/1/settings?test=2"}
    answer = client.get("/portfolios/1/status?seen=x", headers=asking)
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/portfolios/1/settings?test%3D2"
    asking["HX-Current-URL"] = "http://localhost//elsewhere.example"
    assert client.get("/portfolios/1/status?seen=x", headers=asking).headers["HX-Redirect"] == "/sign-in"


def test_open_registration_lets_others_make_an_account(settings: Settings, clock: Clock) -> None:
    app = create_app(replace(settings, open_registration=True), clock)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with app.app_context():
        db.create_all()
        users.create("owner@example.com", PASSWORD, clock.now)
    client = app.test_client()
    assert "Make an account" in client.get("/sign-in").text
    answer = client.post("/register", data={"email": "second@example.com", "password": PASSWORD})
    assert answer.status_code == 303
    assert "second@example.com" in client.get("/portfolios").text
    with app.app_context():
        assert users.count() == 2
        db.engine.dispose()


def test_who_may_try_again_in_an_hour_only_is_told_so(app: Flask, owner: users.User) -> None:
    limiter.enabled = True
    client = app.test_client()
    try:
        for _ in range(60):
            client.post("/register", data={})
        stopped = client.post("/register", data={})
        assert stopped.status_code == 429
        assert re.search(r"Wait (5\d|60|61) minutes, then try again", stopped.text)
        assert 3000 < int(stopped.headers["Retry-After"]) <= 3601
    finally:
        limiter.enabled = False


def test_signing_in_works_while_redis_is_away(settings: Settings, clock: Clock) -> None:
    app = create_app(replace(settings, redis_url="redis://127.0.0.1:1/0"), clock)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with app.app_context():
        db.create_all()
        users.create("owner@example.com", PASSWORD, clock.now)
    client = app.test_client()
    assert [sign_in(client, "wrong password").status_code for _ in range(11)] == [422] * 10 + [429]
    with app.app_context():
        db.engine.dispose()
