"""A row's cells as a record, a known summary (None) or a problem (ValueError with the sentence shown).

Knows what IBKR's columns mean; no file format and no other row, save for what `Survey` found in the whole file.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from stonks.brokers.ibkr import cash_types
from stonks.brokers.ibkr.cells import account_of, any_of, currency_of, identifier_of, number_of, number_or_none, text_of
from stonks.brokers.ibkr.dates import DateReader
from stonks.brokers.ibkr.frame import Row
from stonks.brokers.ibkr.instruments import asset_class_of, is_pair, multiplier_of
from stonks.brokers.ibkr.survey import Survey, group_of
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

_OTHER_IDS = ("transactionid", "ibexecid")
_EXECUTIONS = frozenset({"", "EXECUTION", "DETAIL"})


class Undated(Exception):
    """A position of an unknown day: no transaction, so it is left aside and the doctor says why."""


class RowReader:
    def __init__(self, dates: DateReader, survey: Survey, last_day: date | None) -> None:
        self._dates = dates
        self._survey = survey
        self._last_day = last_day  # the stated end of the period: what positions without a date are of

    def trade(self, row: Row) -> tuple[Trade | FxConversion, str] | None:
        """The record without its fingerprint and its identity; None for a summary of other rows."""
        cells = row.cells
        side_text = cells.get("buysell", "").upper()
        trade_id = identifier_of(cells, "tradeid")
        cancels = "(CA.)" in side_text or cells.get("transactiontype") == "TradeCancel"
        if row.level not in _EXECUTIONS or not (side_text or row.level):
            return None
        if not row.level and self._survey.trade_ids_told and not (trade_id or cancels or any_of(cells, *_OTHER_IDS)):
            return None
        signed = number_of(cells, "quantity", "Quantity")
        if not signed:
            raise ValueError("The quantity is zero.")
        # An execution without Buy/Sell: the quantity's sign tells (in 846 of 846 real rows with both they agree).
        side = _side(side_text) if side_text else (Side.BUY if signed > 0 else Side.SELL)
        quantity = abs(signed)
        price = number_of(cells, "tradeprice" if "tradeprice" in cells else "price", "TradePrice")
        currency = currency_of(cells)
        told = text_of(cells, "tradedate") or text_of(cells, "datetime")
        if not told:
            raise ValueError("The trade has no date. Add the field Trade Date to the query.")
        day = self._dates.day(told)
        moment = self._dates.both(cells["datetime"])[1] if text_of(cells, "datetime") else None
        symbol, isin = text_of(cells, "symbol"), text_of(cells, "isin")
        asset_class = asset_class_of(
            text_of(cells, "assetclass") or text_of(cells, "assetcategory"), symbol, isin, "isin" in cells
        )
        if not symbol and not isin and asset_class != "CASH":
            raise ValueError("The trade names no instrument. Add the fields Symbol and ISIN to the query.")
        if asset_class is None:
            raise ValueError(f"Is “{symbol}” a share, an option or a future? Add the field Asset Class to the query.")
        commission_column = "ibcommission" if "ibcommission" in cells else "commission"
        commission = number_or_none(cells, commission_column, "IBCommission")
        commission_currency = text_of(cells, "ibcommissioncurrency") or text_of(cells, "commissioncurrency") or None
        identity = trade_identity(BROKER, trade_id, side, cancels, quantity, price, day, isin or symbol, currency)
        common: dict[str, Any] = {
            "commission": commission,
            "commission_currency": commission_currency,
            "account": text_of(cells, "clientaccountid") or text_of(cells, "accountid") or None,
            "external_id": trade_id,
            "original_id": identifier_of(cells, "origtradeid"),
            "executed_at": moment,
            "notes": text_of(cells, "notescodes") or text_of(cells, "notes") or None,
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
            taxes=number_or_none(cells, "taxes", "Taxes"),
            asset_class=asset_class,
            multiplier=multiplier_of(number_or_none(cells, "multiplier", "Multiplier"), asset_class, symbol),
            description=text_of(cells, "description") or None,
            underlying=text_of(cells, "underlyingsymbol") or None,
            **common,
        ), identity

    def cash(self, row: Row) -> tuple[CashTransaction, str] | None:
        cells = row.cells
        name = cash_types.type_name(cells.get("type", ""))
        if row.level == "SUMMARY" and name in self._survey.detailed_types:
            return None
        amount = number_of(cells, "amount", "Amount")
        external_id = identifier_of(cells, "transactionid")
        currency = currency_of(cells)
        told = text_of(cells, "datetime") or text_of(cells, "settledate") or text_of(cells, "reportdate")
        if not told:
            raise ValueError("The transaction has no date. Add the field Date/Time to the query.")
        day = self._dates.day(told)
        symbol, isin = text_of(cells, "symbol"), text_of(cells, "isin")
        if not row.level and not external_id and group_of(row, amount) in self._survey.detailed_sums:
            return None
        kind = cash_types.kind_of(name, incoming=amount >= 0)
        if kind is None:
            raise ValueError(f"Type “{cells.get('type', '')}” is not known.")
        report_date = text_of(cells, "reportdate")
        return CashTransaction(
            paid_on=day,
            kind=kind,
            amount=amount,
            currency=currency,
            symbol=symbol or None,
            isin=isin or None,
            account=account_of(cells),
            external_id=external_id,
            type_text=cells["type"],
            report_date=self._dates.day(report_date) if report_date else None,
            description=text_of(cells, "description") or None,
            line=row.line,
            fingerprint=NO_FINGERPRINT,
        ), cash_identity(BROKER, external_id, name, amount, day, isin or symbol, currency)

    def action(self, row: Row) -> tuple[CorporateAction, str] | None:
        cells = row.cells
        if row.level == "SUMMARY":
            return None
        told = text_of(cells, "datetime") or text_of(cells, "reportdate")
        day = self._dates.day(told)
        quantity = number_of(cells, "quantity", "Quantity")
        external_id = identifier_of(cells, "transactionid")
        kind = text_of(cells, "type") or "OTHER"
        symbol, isin = text_of(cells, "symbol"), text_of(cells, "isin")
        facts = (external_id or "", kind, plain(quantity), day.isoformat(), (isin or symbol).upper())
        return CorporateAction(
            action_date=day,
            kind=kind,
            quantity=quantity,
            currency=currency_of(cells),
            symbol=symbol or None,
            isin=isin or None,
            amount=number_or_none(cells, "proceeds", "Proceeds"),
            value=number_or_none(cells, "value", "Value"),
            asset_class=text_of(cells, "assetclass") or text_of(cells, "assetcategory") or None,
            multiplier=number_or_none(cells, "multiplier", "Multiplier"),
            account=account_of(cells),
            external_id=external_id,
            action_id=identifier_of(cells, "actionid"),
            description=text_of(cells, "actiondescription") or text_of(cells, "description"),
            line=row.line,
            fingerprint=NO_FINGERPRINT,
        ), other_identity(BROKER, "action", *facts)

    def transfer(self, row: Row) -> tuple[Transfer, str] | None:
        cells = row.cells
        day = self._dates.day(text_of(cells, "date") or text_of(cells, "datetime") or text_of(cells, "reportdate"))
        signed = number_of(cells, "quantity", "Quantity")
        direction = text_of(cells, "direction").upper()
        if direction not in ("IN", "OUT"):
            direction = "OUT" if signed < 0 else "IN"
        external_id = identifier_of(cells, "transactionid")
        symbol, isin = text_of(cells, "symbol"), text_of(cells, "isin")
        kind = text_of(cells, "type")
        facts = (external_id or "", kind, direction, plain(abs(signed)), day.isoformat(), (isin or symbol).upper())
        return Transfer(
            transfer_date=day,
            direction=direction,
            quantity=abs(signed),
            currency=currency_of(cells),
            symbol=symbol or None,
            isin=isin or None,
            kind=kind or None,
            value=number_or_none(cells, "positionamount", "PositionAmount"),
            cash=number_or_none(cells, "cashtransfer", "CashTransfer"),
            asset_class=text_of(cells, "assetclass") or text_of(cells, "assetcategory") or None,
            multiplier=number_or_none(cells, "multiplier", "Multiplier"),
            account=account_of(cells),
            external_id=external_id,
            description=text_of(cells, "description") or None,
            line=row.line,
            fingerprint=NO_FINGERPRINT,
        ), other_identity(BROKER, "transfer", *facts)

    def position(self, row: Row) -> tuple[Position, str] | None:
        cells = row.cells
        if row.level == "LOT":
            return None
        told = text_of(cells, "reportdate")
        as_of = self._dates.day(told) if told else self._last_day
        if as_of is None:
            raise Undated
        quantity = number_of(cells, "quantity" if "quantity" in cells else "position", "Quantity")
        symbol, isin = text_of(cells, "symbol"), text_of(cells, "isin")
        account = account_of(cells)
        basis = number_or_none(cells, "costbasismoney", "CostBasisMoney")
        return Position(
            as_of=as_of,
            quantity=quantity,
            mark_price=number_or_none(cells, "markprice", "MarkPrice"),
            cost_basis=basis,
            currency=currency_of(cells),
            symbol=symbol or None,
            isin=isin or None,
            asset_class=text_of(cells, "assetclass") or text_of(cells, "assetcategory") or None,
            multiplier=number_or_none(cells, "multiplier", "Multiplier"),
            account=account,
            description=text_of(cells, "description") or None,
            line=row.line,
            fingerprint=NO_FINGERPRINT,
        ), other_identity(BROKER, "position", as_of.isoformat(), account or "", isin or symbol, plain(quantity))

    def rate(self, row: Row) -> FxRate:
        cells = row.cells
        day = self._dates.day(text_of(cells, "datetime") or text_of(cells, "date") or text_of(cells, "reportdate"))
        return FxRate(day, cells["fromcurrency"], cells["tocurrency"], number_of(cells, "rate", "Rate"))

    def balances(self, row: Row) -> list[CashBalance]:
        """At the end of the report's last day and, where told, of the day before its first."""
        cells = row.cells
        if row.level == "BASECURRENCY":
            raise ValueError("The line sums up all currencies.")
        told = text_of(cells, "todate") or text_of(cells, "reportdate")
        day = self._dates.day(told) if told else self._last_day
        if day is None:
            raise ValueError("The balance has no date.")
        currency, account = currency_of(cells), account_of(cells)
        found = [CashBalance(day, currency, number_of(cells, "endingcash", "Ending Cash"), account)]
        begun, starting = text_of(cells, "fromdate"), number_or_none(cells, "startingcash", "Starting Cash")
        if begun and starting is not None:
            before = self._dates.day(begun) - timedelta(days=1)
            found.insert(0, CashBalance(before, currency, starting, account))
        return found


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
