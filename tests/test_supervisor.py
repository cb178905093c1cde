"""`python app.py`, for real: everything starts, what dies comes back, one signal ends all of it."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import PARTS, Running, free_port, lives, product
from tests.sync.chaos import Person

PARTS_OF_DEMO = (*PARTS, "practice")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """The demo: all that the product has, and a broker."""
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as folder:
        data = Path(folder) / ("d" * 70) / ("e" * 70)  # too deep for a socket: that goes to TMPDIR
        with product(data, "demo", TMPDIR=folder) as running:
            yield running


def test_the_demo_shows_a_connected_portfolio_within_moments(running: Running) -> None:
    person = Person(f"http://127.0.0.1:{running.port}")
    person.sign_in("demo@example.com", "practice-makes-perfect")
    # Whoever has one portfolio lands on it.
    assert re.search(r"<h1[^>]*>\s*Demo portfolio\s*</h1>", person.read("/"))
    running.wait(lambda: ">Review" in person.read("/"), 60)
    assert "Holdings" in person.read("/")


def test_whatever_is_killed_is_started_again(running: Running) -> None:
    running.wait_until_well()
    before = {part: running.pid(part) for part in PARTS_OF_DEMO}
    for part in PARTS_OF_DEMO:
        os.kill(before[part], signal.SIGKILL)
    running.wait(lambda: all(running.pid(part) not in (0, before[part]) for part in PARTS_OF_DEMO), 15)
    running.wait_until_well()


def test_a_second_start_says_in_one_line_what_is_in_the_way(running: Running, short_path: Path) -> None:
    same_data = Running(running.data, free_port())
    same_port = Running(short_path / "other", running.port)
    assert same_data.process.wait(timeout=20) == same_port.process.wait(timeout=20) == 1
    assert same_data.output.read_text().splitlines() == [
        f"Stonksfolio already runs on {running.data} (process {running.process.pid}). "
        "Stop it first, or set STONKS_DATA to another folder."
    ]
    assert same_port.output.read_text().splitlines() == [
        f"Port {running.port} on 127.0.0.1 can't be used (Address already in use). "
        "Stop what uses it, or set STONKS_PORT to another one."
    ]


@pytest.mark.parametrize("host", ["999.1.1.1", "192.0.2.1"], ids=["no address", "another machine's"])
def test_a_host_that_is_not_this_machine_is_named_and_not_the_port(short_path: Path, host: str) -> None:
    running = Running(short_path / "data", free_port(), STONKS_HOST=host)
    assert running.process.wait(timeout=30) == 1
    (line,) = running.output.read_text().splitlines()
    assert line.startswith(f"STONKS_HOST={host!r} makes no sense: it takes an address of this machine")


def test_a_redis_that_is_named_but_away_stops_the_start(short_path: Path) -> None:
    running = Running(short_path / "data", free_port(), REDIS_URL="redis://:hunter2@127.0.0.1:1/0")
    assert running.process.wait(timeout=30) == 1
    said = running.output.read_text()
    assert "REDIS_URL" in said
    assert "hunter2" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's parent-death signal")
def test_the_demo_survives_a_kill_and_says_how_to_sign_in_each_time(running: Running) -> None:
    """The last one, for it ends what the others share."""
    pids = [running.pid(part) for part in PARTS_OF_DEMO]
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + 5
    while any(lives(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(lives(pid) for pid in pids)
    with product(running.data, "demo", TMPDIR=str(running.data.parents[1])) as again:
        again.wait_until_well()
        for said in (running.output.read_text(), again.output.read_text()):
            assert "demo@example.com" in said
        assert "Traceback" not in said
        beside = running.data.parents[1]
        assert list(beside.glob("stonks-*/redis.sock"))
        again.stop(signal.SIGINT)
        assert not list(beside.glob("stonks-*"))
