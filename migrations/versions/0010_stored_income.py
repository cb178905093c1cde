"""Income by instrument and year, and its late corrections

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stonks.db import ExactDecimal

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snapshot_income",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(64), nullable=False),
        *(sa.Column(name, ExactDecimal(), nullable=False) for name in ("gross_base", "withheld_base", "fees_base")),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_snapshot_income_portfolio_id_portfolios", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "name", "year", name="pk_snapshot_income"),
    )
    op.create_table(
        "snapshot_late",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("concerns", sa.Integer(), nullable=False),
        sa.Column("known_in", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_snapshot_late_portfolio_id_portfolios", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "entry_id", name="pk_snapshot_late"),
    )


def downgrade() -> None:
    op.drop_table("snapshot_late")
    op.drop_table("snapshot_income")
