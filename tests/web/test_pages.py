from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stonks.ledger.tables import Portfolio
from stonks.sync import views
from stonks.sync.states import ConnectionState, RunState
from stonks.sync.views import ConnectionView, RunView
from tests.conftest import Clock

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ACTIVE = ConnectionView(
    portfolio_id=1,
    broker="ibkr",
    state=ConnectionState.ACTIVE,
    state_code=None,
    state_message=None,
    state_remedy=None,
    state_since=NOW,
    public_fields={"query_id": "1234567"},
    mask="•••• 4321",
    unreadable=False,
    only_currency=None,
    day_first=None,
    token_expires_on=None,
    last_success_at=NOW - timedelta(hours=3),
    next_run_at=NOW + timedelta(hours=18, minutes=40),
    locked_until=None,
    covered_until=None,
    running=None,
)


class Frame:
    """The page head of a portfolio whose connection is as told."""

    def __init__(self, client: FlaskClient, portfolio: Portfolio, monkeypatch: pytest.MonkeyPatch) -> None:
        self._client, self._portfolio, self._monkeypatch = client, portfolio, monkeypatch

    def show(self, connection: ConnectionView | None) -> str:
        self._monkeypatch.setattr(views, "connection", lambda _portfolio_id: connection)
        page = self._client.get(f"/portfolios/{self._portfolio.id}/edit").text
        head = page[page.index('<header class="page-head">') : page.index('<nav class="tabs"')]
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", head)))


@pytest.fixture
def frame(signed_in: FlaskClient, mine: Portfolio, monkeypatch: pytest.MonkeyPatch) -> Frame:
    return Frame(signed_in, mine, monkeypatch)


def test_the_chip_tells_when_the_connection_synced_and_will_again(frame: Frame) -> None:
    assert "Not connected" in frame.show(None)
    assert "Interactive Brokers · synced 3 h ago · next 06:40 UTC" in frame.show(ACTIVE)
    assert "first sync to come" in frame.show(replace(ACTIVE, last_success_at=None))


def test_the_chip_tells_a_sync_from_the_wait_for_a_token(frame: Frame) -> None:
    run = RunView(1, "first", RunState.QUEUED, False, NOW, None, None, None, None, None, None, None, None)
    assert "Interactive Brokers · syncing now" in frame.show(replace(ACTIVE, running=run))
    waiting = replace(ACTIVE, running=run, state=ConnectionState.ACTIVATING)
    assert "Interactive Brokers · token being activated" in frame.show(waiting)


@pytest.mark.parametrize("state", [ConnectionState.AUTH_FAILED, ConnectionState.QUERY_REJECTED])
def test_dead_credentials_raise_a_banner_with_the_reason_and_the_way_to_the_form(
    frame: Frame, state: ConnectionState
) -> None:
    why = "IBKR says the token has expired (code 1012)."
    shown = frame.show(replace(ACTIVE, state=state, state_message=why, next_run_at=None))
    assert "Auth failed" in shown
    assert f"{why} Automatic sync is stopped; your transactions are untouched." in shown
    assert "Fix the connection" in shown


def test_a_token_that_cannot_be_opened_asks_for_it_again(frame: Frame) -> None:
    shown = frame.show(replace(ACTIVE, unreadable=True, mask=None))
    assert "token can’t be opened" in shown
    assert "Paste the token" in shown


def test_a_lockout_says_until_when(frame: Frame) -> None:
    until = NOW + timedelta(hours=8)
    shown = frame.show(replace(ACTIVE, state=ConnectionState.LOCKED_OUT, locked_until=until))
    assert "Nothing is asked until 20 Nov 2026, 20:00 UTC" in shown


@pytest.mark.parametrize(
    ("left", "words"),
    [(31, None), (30, "in 30 days"), (7, "in 7 days"), (1, "tomorrow"), (0, "today"), (-1, "has probably expired")],
)
def test_the_tokens_end_is_reminded_of(frame: Frame, left: int, words: str | None) -> None:
    shown = frame.show(replace(ACTIVE, token_expires_on=NOW.date() + timedelta(days=left)))
    if words is None:
        assert "token" not in shown
    else:
        assert words in shown


def test_a_reminder_put_off_comes_back_at_its_next_stage(
    app: Flask, frame: Frame, signed_in: FlaskClient, mine: Portfolio, clock: Clock
) -> None:
    ending = replace(ACTIVE, token_expires_on=NOW.date() + timedelta(days=20))
    assert "expires in 20 days" in frame.show(ending)
    signed_in.post(f"/portfolios/{mine.id}/dismiss", data={"reminder": f"{ending.token_expires_on}/30"})
    assert "expires" not in frame.show(ending)
    clock.advance(days=13)
    assert "expires in 7 days" in frame.show(ending)
