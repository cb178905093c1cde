"""What every request, job and command shares, made once by the factory and found through the running app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from flask import current_app

from stonks.brokers.contract import Broker
from stonks.config import Settings
from stonks.crypto import Vault
from stonks.prices.contract import PriceSource

if TYPE_CHECKING:
    from redis import Redis

    from stonks.queue import JobQueue


@dataclass(frozen=True)
class Services:
    settings: Settings
    vault: Vault
    redis: Redis
    queue: JobQueue
    brokers: Mapping[str, Broker]  # by code
    clock: Callable[[], datetime]  # aware UTC
    redis_clock: Callable[[], datetime] | None = None  # None: Redis' own, for what machines have to agree upon
    prices: PriceSource | None = None  # None: switched off


def services() -> Services:
    """The running app's services; needs an app context."""
    return cast(Services, current_app.extensions["stonks"])
