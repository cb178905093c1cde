"""The demo, as the supervisor starts it: its own data folder, a practice broker, and how to sign in.

What the data is made of stands in demo_data.py, which the supervisor, kept small, does not load.
"""

from __future__ import annotations

import os
import socket
import sys

from stonks.config import ROOT

EMAIL = "demo@example.com"
PASSWORD = "practice-makes-perfect"  # noqa: S105  (guards made-up data on this machine only)
TOKEN = "111122223333444455556666"  # noqa: S105  (the practice broker's)
QUERY_ID = "1234567"


def prepare_environment() -> list[str]:
    """Points the settings at the demo's own data and broker; returns the broker's command. Nothing real is touched."""
    for real in ("DATABASE_URL", "REDIS_URL", "STONKS_FLEX_URL"):
        os.environ.pop(real, None)
    os.environ.setdefault("STONKS_DATA", str(ROOT / "instance-demo"))
    os.environ.setdefault("STONKS_POLL_SECONDS", "2")
    os.environ.setdefault("STONKS_TICK_SECONDS", "5")
    os.environ.setdefault("STONKS_SYNC_EVERY", "120")
    port = _free_port()
    os.environ["STONKS_FLEX_URL"] = f"http://127.0.0.1:{port}/FlexWebService"
    return [sys.executable, "-m", "stonks.practice", "--port", str(port)]


def how_to_sign_in() -> str:
    return (
        f"\nThe demo's data is made up and its broker runs on this machine: {os.environ['STONKS_FLEX_URL']}\n"
        f"Sign in with   {EMAIL}   {PASSWORD}\n"
        f"To connect a portfolio of your own: Flex Query ID {QUERY_ID}, token {TOKEN}\n"
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
