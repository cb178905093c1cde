"""A row's cells as a record, a known summary (None) or a problem (ValueError with the sentence shown).

Knows what IBKR's columns mean; no file format and no other row, save for what `Survey` found in the whole file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from stonks.brokers.ibkr import cash_types
from stonks.brokers.ibkr.dates import DateReader
from stonks.brokers.ibkr.frame import CASH, Row
from stonks.brokers.ibkr.instruments import asset_class_of, is_pair, multiplier_of
from stonks.core.fingerprint import cash_identity, other_identity, plain, trade_identity
from stonks.core.records import (
    CashBalance,
    CashTransaction,
    CorporateAction,
    FxConversion,
    FxRate,
    Position,
    Side,
    Trade,
    Transfer,
)  # fmt: skip

BROKER = "ibkr"
NO_FINGERPRINT = b""

_MANGLED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_BLANKS = frozenset({"", "-", "--", "N/A"})
# Longer than any real one, and than what the ledger takes: such a row is parked, not the import failed.
_LONGEST = {
    "symbol": 64, "isin": 20, "tradeid": 64, "transactionid": 64, "origtradeid": 64, "actionid": 64,
    "clientaccountid": 64, "accountid": 64, "underlyingsymbol": 64, "assetclass": 10, "assetcategory": 10,
    "ibcommissioncurrency": 12, "commissioncurrency": 12,
}  # fmt: skip
_OTHER_IDS = ("transactionid", "ibexecid")
_EXECUTIONS = frozenset({"", "EXECUTION", "DETAIL"})


class Undated(Exception):
    """A position of an unknown day: no transaction, so it is left aside and the doctor says why."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What must be known of the whole file before its first row."""

    trade_ids_told: bool  # a column of Trade IDs that is empty throughout tells nothing
    detailed_types: frozenset[str]  # types that have DETAIL rows
    detailed_sums: frozenset[tuple[str, ...]]  # (instrument, day, type, currency, sum) of rows with a Transaction ID


class RowReader:
    def __init__(self, dates: DateReader, survey: Survey, last_day: date | None) -> None:
        self._dates = dates
        self._survey = survey
        self._last_day = last_day  # the stated end of the period: what positions without a date are of

    def trade(self, row: Row) -> tuple[Trade | FxConversion, str] | None:
        """The record without its fingerprint and its identity; None for a summary of other rows."""
        cells = row.cells
        side_text = cells.get("buysell", "").upper()
        trade_id = _identifier(cells, "tradeid")
        cancels = "(CA.)" in side_text or cells.get("transactiontype") == "TradeCancel"
        if row.level not in _EXECUTIONS or not (side_text or row.level):
            return None
        if not row.level and self._survey.trade_ids_told and not (trade_id or cancels or _any(cells, *_OTHER_IDS)):
            return None
        signed = _number(cells, "quantity", "Quantity")
        if not signed:
            raise ValueError("The quantity is zero.")
        # An execution without Buy/Sell: the quantity's sign tells (in 846 of 846 real rows with both they agree).
        side = _side(side_text) if side_text else (Side.BUY if signed > 0 else Side.SELL)
        quantity = abs(signed)
        price = _number(cells, "tradeprice" if "tradeprice" in cells else "price", "TradePrice")
        currency = _currency(cells)
        told = _text(cells, "tradedate") or _text(cells, "datetime")
        if not told:
            raise ValueError("The trade has no date. Add the field Trade Date to the query.")
        day = self._dates.day(told)
        moment = self._dates.both(cells["datetime"])[1] if _text(cells, "datetime") else None
        symbol, isin = _text(cells, "symbol"), _text(cells, "isin")
        asset_class = asset_class_of(
            _text(cells, "assetclass") or _text(cells, "assetcategory"), symbol, isin, "isin" in cells
        )
        if not symbol and not isin and asset_class != "CASH":
            raise ValueError("The trade names no instrument. Add the fields Symbol and ISIN to the query.")
        if asset_class is None:
            raise ValueError(f"Is “{symbol}” a share, an option or a future? Add the field Asset Class to the query.")
        commission_column = "ibcommission" if "ibcommission" in cells else "commission"
        commission = _optional(cells, commission_column, "IBCommission")
        commission_currency = _text(cells, "ibcommissioncurrency") or _text(cells, "commissioncurrency") or None
        identity = trade_identity(BROKER, trade_id, side, cancels, quantity, price, day, isin or symbol, currency)
        common: dict[str, Any] = {
            "commission": commission,
            "commission_currency": commission_currency,
            "account": _text(cells, "clientaccountid") or _text(cells, "accountid") or None,
            "external_id": trade_id,
            "original_id": _identifier(cells, "origtradeid"),
            "executed_at": moment,
            "notes": _text(cells, "notescodes") or _text(cells, "notes") or None,
            "line": row.line,
            "fingerprint": NO_FINGERPRINT,
        }
        if asset_class == "CASH":
            return _conversion(side, cancels, quantity, price, currency, day, symbol, common), identity
        return Trade(
            trade_date=day,
            side=side,
            cancels=cancels,
            quantity=quantity,
            price=price,
            currency=currency,
            symbol=symbol or None,
            isin=isin or None,
            taxes=_optional(cells, "taxes", "Taxes"),
            asset_class=asset_class,
            multiplier=multiplier_of(_optional(cells, "multiplier", "Multiplier"), asset_class, symbol),
            description=_text(cells, "description") or None,
            underlying=_text(cells, "underlyingsymbol") or None,
            **common,
        ), identity

    def cash(self, row: Row) -> tuple[CashTransaction, str] | None:
        cells = row.cells
        name = cash_types.type_name(cells.get("type", ""))
        if row.level == "SUMMARY" and name in self._survey.detailed_types:
            return None
        amount = _number(cells, "amount", "Amount")
        external_id = _identifier(cells, "transactionid")
        currency = _currency(cells)
        told = _text(cells, "datetime") or _text(cells, "settledate") or _text(cells, "reportdate")
        if not told:
            raise ValueError("The transaction has no date. Add the field Date/Time to the query.")
        day = self._dates.day(told)
        symbol, isin = _text(cells, "symbol"), _text(cells, "isin")
        if not row.level and not external_id and _group(row, amount) in self._survey.detailed_sums:
            return None
        kind = cash_types.kind_of(name, incoming=amount >= 0)
        if kind is None:
            raise ValueError(f"Type “{cells.get('type', '')}” is not known.")
        report_date = _text(cells, "reportdate")
        return CashTransaction(
            paid_on=day,
            kind=kind,
            amount=amount,
            currency=currency,
            symbol=symbol or None,
            isin=isin or None,
            account=_account(cells),
            external_id=external_id,
            type_text=cells["type"],
            report_date=self._dates.day(report_date) if report_date else None,
            description=_text(cells, "description") or None,
            line=row.line,
            fingerprint=NO_FINGERPRINT,
        ), cash_identity(BROKER, external_id, name, amount, day, isin or symbol, currency)

    def action(self, row: Row) -> tuple[CorporateAction, str] | None:
        cells = row.cells
        if row.level == "SUMMARY":
            return None
        told = _text(cells, "datetime") or _text(cells, "reportdate")
        day = self._dates.day(told)
        quantity = _number(cells, "quantity", "Quantity")
        external_id = _identifier(cells, "transactionid")
        kind = _text(cells, "type") or "OTHER"
        symbol, isin = _text(cells, "symbol"), _text(cells, "isin")
        facts = (external_id or "", kind, plain(quantity), day.isoformat(), (isin or symbol).upper())
        return CorporateAction(
            action_date=day,
            kind=kind,
            quantity=quantity,
            currency=_currency(cells),
            symbol=symbol or None,
            isin=isin or None,
            amount=_optional(cells, "proceeds", "Proceeds"),
            value=_optional(cells, "value", "Value"),
            asset_class=_text(cells, "assetclass") or _text(cells, "assetcategory") or None,
            multiplier=_optional(cells, "multiplier", "Multiplier"),
            account=_account(cells),
            external_id=external_id,
            action_id=_identifier(cells, "actionid"),
            description=_text(cells, "actiondescription") or _text(cells, "description"),
            line=row.line,
            fingerprint=NO_FINGERPRINT,
        ), other_identity(BROKER, "action", *facts)

    def transfer(self, row: Row) -> tuple[Transfer, str] | None:
        cells = row.cells
        day = self._dates.day(_text(cells, "date") or _text(cells, "datetime") or _text(cells, "reportdate"))
        signed = _number(cells, "quantity", "Quantity")
        direction = _text(cells, "direction").upper()
        if direction not in ("IN", "OUT"):
            direction = "OUT" if signed < 0 else "IN"
        external_id = _identifier(cells, "transactionid")
        symbol, isin = _text(cells, "symbol"), _text(cells, "isin")
        kind = _text(cells, "type")
        facts = (external_id or "", kind, direction, plain(abs(signed)), day.isoformat(), (isin or symbol).upper())
        return Transfer(
            transfer_date=day,
            direction=direction,
            quantity=abs(signed),
            currency=_currency(cells),
            symbol=symbol or None,
            isin=isin or None,
            kind=kind or None,
            value=_optional(cells, "positionamount", "PositionAmount"),
            cash=_optional(cells, "cashtransfer", "CashTransfer"),
            asset_class=_text(cells, "assetclass") or _text(cells, "assetcategory") or None,
            multiplier=_optional(cells, "multiplier", "Multiplier"),
            account=_account(cells),
            external_id=external_id,
            description=_text(cells, "description") or None,
            line=row.line,
            fingerprint=NO_FINGERPRINT,
        ), other_identity(BROKER, "transfer", *facts)

    def position(self, row: Row) -> tuple[Position, str] | None:
        cells = row.cells
        if row.level == "LOT":
            return None
        told = _text(cells, "reportdate")
        as_of = self._dates.day(told) if told else self._last_day
        if as_of is None:
            raise Undated
        quantity = _number(cells, "quantity" if "quantity" in cells else "position", "Quantity")
        symbol, isin = _text(cells, "symbol"), _text(cells, "isin")
        account = _account(cells)
        basis = _optional(cells, "costbasismoney", "CostBasisMoney")
        return Position(
            as_of=as_of,
            quantity=quantity,
            mark_price=_optional(cells, "markprice", "MarkPrice"),
            cost_basis=basis,
            currency=_currency(cells),
            symbol=symbol or None,
            isin=isin or None,
            asset_class=_text(cells, "assetclass") or _text(cells, "assetcategory") or None,
            multiplier=_optional(cells, "multiplier", "Multiplier"),
            account=account,
            description=_text(cells, "description") or None,
            line=row.line,
            fingerprint=NO_FINGERPRINT,
        ), other_identity(BROKER, "position", as_of.isoformat(), account or "", isin or symbol, plain(quantity))

    def rate(self, row: Row) -> FxRate:
        cells = row.cells
        day = self._dates.day(_text(cells, "datetime") or _text(cells, "date") or _text(cells, "reportdate"))
        return FxRate(day, cells["fromcurrency"], cells["tocurrency"], _number(cells, "rate", "Rate"))

    def balance(self, row: Row) -> CashBalance:
        cells = row.cells
        told = _text(cells, "todate") or _text(cells, "reportdate")
        day = self._dates.day(told) if told else self._last_day
        if day is None:
            raise ValueError("The balance has no date.")
        return CashBalance(day, _currency(cells), _number(cells, "endingcash", "Ending Cash"), _account(cells))


def check_lengths(cells: dict[str, str]) -> None:
    """Raises ValueError for a name or identifier that is longer than any real one."""
    for name, longest in _LONGEST.items():
        if len(cells.get(name, "")) > longest:
            raise ValueError(f"The field {name} has more than {longest} characters, which no real one has.")


def survey(rows: Iterable[Row]) -> Survey:
    detailed: set[str] = set()
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    trade_ids_told = False
    for row in rows:
        if row.section != CASH:
            trade_ids_told = trade_ids_told or row.cells.get("tradeid", "") not in _BLANKS
            continue
        if row.level == "DETAIL":
            detailed.add(cash_types.type_name(row.cells.get("type", "")))
        elif (
            not row.level
            and row.cells.get("transactionid", "") not in _BLANKS
            and _NUMBER.fullmatch(row.cells.get("amount", ""))
        ):
            sums[_group_key(row)] += Decimal(row.cells["amount"])
    return Survey(trade_ids_told, frozenset(detailed), frozenset((*key, plain(total)) for key, total in sums.items()))


def _group_key(row: Row) -> tuple[str, ...]:
    cells = row.cells
    instrument = cells.get("isin") or cells.get("symbol", "")
    day = re.split(r"[;, T]", cells.get("datetime", ""), maxsplit=1)[0]
    return (
        instrument,
        day,
        cash_types.type_name(cells.get("type", "")),
        cells.get("currencyprimary") or cells.get("currency", ""),
    )


def _group(row: Row, amount: Decimal) -> tuple[str, ...]:
    return (*_group_key(row), plain(amount))


def _conversion(
    side: Side,
    cancels: bool,
    quantity: Decimal,
    price: Decimal,
    currency: str,
    day: date,
    symbol: str,
    common: dict[str, Any],
) -> FxConversion:
    if not is_pair(symbol):
        raise ValueError(f"“{symbol}” names no pair of currencies. Add the field Symbol to the query.")
    first, second = symbol.split(".")
    other = quantity * price
    bought, sold = ((quantity, first), (other, second)) if side is Side.BUY else ((other, second), (quantity, first))
    return FxConversion(
        trade_date=day,
        cancels=cancels,
        sold=sold[0],
        sold_currency=sold[1],
        bought=bought[0],
        bought_currency=bought[1],
        price=price,
        symbol=symbol,
        currency=currency,
        **common,
    )


def _side(text: str) -> Side:
    word = text.replace("(CA.)", "").strip()
    if word not in ("BUY", "SELL"):
        raise ValueError(f"“{text}” is neither BUY nor SELL.")
    return Side(word)


def _text(cells: dict[str, str], name: str) -> str:
    text = cells.get(name, "")
    return "" if text in _BLANKS else text


def _any(cells: dict[str, str], *names: str) -> bool:
    return any(_text(cells, name) for name in names)


def _account(cells: dict[str, str]) -> str | None:
    return _text(cells, "clientaccountid") or _text(cells, "accountid") or None


def _identifier(cells: dict[str, str], name: str) -> str | None:
    text = _text(cells, name)
    if text and _MANGLED.fullmatch(text):
        raise ValueError(
            f"The identifier “{text}” was changed by a spreadsheet. Upload the file as IBKR delivers it, unopened."
        )
    return None if text == "REDACTED" else text or None


def _currency(cells: dict[str, str]) -> str:
    text = _text(cells, "currencyprimary") or _text(cells, "currency")
    if not text:
        raise ValueError("The row has no currency. Add the field Currency to the query.")
    if not (2 <= len(text) <= 12 and text.isalpha()):
        raise ValueError(f"“{text}” is not a currency.")
    return text


def _number(cells: dict[str, str], name: str, shown: str) -> Decimal:
    found = _optional(cells, name, shown)
    if found is None:
        raise ValueError(f"The field {shown} is empty or missing.")
    return found


def _optional(cells: dict[str, str], name: str, shown: str) -> Decimal | None:
    text = _text(cells, name)
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{shown} is “{text}”, which is not a plain number.")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{shown} is “{text}”, which is not a plain number.") from None
