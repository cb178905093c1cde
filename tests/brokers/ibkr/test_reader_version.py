"""The reader's version changes with what it reads: else statements read by an older one would not be read again."""

from __future__ import annotations

from hashlib import sha1
from io import BytesIO

from stonks.brokers.ibkr.statement import READER_VERSION, read_statement
from stonks.core.records import RowProblem

# One of each kind, in the columns of a wide query; and rows that can't be read.
SECTIONS = (
    "ClientAccountID,Symbol,ISIN,AssetClass,Multiplier,TradeID,OrigTradeID,DateTime,TradeDate,Buy/Sell,Quantity,TradePrice,"
    "IBCommission,IBCommissionCurrency,Taxes,CurrencyPrimary,Description,Notes/Codes,UnderlyingSymbol",
    "U1,AAPL,US0378331005,STK,1,1,,20251103;093000,20251103,BUY,10,189.5,-1,USD,0,USD,APPLE INC,O;P,",
    "U1,AAPL,US0378331005,STK,1,,1,20251103;093000,20251103,BUY (Ca.),-10,189.5,1,USD,0,USD,APPLE INC,Ca,",
    "U1,AAPL 251219C00200000,,OPT,100,2,,20251104;101500,20251104,SELL,-2,3.15,-1.3,USD,0,USD,AAPL CALL,O,AAPL",
    "U1,EUR.USD,,CASH,1,3,,20251105;120000,20251105,SELL,-1500.55,1.0842,-2,USD,0,USD,EUR.USD,,",
    "U1,T 4 11/15/34,US91282CLW90,BOND,1,4,,20251106;120000,20251106,BUY,10000,98.5,-5,USD,0,USD,T-NOTE,,",
    "U1,AAPL,US0378331005,STK,1,5,,20251107;120000,20251107,BORROW,1,1,0,USD,0,USD,APPLE INC,,",
    "ClientAccountID,Symbol,ISIN,Date/Time,ReportDate,Amount,Type,TransactionID,CurrencyPrimary,Description",
    "U1,AAPL,US0378331005,20251113;202000,20251114,2.6,Dividends,11,USD,AAPL CASH DIVIDEND",
    "U1,AAPL,US0378331005,20251113;202000,20251114,-0.39,Withholding Tax,12,USD,AAPL US TAX",
    "U1,,,20251105,20251105,-1.2,Broker Interest Paid,13,USD,USD DEBIT INT",
    "U1,,,20251106,20251106,5000,Deposits/Withdrawals,14,EUR,CASH RECEIPTS",
    "U1,,,20251106,20251106,5,Shareholder Perk,15,EUR,A MUG",
    "ClientAccountID,Symbol,ISIN,AssetClass,ReportDate,Date/Time,ActionDescription,Amount,Proceeds,Value,Quantity,Type,"
    "TransactionID,ActionID,CurrencyPrimary",
    "U1,NVDA,US67066G1040,STK,20251110,20251107;202500,NVDA SPLIT 10 FOR 1,0,0,0,90,FS,21,9001,USD",
    "ClientAccountID,Symbol,ISIN,AssetClass,Date,Type,Direction,Quantity,PositionAmount,CashTransfer,TransactionID,"
    "CurrencyPrimary,Description",
    "U1,SAP,DE0007164600,STK,20251111,FOP,IN,5,1100,0,31,EUR,SAP SE",
    "ClientAccountID,Symbol,ISIN,AssetClass,ReportDate,Quantity,MarkPrice,PositionValue,CostBasisMoney,CurrencyPrimary",
    "U1,SAP,DE0007164600,STK,20251119,5,221.4,1107,1100,EUR",
)
BODY = "".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in SECTIONS).encode()


def test_whoever_changes_what_is_read_raises_the_version() -> None:
    rows = [
        row._replace(reason="") if isinstance(row, RowProblem) else row for row in read_statement(BytesIO(BODY))
    ]  # whatever words a problem is told in
    digest = sha1("\n".join(map(repr, rows)).encode()).hexdigest()
    assert (READER_VERSION, len(rows), digest) == (6, 14, "905dee1e6945e8f7f778c38b53ce58b68df4d593"), (
        "raise READER_VERSION, and put what is read now here"
    )
