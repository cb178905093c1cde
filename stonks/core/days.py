"""A day as a sentence says it, and which days there can be."""

from __future__ import annotations

from datetime import date

# Before and after them nothing is traded. A slip of the hand must not lead reckoning out of the calendar.
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)


def is_possible(day: date) -> bool:
    return EARLIEST <= day <= LATEST


def spoken(day: date) -> str:
    """18 Nov 2026"""
    return f"{day.day} {day:%b} {day.year}"
