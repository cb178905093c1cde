"""What a watchdog asks: /healthz for "is every part well", /metrics for numbers over time (Prometheus text)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

from flask import Blueprint, Response, abort, jsonify, request
from redis import RedisError
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from stonks import latencies, process
from stonks.db import db
from stonks.ledger.tables import ImportBatch
from stonks.queue import LATER_QUEUE_NAME, QUEUE_NAME
from stonks.services import services
from stonks.sync.tables import Connection, SyncRun

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    redis = _asked(_redis)
    parts = {
        "database": _asked(_database),
        "redis": redis,
        # One that hangs is waited for once, not three times: a watchdog has its own patience.
        "workers": _asked(lambda: _alive("worker")) if redis == "ok" else redis,
        "scheduler": _asked(lambda: _alive("scheduler")) if redis == "ok" else redis,
    }
    return jsonify(parts), 200 if set(parts.values()) == {"ok"} else 503


@blueprint.get("/metrics")
def metrics() -> Response:
    if not _may_see_metrics():
        abort(404)
    lines: list[str] = []
    for name, kind, about, values in _measurements(services().clock()):
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{labels} {value}" for labels, value in values]
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_see_metrics() -> bool:
    token = services().settings.metrics_token
    if token is None:
        return request.remote_addr in ("127.0.0.1", "::1")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(given.encode(), token.encode())


_Values = Sequence[tuple[str, float]]  # (labels, value)


def _measurements(now: datetime) -> list[tuple[str, str, str, _Values]]:
    """(name, type, help, [(labels, value)]). Numbers out of the database survive every restart."""
    rows = db.session.execute(
        select(SyncRun.state, func.coalesce(SyncRun.failure, ""), func.count())
        .where(SyncRun.reason != "upload")
        .group_by(SyncRun.state, SyncRun.failure)
    )
    runs = [(f'{{state="{state}",failure="{failure}"}}', count) for state, failure, count in rows]
    states = db.session.execute(select(Connection.state, func.count()).group_by(Connection.state))
    due = db.session.scalar(select(func.min(Connection.next_run_at)).where(Connection.next_run_at <= now))
    locked = db.session.scalar(select(func.count()).where(Connection.locked_until > now))
    outcomes = ("new", "known", "amended", "problems")
    sums = (func.coalesce(func.sum(getattr(ImportBatch, outcome)), 0) for outcome in outcomes)
    imported = dict(zip(outcomes, db.session.execute(select(*sums)).one(), strict=True))
    return [
        ("stonks_sync_runs", "gauge", "Sync runs kept, by state and failure.", runs),
        (
            "stonks_connections",
            "gauge",
            "Connections by state.",
            [(f'{{state="{state}"}}', count) for state, count in states],
        ),
        ("stonks_connections_locked_out", "gauge", "Connections that wait for a lockout to end.", [("", locked or 0)]),
        (
            "stonks_oldest_due_seconds",
            "gauge",
            "How long the oldest due connection has been waiting for its run.",
            [("", int((now - due).total_seconds()) if due else 0)],
        ),
        (
            "stonks_import_rows",
            "gauge",
            "Rows let in, by outcome.",
            [(f'{{outcome="{k}"}}', n) for k, n in imported.items()],
        ),
        (
            "stonks_queue_depth",
            "gauge",
            "Wake-up calls that no worker has taken yet; -1 while Redis is away.",
            [("", _depth())],
        ),
        (
            "stonks_request_seconds",
            "histogram",
            "How long this process took to answer, since it began.",
            latencies.of_this_process(),
        ),
    ]


def _depth() -> int:
    try:
        return sum(services().redis.llen(f"rq:queue:{name}") for name in (QUEUE_NAME, LATER_QUEUE_NAME))
    except RedisError:
        return -1


def _asked(check: Callable[[], str]) -> str:
    """The answer, or why there is none: by the kind of error only, since messages may hold addresses with passwords."""
    try:
        return check()
    except (SQLAlchemyError, RedisError) as error:
        return f"does not answer ({type(error).__name__})"


def _database() -> str:
    db.session.execute(text("SELECT 1"))
    return "ok"


def _redis() -> str:
    services().redis.ping()
    return "ok"


def _alive(role: str) -> str:
    return "ok" if process.alive(services().redis, role) else f"no {role} has been alive lately"
