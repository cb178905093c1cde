"""What the rows of a file turned out to be, counted while they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha1
from operator import itemgetter
from typing import cast

from stonks.brokers.ibkr.reading import CashTold, Left, Taken
from stonks.core.records import (
    CashBalance,
    CashKind,
    CashTransaction,
    CorporateAction,
    FxConversion,
    FxRate,
    Period,
    Position,
    Record,
    RowProblem,
    Trade,
    Transfer,
)  # fmt: skip

_DATED = frozenset({Trade, CashTransaction, FxConversion})  # by their first fact
_OTHERS = frozenset({CorporateAction, Transfer, Position})
_RECORDS = _DATED | _OTHERS
_FIRST, _CASH_KIND = itemgetter(0), itemgetter(CashTransaction._fields.index("kind"))
_TELLING = {  # where each kind tells its currency and account: by place, in a third of the time of by name
    kind: (itemgetter(kind._fields.index("currency")), itemgetter(kind._fields.index("account")))
    for kind in (Trade, CashTransaction, FxConversion, CorporateAction, Transfer, Position)
}
_DIVIDENDS = frozenset({CashKind.DIVIDEND, CashKind.PAYMENT_IN_LIEU})


@dataclass(slots=True)
class Tally:
    only: str | None  # the currency asked for; None = all
    kinds: Counter[type] = field(default_factory=Counter)  # of records
    days: set[date] = field(default_factory=set)  # of trades, conversions and cash
    currencies: set[str] = field(default_factory=set)
    currencies_told: set[str] = field(default_factory=set)  # of all rows, when only those of one are asked for
    accounts: set[str | None] = field(default_factory=set)
    rates: list[FxRate] = field(default_factory=list)
    balances: list[CashBalance] = field(default_factory=list)
    cash_rows: int = 0  # of the cash report
    dividends: int = 0
    summaries: int = 0  # rows left out because their details count
    nameless: int = 0  # of them, those that only their missing ID tells
    problems: int = 0
    ignored: int = 0  # rows that do not matter here
    unsettled: bool = False  # an option was settled in cash, and its row does not say for how much
    undated: bool = False  # there are positions that don't say of which day they are
    _unread: Counter[bytes] = field(default_factory=Counter)

    def count(self, taken: Sequence[Taken]) -> Sequence[Record]:
        """Counts what was made of a block's rows. Answers what goes into the ledger."""
        kinds = set(map(type, taken))
        if kinds <= _RECORDS:
            records = cast(Sequence[Record], taken)
        else:
            records = cast(list[Record], [each for each in taken if type(each) in _RECORDS])
            for each in taken:
                self._count_aside(each)
        if self.only:
            of_any = len(records)
            self.currencies_told |= {record.currency for record in records}
            records = [record for record in records if record.currency == self.only]
            self.ignored += of_any - len(records)
        for kind in kinds & _RECORDS:
            self._count_kind(kind, records if len(kinds) == 1 else [each for each in records if type(each) is kind])
        return records

    def _count_kind(self, kind: type[Record], records: Sequence[Record]) -> None:
        currency_of, account_of = _TELLING[kind]
        self.kinds[kind] += len(records)
        self.currencies.update(map(currency_of, records))
        self.accounts.update(map(account_of, records))
        if kind in _DATED:
            self.days.update(map(_FIRST, records))
        if kind is CashTransaction:
            self.dividends += sum(kind in _DIVIDENDS for kind in map(_CASH_KIND, records))

    def _count_aside(self, each: Taken) -> None:
        if isinstance(each, FxRate):
            self.rates.append(each)
        elif isinstance(each, CashTold):
            self.cash_rows += 1
            self.balances += [one for one in each.balances if self.only in (None, one.currency)]
        elif each in (Left.SUMMARY, Left.NAMELESS):
            self.summaries += 1
            self.nameless += each is Left.NAMELESS
        elif isinstance(each, Left):
            self.ignored += 1
            self.undated = self.undated or each is Left.UNDATED
            self.unsettled = self.unsettled or each is Left.UNSETTLED

    def problem(self, line: int, section: str, reason: str, raw: str) -> RowProblem:
        """Equal unreadable rows of one file are as many problems, so the digest counts them like entries."""
        text = f"{section}|{raw}"
        key = sha1(text.encode(), usedforsecurity=False).digest()
        digest = sha1(f"{text}|{self._unread[key]}".encode(), usedforsecurity=False).digest()
        self._unread[key] += 1
        self.problems += 1
        return RowProblem(line, section, reason, raw, digest)

    @property
    def others(self) -> int:
        return sum(self.kinds[kind] for kind in _OTHERS)

    @property
    def span(self) -> Period | None:
        return Period(min(self.days), max(self.days)) if self.days else None

    def check(self, rows: int) -> int:
        """The rows that count, of `rows` in the file: each is a record, a summary or a problem, and none is lost."""
        counted = rows - self.ignored - len(self.rates) - self.cash_rows
        accounted = sum(self.kinds.values()) + self.summaries + self.problems
        if accounted != counted:
            raise AssertionError(f"{counted} rows, but {accounted} accounted for")
        return counted
