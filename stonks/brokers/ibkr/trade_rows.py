"""Rows of the section Trades: executions and conversions as records, summaries of other rows left out.

Which columns there are is decided once a table, what repeats (the side, a quantity, all that goes with the instrument)
is read once per distinct text, and a block's rows are read column by column: so a row costs little more than its price
and its fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from stonks.brokers.ibkr.cells import (
    account_of,
    check_lengths,
    clean,
    currency_of,
    decimal_or_none,
    identifier,
    identifiers,
    isin_of,
    number,
    number_or_none,
    spelled_numbers,
    text_of,
)  # fmt: skip
from stonks.brokers.ibkr.dates import Told
from stonks.brokers.ibkr.frame import ISIN_TOLD, Block, Table, isin_columns
from stonks.brokers.ibkr.instruments import CONTRACTS, asset_class_of, is_index_option, is_pair, multiplier_of
from stonks.brokers.ibkr.reading import BROKER, Left, Shared, Take, Taken, beside_summaries
from stonks.brokers.ibkr.remembered import Remembered
from stonks.core.fingerprint import CANCELLED, plain, spelled_trade_identities, trade_identity
from stonks.core.records import FxConversion, Side, Trade

_EXECUTIONS = frozenset({"", "EXECUTION", "DETAIL"})
_SUMMING = frozenset({"ORDER", "SYMBOL_SUMMARY", "ASSET_SUMMARY", "CLOSED_LOT", "WASH_SALE", "LOT", "SUMMARY"})
# What repeats from row to row, together: the deed, the instrument, the account and the currencies.
_REPEATING = (
    "buysell", "levelofdetail", "transactiontype", "symbol", "isin", "assetclass", "assetcategory", "currencyprimary",
    "currency", "multiplier", "description", "underlyingsymbol", "clientaccountid", "accountid",
    "ibcommissioncurrency", "commissioncurrency",
)  # fmt: skip
# As identities spell them: one object each, so that a column of them is compared in no time.
_DEEDS = {(side, cancels): f"{side}{CANCELLED}" if cancels else str(side) for side in Side for cancels in (False, True)}
_trade = partial(tuple.__new__, Trade)  # of all its facts in order, in half the time of Trade(...)


class _Deal(NamedTuple):
    side: Side | None  # None: the quantity's sign tells
    cancels: bool
    deed: str  # as identities spell both
    is_told: bool  # that it is an execution
    instrument: str  # ISIN, else symbol
    symbol: str | None
    isin: str | None
    currency: str
    asset_class: str
    multiplier: Decimal | None
    description: str | None
    underlying: str | None
    account: str | None
    fee_currency: str | None


class _Quantity(NamedTuple):
    size: Decimal
    spelled: str  # as identities spell the size
    deed: str  # that has this sign: in 846 of 846 real rows it agrees with Buy/Sell


class TradeRows:
    """Reads the trades of one file."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.levels: set[str] = set()  # of detail, as met
        self.has_index_options = False
        self.codes: set[str] = set()  # of trades, as met
        self.unmultiplied: set[str] = set()  # symbols of contracts that tell no multiplier
        self._quantities = Remembered(_quantity)
        self._fees = Remembered(_amount_reader("IBCommission"))
        self._taxes = Remembered(_amount_reader("Taxes"))

    def taker(self, table: Table) -> Take:
        """What makes records of one table's rows."""
        names, repeating = table.together((*_REPEATING, *isin_columns(table)))
        deal_of = Remembered(self._deal_reader(names, table)).__getitem__
        quantity_of, told_of = self._quantities.__getitem__, self._shared.dates.told.__getitem__
        marks_of, survey = self._shared.fingerprints.of_all, self._shared.survey
        ids, executions = table.column("tradeid"), table.column("ibexecid")
        quantities, prices = table.column("quantity"), table.column("tradeprice" if "tradeprice" in table else "price")
        days, times = table.column("tradedate"), table.read("datetime", told_of)
        fees = table.read("ibcommission" if "ibcommission" in table else "commission", self._fees.__getitem__)
        taxes = table.read("taxes", self._taxes.__getitem__)
        originals = table.read("origtradeid", lambda text: identifier(text, "origtradeid"))
        _, codes = table.together(("opencloseindicator", "notescodes" if "notescodes" in table else "notes"))
        codes_of = Remembered(self._read_codes).__getitem__

        def check_signs(deeds: Sequence[str], signed: Sequence[str]) -> None:
            """A closed lot has the side of the trade that closed it, and the sign of the one that opened it. A cancel is
            told by its mark, whatever its sign."""
            odd = {(deed, other) for deed, other in zip(deeds, signed, strict=True) if deed != other}
            if (Side.BUY, Side.SELL) in odd or ((Side.SELL, Side.BUY) in odd and survey.sales_are_negative):
                raise ValueError(
                    "Buy/Sell and the quantity’s sign disagree, as on closed lots. Add the field Level of Detail to the query."
                )

        def is_execution(deal: _Deal, trade_id: str, execution_id: str) -> bool:
            """Where no level of detail tells, a row without an ID of its own is a summary of rows that have one. A
            closed lot bears the Transaction ID of the trade that closed it."""
            told = deal.is_told or deal.cancels or clean(trade_id) or clean(execution_id)
            return bool(told) or not survey.trade_ids_told

        def take(block: Block) -> Sequence[Taken]:
            all_deals = list(map(deal_of, repeating(block)))
            deals = list(filter(None, all_deals))
            if len(deals) < len(all_deals):
                return beside_summaries(block, [deal is not None for deal in all_deals], take)
            told_ids = ids(block)
            trade_ids = identifiers(told_ids, "tradeid")
            if not all(trade_ids):
                executed = list(map(is_execution, deals, told_ids, executions(block)))
                if not all(executed):
                    return beside_summaries(block, executed, take, Left.NAMELESS)
            sizes, spelled_sizes, signed = zip(*map(quantity_of, quantities(block)), strict=True)
            all_prices, spelled_prices = spelled_numbers(prices(block), "TradePrice")
            moments = times(block)
            told: Sequence[Told | None] = list(map(told_of, days(block)))
            if not all(told):
                told = [day or moment for day, moment in zip(told, moments, strict=True)]
            if not all(told):
                raise ValueError("The trade has no date. Add the field Trade Date to the query.")
            on, spelled_on, _ = zip(*filter(None, told), strict=True)
            (
                sides, cancels, deeds, _, instruments, symbols, isins, currencies, asset_classes, multipliers, descriptions,
                underlyings, accounts, fee_currencies,
            ) = zip(*deals, strict=True)  # fmt: skip
            if not all(sides):
                sides = tuple(map(_told_or_signed, sides, signed))
                deeds = tuple(map(_deed, sides, cancels))
            if deeds != signed:
                check_signs(deeds, signed)
            own = fees(block), taxes(block), originals(block)  # read before marks are counted
            all_fees, all_taxes, all_originals = own
            all_codes = map(codes_of, codes(block))
            marks = marks_of(
                spelled_trade_identities(
                    BROKER, trade_ids, deeds, spelled_sizes, spelled_prices, spelled_on, instruments, currencies
                )
            )
            trades = list(
                map(
                    _trade,
                    zip(
                        on, sides, cancels, sizes, all_prices, currencies, symbols, isins, all_fees, fee_currencies, all_taxes,
                        asset_classes, multipliers, accounts, trade_ids, all_originals, [at and at.at for at in moments],
                        descriptions, all_codes, underlyings, block.lines, marks, strict=True,
                    ),
                )
            )  # fmt: skip
            if "CASH" in asset_classes:
                return [_conversion(trade) if trade.asset_class == "CASH" else trade for trade in trades]
            return trades

        return take

    def _read_codes(self, cells: tuple[str, ...]) -> str | None:
        """The trade's codes: whether it opened or closed, which has a column of its own, before the others."""
        found = [code.strip() for text in map(clean, cells) for code in text.split(";")]
        self.codes.update(found)
        return ";".join(filter(None, dict.fromkeys(found))) or None

    def _deal_reader(self, names: tuple[str, ...], table: Table) -> Callable[[tuple[str, ...]], _Deal | None]:
        unsided = "buysell" not in table

        def read(texts: tuple[str, ...]) -> _Deal | None:
            """None for a row that sums up others."""
            cells = dict(zip(names, texts, strict=False))
            deed = cells.get("buysell", "").strip().upper()
            level = cells.get("levelofdetail", "").strip().upper() or table.level
            self.levels.add(level)
            if level.replace(" ", "_") in _SUMMING or not (deed or level or unsided):
                return None
            if level not in _EXECUTIONS:
                raise ValueError(f"Level of detail “{level}” is not known.")
            check_lengths(cells)
            side = _side(deed) if deed else None
            cancels = "(CA.)" in deed or text_of(cells, "transactiontype") == "TradeCancel"
            currency = currency_of(cells)
            symbol, isin = text_of(cells, "symbol"), isin_of(cells)
            told = text_of(cells, "assetclass") or text_of(cells, "assetcategory")
            asset_class = asset_class_of(told, symbol, isin, any(name in table for name in ISIN_TOLD))
            if not symbol and not isin and asset_class != "CASH":
                raise ValueError("The trade names no instrument. Add the fields Symbol and ISIN to the query.")
            if asset_class is None:
                raise ValueError(
                    f"Is “{symbol}” a share, a bond, an option or a future? Add the field Asset Class to the query."
                )
            if asset_class == "CASH" and not is_pair(symbol):
                raise ValueError(f"“{symbol}” names no pair of currencies. Add the field Symbol to the query.")
            multiplier = multiplier_of(number_or_none(cells, "multiplier", "Multiplier"), asset_class, symbol)
            self.has_index_options = self.has_index_options or is_index_option(symbol)
            if multiplier is None and asset_class in CONTRACTS:
                self.unmultiplied.add(symbol or isin)
            return _Deal(
                side=side,
                cancels=cancels,
                deed=_deed(side, cancels) if side else "",
                is_told=bool(level),
                instrument=isin or symbol,
                symbol=symbol or None,
                isin=isin or None,
                currency=currency,
                asset_class=asset_class,
                multiplier=multiplier,
                description=text_of(cells, "description") or None,
                underlying=text_of(cells, "underlyingsymbol") or None,
                account=account_of(cells),
                fee_currency=text_of(cells, "ibcommissioncurrency") or text_of(cells, "commissioncurrency") or None,
            )

        return read


def identity_of(record: Trade | FxConversion) -> str:
    """What names a trade or a conversion that was read."""
    if isinstance(record, Trade):
        side, quantity, instrument = record.side, record.quantity, record.isin or record.symbol or ""
    else:
        sells = record.sold_currency == record.symbol[:3]
        side, quantity = (Side.SELL, record.sold) if sells else (Side.BUY, record.bought)
        instrument = record.symbol
    return trade_identity(
        BROKER, record.external_id, side, record.cancels, quantity, record.price, record.trade_date, instrument,
        record.currency,
    )  # fmt: skip


def _told_or_signed(side: Side | None, signed: str) -> Side:
    return side or Side(signed)


def _amount_reader(shown: str) -> Callable[[str], Decimal | None]:
    return lambda text: decimal_or_none(text, shown)


def _quantity(text: str) -> _Quantity:
    signed = number(text, "Quantity")
    if not signed:
        raise ValueError("The quantity is zero.")
    size = abs(signed)
    return _Quantity(size, plain(size), _deed(Side.SELL if signed < 0 else Side.BUY, cancels=False))


def _side(text: str) -> Side:
    word = text.replace("(CA.)", "").strip()
    if word not in ("BUY", "SELL"):
        raise ValueError(f"“{text}” is neither BUY nor SELL.")
    return Side(word)


def _deed(side: Side, cancels: bool) -> str:
    return _DEEDS[side, cancels]


def _conversion(trade: Trade) -> FxConversion:
    """Of a trade in a pair of currencies: its quantity is of the first, its price in the second."""
    pair = trade.symbol or ""
    first, second = (trade.quantity, pair[:3]), (trade.quantity * trade.price, pair[4:])
    sold, bought = (second, first) if trade.side is Side.BUY else (first, second)
    return FxConversion(
        trade_date=trade.trade_date,
        cancels=trade.cancels,
        sold=sold[0],
        sold_currency=sold[1],
        bought=bought[0],
        bought_currency=bought[1],
        price=trade.price,
        symbol=pair,
        currency=trade.currency,
        commission=trade.commission,
        commission_currency=trade.commission_currency,
        account=trade.account,
        external_id=trade.external_id,
        original_id=trade.original_id,
        executed_at=trade.executed_at,
        notes=trade.notes,
        line=trade.line,
        fingerprint=trade.fingerprint,
    )
