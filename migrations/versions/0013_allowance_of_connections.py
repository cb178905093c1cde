"""Find the connections that share a token without looking at all of them

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_connections_allowance", "connections", ["allowance", "locked_until"])


def downgrade() -> None:
    op.drop_index("ix_connections_allowance", "connections")
