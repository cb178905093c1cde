"""What the rows of one file share while they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from stonks.brokers.ibkr.dates import DateReader
from stonks.brokers.ibkr.frame import Block
from stonks.brokers.ibkr.survey import Survey
from stonks.core.fingerprint import Fingerprints
from stonks.core.records import CashBalance, CashTransaction, CorporateAction, FxRate, Position, Record, Transfer

BROKER = "ibkr"


class Left(Enum):
    """Why a row is no record, and no problem either."""

    SUMMARY = "it sums up other rows"
    NAMELESS = "it seems to sum up other rows, as they have an ID and it has none"
    ASIDE = "it prices or reconciles, and can't be read"
    UNDATED = "a position of an unknown day"
    ELSEWHERE = "another section tells it, or it moves nothing"
    UNSETTLED = "an option settled in cash, of an unknown amount"


class CashTold(NamedTuple):
    """What a row of the cash report tells: the balance at the end of its last day, and of the day before its first."""

    balances: tuple[CashBalance, ...]


class Unmarked(NamedTuple):
    """A record that has no fingerprint yet, and its identity."""

    record: CashTransaction | CorporateAction | Position | Transfer
    identity: str


Taken = Record | FxRate | CashTold | Left
# What makes something of each row of a block, in their order. Raises ValueError, with the sentence shown, when any of
# them can't be read; then nothing was noted of the others.
Take = Callable[[Block], Sequence[Taken]]


def beside_summaries(block: Block, is_record: list[bool], take: Take, left: Left = Left.SUMMARY) -> list[Taken]:
    """The block's records from `take`, and what is left of its other rows, which sum up records."""
    records = iter(take(block.only(is_record)) if any(is_record) else ())
    return [next(records) if each else left for each in is_record]


@dataclass(frozen=True, slots=True)
class Shared:
    dates: DateReader
    survey: Survey
    fingerprints: Fingerprints
