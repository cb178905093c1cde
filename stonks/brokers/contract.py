"""What the house asks of a broker. A second broker is one more folder that answers this, and one line in registry.py.

Knows no database, no queue, no web framework: forms, guides and error texts are data that the pages render.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import BinaryIO, Protocol

from stonks.core.records import Reading

Credentials = Mapping[str, str]  # field name -> value; secret values never appear in repr, logs or errors


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One field of the connect form."""

    name: str  # "query_id"
    label: str  # "Flex Query ID"
    help: str
    secret: bool = False
    autocomplete: str = "off"
    input_mode: str = "text"
    max_length: int = 100


@dataclass(frozen=True, slots=True)
class GuideStep:
    text: str  # may hold *strong* spans between asterisks; no HTML
    copy: tuple[str, ...] = ()  # field names a person copies with one click


@dataclass(frozen=True, slots=True)
class GuideSection:
    title: str
    steps: tuple[GuideStep, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Guide:
    """How a person connects: shown beside the form and, in full, on the help page."""

    access: str  # what the access can and cannot do
    revoke: str  # how to take it back at the broker
    sections: tuple[GuideSection, ...]
    how_it_works: tuple[str, ...] = ()  # paragraphs
    details: tuple[str, ...] = ()  # the important details
    questions: tuple[Question, ...] = ()
    file_for_days: str = ""  # how to download a statement of days that a request does not reach, for uploading it
    telling_period: str = ""  # how to have statements tell which days they cover


@dataclass(frozen=True, slots=True)
class Window:
    """Which days to ask for. Both None = the broker's saved period, without an override."""

    days_back: int | None = None  # last N days
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """The broker's receipt for a statement being made."""

    reference: str
    url: str | None = None  # where the broker says to fetch it; checked by the adapter before use


@dataclass(frozen=True, slots=True)
class Ready:
    """The statement is here. The receiver owns `body`, a seekable binary file positioned at 0, and closes it."""

    body: BinaryIO = field(repr=False)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """Not made yet: ask for the same ticket again, no sooner than `retry_after`."""

    retry_after: timedelta | None = None
    code: str | None = None


class Broker(Protocol):
    """A broker's adapter. Each of `request` and `collect` makes one HTTP call, and raises BrokerError (brokers/errors.py)
    when no answer of use comes. `place`: what such an error named as worth asking instead; None = the usual address."""

    code: str  # "ibkr": in the database, never changed
    name: str  # "Interactive Brokers"
    slug: str  # "interactive-brokers": in addresses
    fields: tuple[CredentialField, ...]
    guide: Guide
    reader_version: int  # raised with every change that reads the same bytes into other records, problems or findings

    def check_shape(self, values: Credentials) -> dict[str, str]:
        """Field name -> what is wrong with its shape, in words; empty when all could be right. No network."""
        ...

    def allowance_name(self, credentials: Credentials) -> str:
        """The secret that the broker counts requests against (hashed by the caller before it is kept)."""
        ...

    def request(self, credentials: Credentials, window: Window, place: str | None = None) -> Ticket: ...

    def collect(self, credentials: Credentials, ticket: Ticket, place: str | None = None) -> Ready | Pending: ...

    def read(
        self,
        source: BinaryIO,
        *,
        currency: str | None = None,
        day_first: bool | None = None,
        asked_days: int | None = None,
    ) -> Reading:
        """Read a statement, from a seekable file. `currency` keeps only rows of that currency (a conversion belongs to
        its CurrencyPrimary). `asked_days`: the period asked for, so that a shorter one is a finding."""
        ...

    def sync_window(self, now: datetime) -> tuple[datetime, datetime]:
        """The next span of UTC times after `now` in which yesterday's books are closed and a sync is sensible."""
        ...

    def last_business_day(self, now: datetime) -> date:
        """The last day whose books should be closed at `now` (UTC): what an up-to-date statement holds."""
        ...

    def is_business_day(self, day: date) -> bool:
        """Whether a statement could hold anything of `day`: not on a weekend or a holiday."""
        ...
