"""Stored figures of a portfolio; indexes for what the pages look up

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_entries_type_page", "entries", ["portfolio_id", "type", "entry_date", "id"], unique=False)
    op.create_index("ix_entries_origin_page", "entries", ["portfolio_id", "origin", "entry_date", "id"], unique=False)
    op.create_index(
        "ix_entries_cancels",
        "entries",
        ["portfolio_id", "entry_date"],
        unique=False,
        sqlite_where=sa.text("cancels = 1"),
        postgresql_where=sa.text("cancels"),
    )
    op.create_index(
        "ix_entries_actions",
        "entries",
        ["portfolio_id", "entry_date"],
        unique=False,
        sqlite_where=sa.text("kind = 'CORPORATE_ACTION'"),
        postgresql_where=sa.text("kind = 'CORPORATE_ACTION'"),
    )
    op.create_index(
        "ix_import_batches_pending",
        "import_batches",
        ["portfolio_id"],
        unique=False,
        sqlite_where=sa.text("acknowledged_at IS NULL"),
        postgresql_where=sa.text("acknowledged_at IS NULL"),
    )
    op.create_table(
        "snapshots",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("foldings", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=120), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=True),
        sa.Column("gains", sa.Text(), nullable=False),
        sa.Column("costs", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_snapshots_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", name=op.f("pk_snapshots")),
    )
    op.create_table(
        "snapshot_marks",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("isin", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_snapshot_marks_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "kind", "name", "isin", name=op.f("pk_snapshot_marks")),
    )
    op.create_table(
        "snapshot_names",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("isin", sa.String(length=20), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_snapshot_names_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "symbol", "isin", name=op.f("pk_snapshot_names")),
    )
    op.create_table(
        "snapshot_holdings",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("isin", sa.String(length=20), nullable=True),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("asset_class", sa.String(length=10), nullable=True),
        sa.Column("multiplier", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("cost", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("cost_known", sa.Boolean(), nullable=False),
        sa.Column("cost_base", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("missing", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("closed_lots", sa.Integer(), nullable=False),
        sa.Column("traded", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("traded_on", sa.Date(), nullable=True),
        sa.Column("mark", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("marked_on", sa.Date(), nullable=True),
        sa.Column("bank_rate", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("bank_day", sa.Date(), nullable=True),
        sa.Column("oldest_rate", sa.Date(), nullable=True),
        sa.Column("income_base", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("unconverted", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("reported", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("quantity_then", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("compared", sa.Boolean(), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("gains", sa.Text(), nullable=False),
        sa.Column("costs", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_snapshot_holdings_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "key", name=op.f("pk_snapshot_holdings")),
    )
    op.create_index("ix_snapshot_holdings_open", "snapshot_holdings", ["portfolio_id", "is_open"], unique=False)
    op.create_index("ix_snapshot_holdings_name", "snapshot_holdings", ["portfolio_id", "name"], unique=False)
    op.create_table(
        "snapshot_lots",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Date(), nullable=False),
        sa.Column("closed", sa.Date(), nullable=True),
        sa.Column("quantity", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("cost", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("cost_known", sa.Boolean(), nullable=False),
        sa.Column("proceeds", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("gain_base", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_snapshot_lots_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "key", "place", name=op.f("pk_snapshot_lots")),
    )
    op.create_table(
        "snapshot_months",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("moved", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("gross", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("withheld", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("fees", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("gross_base", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("withheld_base", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("fees_base", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("unconverted", sa.Integer(), nullable=False),
        sa.Column("oldest_rate", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_snapshot_months_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "month", "currency", name=op.f("pk_snapshot_months")),
    )


def downgrade() -> None:
    for table in ("months", "lots", "holdings", "names", "marks"):
        op.drop_table(f"snapshot_{table}")
    op.drop_table("snapshots")
    op.drop_index("ix_import_batches_pending", "import_batches")
    for index in ("actions", "cancels", "origin_page", "type_page"):
        op.drop_index(f"ix_entries_{index}", "entries")
