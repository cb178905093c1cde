"""What a price source is to the rest of the house. A new one is a folder beside this file and a line in registry.py."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from stonks.core.errors import StonksError
from stonks.portfolio.valuation import Instrument


class Quote(NamedTuple):
    on: date  # the market's calendar
    price: Decimal  # at the close, as it was: not adjusted for later splits and dividends


class Trouble(StrEnum):
    WAIT = "wait"  # the source is away, or asked often enough: again later
    REFUSED = "refused"  # the key is wrong: again when it may have been changed
    NO_SUCH_TICKER = "no such ticker"  # the others go on


class PriceTrouble(StonksError):
    """Why there are no prices. The message is for people and never holds the key."""

    def __init__(self, trouble: Trouble, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.retry_after = retry_after


class PriceSource(Protocol):
    code: str  # "tiingo": in the database, never changed
    name: str  # "Tiingo"
    calls_an_hour: int  # of this installation, whoever's portfolio it is

    def ticker(self, instrument: Instrument) -> str | None:
        """What the source calls the instrument; None where it has none or could mean another one."""
        ...

    def fetch(self, ticker: str, since: date) -> list[Quote]:
        """The closing prices since that day, one HTTP call. Raises PriceTrouble."""
        ...
