import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stonks.accounts import users
from stonks.config import Settings
from stonks.factory import create_app

PASSWORD = "correct horse battery"


def test_every_answer_carries_a_policy_without_unsafe_words(client: FlaskClient, owner: users.User) -> None:
    for address in ("/sign-in", "/no-such-page", "/static/stonks.css", "/portfolios"):
        headers = client.get(address).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in client.get("/sign-in").headers


def test_pages_stay_in_no_cache_and_static_files_for_a_year(client: FlaskClient, owner: users.User) -> None:
    assert client.get("/sign-in").headers["Cache-Control"] == "no-store"
    assert "max-age=31536000" in client.get("/static/stonks.css").headers["Cache-Control"]


def test_pages_hold_no_inline_script_or_style(client: FlaskClient, owner: users.User) -> None:
    page = client.get("/sign-in").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on", page)


def test_the_session_cookie_is_for_this_site_only_and_for_tls_behind_tls(
    client: FlaskClient, owner: users.User
) -> None:
    form = {"email": "owner@example.com", "password": PASSWORD}
    cookie = client.post("/sign-in", data=form).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    client.post("/sign-out")
    behind_tls = client.post("/sign-in", data=form, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in behind_tls.headers["Set-Cookie"]
    assert behind_tls.headers["Strict-Transport-Security"]


def test_a_stranger_cannot_speak_for_a_proxy(client: FlaskClient, owner: users.User) -> None:
    answer = client.get(
        "/sign-in", headers={"X-Forwarded-Proto": "https"}, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert "Strict-Transport-Security" not in answer.headers


def test_a_post_without_the_forms_own_token_changes_nothing(app: Flask, owner: users.User) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    answer = client.post("/sign-in", data={"email": "owner@example.com", "password": PASSWORD})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert token
    form = {"email": "owner@example.com", "password": PASSWORD, "csrf_token": token[1]}
    assert client.post("/sign-in", data=form).status_code == 303


def test_an_unknown_address_says_so_in_plain_words_and_as_a_fragment_to_htmx(
    client: FlaskClient, owner: users.User
) -> None:
    page = client.get("/no-such-page")
    assert page.status_code == 404
    assert "There is no such page" in page.text
    assert "<html" in page.text
    fragment = client.get("/no-such-page", headers={"HX-Request": "true"})
    assert fragment.status_code == 404
    assert "<html" not in fragment.text
    assert "HX-Request" in fragment.headers["Vary"]


def test_a_refused_form_leads_back_to_its_page_on_this_site(app: Flask, signed_in: FlaskClient) -> None:
    def refused(referrer: str) -> str:
        return signed_in.post("/portfolios", headers={"Referer": referrer}).text  # which takes no forms

    assert 'href="/portfolios?x=1">Back to the form' in refused("http://localhost/portfolios?x=1")
    assert "Back to the form" not in refused("http://elsewhere.example/portfolios")


@pytest.mark.usefixtures("app")  # for its tables
def test_a_mistake_of_ours_shows_no_traceback(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("token 111122223333444455556666")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/broken")
    assert answer.status_code == 500
    assert "1111222233334444" not in answer.text
    assert "Your transactions are untouched" in answer.text
