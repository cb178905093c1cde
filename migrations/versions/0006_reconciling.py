"""Cash reports, dismissed differences, prices from elsewhere

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reported_balances",
        *_of_a_portfolio("reported_balances"),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("ending_cash", _exact(), nullable=False),
    )
    op.create_index("ix_reported_balances_day", "reported_balances", ["portfolio_id", "as_of"])
    op.create_table(
        "dismissals",
        *_of_a_portfolio("dismissals"),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("difference", _exact(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("portfolio_id", "key", name=op.f("uq_dismissals_portfolio_id_key")),
    )
    op.create_table(
        "prices",
        *_of_a_portfolio("prices"),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("price", _exact(), nullable=False),
        sa.UniqueConstraint("portfolio_id", "key", "on", "source", name=op.f("uq_prices_portfolio_id_key_on_source")),
    )
    op.create_table(
        "price_fetches",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cursor", sa.String(length=80), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        _to_portfolios("price_fetches"),
        sa.PrimaryKeyConstraint("portfolio_id", name=op.f("pk_price_fetches")),
    )
    op.create_index(op.f("ix_price_fetches_due_at"), "price_fetches", ["due_at"])


def downgrade() -> None:
    for table in ("price_fetches", "prices", "dismissals", "reported_balances"):
        op.drop_table(table)


def _of_a_portfolio(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        _to_portfolios(table),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _to_portfolios(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_portfolio_id_portfolios")
    return sa.ForeignKeyConstraint(["portfolio_id"], ["portfolios.id"], name=name, ondelete="CASCADE")


def _exact() -> sa.types.TypeEngine:
    return sa.Numeric().with_variant(sa.Text(), "sqlite")
