"""Which lots a portfolio's sales close

Without batch mode: rebuilding `portfolios` on SQLite would drop the old table, and with it every row that refers to it.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("portfolios", sa.Column("lot_method", sa.String(10), server_default="fifo", nullable=False))


def downgrade() -> None:
    op.drop_column("portfolios", "lot_method")
