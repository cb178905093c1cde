"""Entries by hand: adding, correcting and removing what no statement brought, or brought wrongly."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from stonks.core.amounts import gross_amount
from stonks.core.days import is_possible
from stonks.core.errors import InvalidInput
from stonks.core.records import Side
from stonks.db import db, transaction
from stonks.ledger import entries, marks, passages, snapshot
from stonks.ledger.tables import Entry, EntryAsTold

TRADES = frozenset({"BUY", "SELL"})
CONVERSION = "FX"
TRANSFERS = frozenset({"TRANSFER_IN", "TRANSFER_OUT"})
OPENING = "OPENING"
CASH = frozenset(
    {"DIVIDEND", "PAYMENT_IN_LIEU", "WITHHOLDING_TAX", "INTEREST", "FEE", "DEPOSIT", "WITHDRAWAL", "OTHER"}
)

_AS_TOLD = [column.name for column in EntryAsTold.__table__.columns if column.name != "entry_id"]


@dataclass(frozen=True, slots=True)
class ManualEntry:
    """What a person typed. quantity and price are positive; commission and amount signed as in the ledger.

    An opening entry: quantity below zero for what was held short, amount its whole cost, positive; None = not known.
    """

    type: str
    entry_date: date
    currency: str
    symbol: str | None = None
    isin: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    commission: Decimal | None = None
    description: str | None = None


def add(portfolio_id: int, form: ManualEntry, now: datetime) -> Entry:
    """A new entry. Its fingerprint is drawn by chance: two equal entries by hand are two entries. Raises InvalidInput."""
    values = _values(form, None)
    entry = Entry(
        portfolio_id=portfolio_id,
        origin="manual",
        fingerprint=os.urandom(20),
        kind=_kind(form.type),
        created_at=now,
        cancels=False,
        **values,
    )
    with transaction():
        db.session.add(entry)
        marks.entry(entry)
    snapshot.catch_up(portfolio_id)
    return entry


def edit(portfolio_id: int, entry_id: int, form: ManualEntry, now: datetime) -> Entry:
    """Corrects an entry. It keeps its fingerprint, so a statement that holds the row finds it known and changes
    nothing of what a person typed. Raises NotFound, InvalidInput."""
    with transaction():
        entry = entries.get(portfolio_id, entry_id)
        values = _values(form, entry)
        marks.entry(entry)
        if entry.origin != "manual" and db.session.get(EntryAsTold, entry.id) is None:
            told = {name: getattr(entry, name) for name in _AS_TOLD}
            db.session.add(EntryAsTold(entry_id=entry.id, **told))
        for name, value in values.items():
            setattr(entry, name, value)
        if entry.kind in ("TRADE", "CASH", "TRANSFER"):
            entry.kind = _kind(form.type)
        entry.updated_at = now
        marks.entry(entry)
    snapshot.catch_up(portfolio_id)
    return entry


def remove(portfolio_id: int, entry_id: int, now: datetime) -> None:
    """The entry counts no more. One that a statement brought stays known; one by hand goes. Raises NotFound."""
    with transaction():
        entry = entries.get(portfolio_id, entry_id)
        marks.entry(entry)
        if entry.origin == "manual":
            db.session.delete(entry)
            passages.forget(portfolio_id)  # an export of ours may have told it
        else:
            entry.discarded_at = entry.discarded_at or now
    snapshot.catch_up(portfolio_id)


def _kind(entry_type: str) -> str:
    if entry_type in TRADES:
        return "TRADE"
    return "TRANSFER" if entry_type in TRANSFERS or entry_type == OPENING else "CASH"


def _values(form: ManualEntry, before: Entry | None) -> dict[str, Any]:
    """The columns that a form decides. `before` is the entry under correction: it knows asset class and multiplier."""
    wrong = _wrong(form, before)
    if wrong:
        raise InvalidInput(wrong)
    amount = form.amount
    if form.type in TRADES and form.quantity is not None and form.price is not None:
        amount = gross_amount(
            Side(form.type),
            before.cancels if before else False,
            form.quantity,
            form.price,
            before.asset_class if before else None,
            before.multiplier if before else None,
        )
    values = {
        "type": form.type,
        "entry_date": form.entry_date,
        "symbol": form.symbol,
        "isin": form.isin,
        "currency": form.currency,
        "quantity": form.quantity,
        "price": form.price,
        "amount": amount,
        "commission": form.commission,
        "description": form.description,
    }
    if form.type == OPENING and form.quantity is not None:
        # The cost stands beside the columns that move money: on that day nothing was paid.
        cost = None if form.amount is None else form.amount.copy_sign(form.quantity)
        values |= {"price": None, "amount": None, "commission": None, "other_amount": cost}
    elif before and before.type == OPENING:
        values["other_amount"] = None
    if form.type == CONVERSION and before:
        values |= _legs(form, before)
    return values


def _legs(form: ManualEntry, before: Entry) -> dict[str, Any]:
    """Both legs of a conversion under correction: quantity is of the pair's first currency, price of its second."""
    first = form.quantity or Decimal(0)
    second = first * (form.price or Decimal(0))
    sells_first = (before.amount or -(before.other_amount or Decimal(0))) > 0
    other_currency = (form.symbol or "").partition(".")[0]
    return {
        "amount": second if sells_first else -second,
        "other_amount": -first if sells_first else first,
        "other_currency": other_currency,
    }


def _wrong(form: ManualEntry, before: Entry | None) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if not (3 <= len(form.currency) <= 12 and form.currency.isascii() and form.currency.isalpha()):
        wrong["currency"] = "A currency has three letters, like USD."
    if not is_possible(form.entry_date):
        wrong["entry_date"] = f"Nothing was traded on {form.entry_date.isoformat()}. Enter the date it happened."
    known = TRADES | TRANSFERS | CASH | {OPENING}
    if form.type not in known and not (before and before.type == form.type):
        wrong["type"] = "Choose what kind of transaction it is."
    if form.type == OPENING and before and before.type != OPENING and before.origin != "manual":
        wrong["type"] = "What a statement told is no opening entry. Add one by hand beside it."
    if form.type in TRADES | TRANSFERS | {OPENING} and not form.symbol and not form.isin:
        wrong["symbol"] = "Say what was traded: a symbol or an ISIN."
    if form.type == CONVERSION and not re.fullmatch(rf"[A-Z]{{3}}\.{re.escape(form.currency)}", form.symbol or ""):
        wrong["symbol"] = "Name the pair of currencies, the one of the price last, like EUR.USD."
    if form.type in TRADES | TRANSFERS | {CONVERSION} and (form.quantity is None or form.quantity <= 0):
        wrong["quantity"] = "Enter how many, as a positive number."
    if form.type == OPENING and not form.quantity:
        wrong["quantity"] = "Enter how many were held; below zero for what was held short."
    if form.type == OPENING and form.amount is not None and form.amount < 0:
        wrong["amount"] = "Enter what all of it cost, as a positive number, or leave it empty when that is not known."
    was_negative = before is not None and before.price is not None and before.price < 0  # oil, in April 2020
    if form.type in TRADES and (form.price is None or (form.price < 0 and not was_negative)):
        wrong["price"] = "Enter the price of one."
    if form.type == CONVERSION and not (form.price and form.price > 0):
        wrong["price"] = "Enter what one of the first currency cost in the second."
    if form.type in CASH and not form.amount:
        wrong["amount"] = "Enter the amount; money paid out is negative."
    return wrong
