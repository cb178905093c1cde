"""Which of the broker's addresses a run asks next

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sync_runs") as table:
        table.add_column(sa.Column("place", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("sync_runs") as table:
        table.drop_column("place")
