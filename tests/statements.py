"""Small Flex statements in the guide's columns, for tests that care about what arrives and not about how it is read."""

from __future__ import annotations

from datetime import datetime

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


FRAMES = ("plain", "records", "descriptors", "xml")
DAYS = ("%Y%m%d", "%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%d/%m/%Y", "%d/%m/%y", "%d-%b-%y")
_ATTRIBUTES = {
    "Symbol": "symbol", "ISIN": "isin", "TradeID": "tradeID", "TradeDate": "tradeDate", "Buy/Sell": "buySell",
    "Quantity": "quantity", "TradePrice": "tradePrice", "IBCommission": "ibCommission", "CurrencyPrimary": "currency",
    "Date/Time": "dateTime", "Amount": "amount", "Type": "type", "TransactionID": "transactionID",
    "ClientAccountID": "accountId", "LevelOfDetail": "levelOfDetail", "Description": "description",
}  # fmt: skip


def told_as(trades: list[str], cash: list[str], *, frame: str, days: str, wide: bool) -> bytes:
    """The same rows in another frame, with dates spelled as `days` says (for strftime), and with more columns."""
    sections = [
        ("TRNT", "Trades", "Trade", *_columns(TRADE_COLUMNS, "TradeDate", trades, days, wide and "EXECUTION")),
        ("CTRN", "CashTransactions", "CashTransaction", *_columns(CASH_COLUMNS, "Date/Time", cash, days, wide and "DETAIL")),
    ]  # fmt: skip
    lines: list[str] = []
    for code, parent, element, header, rows in sections:
        if frame == "xml":
            lines.append(f"<{parent}>")
            for row in rows:
                told = " ".join(f'{_ATTRIBUTES[name]}="{cell}"' for name, cell in zip(header, row, strict=True))
                lines.append(f"<{element} {told} />")
            lines.append(f"</{parent}>")
            continue
        descriptors = frame == "descriptors"
        section = [_quoted(*(["HEADER", code] if descriptors else []), *header)]
        section += [_quoted(*(["DATA", code] if descriptors else []), *row) for row in rows]
        if frame == "records":
            section = [_quoted("BOS", code, "label"), *section, _quoted("EOS", code, str(len(rows)), "0")]
        lines += section
    if frame == "records":
        lines = [
            _quoted("BOF", "U1", "query", "1"),
            _quoted("BOA", "U1"),
            *lines,
            _quoted("EOA", "U1"),
            _quoted("EOF", "U1"),
        ]
    if frame == "xml":
        start = '<FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1"><FlexStatement accountId="U1">'
        lines = [start, *lines, "</FlexStatement></FlexStatements></FlexQueryResponse>"]
    return "".join(f"{line}\n" for line in lines).encode()


def _columns(
    columns: str, dated: str, rows: list[str], days: str, level: str | bool
) -> tuple[list[str], list[list[str | bool]]]:
    header = columns.split(",")
    place = header.index(dated)
    told: list[list[str | bool]] = []
    for row in rows:
        cells = row.split(",")
        day, separator, time = cells[place].partition(";")
        cells[place] = datetime.strptime(day, "%Y%m%d").strftime(days) + separator + time
        told.append([*cells, *(("U1", level, "more, in words") if level else ())])
    return ([*header, "ClientAccountID", "LevelOfDetail", "Description"] if level else header), told


def _quoted(*cells: object) -> str:
    return ",".join(f'"{cell}"' for cell in cells)
