"""What a statement's file holds once its frame is off: data rows of known sections, and what the frame told beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

TRADES, CASH, ACTIONS = "Trades", "Cash Transactions", "Corporate Actions"
TRANSFERS, POSITIONS, RATES, CASH_REPORT = "Transfers", "Open Positions", "Conversion Rates", "Cash Report"

RAW_CHARACTERS = 2000  # kept of a row's text

_NOISE = re.compile(r"[\s/_\-]+")


def plain_name(name: str) -> str:
    """A column's name without case, spaces, slashes, underscores and dashes."""
    return _NOISE.sub("", name).lower()


class Row(NamedTuple):
    line: int
    section: str
    cells: dict[str, str]  # plain_name -> trimmed text
    raw: str
    level: str  # LevelOfDetail, upper case; XML tells it by the element's name too; "" = not told


class OddRow(NamedTuple):
    """A row out of shape: its cells can't be named."""

    line: int
    section: str
    reason: str
    raw: str


@dataclass(slots=True)
class Frame:
    """What a file tells beside its rows; complete after the last of them."""

    format: str
    rows: int = 0  # of sections that are read, odd ones too
    last_line: int = 0  # of the last such row that is not odd; 0 = none yet
    columns: dict[str, set[str]] = field(default_factory=dict)  # section -> plain names, in order of first sight
    warnings: list[str] = field(default_factory=list)
    stated: list[tuple[str, str]] = field(default_factory=list)  # first and last day, as text
    accounts: list[str] = field(default_factory=list)
    ignored: int = 0

    def saw(self, section: str, columns: set[str]) -> None:
        self.columns.setdefault(section, set()).update(columns)


def section_of(columns: set[str]) -> str:
    """Which section a header row begins, told by its columns alone; "" = none that matters here."""
    if "buysell" in columns and "quantity" in columns:
        return TRADES
    if {"fromcurrency", "tocurrency", "rate"} <= columns:
        return RATES
    if "endingcash" in columns:
        return CASH_REPORT
    if "actiondescription" in columns or {"type", "quantity", "proceeds", "value"} <= columns:
        return ACTIONS
    if "direction" in columns and "quantity" in columns:
        return TRANSFERS
    if {"amount", "type"} <= columns:
        return CASH
    if {"quantity", "position"} & columns and {
        "markprice",
        "positionvalue",
        "costbasisprice",
        "costbasismoney",
    } & columns:
        return POSITIONS
    return ""
