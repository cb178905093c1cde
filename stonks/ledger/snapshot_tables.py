"""The stored figures of a portfolio: what its entries come to, so that a page need not fold them. All of it can be
made anew from the entries; what is out of date is named by marks, and nothing with marks is shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from stonks.db import Base, ExactDecimal
from stonks.portfolio.valuation import Instrument

_OWNER = "portfolios.id"


class Snapshot(Base):
    """The sums over all instruments, and what the figures are of."""

    __tablename__ = "snapshots"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(default=0)  # of the ledger: one more with each change of it
    foldings: Mapped[int] = mapped_column(default=0)  # one more with each change of the stored figures
    basis: Mapped[str | None] = mapped_column(String(120))  # how they were reckoned; None or another: all are stale
    as_of: Mapped[date | None]  # the day of the broker's last word on positions
    gains: Mapped[str] = mapped_column(Text, default="{}")  # JSON: year -> [gain in base, lots that count, not known]


class SnapshotMark(Base):
    """What must be reckoned anew. kind "name": the instruments of a symbol and ISIN; "month": its income and
    cash, or those of one day; "name 2025": nothing of the years before has changed;
    "positions": the broker's word changed; "rates": everything since the day in `name`; "price 2025":
    what a symbol or ISIN was quoted at since that year."""

    __tablename__ = "snapshot_marks"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)  # symbol as written, month or day; "" = none
    isin: Mapped[str] = mapped_column(String(20), primary_key=True, default="")


class SnapshotName(Base):
    """Each symbol and ISIN that an entry or a position ever put side by side; "" = not told. Only ever added to:
    one too many makes a larger family and no other figure."""

    __tablename__ = "snapshot_names"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    symbol: Mapped[str] = mapped_column(String(64), primary_key=True)
    isin: Mapped[str] = mapped_column(String(20), primary_key=True)
    held: Mapped[bool] = mapped_column(default=False)  # among the broker's last positions


class SnapshotHolding(Base):
    """One instrument, held or not, ever moved or only reported."""

    __tablename__ = "snapshot_holdings"
    __table_args__ = (
        Index("ix_snapshot_holdings_name", "portfolio_id", "name"),
        Index("ix_snapshot_holdings_open", "portfolio_id", "is_open"),
    )

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))  # the key without its currency
    is_open: Mapped[bool]
    complete: Mapped[bool]
    symbol: Mapped[str] = mapped_column(String(64))
    isin: Mapped[str | None] = mapped_column(String(20))
    currency: Mapped[str] = mapped_column(String(12))
    asset_class: Mapped[str | None] = mapped_column(String(10))
    multiplier: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    description: Mapped[str | None] = mapped_column(Text)
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    cost_known: Mapped[bool]
    cost_base: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    missing: Mapped[Decimal] = mapped_column(ExactDecimal)
    closed_lots: Mapped[int]
    traded: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # the last price traded at
    traded_on: Mapped[date | None]
    mark: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # the broker's price
    marked_on: Mapped[date | None]
    bank_rate: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # the bank's newest, into the base currency
    bank_day: Mapped[date | None]  # of that rate
    oldest_rate: Mapped[date | None]  # of the rates used, the oldest that stood in for a later day's
    income_base: Mapped[Decimal] = mapped_column(ExactDecimal)  # net, all there ever was
    unconverted: Mapped[int]  # receipts without a rate, left out of that
    last_day: Mapped[date | None]
    reported: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # the broker's quantity; None = not reported
    quantity_then: Mapped[Decimal] = mapped_column(ExactDecimal)  # ours on the day of the broker's word
    compared: Mapped[bool]  # either of the two is something
    agrees: Mapped[bool]
    called: Mapped[str] = mapped_column(Text)  # JSON: symbol and ISIN of the rows that "moved" and "paid"
    reasons: Mapped[str] = mapped_column(Text)  # JSON: why the history is incomplete
    gains: Mapped[str] = mapped_column(Text)  # JSON, its part of the snapshot's
    part: Mapped[str] = mapped_column(String(10), server_default="none")  # of the performance, see portfolio/flows.py
    begun: Mapped[date | None]  # its first movement's day
    transferred: Mapped[bool] = mapped_column(server_default=false())  # or opened by a person's word
    flows_unconverted: Mapped[int] = mapped_column(server_default="0")  # what was paid for it without a rate
    lacking: Mapped[str] = mapped_column(Text, server_default="[]")  # JSON: [day, +1 or -1], see portfolio/worth.py


class SnapshotCourse(Base):
    """What the days of a year changed of one instrument. JSON by day: `steps` is what its movements leave, `money` what
    it took and brought, `worths` its worth; see portfolio/courses.py and ledger/course_text.py."""

    __tablename__ = "snapshot_courses"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    steps: Mapped[str] = mapped_column(Text)
    money: Mapped[str] = mapped_column(Text)
    worths: Mapped[str] = mapped_column(Text)
    last_price: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # at the year's end, however old; None: none


class SnapshotCheckpoint(Base):
    """How an instrument's fold stood at the beginning of a year, see ledger/checkpoints.py."""

    __tablename__ = "snapshot_checkpoints"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    under: Mapped[str] = mapped_column(Text)  # what of the whole the years before were folded by
    state: Mapped[str] = mapped_column(Text)  # JSON


class SnapshotYear(Base):
    """The same, the sums over the instruments of one currency and one part of the performance."""

    __tablename__ = "snapshot_years"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    part: Mapped[str] = mapped_column(String(10), primary_key=True)
    currency: Mapped[str] = mapped_column(String(12), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    money: Mapped[str] = mapped_column(Text)
    worths: Mapped[str] = mapped_column(Text)


class SnapshotLot(Base):
    """A lot of an instrument: the closed ones in the order they closed, then those that are open."""

    __tablename__ = "snapshot_lots"
    __table_args__ = (Index("ix_snapshot_lots_closed", "portfolio_id", "closed", "key", "place"),)

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    opened: Mapped[date]
    closed: Mapped[date | None]  # None = open
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    cost_known: Mapped[bool]
    proceeds: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    gain_base: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    delivered: Mapped[bool] = mapped_column(server_default=false())


class SnapshotMonth(Base):
    """Income, fees and cash of one month in one currency; `_base` in the base currency at each day's rate."""

    __tablename__ = "snapshot_months"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)  # its first day
    currency: Mapped[str] = mapped_column(String(12), primary_key=True)
    moved: Mapped[Decimal] = mapped_column(ExactDecimal)  # cash, signed
    gross: Mapped[Decimal] = mapped_column(ExactDecimal)
    withheld: Mapped[Decimal] = mapped_column(ExactDecimal)
    fees: Mapped[Decimal] = mapped_column(ExactDecimal)
    gross_base: Mapped[Decimal] = mapped_column(ExactDecimal)
    withheld_base: Mapped[Decimal] = mapped_column(ExactDecimal)
    fees_base: Mapped[Decimal] = mapped_column(ExactDecimal)
    unconverted: Mapped[int]
    oldest_rate: Mapped[date | None]
    days: Mapped[str] = mapped_column(Text, server_default="{}")  # JSON, see ledger/month_days.py
    oldest_rates: Mapped[str] = mapped_column(Text, server_default="{}")  # JSON: day -> the day of its oldest rate


class SnapshotIncome(Base):
    """What an instrument brought and cost in a year, by what its receipts call it: ISIN or symbol; converted at each
    day's rate, without what has none."""

    __tablename__ = "snapshot_income"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    family: Mapped[str] = mapped_column(String(64))  # the name in capitals, as families have it
    gross_base: Mapped[Decimal] = mapped_column(ExactDecimal)
    withheld_base: Mapped[Decimal] = mapped_column(ExactDecimal)
    fees_base: Mapped[Decimal] = mapped_column(ExactDecimal)


class SnapshotLate(Base):
    """A payment that changed a year after it had ended; see portfolio/late.py."""

    __tablename__ = "snapshot_late"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey(_OWNER, ondelete="CASCADE"), primary_key=True)
    entry_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    family: Mapped[str] = mapped_column(String(64))
    concerns: Mapped[int]
    known_in: Mapped[int]


def instrument_of(row: Any) -> Instrument:
    """Of a row with a SnapshotHolding's columns."""
    return Instrument(row.key, row.symbol, row.isin, row.currency, row.asset_class, row.multiplier, row.description)
