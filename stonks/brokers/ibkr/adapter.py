"""Interactive Brokers, as the rest of the house knows it: the contract, answered by client, statement and guide."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import BinaryIO

from stonks import __version__
from stonks.brokers.contract import CredentialField, Credentials, Pending, Ready, Ticket, Window
from stonks.brokers.ibkr import guide, market_days, statement
from stonks.brokers.ibkr.client import FlexClient, Limits
from stonks.brokers.ibkr.hosts import IBKR_ORIGINS, Hosts
from stonks.core.records import Reading

_LONGEST_QUERY_ID = 15  # IBKR's have six or seven digits
_SHORTEST_TOKEN, _LONGEST_TOKEN = 6, 128  # IBKR's have about 24 digits
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
# IBKR closes a day's books in the night; by 06:00 UTC New York has turned the page in winter and in summer.
_OPENS, _CLOSES = time(6, tzinfo=UTC), time(10, tzinfo=UTC)


class IbkrBroker:
    """`base_url`: the service, without the step's name. `first_wait`: the ordinary wait between two looks for a
    statement. `pair`: the two origins that stand for each other (replaced by tests)."""

    code = "ibkr"
    name = "Interactive Brokers"
    slug = "interactive-brokers"
    fields: tuple[CredentialField, ...] = (
        CredentialField(
            "query_id",
            "Flex Query ID",
            "The number behind the information icon beside your Activity Flex Query.",
            input_mode="numeric",
            max_length=100,
        ),
        CredentialField(
            "token",
            "Flex Web Service Token",
            "The long number under Flex Web Service Configuration. It is kept sealed and never shown again.",
            secret=True,
            max_length=500,
        ),
    )
    guide = guide.GUIDE
    reader_version = statement.READER_VERSION

    def __init__(
        self,
        base_url: str,
        *,
        first_wait: timedelta,
        limits: Limits | None = None,
        pair: tuple[str, ...] = IBKR_ORIGINS,
    ) -> None:
        self._client = FlexClient(
            Hosts(base_url, pair), user_agent=f"Stonksfolio/{__version__}", poll_wait=first_wait, limits=limits
        )

    def check_shape(self, values: Credentials) -> dict[str, str]:
        problems = {
            "query_id": _query_id_problem(values.get("query_id", "").strip()),
            "token": _token_problem(values.get("token", "").strip()),
        }
        return {name: problem for name, problem in problems.items() if problem}

    def allowance_name(self, credentials: Credentials) -> str:
        return credentials["token"].strip()

    def request(self, credentials: Credentials, window: Window, place: str | None = None) -> Ticket:
        token, query_id = credentials["token"].strip(), credentials["query_id"].strip()
        return self._client.send_request(token, query_id, window, place)

    def collect(self, credentials: Credentials, ticket: Ticket, place: str | None = None) -> Ready | Pending:
        return self._client.get_statement(credentials["token"].strip(), ticket, place)

    def read(
        self,
        source: BinaryIO,
        *,
        currency: str | None = None,
        day_first: bool | None = None,
        asked_days: int | None = None,
    ) -> Reading:
        return statement.read_statement(source, currency=currency, day_first=day_first, asked_days=asked_days)

    def sync_window(self, now: datetime) -> tuple[datetime, datetime]:
        """06:00 to 10:00 UTC, of the next day when today's has begun: a window never starts at or before `now`."""
        day = now.astimezone(UTC).date()
        if datetime.combine(day, _OPENS) <= now:
            day += timedelta(days=1)
        return datetime.combine(day, _OPENS), datetime.combine(day, _CLOSES)

    def last_business_day(self, now: datetime) -> date:
        return market_days.last_closed_day(now)

    def is_business_day(self, day: date) -> bool:
        return market_days.is_trading_day(day)


def _query_id_problem(text: str) -> str:
    if not text:
        return "Enter the Flex Query ID."
    if not (text.isascii() and text.isdigit()):
        return "A Flex Query ID has digits only, no letters or spaces."
    if len(text) > _LONGEST_QUERY_ID:
        return "That is too long for a Flex Query ID, which has about seven digits. Is it the token?"
    return ""


def _token_problem(text: str) -> str:
    if not text:
        return "Enter the Flex Web Service Token."
    if any(character.isspace() for character in text):
        return "A Flex Web Service Token has no spaces in it."
    if not _TOKEN.fullmatch(text):
        return "That does not look like a Flex Web Service Token, which is one long number."
    if not _SHORTEST_TOKEN <= len(text) <= _LONGEST_TOKEN:
        return "That is too short or too long for a Flex Web Service Token, which has about 24 digits."
    return ""
