"""How each statement was read: so that the same needs no second reading and an update can repeat the first

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement_readings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=True),
        sa.Column("sha1", sa.LargeBinary(length=20), nullable=False),
        sa.Column("broker", sa.String(length=20), nullable=False),
        sa.Column("reader_version", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("only_currency", sa.String(length=3), nullable=True),
        sa.Column("day_first", sa.Boolean(), nullable=True),
        sa.Column("asked_days", sa.Integer(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("ledger", sa.String(length=60), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_statement_readings_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["kept_statements.id"],
            name=op.f("fk_statement_readings_statement_id_kept_statements"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_readings")),
    )
    with op.batch_alter_table("statement_readings") as batch_op:
        batch_op.create_index("ix_statement_readings_portfolio_sha1", ["portfolio_id", "sha1"], unique=False)
        batch_op.create_index(batch_op.f("ix_statement_readings_statement_id"), ["statement_id"], unique=False)
    # What was kept before this was noted is taken to have been read as its portfolio's connection reads today.
    op.execute(
        """
        INSERT INTO statement_readings
            (portfolio_id, statement_id, sha1, broker, reader_version, origin, only_currency, day_first, read_at,
             rows, ledger, summary)
        SELECT kept.portfolio_id, kept.id, kept.sha1, COALESCE(connections.broker, 'ibkr'), 0,
               CASE kept.origin WHEN 'upload' THEN 'upload' ELSE 'sync' END,
               connections.only_currency, connections.day_first, kept.imported_at, 0, '', '{}'
        FROM kept_statements AS kept LEFT JOIN connections ON connections.portfolio_id = kept.portfolio_id
        WHERE kept.imported_at IS NOT NULL
        """
    )


def downgrade() -> None:
    with op.batch_alter_table("statement_readings") as batch_op:
        batch_op.drop_index(batch_op.f("ix_statement_readings_statement_id"))
        batch_op.drop_index("ix_statement_readings_portfolio_sha1")
    op.drop_table("statement_readings")
