"""Which price source this installation uses: none unless one is set."""

from __future__ import annotations

from stonks.config import Settings
from stonks.prices.contract import PriceSource
from stonks.prices.tiingo.adapter import TiingoSource


def price_source(settings: Settings) -> PriceSource | None:
    if settings.price_source == TiingoSource.code and settings.price_key:
        return TiingoSource(settings.price_url, settings.price_key)
    return None
