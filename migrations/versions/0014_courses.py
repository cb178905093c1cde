"""What each day changed, of every instrument and in sums, so that a portfolio's performance need not be folded

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snapshot_courses",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("steps", "money", "worths")),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_snapshot_courses_portfolio_id_portfolios", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "key", "year", name="pk_snapshot_courses"),
    )
    op.create_table(
        "snapshot_years",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.String(10), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("money", "worths")),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_snapshot_years_portfolio_id_portfolios", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portfolio_id", "part", "currency", "year", name="pk_snapshot_years"),
    )
    with op.batch_alter_table("snapshot_holdings") as table:
        table.add_column(sa.Column("part", sa.String(10), nullable=False, server_default="none"))
        table.add_column(sa.Column("begun", sa.Date()))
        table.add_column(sa.Column("transferred", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("flows_unconverted", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("lacking", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("snapshot_months") as table:
        table.add_column(sa.Column("days", sa.Text(), nullable=False, server_default="{}"))
        table.add_column(sa.Column("oldest_rates", sa.Text(), nullable=False, server_default="{}"))
    op.create_index("ix_reported_positions_name", "reported_positions", ["portfolio_id", "symbol", "isin"])


def downgrade() -> None:
    op.drop_index("ix_reported_positions_name", "reported_positions")
    with op.batch_alter_table("snapshot_months") as table:
        table.drop_column("oldest_rates")
        table.drop_column("days")
    with op.batch_alter_table("snapshot_holdings") as table:
        for name in ("lacking", "flows_unconverted", "transferred", "begun", "part"):
            table.drop_column(name)
    op.drop_table("snapshot_years")
    op.drop_table("snapshot_courses")
