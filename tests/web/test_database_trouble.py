"""The database is written to by somebody else, its disk is full, or it is away: pages answer, writes say no whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from stonks.accounts import users
from stonks.config import Settings
from stonks.db import db, transaction
from stonks.ledger import portfolios
from stonks.ledger.tables import Entry, ImportBatch, KeptStatement, Portfolio
from stonks.sync import connecting
from stonks.sync.tables import SyncRun
from tests.conftest import Clock
from tests.statements import buy, statement
from tests.web.conftest import PASSWORD

BODY = statement([buy(1), buy(2, "20251110")])


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, page_patience=timedelta(milliseconds=100))


@pytest.fixture
def connected(signed_in: FlaskClient, mine: Portfolio, clock: Clock) -> str:
    """The portfolio's address; it was synced once and a little was imported."""
    fields = {"query_id": "1234567", "token": "998877665544332211001122"}
    connecting.save(mine.id, "ibkr", fields, only_currency=None, token_expires_on=None, day_first=None, now=clock.now)
    with transaction():
        db.session.execute(db.update(SyncRun).values(state="SUCCEEDED", finished_at=clock.now, due_at=None))
    upload(signed_in, f"/portfolios/{mine.id}", statement([buy(9)]))
    return f"/portfolios/{mine.id}"


def upload(client: FlaskClient, address: str, body: bytes = BODY) -> tuple[int, str]:
    answer = client.post(f"{address}/import", data={"statement": (BytesIO(body), "year.csv")})
    return answer.status_code, answer.text


@contextmanager
def locked(settings: Settings, how: str) -> Iterator[None]:
    """Another connection holds the database's write lock."""
    db.session.remove()
    with closing(sqlite3.connect(settings.data / "stonks.db", isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield


def counts() -> list[int]:
    db.session.rollback()
    tables = (Entry, ImportBatch, KeptStatement, SyncRun, Portfolio)
    return [db.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_while_another_writes_pages_answer_and_actions_say_that_nothing_was_changed(
    how: str, settings: Settings, signed_in: FlaskClient, connected: str
) -> None:
    before = counts()
    with locked(settings, how):
        for page in ("", "/transactions", "/gains", "/income", "/settings", "/review", "/import", "/status"):
            assert signed_in.get(connected + page).status_code == 200, page
        assert signed_in.get("/portfolios").status_code == 200
        assert signed_in.get("/healthz").json["database"] == "ok"
        for action, said in (
            (f"{connected}/sync", "The database is busy"),
            (f"{connected}/review/done", "Nothing was changed. Try again in a moment."),
            (f"{connected}/delete", "The database is busy"),
        ):
            answer = signed_in.post(action, data={"up_to": "99", "typed_name": "Long term"})
            assert (answer.status_code, said in answer.text) == (503, True), answer.text
            assert answer.headers["Retry-After"] == "10"
        status, page = upload(signed_in, connected)
        assert (status, "Nothing was changed" in page) == (503, True)
    assert counts() == before
    status, page = upload(signed_in, connected)
    assert (status, "2 new" in page) == (200, True)


def test_htmx_gets_the_word_as_a_fragment(settings: Settings, signed_in: FlaskClient, connected: str) -> None:
    with locked(settings, "IMMEDIATE"):
        answer = signed_in.post(f"{connected}/sync", headers={"HX-Request": "true"})
    assert answer.status_code == 503
    assert answer.text.lstrip().startswith('<div class="result trouble" role="alert">')


def test_a_full_disk_refuses_an_import_whole_and_says_what_to_do(
    signed_in: FlaskClient, connected: str, app: Flask
) -> None:
    """SQLite's own limit of pages answers as a full disk does; a really full one is met in tests/ledger."""
    before = counts()
    many = statement([buy(number) for number in range(100, 1_100)])
    with only_so_many_pages():
        status, page = upload(signed_in, connected, many)
    assert status == 503
    assert "The disk is full" in page
    assert "Make room on the disk" in page
    assert counts() == before
    status, page = upload(signed_in, connected, many)
    assert (status, "1000 new" in page) == (200, True)


@contextmanager
def only_so_many_pages() -> Iterator[None]:
    """The one pooled connection takes 20 pages more."""
    db.session.rollback()
    now = db.session.scalar(text("PRAGMA page_count")) or 0
    db.session.execute(text(f"PRAGMA max_page_count = {now + 20}"))
    db.session.remove()
    try:
        yield
    finally:
        db.session.execute(text("PRAGMA max_page_count = 1073741823"))
        db.session.remove()


def test_a_database_that_is_away_is_told_on_a_page(pg_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("connection refused")

    client = pg_app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "1.0"
    db.session.remove()
    db.engine.dispose()
    with monkeypatch.context() as patch:
        patch.setattr(psycopg, "connect", away)
        patch.setattr(psycopg.Connection, "connect", away)
        answer = client.get("/portfolios")
        assert answer.status_code == 503
        assert "The database does not answer" in answer.text
        assert client.get("/healthz").json["database"] == "does not answer (OperationalError)"


def test_a_row_that_another_holds_on_postgresql_is_not_waited_for_without_end(
    pg_app: Flask, pg_with_tables: str, clock: Clock
) -> None:
    portfolio = portfolios.create(users.create("owner@example.com", PASSWORD, clock.now).id, "P", "USD", clock.now)
    held = select(Portfolio.id).where(Portfolio.id == portfolio.id).with_for_update()
    db.session.remove()
    with psycopg.connect(pg_with_tables.replace("+psycopg", "")) as other:
        other.execute("SET idle_in_transaction_session_timeout = '20s'")  # so that a wait without end ends
        other.execute("SELECT * FROM portfolios FOR UPDATE")
        with pytest.raises(OperationalError, match="lock timeout"), transaction():
            db.session.scalar(held)
    with transaction():
        assert db.session.scalar(held) == portfolio.id


def test_what_fails_once_the_database_has_said_who_asks_is_answered_all_the_same(
    settings: Settings, signed_in: FlaskClient, mine: Portfolio
) -> None:
    address = f"/portfolios/{mine.id}"
    db.session.remove()
    with closing(sqlite3.connect(settings.data / "stonks.db")) as other:
        other.execute("ALTER TABLE portfolios RENAME TO away")
    answer = signed_in.get(address)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


def test_a_page_that_polls_keeps_polling_through_the_trouble(
    signed_in: FlaskClient, connected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr("stonks.web.pages.views.connection", away)
    poll = signed_in.get(f"{connected}/status?seen=1", headers={"HX-Request": "true"})
    assert (poll.status_code, poll.headers["HX-Reswap"]) == (503, "none")
    pressed = signed_in.post(f"{connected}/sync", headers={"HX-Request": "true"})
    assert (pressed.status_code, pressed.headers["HX-Retarget"]) == (503, "#trouble")
