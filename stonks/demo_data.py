"""Fills the demo: `python -m stonks.demo_data`, run before its web starts; what is there already stays.

Everything is made by the functions that the pages use, so the demo shows the product and not a picture of it.
"""

from __future__ import annotations

from stonks import logs
from stonks.accounts import users
from stonks.config import settings_or_exit
from stonks.demo import EMAIL, PASSWORD, QUERY_ID, TOKEN
from stonks.factory import create_app
from stonks.ledger import portfolios
from stonks.services import services
from stonks.sync import connecting


def prepare() -> None:
    """Makes the demo's user, portfolio and connection unless they are there. Needs an app context and Redis."""
    if users.count():
        return
    now = services().clock()
    user = users.create(EMAIL, PASSWORD, now)
    portfolio = portfolios.create(user.id, "Demo portfolio", "EUR", now)
    fields = {"query_id": QUERY_ID, "token": TOKEN}
    connecting.save(portfolio.id, "ibkr", fields, only_currency=None, token_expires_on=None, day_first=None, now=now)


if __name__ == "__main__":
    settings = settings_or_exit()
    logs.configure(settings.json_logs)
    with create_app(settings, pages=False).app_context():
        prepare()
