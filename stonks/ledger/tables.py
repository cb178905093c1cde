"""Portfolios and what came into them: batches, entries, row problems, amendments, kept statements, reported facts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from stonks.db import Base, ExactDecimal, UtcDateTime

# Of indexes: a query says them in the very same words, or SQLite does not take the index.
RARE_TYPE = "type NOT IN ('BUY', 'SELL')"
RARE_ORIGIN = "origin <> 'sync'"
ACTING = "kind = 'CORPORATE_ACTION'"
DELIVERING = "kind = 'TRADE' AND (notes LIKE '%A%' OR notes LIKE '%Ex%')"  # may have a code of an exercise


class Portfolio(Base):
    __tablename__ = "portfolios"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    base_currency: Mapped[str] = mapped_column(String(3))
    lot_method: Mapped[str] = mapped_column(String(10), default="fifo", server_default="fifo")  # lots.Method
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ImportBatch(Base):
    """One statement let into the ledger, and what came of it."""

    __tablename__ = "import_batches"
    __table_args__ = (
        Index(
            "ix_import_batches_pending",
            "portfolio_id",
            sqlite_where=text("acknowledged_at IS NULL"),
            postgresql_where=text("acknowledged_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), index=True)
    origin: Mapped[str] = mapped_column(String(10))  # "sync" or "upload"
    file_name: Mapped[str | None] = mapped_column(String(200))
    statement_sha1: Mapped[bytes | None] = mapped_column(LargeBinary(20))
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    period_first: Mapped[date | None]
    period_last: Mapped[date | None]
    new: Mapped[int] = mapped_column(default=0)
    known: Mapped[int] = mapped_column(default=0)
    amended: Mapped[int] = mapped_column(default=0)
    problems: Mapped[int] = mapped_column(default=0)  # problems not seen before
    findings: Mapped[str] = mapped_column(Text, default="[]")  # JSON list of {code, severity, message, remedy}
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # "Done" was pressed, or nothing to review


class Entry(Base):
    """A transaction. Once here its fingerprint stays: discarding keeps the row, so that tomorrow's statement,
    which holds it again, finds it known."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("portfolio_id", "fingerprint"),
        Index("ix_entries_page", "portfolio_id", "entry_date", "id"),
        Index("ix_entries_symbol_page", "portfolio_id", "symbol", "entry_date", "id"),
        # Few among many. What most rows are is found in the days' own order, and each index of all rows would be a
        # twelfth of what a first import takes.
        Index(
            "ix_entries_rare_type_page",
            *("portfolio_id", "type", "entry_date", "id"),
            sqlite_where=text(RARE_TYPE),
            postgresql_where=text(RARE_TYPE),
        ),
        Index(
            "ix_entries_rare_origin_page",
            *("portfolio_id", "origin", "entry_date", "id"),
            sqlite_where=text(RARE_ORIGIN),
            postgresql_where=text(RARE_ORIGIN),
        ),
        # Looked for by each page of transactions and each fold.
        Index(
            "ix_entries_cancels",
            "portfolio_id",
            "entry_date",
            sqlite_where=text("cancels = 1"),
            postgresql_where=text("cancels"),
        ),
        Index(
            "ix_entries_delivering",
            "portfolio_id",
            "entry_date",
            sqlite_where=text(DELIVERING),
            postgresql_where=text(DELIVERING),
        ),
        Index(
            "ix_entries_actions",
            "portfolio_id",
            "entry_date",
            sqlite_where=text(ACTING),
            postgresql_where=text(ACTING),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batches.id", ondelete="SET NULL"), index=True)
    origin: Mapped[str] = mapped_column(String(10))  # "sync", "upload" or "manual"
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(20))
    kind: Mapped[str] = mapped_column(String(20))  # TRADE, CASH, FX, CORPORATE_ACTION, TRANSFER
    # What a person filters by: BUY, SELL, a CashKind, FX, CORPORATE_ACTION, TRANSFER_IN, TRANSFER_OUT, OPENING
    type: Mapped[str] = mapped_column(String(20))
    entry_date: Mapped[date]  # trade date, date paid, date of the action or transfer: the broker's calendar
    symbol: Mapped[str | None] = mapped_column(String(64))
    isin: Mapped[str | None] = mapped_column(String(20))
    currency: Mapped[str] = mapped_column(String(12))
    # > 0 for trades and transfers; signed change for corporate actions; signed for opening entries
    quantity: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    price: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    # Signed cash effect in `currency` before commission and taxes. Trade: None for futures and CFDs, where no money
    # changes hands for the notional. FX: the leg in `currency`. Cash: as sent. Cancels already carry the opposite sign.
    amount: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    commission: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # signed: negative = cost
    commission_currency: Mapped[str | None] = mapped_column(String(12))  # None = `currency`
    taxes: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # signed, in `currency`
    # FX: the other leg, signed; action: value moved; opening entry: the whole cost, signed like its quantity
    other_amount: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    other_currency: Mapped[str | None] = mapped_column(String(12))
    cancels: Mapped[bool] = mapped_column(default=False)
    asset_class: Mapped[str | None] = mapped_column(String(10))
    multiplier: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    underlying: Mapped[str | None] = mapped_column(String(64))
    account: Mapped[str | None] = mapped_column(String(64))
    external_id: Mapped[str | None] = mapped_column(String(64))
    original_id: Mapped[str | None] = mapped_column(String(64))
    action_kind: Mapped[str | None] = mapped_column(
        String(40)
    )  # corporate action code; the broker's cash type; transfer kind
    action_id: Mapped[str | None] = mapped_column(String(64))
    executed_at: Mapped[datetime | None]  # broker's wall clock, no zone
    report_date: Mapped[date | None]
    description: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    discarded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # counts nowhere, still known


class EntryAsTold(Base):
    """What a statement told of an entry that a person corrected since. By this the entry is still found under another
    name, when the query gains or loses a field that names rows."""

    __tablename__ = "entries_as_told"
    __table_args__ = (Index("ix_entries_as_told_day", "portfolio_id", "entry_date"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    type: Mapped[str] = mapped_column(String(20))
    entry_date: Mapped[date]
    symbol: Mapped[str | None] = mapped_column(String(64))
    isin: Mapped[str | None] = mapped_column(String(20))
    currency: Mapped[str] = mapped_column(String(12))
    quantity: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    price: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    amount: Mapped[Decimal | None] = mapped_column(ExactDecimal)


class Amendment(Base):
    """A fact of an entry that a later statement told otherwise (a commission, usually)."""

    __tablename__ = "amendments"

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), index=True)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batches.id", ondelete="SET NULL"), index=True)
    field: Mapped[str] = mapped_column(String(30))
    old: Mapped[str | None] = mapped_column(Text)
    new: Mapped[str | None] = mapped_column(Text)
    amended_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ParkedRow(Base):
    """A row that could not be read, kept until a person decides. Unique per portfolio by content."""

    __tablename__ = "parked_rows"
    __table_args__ = (UniqueConstraint("portfolio_id", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batches.id", ondelete="SET NULL"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(20))
    line: Mapped[int]
    section: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    raw: Mapped[str] = mapped_column(Text)
    ignored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class KeptStatement(Base):
    """A statement's bytes, compressed and sealed, for replay and first import; see ledger/sealed_parts.py."""

    __tablename__ = "kept_statements"
    __table_args__ = (Index("ix_kept_statements_portfolio_sha1", "portfolio_id", "sha1"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    origin: Mapped[str] = mapped_column(String(10))  # "test", "sync" or "upload"
    sha1: Mapped[bytes] = mapped_column(LargeBinary(20))  # of the bytes as received
    size: Mapped[int]  # of the bytes as received
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)  # empty: it stands in parts
    credentials_name: Mapped[str | None] = mapped_column(
        String(32), index=True
    )  # Vault.name_for(credentials): found by it
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime)
    imported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StatementPart(Base):
    """One of the parts of a large kept statement."""

    __tablename__ = "statement_parts"
    __table_args__ = (UniqueConstraint("statement_id", "place"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("kept_statements.id", ondelete="CASCADE"))
    place: Mapped[int]  # from 0
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class StatementReading(Base):
    """How a statement was read into a portfolio: the same bytes need not be read again, and an update can repeat it."""

    __tablename__ = "statement_readings"
    __table_args__ = (Index("ix_statement_readings_portfolio_sha1", "portfolio_id", "sha1"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    # None: kept no longer. It may be another portfolio's of the same owner, who shares a query among them.
    statement_id: Mapped[int | None] = mapped_column(ForeignKey("kept_statements.id", ondelete="SET NULL"), index=True)
    sha1: Mapped[bytes] = mapped_column(LargeBinary(20))  # of the bytes as received
    broker: Mapped[str] = mapped_column(String(20))
    reader_version: Mapped[int]
    origin: Mapped[str] = mapped_column(String(10))  # "sync" or "upload"
    only_currency: Mapped[str | None] = mapped_column(String(3))
    day_first: Mapped[bool | None]
    asked_days: Mapped[int | None]
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rows: Mapped[int]  # entries that it tells
    ledger: Mapped[str] = mapped_column(String(60))  # how the ledger stood afterwards, see repeats.py
    summary: Mapped[str] = mapped_column(Text)  # JSON of a StatementSummary, without rates and balances


class KnownPassages(Base):
    """Of which passages of statements the ledger holds every row as it was told: see passages.py."""

    __tablename__ = "known_passages"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int]  # another one after each import and each `forget`
    entries: Mapped[int]  # how many there were, at least
    digests: Mapped[bytes] = mapped_column(LargeBinary)  # sixteen bytes each, the last statement's first


class ReportedPosition(Base):
    """What the broker said was held; replaced as a whole for (portfolio, as_of, account) by each statement."""

    __tablename__ = "reported_positions"
    __table_args__ = (
        Index("ix_reported_positions_day", "portfolio_id", "as_of"),
        Index("ix_reported_positions_name", "portfolio_id", "symbol", "isin"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    as_of: Mapped[date]
    account: Mapped[str | None] = mapped_column(String(64))
    symbol: Mapped[str | None] = mapped_column(String(64))
    isin: Mapped[str | None] = mapped_column(String(20))
    currency: Mapped[str] = mapped_column(String(12))
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    mark_price: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    cost_basis: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    asset_class: Mapped[str | None] = mapped_column(String(10))
    multiplier: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    description: Mapped[str | None] = mapped_column(Text)


class ReportedBalance(Base):
    """A line of a cash report; replaced as a whole for (portfolio, as_of, account) by each statement."""

    __tablename__ = "reported_balances"
    __table_args__ = (Index("ix_reported_balances_day", "portfolio_id", "as_of"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    as_of: Mapped[date]
    account: Mapped[str | None] = mapped_column(String(64))
    currency: Mapped[str] = mapped_column(String(12))
    ending_cash: Mapped[Decimal] = mapped_column(ExactDecimal)


class Dismissal(Base):
    """A difference from the broker's word that a person has explained. It holds for that difference only."""

    __tablename__ = "dismissals"
    __table_args__ = (UniqueConstraint("portfolio_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(80))  # of the instrument, or "cash/" and the currency
    difference: Mapped[Decimal] = mapped_column(ExactDecimal)  # reported less computed
    note: Mapped[str] = mapped_column(Text)
    dismissed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class QuotedPrice(Base):
    """A day's price that no statement told: uploaded by a person or fetched from a price source."""

    __tablename__ = "prices"
    __table_args__ = (UniqueConstraint("portfolio_id", "key", "on", "source"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(80))  # of the instrument, with its currency
    on: Mapped[date]
    source: Mapped[str] = mapped_column(String(20))  # "upload" or the code of a price source
    price: Mapped[Decimal] = mapped_column(ExactDecimal)  # as the instrument is quoted: bonds per 100


class PriceFetch(Base):
    """When a portfolio's prices are to be fetched, and what came of the last time."""

    __tablename__ = "price_fetches"

    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    cursor: Mapped[str | None] = mapped_column(String(80))  # the last key that was asked for; None: none of today's
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    fetched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(Text)  # in words, why the last time failed


class ReportedRate(Base):
    """An exchange rate that a statement told: 1 from_currency = rate to_currency."""

    __tablename__ = "reported_rates"
    __table_args__ = (UniqueConstraint("portfolio_id", "on", "from_currency", "to_currency"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"))
    on: Mapped[date]
    from_currency: Mapped[str] = mapped_column(String(12))
    to_currency: Mapped[str] = mapped_column(String(12))
    rate: Mapped[Decimal] = mapped_column(ExactDecimal)


class CoveredSpan(Base):
    """Days that statements of one source cover, see portfolio/coverage.py. Statements that touch become one row."""

    __tablename__ = "covered_spans"

    id: Mapped[int] = mapped_column(primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="CASCADE"), index=True)
    source: Mapped[str] = mapped_column(String(120))  # "upload", else which query at which broker
    account: Mapped[str | None] = mapped_column(String(64))
    currency: Mapped[str | None] = mapped_column(String(12))  # the only one that was let in; None = all
    proof: Mapped[str] = mapped_column(String(10))  # coverage.Proof
    first: Mapped[date]
    last: Mapped[date]
