"""The pages. `init_app` is the web layer's one door: guards, filters and every blueprint."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Registers what the pages need; called once by the factory."""
