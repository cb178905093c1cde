"""Which days are covered, and runs that ask for a window of days

What earlier imports covered is taken over as what their rows reached: whether a period was told was not kept.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TAKE_OVER = """
INSERT INTO covered_spans (portfolio_id, source, currency, proof, first, last)
SELECT b.portfolio_id,
       CASE WHEN b.origin = 'sync' AND c.id IS NOT NULL THEN c.broker ELSE 'upload' END,
       CASE WHEN b.origin = 'sync' THEN c.only_currency END,
       'rows', MIN(b.period_first), b.period_last
FROM import_batches b LEFT JOIN connections c ON c.portfolio_id = b.portfolio_id
WHERE b.period_first IS NOT NULL AND b.period_last IS NOT NULL
GROUP BY 1, 2, 3, 4, b.period_last
"""


def upgrade() -> None:
    with op.batch_alter_table("sync_runs") as batch_op:
        batch_op.add_column(sa.Column("window_first", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("window_last", sa.Date(), nullable=True))
    op.create_table(
        "covered_spans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("currency", sa.String(length=12), nullable=True),
        sa.Column("proof", sa.String(length=10), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_covered_spans_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_covered_spans")),
    )
    with op.batch_alter_table("covered_spans") as batch_op:
        batch_op.create_index("ix_covered_spans_portfolio_id", ["portfolio_id"], unique=False)
    op.execute(_TAKE_OVER)


def downgrade() -> None:
    op.drop_table("covered_spans")
    with op.batch_alter_table("sync_runs") as batch_op:
        batch_op.drop_column("window_last")
        batch_op.drop_column("window_first")
