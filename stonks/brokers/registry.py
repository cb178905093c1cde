"""Which brokers there are. A new one is a folder beside this file and a line here."""

from __future__ import annotations

from stonks.brokers.contract import Broker
from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.config import Settings


def brokers(settings: Settings) -> dict[str, Broker]:
    """By code, in the order of the list on the settings page."""
    known: tuple[Broker, ...] = (IbkrBroker(settings.flex_url, first_wait=settings.first_wait),)
    return {broker.code: broker for broker in known}
