"""Small Flex statements in the guide's columns, for tests that care about what arrives and not about how it is read."""

from __future__ import annotations

TRADE_COLUMNS = "Symbol,ISIN,TradeID,TradeDate,Buy/Sell,Quantity,TradePrice,IBCommission,CurrencyPrimary"
CASH_COLUMNS = "Symbol,ISIN,Date/Time,Amount,Type,TransactionID,CurrencyPrimary"

APPLE = ("AAPL", "US0378331005")
SAP = ("SAP", "DE0007164600")


def statement(trades: list[str] | None = None, cash: list[str] | None = None) -> bytes:
    """A plain CSV of the rows given as comma-separated text, in the order of the columns above."""
    lines = [TRADE_COLUMNS, *(trades or [])]
    if cash is not None:
        lines += [CASH_COLUMNS, *cash]
    return "".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in lines).encode()


def buy(
    trade_id: int, day: str = "20251103", *, quantity: str = "10", price: str = "189.5", currency: str = "USD"
) -> str:
    symbol, isin = APPLE if currency == "USD" else SAP
    return f"{symbol},{isin},{trade_id},{day},BUY,{quantity},{price},-1,{currency}"


def dividend(transaction_id: int, day: str = "20251113", *, amount: str = "2.6", currency: str = "USD") -> str:
    symbol, isin = APPLE if currency == "USD" else SAP
    return f"{symbol},{isin},{day};202000,{amount},Dividends,{transaction_id},{currency}"


def withheld(transaction_id: int, day: str = "20251113", *, amount: str = "-0.39", currency: str = "USD") -> str:
    symbol, isin = APPLE if currency == "USD" else SAP
    return f"{symbol},{isin},{day};202000,{amount},Withholding Tax,{transaction_id},{currency}"
