"""Indexes of transactions by type and by origin hold the rare ones only

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_RARE = {"type": "type NOT IN ('BUY', 'SELL')", "origin": "origin <> 'sync'"}


def upgrade() -> None:
    for column, rare in _RARE.items():
        op.drop_index(f"ix_entries_{column}_page", "entries")
        op.create_index(
            f"ix_entries_rare_{column}_page",
            "entries",
            ["portfolio_id", column, "entry_date", "id"],
            sqlite_where=sa.text(rare),
            postgresql_where=sa.text(rare),
        )


def downgrade() -> None:
    for column in _RARE:
        op.drop_index(f"ix_entries_rare_{column}_page", "entries")
        op.create_index(f"ix_entries_{column}_page", "entries", ["portfolio_id", column, "entry_date", "id"])
