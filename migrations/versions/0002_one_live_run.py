"""One live run per connection; when a run last called the broker

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sync_runs") as batch_op:
        batch_op.add_column(sa.Column("started_over", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("called_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_sync_runs_allowance", ["allowance", "called_at"], unique=False)
        batch_op.create_index(
            "uq_sync_runs_live",
            ["connection_id"],
            unique=True,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("sync_runs") as batch_op:
        batch_op.drop_index("uq_sync_runs_live")
        batch_op.drop_index("ix_sync_runs_allowance")
        batch_op.drop_column("called_at")
        batch_op.drop_column("started_over")
