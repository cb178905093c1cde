"""Builds the app: the only file that sees all of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Flask
from redis import Redis

from stonks import db as database
from stonks import logs
from stonks.accounts import tables as _accounts_tables  # noqa: F401  (each table module registers its tables)
from stonks.brokers.registry import brokers
from stonks.config import ROOT, Settings, settings_or_exit
from stonks.crypto import Vault
from stonks.ledger import snapshot_tables as _snapshot_tables  # noqa: F401
from stonks.ledger import tables as _ledger_tables  # noqa: F401
from stonks.prices.registry import price_source
from stonks.queue import JobQueue
from stonks.services import Services
from stonks.sync import tables as _sync_tables  # noqa: F401

# For another's write: nobody watches a worker, and what it has fetched is not to be fetched again.
_WORKER_PATIENCE = timedelta(seconds=30)


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    settings: Settings | None = None, clock: Callable[[], datetime] | None = None, *, pages: bool = True
) -> Flask:
    """The wired app. Opens no connection: Redis and the database are reached on first use.

    `clock`: instead of this machine's and Redis' own, where a test makes time pass.
    Without `pages` for processes that answer no one: they start a third faster, which a restart after a kill shows.
    """
    settings = settings or settings_or_exit()
    app = Flask("stonks", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        # An error of the database is logged; the values of its statement are nobody's business.
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": True, "hide_parameters": True},
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + 1024 * 1024,
    )
    app.extensions["stonks"] = make_services(settings, clock)
    database.init_app(app, settings.page_patience if pages else _WORKER_PATIENCE)
    logs.init_app(app)
    if pages:
        from stonks import latencies, web

        latencies.init_app(app)
        web.init_app(app)
    return app


def make_services(settings: Settings, clock: Callable[[], datetime] | None) -> Services:
    redis = Redis.from_url(settings.effective_redis_url, socket_connect_timeout=5, health_check_interval=30)
    return Services(
        settings=settings,
        vault=Vault(settings.token_keys),
        redis=redis,
        queue=JobQueue(redis),
        brokers=brokers(settings),
        clock=clock or utc_now,
        redis_clock=clock,
        prices=price_source(settings),
    )
