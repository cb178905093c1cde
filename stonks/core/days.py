"""A day as a sentence says it."""

from __future__ import annotations

from datetime import date


def spoken(day: date) -> str:
    """18 Nov 2026"""
    return f"{day.day} {day:%b} {day.year}"
