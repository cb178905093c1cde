"""Rows of the section Cash Transactions as records; summaries of rows that are told in detail left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from stonks.brokers.ibkr import cash_types
from stonks.brokers.ibkr.cells import (
    account_of,
    check_lengths,
    clean,
    currency_of,
    identifiers,
    isin_of,
    number,
    text_of,
)
from stonks.brokers.ibkr.frame import Block, Table, isin_columns
from stonks.brokers.ibkr.reading import BROKER, Shared, Take, Taken, beside_summaries
from stonks.brokers.ibkr.remembered import Remembered
from stonks.brokers.ibkr.survey import of_all_accounts
from stonks.core.fingerprint import plain, spelled_cash_identity
from stonks.core.records import CashKind, CashTransaction

# What repeats from row to row, together.
_REPEATING = (
    "type", "levelofdetail", "symbol", "isin", "currencyprimary", "currency", "clientaccountid", "accountid",
)  # fmt: skip


class _Sort(NamedTuple):
    level: str
    of_all_accounts: bool  # it says so by a dash
    text: str  # of the type
    name: str  # of the type
    incoming: CashKind | None  # what it is when the amount is positive or nothing; None: not known
    outgoing: CashKind | None
    instrument: str  # ISIN, else symbol; may be empty
    symbol: str | None
    isin: str | None
    currency: str
    account: str | None


class _Amount(NamedTuple):
    value: Decimal
    spelled: str  # as identities spell it


class CashRows:
    """Reads the cash transactions of one file."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.types: set[str] = set()  # their names, as met
        self._amounts = Remembered(_amount)

    def taker(self, table: Table) -> Take:
        """What makes records of one table's rows."""
        names, repeating = table.together((*_REPEATING, *isin_columns(table)))
        sort_of = Remembered(self._sort_reader(names, table)).__getitem__
        amount_of, told_of = self._amounts.__getitem__, self._shared.dates.told.__getitem__
        marks_of, survey, dates = self._shared.fingerprints.of_all, self._shared.survey, self._shared.dates
        amounts, ids = table.column("amount"), table.column("transactionid")
        days, settled = table.read("datetime", told_of), table.read("settledate", told_of)
        reported = table.read("reportdate", told_of)
        descriptions = table.read("description", lambda text: clean(text) or None)

        def take(block: Block) -> Sequence[Taken]:
            all_sorts = list(map(sort_of, repeating(block)))
            sorts = list(filter(None, all_sorts))
            if len(sorts) < len(all_sorts):
                return beside_summaries(block, [sort is not None for sort in all_sorts], take)
            sums = list(map(amount_of, amounts(block)))
            told_ids = list(ids(block))
            external_ids = identifiers(told_ids, "transactionid")
            if not all(external_ids):
                told_in_detail = [
                    not (sort.level or clean(told_id))
                    and (
                        (sort.of_all_accounts and sort.name in survey.detailed_types)
                        or survey.is_told_in_detail(row, amount, dates)
                    )
                    for sort, told_id, row, (amount, _) in zip(sorts, told_ids, block.named(), sums, strict=True)
                ]
                if any(told_in_detail):
                    return beside_summaries(block, [not summary for summary in told_in_detail], take)
            reports = reported(block)
            choices = zip(days(block), settled(block), reports, strict=True)
            told = [day for choice in choices if (day := next(filter(None, choice), None))]
            if len(told) < len(reports):
                raise ValueError("The transaction has no date. Add the field Date/Time to the query.")
            kinds = [
                sort.incoming if amount >= 0 else sort.outgoing for sort, (amount, _) in zip(sorts, sums, strict=True)
            ]
            if not all(kinds):
                unknown = next(sort.text for sort, kind in zip(sorts, kinds, strict=True) if kind is None)
                raise ValueError(f"Type “{unknown}” is not known.")
            marks = marks_of(
                [
                    spelled_cash_identity(
                        BROKER, external_id, sort.name, amount, day.iso, sort.instrument, sort.currency
                    )
                    for sort, external_id, (_, amount), day in zip(sorts, external_ids, sums, told, strict=True)
                ]
            )
            return [
                CashTransaction(
                    day.day, kind, amount, sort.currency, sort.symbol, sort.isin, sort.account, external_id, sort.text,
                    report and report.day, description, line, mark,
                )
                for sort, external_id, (amount, _), day, report, kind, description, line, mark in zip(
                    sorts, external_ids, sums, told, reports, kinds, descriptions(block), block.lines, marks, strict=True
                )
            ]  # fmt: skip

        return take

    def _sort_reader(self, names: tuple[str, ...], table: Table) -> Callable[[tuple[str, ...]], _Sort | None]:
        survey = self._shared.survey

        def read(texts: tuple[str, ...]) -> _Sort | None:
            """None for a row that sums up others."""
            cells = dict(zip(names, texts, strict=False))
            check_lengths(cells)
            text = cells.get("type", "").strip()
            name = cash_types.type_name(text)
            self.types.add(name)
            level = cells.get("levelofdetail", "").strip().upper() or table.level
            if level == "SUMMARY" and name in survey.detailed_types:
                return None
            symbol, isin = text_of(cells, "symbol"), isin_of(cells)
            return _Sort(
                level=level,
                of_all_accounts=of_all_accounts(cells),
                text=text,
                name=name,
                incoming=cash_types.kind_of(name, incoming=True),
                outgoing=cash_types.kind_of(name, incoming=False),
                instrument=isin or symbol,
                symbol=symbol or None,
                isin=isin or None,
                currency=currency_of(cells),
                account=account_of(cells),
            )

        return read


def _amount(text: str) -> _Amount:
    value = number(text, "Amount")
    return _Amount(value, plain(value))
