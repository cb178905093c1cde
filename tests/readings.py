"""Records and readings made by hand, for tests of what happens after reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from stonks.core.errors import StatementUnreadable
from stonks.core.fingerprint import cash_identity, fingerprint, trade_identity
from stonks.core.records import (
    CashBalance,
    CashKind,
    CashTransaction,
    Period,
    Position,
    Record,
    RowProblem,
    Side,
    StatementSummary,
    Trade,
)


def trade(
    trade_id: str | None = "1",
    *,
    side: Side = Side.BUY,
    quantity: str = "10",
    price: str = "189.5",
    on: date = date(2025, 11, 3),
    commission: str | None = "-1",
    symbol: str = "AAPL",
    currency: str = "USD",
    cancels: bool = False,
    occurrence: int = 0,
    asset_class: str | None = None,
) -> Trade:
    isin = {"AAPL": "US0378331005", "SAP": "DE0007164600"}.get(symbol)
    identity = trade_identity(
        "ibkr", trade_id, side, cancels, Decimal(quantity), Decimal(price), on, isin or symbol, currency
    )
    return Trade(
        trade_date=on,
        side=side,
        cancels=cancels,
        quantity=Decimal(quantity),
        price=Decimal(price),
        currency=currency,
        symbol=symbol,
        isin=isin,
        commission=None if commission is None else Decimal(commission),
        commission_currency=None,
        taxes=None,
        asset_class=asset_class,
        multiplier=None,
        account=None,
        external_id=trade_id,
        original_id=None,
        executed_at=None,
        description=None,
        notes=None,
        underlying=None,
        line=2,
        fingerprint=fingerprint(identity, occurrence),
    )


def dividend(transaction_id: str = "1", amount: str = "2.6", on: date = date(2025, 11, 13)) -> CashTransaction:
    identity = cash_identity("ibkr", transaction_id, "dividends", Decimal(amount), on, "US0378331005", "USD")
    return CashTransaction(
        paid_on=on,
        kind=CashKind.DIVIDEND,
        amount=Decimal(amount),
        currency="USD",
        symbol="AAPL",
        isin="US0378331005",
        account=None,
        external_id=transaction_id,
        type_text="Dividends",
        report_date=None,
        description=None,
        line=9,
        fingerprint=fingerprint(identity, 0),
    )


def position(quantity: str, as_of: date = date(2025, 11, 20)) -> Position:
    return Position(
        as_of=as_of,
        quantity=Decimal(quantity),
        mark_price=Decimal("200"),
        cost_basis=Decimal("1895"),
        currency="USD",
        symbol="AAPL",
        isin="US0378331005",
        asset_class="STK",
        multiplier=None,
        account=None,
        description=None,
        line=20,
        fingerprint=fingerprint("position", 0),
    )


def problem(raw: str = "AAPL,,BORROW") -> RowProblem:
    return RowProblem(5, "Trades", "BORROW is neither a purchase nor a sale.", raw, fingerprint(raw, 0))


class ReadingOf:
    """A `Reading` of given rows; `breaks` makes it end as a truncated file does."""

    def __init__(
        self, rows: Iterable[Record | RowProblem], *, breaks: bool = False, balances: tuple[CashBalance, ...] = ()
    ) -> None:
        self._rows = list(rows)
        self._balances = balances
        self._breaks = breaks

    def __iter__(self) -> Iterator[Record | RowProblem]:
        yield from self._rows
        if self._breaks:
            raise StatementUnreadable("truncated", "The file ends in mid-row. Nothing was imported.")

    @property
    def summary(self) -> StatementSummary:
        kinds = Counter(type(row).__name__ for row in self._rows)
        days = [row.trade_date for row in self._rows if isinstance(row, Trade)]
        return StatementSummary(
            format="csv",
            period=Period(min(days), max(days)) if days else None,
            period_is_stated=False,
            generated_on=None,
            accounts=(),
            sections=("Trades",),
            trades=kinds["Trade"],
            cash=kinds["CashTransaction"],
            conversions=0,
            dividends=kinds["CashTransaction"],
            others=kinds["Position"],
            problems=kinds["RowProblem"],
            summaries=0,
            rows=len(self._rows),
            ignored=0,
            currencies=("USD",),
            day_first=None,
            date_order_is_guess=False,
            warnings=(),
            findings=(),
            rates=(),
            balances=self._balances,
        )
