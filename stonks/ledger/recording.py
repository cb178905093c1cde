"""A record as a row of the ledger. Knows the columns; decides nothing about what is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain, groupby
from typing import Any, NamedTuple

from stonks.core.amounts import gross_amount
from stonks.core.records import (
    CashKind,
    CashTransaction,
    CorporateAction,
    FxConversion,
    LedgerRecord,
    Side,
    Trade,
    Transfer,
)


class StoredRow(NamedTuple):
    """A row of our own export: the ledger's columns as they were."""

    fingerprint: bytes
    values: dict[str, Any]


# What a later statement may fill in or amend; together, so that a known entry is compared in one go.
FACTS = (
    "commission", "commission_currency", "taxes",
    "asset_class", "multiplier", "underlying", "account", "original_id", "executed_at", "report_date",
    "description", "notes", "symbol", "isin",
)  # fmt: skip

COLUMNS = (
    "fingerprint", "kind", "type", "entry_date", "currency", "external_id", "cancels", "quantity", "price", "amount",
    "other_amount", "other_currency", "action_kind", "action_id", *FACTS,
)  # fmt: skip

# FACTS and the external ID, as they stand side by side in a trade: a first statement makes a hundred thousand of them.
_IN_TRADE = slice(Trade._fields.index("symbol"), Trade._fields.index("underlying") + 1)
_TOLD = (*Trade._fields[_IN_TRADE], "report_date")
_NO_WORDS = frozenset(("commission", "taxes", "multiplier", "executed_at", "report_date"))  # the others are text

# Asking an enumeration for its value takes as long as three columns.
_SIDES = {side: side.value for side in Side}
_KINDS = {kind: kind.value for kind in CashKind}

_MINUS = Decimal(-1)
_PLUS = Decimal(1)


def words_of(records: Sequence[LedgerRecord | StoredRow]) -> list[str]:
    """Of each a text of all that another statement may tell otherwise, as it is told: 1.0 and 1.00 have different ones."""
    found: list[str] = []
    for kind, run in groupby(records, type):
        alike = list(run)
        # Put together by columns: in a statement's block all rows tell a fact or none does.
        columns: Iterable[Sequence[Any]] = (
            list(zip(*alike, strict=True))[_IN_TRADE] if kind is Trade else zip(*map(_facts, alike), strict=True)
        )
        told = [(name, _texts(name, column)) for name, column in zip(_TOLD, columns, strict=False)]
        names = ",".join([name for name, texts in told if texts])
        found += map("\x1f".join, zip([names] * len(alike), *(texts for _, texts in told if texts), strict=True))
    return found


def _texts(name: str, facts: Sequence[Any]) -> Sequence[str]:
    """None of them where none is told."""
    if all(facts):
        return list(map(str, facts)) if name in _NO_WORDS else facts
    if not any(facts) and facts.count(None) == len(facts):
        return []
    return ["" if fact is None else str(fact) for fact in facts]


def _facts(record: LedgerRecord | StoredRow) -> Sequence[Any]:
    if isinstance(record, CashTransaction):
        r = record
        return (
            r.symbol, r.isin, None, None, None, None, None, r.account, r.external_id, None, None, r.description, None,
            None, r.report_date,
        )  # fmt: skip
    row = row_of(record)
    return [row[name] for name in _TOLD]


def columns_of(records: Sequence[LedgerRecord | StoredRow]) -> list[Sequence[Any]]:
    """What values_of tells of each record, at least one, by columns: a first statement makes a hundred thousand of
    them."""
    found: list[list[Sequence[Any]]] = []
    for kind, run in groupby(records, type):
        alike = list(run)
        found.append(_trades(alike) if kind is Trade else list(zip(*map(values_of, alike), strict=True)))
    return found[0] if len(found) == 1 else [list(chain.from_iterable(parts)) for parts in zip(*found, strict=True)]


def values_of(record: LedgerRecord | StoredRow) -> tuple[Any, ...]:
    """Column values of `Entry` for a record, in the order of COLUMNS: without portfolio, batch, origin and creation
    time."""
    if isinstance(record, Trade):
        return _trade(record)
    if isinstance(record, CashTransaction):
        return _cash(record)
    if isinstance(record, FxConversion):
        return _conversion(record)
    if isinstance(record, StoredRow):
        return tuple([record.values[name] for name in COLUMNS])
    if isinstance(record, CorporateAction):
        return _action(record)
    return _transfer(record)


def row_of(record: LedgerRecord | StoredRow) -> dict[str, Any]:
    """The same by name."""
    return dict(zip(COLUMNS, values_of(record), strict=True))


def _trade(r: Trade) -> tuple[Any, ...]:
    amount = gross_amount(r.side, r.cancels, r.quantity, r.price, r.asset_class, r.multiplier)
    return _laid_out(r, "TRADE", _SIDES[r.side], amount, None)


def _trades(trades: Sequence[Any]) -> list[Sequence[Any]]:
    """The same of many, by columns."""
    c: Any = Trade._make(zip(*trades, strict=True))
    amounts = list(map(gross_amount, c.side, c.cancels, c.quantity, c.price, c.asset_class, c.multiplier))
    sides = [_SIDES[side] for side in c.side]
    return list(_laid_out(c, ("TRADE",) * len(trades), sides, amounts, (None,) * len(trades)))


def _laid_out(r: Any, kind: Any, side: Any, amount: Any, none: Any) -> tuple[Any, ...]:
    """A trade's facts, or columns of those of many."""
    return (
        r.fingerprint, kind, side, r.trade_date, r.currency, r.external_id, r.cancels, r.quantity, r.price,
        amount, none, none, none, none,
        r.commission, r.commission_currency, r.taxes, r.asset_class, r.multiplier, r.underlying, r.account,
        r.original_id, r.executed_at, none, r.description, r.notes, r.symbol, r.isin,
    )  # fmt: skip


def _cash(r: CashTransaction) -> tuple[Any, ...]:
    return (
        r.fingerprint, "CASH", _KINDS[r.kind], r.paid_on, r.currency, r.external_id, False, None, None,
        r.amount, None, None, r.type_text[:40], None,
        None, None, None, None, None, None, r.account,
        None, None, r.report_date, r.description, None, r.symbol, r.isin,
    )  # fmt: skip


def _conversion(r: FxConversion) -> tuple[Any, ...]:
    """`quantity` is of the pair's first currency; the leg in `currency` is the amount, the other one stands beside it."""
    bought_other = r.bought_currency != r.currency
    quantity = r.bought if bought_other else r.sold
    leg = -r.sold if bought_other else r.bought
    other_currency = r.bought_currency if bought_other else r.sold_currency
    sign = _MINUS if r.cancels else _PLUS
    return (
        r.fingerprint, "FX", "FX", r.trade_date, r.currency, r.external_id, r.cancels, quantity, r.price,
        leg * sign, (quantity if bought_other else -quantity) * sign, other_currency, None, None,
        r.commission, r.commission_currency, None, "CASH", None, None, r.account,
        r.original_id, r.executed_at, None, None, r.notes, r.symbol, None,
    )  # fmt: skip


def _action(r: CorporateAction) -> tuple[Any, ...]:
    return (
        r.fingerprint, "CORPORATE_ACTION", "CORPORATE_ACTION", r.action_date, r.currency, r.external_id, False,
        r.quantity, None, r.amount, r.value, None, r.kind[:40], r.action_id,
        None, None, None, r.asset_class, r.multiplier, None, r.account,
        None, None, None, r.description, None, r.symbol, r.isin,
    )  # fmt: skip


def _transfer(r: Transfer) -> tuple[Any, ...]:
    return (
        r.fingerprint, "TRANSFER", f"TRANSFER_{r.direction}", r.transfer_date, r.currency, r.external_id, False,
        r.quantity, None, r.cash, r.value, None, r.kind[:40] if r.kind else None, None,
        None, None, None, r.asset_class, r.multiplier, None, r.account,
        None, None, None, r.description, None, r.symbol, r.isin,
    )  # fmt: skip
