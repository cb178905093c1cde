"""Find the trades that deliver for options without reading all of them

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

DELIVERING = sa.text("kind = 'TRADE' AND (notes LIKE '%A%' OR notes LIKE '%Ex%')")


def upgrade() -> None:
    op.create_index(
        "ix_entries_delivering",
        "entries",
        ["portfolio_id", "entry_date"],
        sqlite_where=DELIVERING,
        postgresql_where=DELIVERING,
    )


def downgrade() -> None:
    op.drop_index("ix_entries_delivering", "entries")
