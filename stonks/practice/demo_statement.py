"""A believable year of an invented investor, as a Flex statement in the guide's columns, up to yesterday.

Every row hangs on its own calendar date, so tomorrow's statement repeats today's rows and may add some.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

from stonks.practice.demo_market import (
    APPLE,
    COLA,
    MICROSOFT,
    SAP,
    SHARES,
    UNILEVER,
    WORLD,
    Share,
    dice,
    price_of,
    rate_of,
)

TRADE_COLUMNS = (
    "Symbol",
    "ISIN",
    "TradeID",
    "TradeDate",
    "Buy/Sell",
    "Quantity",
    "TradePrice",
    "IBCommission",
    "CurrencyPrimary",
)
CASH_COLUMNS = ("Symbol", "ISIN", "Date/Time", "Amount", "Type", "TransactionID", "CurrencyPrimary")
POSITION_COLUMNS = (
    "Symbol",
    "ISIN",
    "ReportDate",
    "AssetClass",
    "Quantity",
    "MarkPrice",
    "CostBasisMoney",
    "CurrencyPrimary",
)
RATE_COLUMNS = ("Date/Time", "FromCurrency", "ToCurrency", "Rate")
DAYS = 365
# A sale needs the purchases before it: none within the statement's first weeks.
_SALES_AFTER = timedelta(days=75)
_DAY = timedelta(days=1)

Row = tuple[str, ...]


# What is paid: share, months, amount before tax, and the part withheld (the United Kingdom withholds nothing).
_DIVIDENDS = (
    (APPLE, (2, 5, 8, 11), Decimal("6.24"), Decimal("0.15")),
    (MICROSOFT, (3, 6, 9, 12), Decimal("13.65"), Decimal("0.15")),
    (COLA, (4, 7, 10, 12), Decimal("30.60"), Decimal("0.15")),
    (SAP, (5,), Decimal("35.25"), Decimal("0.26375")),
    (UNILEVER, (3, 6, 9, 12), Decimal("27.80"), Decimal(0)),
)
# What is paid in each month: enough for what is bought.
_DEPOSITS = (("EUR", Decimal(3000)), ("USD", Decimal(1900)), ("GBP", Decimal(500)))


def whole_year(today: date) -> bytes:
    """Trades and Cash Transactions as the guide asks for them; beside them Open Positions of each day, as a query with
    “Breakout by Day” tells them, and its Conversion Rates.

    The positions are those of an account that began with this statement.
    """
    return _csv(
        (TRADE_COLUMNS, *_trades(today)),
        (CASH_COLUMNS, *_cash(today)),
        (POSITION_COLUMNS, *_positions(today)),
        (RATE_COLUMNS, *_rates(today)),
    )


def trades_only(today: date) -> bytes:
    """A query without Cash Transactions."""
    return _csv((TRADE_COLUMNS, *_trades(today)))


def careless(today: date) -> bytes:
    """A query with Orders beside Executions, and without ISIN and IB Commission."""
    left_out = {TRADE_COLUMNS.index("ISIN"), TRADE_COLUMNS.index("IBCommission")}

    def narrow(row: Row, level: str) -> Row:
        return (*(cell for index, cell in enumerate(row) if index not in left_out), level)

    rows = [narrow(TRADE_COLUMNS, "LevelOfDetail")]
    for row in _trades(today):
        order = tuple("" if name == "TradeID" else cell for name, cell in zip(TRADE_COLUMNS, row, strict=True))
        rows += [narrow(order, "ORDER"), narrow(row, "EXECUTION")]
    return _csv(rows)


def nothing_yet(today: date) -> bytes:
    """An account without a single transaction."""
    return _csv((TRADE_COLUMNS,), (CASH_COLUMNS,))


def _csv(*sections: tuple[Row, ...] | list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for section in sections:
        writer.writerows(section)
    return text.getvalue().encode()


def _days(today: date) -> Iterator[tuple[date, int]]:
    """The working days of the last 365 before `today`, each with its number within its month."""
    day = (today - DAYS * _DAY).replace(day=1)
    number = 0
    while day < today:
        number = 1 if day.day == 1 else number
        if day.weekday() < 5:
            if day >= today - DAYS * _DAY:
                yield day, number
            number += 1
        day += _DAY


def _trades(today: date) -> Iterator[Row]:
    first_sale = today - DAYS * _DAY + _SALES_AFTER
    for day, number in _days(today):
        month = day.month
        if number == 2:  # the savings plan, filled in two parts
            yield _trade(WORLD, day, "BUY", 6, part=1)
            yield _trade(WORLD, day, "BUY", 2, part=2)
        elif number == 3 and month in (1, 7):
            yield _conversion(day, -4000)
        elif number == 4:
            yield _trade(APPLE, day, "BUY", 6) if month % 2 else _trade(MICROSOFT, day, "BUY", 3)
        elif number == 6 and month % 3 == 0:
            yield _trade(SAP, day, "BUY", 5)
        elif number == 6 and month % 3 == 1:
            yield _trade(COLA, day, "BUY", 20)
        elif number == 6:
            yield _trade(UNILEVER, day, "BUY", 25)
        elif number == 9 and month == 8:  # a trade cancelled and booked again at another price
            free = Decimal(0)
            yield _trade(COLA, day, "BUY", 10)
            yield _trade(COLA, day, "BUY (Ca.)", -10, name="", fee=free)
            yield _trade(COLA, day, "BUY", 10, price=price_of(COLA, day) - Decimal("0.05"), fee=free)
        elif number == 12 and month % 4 == 2 and day >= first_sale:
            yield _trade(APPLE, day, "SELL", -4)
        elif number == 14 and month in (6, 10) and day >= first_sale:
            yield _trade(COLA, day, "SELL", -10)


def _trade(
    share: Share,
    day: date,
    side: str,
    quantity: int,
    part: int = 1,
    *,
    name: str | None = None,
    price: Decimal | None = None,
    fee: Decimal | None = None,
) -> Row:
    """`part` 2 is the rest of an order: it has a name of its own and its fee was charged with the first."""
    name = str(_identity(share.symbol, day, part)) if name is None else name
    price = price_of(share, day) if price is None else price
    fee = (share.fee if part == 1 else Decimal(0)) if fee is None else fee
    return (share.symbol, share.isin, name, f"{day:%Y%m%d}", side, str(quantity), str(price), str(fee), share.currency)


def _conversion(day: date, euros: int) -> Row:
    rate = (1 / rate_of("USD", day)).quantize(Decimal("0.0001"))
    name = str(_identity("EUR.USD", "SELL", day))
    return ("EUR.USD", "", name, f"{day:%Y%m%d}", "SELL", str(euros), str(rate), "-2", "USD")


def _cash(today: date) -> Iterator[Row]:
    for day, number in _days(today):
        if number == 1:
            for currency, amount in _DEPOSITS:
                yield _deposit(day, amount, currency)
        elif number == 10:
            for share, months, gross, withheld in _DIVIDENDS:
                if day.month in months:
                    yield _payment(share, day, gross, "Dividends")
                    if withheld:
                        yield _payment(share, day, -(gross * withheld).quantize(Decimal("0.01")), "Withholding Tax")
        elif number == 8 and day.month == 9:  # a type that nobody has heard of, for the review to show
            yield _payment(COLA, day, Decimal("1.50"), "Shareholder Perk")


def _deposit(day: date, amount: Decimal, currency: str) -> Row:
    name = str(_identity("deposit", currency, day))
    return ("", "", f"{day:%Y%m%d}", str(amount), "Deposits/Withdrawals", name, currency)


def _payment(share: Share, day: date, amount: Decimal, kind: str) -> Row:
    name = str(_identity(share.symbol, kind, day))
    return (share.symbol, share.isin, f"{day:%Y%m%d};202000", str(amount), kind, name, share.currency)


def _positions(today: date) -> Iterator[Row]:
    """What the trades leave each working day, at its prices, with the cost of the purchases not sold yet."""
    lots: dict[str, list[tuple[int, Decimal]]] = {share.symbol: [] for share in SHARES}  # quantity, cost of them all
    trades = {day: list(of_day) for day, of_day in groupby(_trades(today), key=lambda row: row[3])}
    for day, _ in _days(today):
        on = f"{day:%Y%m%d}"
        for symbol, isin, _, _, side, quantity, price, fee, _ in trades.get(on, ()):
            if not isin:
                continue
            if side == "BUY":
                lots[symbol].append((int(quantity), int(quantity) * Decimal(price) - Decimal(fee)))
            elif side == "SELL":
                lots[symbol] = _sold(lots[symbol], -int(quantity))
            else:  # the purchase just before it is taken back
                lots[symbol].pop()
        for share in SHARES:
            held = sum(quantity for quantity, _ in lots[share.symbol])
            if held:
                cost = sum((cost for _, cost in lots[share.symbol]), Decimal(0)).quantize(Decimal("0.01"))
                facts = (on, "STK", str(held), str(price_of(share, day)), str(cost), share.currency)
                yield (share.symbol, share.isin, *facts)


def _rates(today: date) -> Iterator[Row]:
    for day, _ in _days(today):
        for currency in ("USD", "GBP"):
            yield (f"{day:%Y%m%d}", currency, "EUR", str(rate_of(currency, day)))


def _sold(lots: list[tuple[int, Decimal]], quantity: int) -> list[tuple[int, Decimal]]:
    """First in, first out."""
    left = []
    for held, cost in lots:
        gone = min(held, quantity)
        quantity -= gone
        if held > gone:
            left.append((held - gone, cost * (held - gone) / held))
    return left


def _identity(*facts: object) -> int:
    return 4_000_000_000 + dice(*facts) % 1_000_000_000
