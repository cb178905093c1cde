"""Computed against reported cash: where it differs and why that may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from stonks.core.days import spoken
from stonks.portfolio.lots import ZERO
from stonks.portfolio.reconcile import Difference, differences

_PREFIX = "cash/"  # in lower case, which no instrument's key is


def key_of(currency: str) -> str:
    return _PREFIX + currency


def currency_of(key: str) -> str:
    return key.removeprefix(_PREFIX)


@dataclass(frozen=True, slots=True)
class Known:
    """What else the data tells."""

    begins: date | None  # the first imported transaction
    first: tuple[date, Mapping[str, Decimal]] | None = None  # the first day told of, and reported less computed then
    parked: Mapping[str, int] = field(default_factory=dict)  # rows not read, by the currency that they name
    settled_daily: frozenset[str] = frozenset()  # currencies in which futures or CFDs were traded


def cash_differences(computed: Mapping[str, Decimal], reported: Mapping[str, Decimal]) -> list[Difference]:
    """Of the currencies that are reported: a statement may have been let in for one of them only."""
    return differences(
        {key_of(currency): computed.get(currency, ZERO) for currency in reported},
        {key_of(currency): amount for currency, amount in reported.items()},
    )


def explain_cash(difference: Difference, known: Known) -> str:
    """The likeliest reason, in words."""
    currency = currency_of(difference.key)
    if rows := known.parked.get(currency, 0):
        return f"{rows} {'row' if rows == 1 else 'rows'} with {currency} could not be read."
    if known.first and known.first[1].get(currency) == difference.amount:
        return (
            f"It was there before the transactions begin: everything since {spoken(known.first[0])}, "
            "the first day that a cash report tells of, agrees."
        )
    if currency in known.settled_daily:
        return "Futures and CFDs gain and lose in cash every day, and statements tell no transactions for that."
    if known.first:
        return (
            f"The difference changed since {spoken(known.first[0])}, the first day that a cash report tells of: "
            "a transaction since then is not here."
        )
    if known.begins is not None:
        return f"The transactions begin on {spoken(known.begins)}: what was there before is not among them."
    return "There are no transactions."
