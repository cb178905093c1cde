"""Lockouts kept by token, apart from the connections and runs that were told of them

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

LOCKOUT = timedelta(hours=12)
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    lockouts = op.create_table(
        "lockouts",
        sa.Column("allowance", sa.String(32), primary_key=True),
        sa.Column("until", TIME, nullable=False),
    )
    connections = sa.table("connections", sa.column("allowance"), sa.column("locked_until", TIME))
    runs = sa.table("sync_runs", sa.column("allowance"), sa.column("failure"), sa.column("finished_at", TIME))
    told = [
        *op.get_bind().execute(
            sa.select(connections.c.allowance, connections.c.locked_until).where(
                connections.c.allowance.is_not(None), connections.c.locked_until.is_not(None)
            )
        ),
        *(
            (allowance, finished_at + LOCKOUT)
            for allowance, finished_at in op.get_bind().execute(
                sa.select(runs.c.allowance, sa.func.max(runs.c.finished_at, type_=TIME))
                .where(runs.c.failure == "locked_out", runs.c.allowance.is_not(None), runs.c.finished_at.is_not(None))
                .group_by(runs.c.allowance)
            )
        ),
    ]
    latest = {allowance: until for allowance, until in sorted(told, key=lambda one: one[1])}
    if latest:
        op.bulk_insert(lockouts, [{"allowance": allowance, "until": until} for allowance, until in latest.items()])
    op.drop_index("ix_connections_allowance", "connections")


def downgrade() -> None:
    op.create_index("ix_connections_allowance", "connections", ["allowance", "locked_until"])
    op.drop_table("lockouts")
