"""Known passages of statements, in place of an imprint of each entry

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_PAGE = ["portfolio_id", "entry_date", "id"]


def upgrade() -> None:
    op.drop_index("ix_entries_page", "entries")
    # Not through a copy of the table, which would take as much room again: SQLite drops a column by itself.
    op.drop_column("entries", "imprint")
    op.create_index("ix_entries_page", "entries", _PAGE, unique=False)
    op.create_table(
        "known_passages",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_known_passages_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("portfolio_id", name=op.f("pk_known_passages")),
    )


def downgrade() -> None:
    """Entries without an imprint are looked up one by one."""
    op.drop_table("known_passages")
    op.drop_index("ix_entries_page", "entries")
    op.add_column("entries", sa.Column("imprint", sa.LargeBinary(length=16), nullable=True))
    op.create_index("ix_entries_page", "entries", [*_PAGE, "imprint"], unique=False)
