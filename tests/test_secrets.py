"""A token in the clear: searched for in every place it could have leaked to, with the whole product running."""

from __future__ import annotations

import time
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from stonks.accounts import users
from stonks.config import read_settings
from stonks.factory import create_app
from stonks.ledger import portfolios
from stonks.practice.answers import Answer
from stonks.practice.server import PracticeBroker
from stonks.services import services
from stonks.sync import connecting
from tests.product import Running, product
from tests.statements import buy, statement

EMAIL, PASSWORD = "owner@example.com", "a long enough password"


def token(number: int) -> str:
    return f"9007199254740991{number:07}"


def troubles(number: int) -> list[tuple[str, object]]:
    """What the broker does to a token, one trouble each: (step, answer)."""
    told = token(number)
    return [
        ("SendRequest", "1012"),
        ("SendRequest", 500),
        ("SendRequest", Answer(b"x" * 100, break_after=10)),
        ("SendRequest", Answer(status=302, headers={"Location": f"http://127.0.0.1:1/elsewhere?t={told}"})),
        ("SendRequest", f"<html><body>Bad request: /SendRequest?t={told}&amp;q=1</body></html>".encode()),
        ("GetStatement", f"<html><body>{told}</body></html>".encode()),
        ("GetStatement", f'Symbol,TradeID,Quantity\n"{told}",{told},ten\n'.encode()),
    ]


TROUBLES = len(troubles(0))


def test_no_token_is_anywhere_in_the_clear(short_path: Path) -> None:
    with PracticeBroker() as broker:
        for number in range(TROUBLES + 1):
            broker.add_query(token(number), "1234567", statement([buy(number + 1)]))
        for number in range(TROUBLES):
            step, answer = troubles(number)[number]
            broker.script(step, [answer], token=token(number), repeat=True)  # type: ignore[arg-type]
        variables = {"STONKS_FLEX_URL": broker.url, "STONKS_POLL_SECONDS": "0", "STONKS_LOG": "json"}
        with product(short_path / "data", **variables) as running:
            settings = read_settings({"STONKS_DATA": str(running.data), **variables})
            app = create_app(settings)
            app.config["WTF_CSRF_ENABLED"] = False
            with app.app_context():
                connected = connect_all()
                wait_for_all(running, broker)
                shown = all_pages(app.test_client(), connected)
            tokens = [token(number).encode() for number in range(TROUBLES + 1)]
            found = [str(path) for path in places(running) for secret in tokens if secret in path.read_bytes()]
            assert not found
            assert not [name for name, page in shown.items() for secret in tokens if secret in page]


def connect_all() -> list[int]:
    now = services().clock()
    owner = users.create(EMAIL, PASSWORD, now)
    ids = [portfolios.create(owner.id, f"Portfolio {number}", "EUR", now).id for number in range(TROUBLES + 1)]
    for number, portfolio_id in enumerate(ids):
        fields = {"query_id": "1234567", "token": token(number)}
        connecting.save(
            portfolio_id, "ibkr", fields, only_currency=None, token_expires_on=None, day_first=None, now=now
        )
    return ids


def wait_for_all(running: Running, broker: PracticeBroker) -> None:
    """Until each token has met its trouble, and a moment for that to be written down."""
    wanted = {(token(n), troubles(n)[n][0]) for n in range(TROUBLES)} | {(token(TROUBLES), "GetStatement")}
    running.wait(lambda: wanted <= {(call.token, call.step) for call in list(broker.calls)}, 60)
    time.sleep(2)


def all_pages(client: FlaskClient, portfolio_ids: list[int]) -> dict[str, bytes]:
    client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    pages = ["/portfolios", "/account", "/healthz", "/metrics"]
    for portfolio_id in portfolio_ids:
        start = f"/portfolios/{portfolio_id}"
        pages += [start, *(f"{start}/{name}" for name in ("settings", "transactions", "review", "import", "status"))]
    answers = {page: client.get(page, follow_redirects=True) for page in pages}
    assert {answer.status_code for page, answer in answers.items() if page != "/healthz"} == {200}
    return {page: answer.data for page, answer in answers.items()}


def places(running: Running) -> list[Path]:
    return [running.output, *(path for path in running.data.rglob("*") if path.is_file())]


def test_settings_and_vault_do_not_show_their_keys(app: Flask) -> None:
    shown = repr(services()) + repr(services().vault)
    for secret in (services().settings.secret_key, *services().settings.token_keys):
        assert secret not in shown
