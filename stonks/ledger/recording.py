"""A record as a row of the ledger. Knows the columns; decides nothing about what is new."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from stonks.core.amounts import gross_amount
from stonks.core.records import CashTransaction, CorporateAction, FxConversion, LedgerRecord, Trade, Transfer


class StoredRow(NamedTuple):
    """A row of our own export: the ledger's columns as they were."""

    fingerprint: bytes
    values: dict[str, Any]


_EMPTY: dict[str, Any] = dict.fromkeys(
    (
        "quantity", "price", "amount", "commission", "commission_currency", "taxes", "other_amount", "other_currency",
        "asset_class", "multiplier", "underlying", "original_id", "action_kind", "action_id", "executed_at",
        "report_date", "description", "notes",
    )
)  # fmt: skip


COLUMNS = (
    "fingerprint", "kind", "type", "entry_date", "symbol", "isin", "currency", "account", "external_id", "cancels",
    *_EMPTY,
)  # fmt: skip


def row_of(record: LedgerRecord | StoredRow) -> dict[str, Any]:
    """Column values of `Entry` for a record, by COLUMNS: without portfolio, batch, origin and creation time."""
    if isinstance(record, StoredRow):
        return record.values
    common = {
        **_EMPTY,
        "fingerprint": record.fingerprint,
        "symbol": record.symbol,
        "currency": record.currency,
        "account": record.account,
        "external_id": record.external_id,
        "cancels": False,
        "isin": None,
    }
    if isinstance(record, Trade):
        return common | _trade(record)
    if isinstance(record, CashTransaction):
        return common | _cash(record)
    if isinstance(record, FxConversion):
        return common | _conversion(record)
    if isinstance(record, CorporateAction):
        return common | _action(record)
    return common | _transfer(record)


def _trade(record: Trade) -> dict[str, Any]:
    return {
        "kind": "TRADE",
        "type": record.side.value,
        "entry_date": record.trade_date,
        "isin": record.isin,
        "quantity": record.quantity,
        "price": record.price,
        "amount": gross_amount(
            record.side, record.cancels, record.quantity, record.price, record.asset_class, record.multiplier
        ),
        "commission": record.commission,
        "commission_currency": record.commission_currency,
        "taxes": record.taxes,
        "cancels": record.cancels,
        "asset_class": record.asset_class,
        "multiplier": record.multiplier,
        "underlying": record.underlying,
        "original_id": record.original_id,
        "executed_at": record.executed_at,
        "description": record.description,
        "notes": record.notes,
    }


def _cash(record: CashTransaction) -> dict[str, Any]:
    return {
        "kind": "CASH",
        "type": record.kind.value,
        "entry_date": record.paid_on,
        "isin": record.isin,
        "amount": record.amount,
        "action_kind": record.type_text[:40],
        "report_date": record.report_date,
        "description": record.description,
    }


def _conversion(record: FxConversion) -> dict[str, Any]:
    """`quantity` is of the pair's first currency; the leg in `currency` is the amount, the other one stands beside it."""
    bought_other = record.bought_currency != record.currency
    quantity = record.bought if bought_other else record.sold
    leg = -record.sold if bought_other else record.bought
    sign = Decimal(-1 if record.cancels else 1)
    return {
        "kind": "FX",
        "type": "FX",
        "entry_date": record.trade_date,
        "quantity": quantity,
        "price": record.price,
        "amount": leg * sign,
        "other_amount": (quantity if bought_other else -quantity) * sign,
        "other_currency": record.bought_currency if bought_other else record.sold_currency,
        "commission": record.commission,
        "commission_currency": record.commission_currency,
        "cancels": record.cancels,
        "asset_class": "CASH",
        "original_id": record.original_id,
        "executed_at": record.executed_at,
        "notes": record.notes,
    }


def _action(record: CorporateAction) -> dict[str, Any]:
    return {
        "kind": "CORPORATE_ACTION",
        "type": "CORPORATE_ACTION",
        "entry_date": record.action_date,
        "isin": record.isin,
        "quantity": record.quantity,
        "amount": record.amount,
        "other_amount": record.value,
        "asset_class": record.asset_class,
        "multiplier": record.multiplier,
        "action_kind": record.kind[:40],
        "action_id": record.action_id,
        "description": record.description,
    }


def _transfer(record: Transfer) -> dict[str, Any]:
    return {
        "kind": "TRANSFER",
        "type": f"TRANSFER_{record.direction}",
        "entry_date": record.transfer_date,
        "isin": record.isin,
        "quantity": record.quantity,
        "amount": record.cash,
        "other_amount": record.value,
        "asset_class": record.asset_class,
        "multiplier": record.multiplier,
        "action_kind": record.kind[:40] if record.kind else None,
        "description": record.description,
    }
