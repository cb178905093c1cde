"""What to do about a connection's state, beside what happened

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("connections") as table:
        table.add_column(sa.Column("state_remedy", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("connections") as table:
        table.drop_column("state_remedy")
