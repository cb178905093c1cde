"""A broker that exists only on paper: other fields than IBKR's, answers at once, reads Flex files. What the pages show
for it, they show from its data."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from io import BytesIO
from typing import BinaryIO

from stonks.brokers.contract import (
    CredentialField,
    Credentials,
    Guide,
    GuideSection,
    GuideStep,
    Question,
    Ready,
    Ticket,
    Window,
)
from stonks.brokers.errors import BrokerError
from stonks.brokers.ibkr.statement import read_statement
from stonks.core.records import Reading


class PaperBroker:
    code = "paper"
    name = "Paper Brokerage"
    slug = "paper-brokerage"
    reader_version = 1
    fields = (
        CredentialField("login", "Paper login", "Printed on your card."),
        CredentialField("secret", "Paper secret", "In the envelope.", secret=True),
    )
    guide = Guide(
        access="It can read *paper* and nothing else.",
        revoke="To revoke it, burn the envelope.",
        sections=(
            GuideSection("Open the envelope", (GuideStep("Copy <these> names:", ("Paper & ink",)),), "Mind the wax."),
        ),
        how_it_works=("Once a day a letter is sent.",),
        details=("Letters take a day.",),
        questions=(Question("Can it write?", "No, it *reads*."),),
        file_for_days="Print it out.",
    )

    def __init__(self) -> None:
        self.statement = b""
        self.failure: BrokerError | None = None
        self.requests = 0
        self.reads = 0
        self.windows: list[tuple[date, date]] = []  # asked for day by day

    def check_shape(self, values: Credentials) -> dict[str, str]:
        return {} if values.get("login", "").isalpha() else {"login": "A paper login has letters only."}

    def allowance_name(self, credentials: Credentials) -> str:
        return credentials["secret"]

    def request(self, credentials: Credentials, window: Window, place: str | None = None) -> Ticket:
        self.requests += 1
        if window.first and window.last:
            self.windows.append((window.first, window.last))
        if self.failure:
            raise self.failure
        return Ticket("letter-1")

    def collect(self, credentials: Credentials, ticket: Ticket, place: str | None = None) -> Ready:
        return Ready(BytesIO(self.statement), len(self.statement))

    def read(
        self,
        source: BinaryIO,
        *,
        currency: str | None = None,
        day_first: bool | None = None,
        asked_days: int | None = None,
    ) -> Reading:
        self.reads += 1
        return read_statement(source, currency=currency, day_first=day_first, asked_days=asked_days)

    def sync_window(self, now: datetime) -> tuple[datetime, datetime]:
        return now + timedelta(hours=18), now + timedelta(hours=22)

    def last_business_day(self, now: datetime) -> date:
        return now.date() - timedelta(days=1)

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < 5
