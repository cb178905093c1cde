"""The last price of an instrument at each year's end, so that a value at old prices can be gone on with from there

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("snapshot_courses") as table:
        table.add_column(sa.Column("last_price", sa.Numeric().with_variant(sa.Text(), "sqlite")))


def downgrade() -> None:
    with op.batch_alter_table("snapshot_courses") as table:
        table.drop_column("last_price")
