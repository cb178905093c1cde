"""What a statement told of an entry that a person corrected since, by which it is known under another name too

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entries_as_told",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(64)),
        sa.Column("isin", sa.String(20)),
        sa.Column("currency", sa.String(12), nullable=False),
        *(
            sa.Column(name, sa.Numeric().with_variant(sa.Text(), "sqlite"))
            for name in ("quantity", "price", "amount")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.id"], name="fk_entries_as_told_entry_id_entries", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_entries_as_told_portfolio_id_portfolios", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("entry_id", name="pk_entries_as_told"),
    )
    op.create_index("ix_entries_as_told_day", "entries_as_told", ["portfolio_id", "entry_date"])


def downgrade() -> None:
    op.drop_table("entries_as_told")
