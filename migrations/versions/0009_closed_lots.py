"""Closed lots by the day they were closed

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_snapshot_lots_closed", "snapshot_lots", ["portfolio_id", "closed", "key", "place"])


def downgrade() -> None:
    op.drop_index("ix_snapshot_lots_closed", table_name="snapshot_lots")
