"""What a watchdog is told, when all is well and when something is not."""

from __future__ import annotations

import re
import socket
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis, RedisError

from stonks import process
from stonks.config import ROOT, Settings
from stonks.factory import create_app
from stonks.services import services


@pytest.fixture
def everyone_alive(app: Flask) -> Redis:
    for role in ("worker", "scheduler"):
        process.beat(services().redis, role)
    return services().redis


def test_all_well(client: FlaskClient, everyone_alive: Redis) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json == {"database": "ok", "redis": "ok", "workers": "ok", "scheduler": "ok"}


def test_a_missing_scheduler_is_said(client: FlaskClient, everyone_alive: Redis) -> None:
    for key in everyone_alive.keys("stonks:alive:scheduler:*"):
        everyone_alive.delete(key)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json["scheduler"] == "no scheduler has been alive lately"
    assert answer.json["workers"] == "ok"


def test_servers_that_are_away_are_named_without_their_passwords(settings: Settings) -> None:
    away = replace(
        settings,
        redis_url="redis://:hunter2@127.0.0.1:1/0",
        database_url="postgresql+psycopg://stonks:hunter3@127.0.0.1:1/stonks",
    )
    answer = create_app(away).test_client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json["database"] == "does not answer (OperationalError)"
    assert answer.json["redis"] == "does not answer (ConnectionError)"
    assert "hunter" not in answer.text


def test_a_redis_that_hangs_is_waited_for_once(settings: Settings) -> None:
    """A server that takes connections and answers none: as many as were made were waited for."""
    with socket.create_server(("127.0.0.1", 0)) as hung:
        hung.settimeout(0.1)
        url = f"redis://127.0.0.1:{hung.getsockname()[1]}/0?socket_timeout=0.2"
        parts = create_app(replace(settings, redis_url=url)).test_client().get("/healthz").json
        first = taken(hung)
        with Redis.from_url(url) as client, pytest.raises(RedisError):
            client.ping()
        assert first == taken(hung) > 0
    assert {parts[name] for name in ("redis", "workers", "scheduler")} == {"does not answer (TimeoutError)"}


def taken(server: socket.socket) -> int:
    """How many connections were made since it was last asked."""
    found = 0
    try:
        while True:
            server.accept()[0].close()
            found += 1
    except TimeoutError:
        return found


def test_metrics_are_prometheus_text(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert "# TYPE stonks_sync_runs gauge" in lines
    assert "stonks_queue_depth 0" in lines
    assert 'stonks_import_rows{outcome="new"} 0' in lines


def test_metrics_are_for_this_machine_only(client: FlaskClient) -> None:
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404
    through_proxy = client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"})
    assert through_proxy.status_code == 404


def test_with_a_metrics_token_only_the_token_counts(settings: Settings) -> None:
    client = create_app(replace(settings, metrics_token="s3cret")).test_client()
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404


def test_the_operations_page_tells_what_each_metric_is(client: FlaskClient) -> None:
    told = re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.MULTILINE)
    page = (ROOT / "docs" / "operations.md").read_text()
    assert re.findall(r"^\| `(stonks_\w+)`", page, re.MULTILINE) == told


@pytest.mark.usefixtures("app")  # for its tables
def test_each_answer_is_timed(settings: Settings) -> None:
    client = create_app(settings).test_client()
    client.get("/sign-in")
    client.get("/nowhere")
    lines = client.get("/metrics").text.splitlines()
    assert "stonks_request_seconds_count 2" in lines
    assert 'stonks_request_seconds_bucket{le="+Inf"} 2' in lines
    told = [float(line.split()[1]) for line in lines if line.startswith("stonks_request_seconds_bucket")]
    assert told == sorted(told)
    total = next(line for line in lines if line.startswith("stonks_request_seconds_sum"))
    assert 0 < float(total.split()[1]) < 10
