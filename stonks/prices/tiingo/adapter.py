"""Tiingo's end-of-day prices: which instruments it has and what its answers say.

Sources: tiingo.com/documentation/end-of-day (the endpoint and its fields) and tiingo.com/documentation/general/overview
(50 calls an hour and 500 symbols a month without paying). A share class is written with a dash: BRK-B.
"""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

from stonks import __version__
from stonks.portfolio.valuation import Instrument
from stonks.prices.contract import PriceTrouble, Quote, Trouble
from stonks.prices.tiingo.client import Limits, TiingoClient

_SYMBOL = re.compile(r"[A-Z]{1,5}(?:[ .][A-Z])?")
_SHARES = frozenset({None, "STK", "FUND"})


class TiingoSource:
    code = "tiingo"
    name = "Tiingo"
    calls_an_hour = 45  # of 50: a key is often used elsewhere too

    def __init__(self, base_url: str, key: str, *, limits: Limits | None = None) -> None:
        self._client = TiingoClient(base_url, key, user_agent=f"Stonksfolio/{__version__}", limits=limits or Limits())

    def ticker(self, instrument: Instrument) -> str | None:
        """Shares and funds of the United States only: elsewhere the same symbol is often another company's, and
        Tiingo's answers name no currency."""
        symbol = instrument.symbol.upper()
        american = instrument.currency == "USD" and (instrument.isin or "").startswith("US")
        if not american or instrument.asset_class not in _SHARES or not _SYMBOL.fullmatch(symbol):
            return None
        return symbol.replace(" ", "-").replace(".", "-")

    def fetch(self, ticker: str, since: date) -> list[Quote]:
        body = self._client.prices(ticker, since)
        try:
            return [_quote(row) for row in json.loads(body, parse_float=Decimal, parse_int=Decimal)]
        except (ValueError, TypeError, KeyError, ArithmeticError):
            # Beyond a limit Tiingo says so in plain words, with status 200.
            raise PriceTrouble(
                Trouble.WAIT, "Tiingo answered with something that is no list of prices; it may be beyond its limits."
            ) from None


def _quote(row: Any) -> Quote:
    """Raises ValueError, TypeError or KeyError for what is none."""
    price = row["close"]
    if not isinstance(price, Decimal) or not price.is_finite() or price < 0:
        raise ValueError("no price")
    return Quote(date.fromisoformat(row["date"][:10]), price)
