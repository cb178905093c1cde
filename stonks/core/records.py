"""What a broker's statement says, one immutable value per row, whatever file it came from.

Pure facts in the statement's own terms: dates are the broker's calendar dates (never shifted), amounts are Decimal made
from text, signs as documented at each field. Knows no file format, no database and no broker.
NamedTuples, because reading a first statement makes a hundred thousand of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class CashKind(StrEnum):
    DIVIDEND = "DIVIDEND"
    PAYMENT_IN_LIEU = "PAYMENT_IN_LIEU"
    WITHHOLDING_TAX = "WITHHOLDING_TAX"
    INTEREST = "INTEREST"
    FEE = "FEE"
    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    OTHER = "OTHER"


class Trade(NamedTuple):
    """An execution, or (`cancels`) the taking back of one. A cancel's effect is the negative of its side and quantity."""

    trade_date: date
    side: Side
    cancels: bool
    quantity: Decimal  # > 0; face value for bonds
    price: Decimal  # per unit, in `currency`; per 100 of face for bonds
    currency: str
    symbol: str | None
    isin: str | None
    commission: Decimal | None  # signed as sent: negative = cost, positive = rebate
    commission_currency: str | None
    taxes: Decimal | None  # signed as sent: negative = cost; in `currency`
    asset_class: str | None  # STK, OPT, FUT, FOP, CASH, BOND, BILL, FUND, WAR, IOPT, CFD, CRYPTO …
    multiplier: Decimal | None  # None = not told and not needed (1)
    account: str | None
    external_id: str | None  # IBKR's TradeID; empty on cancels, re-used by the replacement
    original_id: str | None  # on a cancel or correction, the TradeID it refers to, when the file tells
    executed_at: datetime | None  # broker's wall clock, no zone
    description: str | None
    notes: str | None  # the broker's codes, ";"-separated
    underlying: str | None  # symbol of what an option or future is on
    line: int  # 1-based line of the file (XML: line of the element)
    fingerprint: bytes  # 20-byte SHA-1, see fingerprint.py


class CashTransaction(NamedTuple):
    """Money in or out that is no trade."""

    paid_on: date
    kind: CashKind
    amount: Decimal  # signed as sent: tax -, refund +, reversal of a dividend -
    currency: str
    symbol: str | None
    isin: str | None
    account: str | None
    external_id: str | None
    type_text: str  # the broker's own word, e.g. "Broker Interest Paid"
    report_date: date | None
    description: str | None
    line: int
    fingerprint: bytes


class FxConversion(NamedTuple):
    """One currency changed into another: two legs, both positive, and a fee that may be in a third currency."""

    trade_date: date
    cancels: bool
    sold: Decimal
    sold_currency: str
    bought: Decimal
    bought_currency: str
    price: Decimal  # of one unit of the pair's first currency, in `currency`
    symbol: str  # "EUR.USD"
    currency: str  # the pair's second currency (CurrencyPrimary)
    commission: Decimal | None
    commission_currency: str | None
    account: str | None
    external_id: str | None
    original_id: str | None
    executed_at: datetime | None
    notes: str | None
    line: int
    fingerprint: bytes


class CorporateAction(NamedTuple):
    """A split, merger, spin-off … One row per instrument leg: `quantity` is the signed change of what is held."""

    action_date: date
    kind: str  # the broker's type code: FS, RS, SO, TC, IC, SD, RI, DI …; "OTHER" when not told
    quantity: Decimal
    currency: str
    symbol: str | None
    isin: str | None
    amount: Decimal | None  # signed cash proceeds in `currency`
    value: Decimal | None  # signed market value moved, when told
    asset_class: str | None
    multiplier: Decimal | None
    account: str | None
    external_id: str | None
    action_id: str | None  # joins the legs of one action
    description: str
    line: int
    fingerprint: bytes


class Transfer(NamedTuple):
    """Instruments (or cash) moved between accounts without a trade."""

    transfer_date: date
    direction: str  # "IN" or "OUT"
    quantity: Decimal  # > 0
    currency: str
    symbol: str | None
    isin: str | None
    kind: str | None  # ACATS, FOP, INTERNAL …
    value: Decimal | None  # market value at transfer, when told
    cash: Decimal | None  # signed cash moved
    asset_class: str | None
    multiplier: Decimal | None
    account: str | None
    external_id: str | None
    description: str | None
    line: int
    fingerprint: bytes


class Position(NamedTuple):
    """What the broker says is held at the end of a day. Not an entry of the ledger: it reconciles and prices."""

    as_of: date
    quantity: Decimal  # signed: negative = short
    mark_price: Decimal | None
    cost_basis: Decimal | None  # total, in `currency`
    currency: str
    symbol: str | None
    isin: str | None
    asset_class: str | None
    multiplier: Decimal | None
    account: str | None
    description: str | None
    line: int
    fingerprint: bytes


class RowProblem(NamedTuple):
    """A row that could not be read: parked and shown, never dropped."""

    line: int
    section: str  # "Trades", "Cash Transactions" …
    reason: str  # a sentence
    raw: str  # the row's text, at most 2,000 characters
    digest: bytes  # 20-byte SHA-1 over section and normalised raw text: the same problem tomorrow is the same


class FxRate(NamedTuple):
    on: date
    from_currency: str
    to_currency: str
    rate: Decimal  # 1 from_currency = rate to_currency


class CashBalance(NamedTuple):
    """A line of the statement's cash report."""

    as_of: date
    currency: str
    ending_cash: Decimal
    account: str | None


Record = Trade | CashTransaction | FxConversion | CorporateAction | Transfer | Position
LedgerRecord = Trade | CashTransaction | FxConversion | CorporateAction | Transfer


class Severity(StrEnum):
    ERROR = "error"  # facts are lost until mended
    WARNING = "warning"  # some facts may be wrong or missing
    NOTE = "note"  # harmless, said for completeness


class Finding(NamedTuple):
    """The doctor's word on how the statement was made: what is off, what it costs, and the clicks that mend it."""

    code: str  # stable name, e.g. "field-missing:trades:commission", "section-missing:cash"
    severity: Severity
    message: str
    remedy: str  # click path at the broker


class Period(NamedTuple):
    first: date
    last: date


class StatementSummary(NamedTuple):
    """What a reading found, complete only after its last row."""

    format: str  # "csv" or "xml"
    period: Period | None  # as the file states it, else the span of its dates, else None
    period_is_stated: bool
    generated_on: date | None
    accounts: tuple[str, ...]
    sections: tuple[str, ...]  # names found, in order of first sight
    trades: int  # Trade records
    cash: int  # CashTransaction records
    conversions: int
    dividends: int  # CashTransaction records of kind DIVIDEND or PAYMENT_IN_LIEU
    others: int  # corporate actions, transfers and positions
    problems: int
    summaries: int  # known summary rows left out because their details count
    rows: int  # data rows of sections that are read: records + summaries + problems == rows, asserted
    ignored: int  # data rows of sections that do not matter here
    currencies: tuple[str, ...]  # sorted
    day_first: bool | None  # how slashed dates were read; None when the question did not arise
    date_order_is_guess: bool
    warnings: tuple[str, ...]  # the broker's own MSG lines, mismatching trailer counts …
    findings: tuple[Finding, ...]
    rates: tuple[FxRate, ...]
    balances: tuple[CashBalance, ...]


@runtime_checkable
class KnowsParked(Protocol):
    """A reading that can tell which rows, parked because an earlier reader could not read them, it reads."""

    def watch(self, parked: Collection[bytes]) -> None:
        """Digests of parked rows to look for; told before the first row is read."""
        ...

    @property
    def read_now(self) -> Collection[bytes]:
        """Those of them that were read; complete after the last row."""
        ...


@runtime_checkable
class TellsSeconds(Protocol):
    """A reading whose equal rows are told apart by their number within the file."""

    def second_of(self, record: Trade | FxConversion) -> bytes | None:
        """The fingerprint that a second row equal to this one has; None for what is not the first of its kind."""
        ...


@runtime_checkable
class TellsColumns(Protocol):
    """A reading that knows whether a fact is missing from a row, or from all of the file's."""

    def tells(self, kind: str, fact: str) -> bool:
        """Whether the file tells "external_id" or "isin" of rows of this kind ("TRADE", "FX" or "CASH"), as far as it
        is read."""
        ...


class Reading(Protocol):
    """A statement being read: iterate once, then ask for the summary.

    Iteration may raise StatementUnreadable (at the start, or later for a truncated file): importers must treat the
    whole file as refused then. `summary` raises RuntimeError before the last row.
    """

    def __iter__(self) -> Iterator[Record | RowProblem]: ...

    @property
    def summary(self) -> StatementSummary: ...
