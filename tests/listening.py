"""Hearing what the database engine does, until the test ends: the engine itself is kept for the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

from stonks.db import db

_heard: list[tuple[Engine, str, Callable[..., Any]]] = []


def listen(name: str, hear: Callable[..., Any]) -> None:
    event.listen(db.engine, name, hear)
    _heard.append((db.engine, name, hear))


def statements_sent() -> list[tuple[str, Any]]:
    """The SQL that is sent from now on, with its values."""
    sent: list[tuple[str, Any]] = []
    listen("before_cursor_execute", lambda *call: sent.append((call[2], call[3])))
    return sent


def forget() -> None:
    while _heard:
        event.remove(*_heard.pop())
