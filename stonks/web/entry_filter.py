"""The filters over the transactions, as they stand in an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from markupsafe import Markup

from stonks.ledger.entries import EntryFilter
from stonks.web.filters import ORIGIN_WORDS, TYPE_WORDS

NAMES = ("symbol", "type", "first", "last", "origin")
NO_DATE = "Not a valid date value. Write it like 2026-11-20."
BACKWARDS = "The last day must not come before the first."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for, as typed, and what is wrong with it by field."""

    typed: dict[str, str]
    errors: dict[str, str]
    wanted: EntryFilter

    @property
    def types(self) -> Markup:
        return _options("type", self.typed["type"])

    @property
    def origins(self) -> Markup:
        return _options("origin", self.typed["origin"])


def asked(arguments: Mapping[str, str]) -> Asked:
    """A type or an origin that there is none of counts as none asked for."""
    typed = {name: arguments.get(name, "").strip() for name in NAMES}
    days: dict[str, date | None] = {"first": None, "last": None}
    errors = {}
    for name in days:
        try:
            days[name] = date.fromisoformat(typed[name]) if typed[name] else None
        except ValueError:
            errors[name] = NO_DATE
    if days["first"] and days["last"] and days["first"] > days["last"]:
        errors["last"] = BACKWARDS
    wanted = EntryFilter(
        symbol=typed["symbol"] or None,
        type=typed["type"] if typed["type"] in TYPE_WORDS else None,
        first=days["first"],
        last=days["last"],
        origin=typed["origin"] if typed["origin"] in ORIGIN_WORDS else None,
    )
    return Asked(typed, errors, wanted)


def symbol_options(symbols: Iterable[str]) -> Markup:
    """For a field's list of what may be typed."""
    return Markup("").join(Markup('<option value="{}"></option>').format(symbol) for symbol in symbols)


@lru_cache(maxsize=64)
def _options(field: str, chosen: str) -> Markup:
    words = {"": "All types"} | TYPE_WORDS if field == "type" else {"": "All origins"} | ORIGIN_WORDS
    lines = (
        Markup('<option value="{}"{}>{}</option>').format(code, Markup(" selected") if code == chosen else "", said)
        for code, said in words.items()
    )
    return Markup("").join(lines)
