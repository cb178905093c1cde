"""Imprints of entries: what a statement's row is compared with; parts of large kept statements

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from hashlib import sha1
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_FACTS = (
    "symbol", "isin", "commission", "commission_currency", "taxes", "asset_class", "multiplier", "account",
    "external_id", "original_id", "executed_at", "description", "notes", "underlying", "report_date",
)  # fmt: skip
_AT_ONCE = 5_000


def upgrade() -> None:
    op.drop_index("ix_entries_page", "entries")
    with op.batch_alter_table("entries") as batch_op:
        batch_op.add_column(sa.Column("imprint", sa.LargeBinary(length=16), nullable=True))
    op.create_table(
        "statement_parts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["kept_statements.id"],
            name=op.f("fk_statement_parts_statement_id_kept_statements"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_parts")),
        sa.UniqueConstraint("statement_id", "place", name=op.f("uq_statement_parts_statement_id_place")),
    )
    _fill()
    op.create_index("ix_entries_page", "entries", ["portfolio_id", "entry_date", "id", "imprint"], unique=False)


def downgrade() -> None:
    op.drop_table("statement_parts")
    op.drop_index("ix_entries_page", "entries")
    with op.batch_alter_table("entries") as batch_op:
        batch_op.drop_column("imprint")
    op.create_index("ix_entries_page", "entries", ["portfolio_id", "entry_date", "id"], unique=False)


def _fill() -> None:
    """Part by part, in little memory however many entries there are."""
    connection = op.get_bind()
    columns = ", ".join(f"CAST({name} AS TEXT)" for name in _FACTS)
    select = sa.text(f"SELECT id, fingerprint, {columns} FROM entries WHERE id > :after ORDER BY id LIMIT {_AT_ONCE}")
    update = sa.text("UPDATE entries SET imprint = :imprint WHERE id = :id")
    after = 0
    while rows := connection.execute(select, {"after": after}).all():
        connection.execute(update, [{"id": row[0], "imprint": _imprint(bytes(row[1]), row[2:])} for row in rows])
        after = rows[-1][0]


def _imprint(fingerprint: bytes, stored: Any) -> bytes:
    """As recording.imprint made it when this was written."""
    facts = dict(zip(_FACTS, stored, strict=True))
    for name in ("commission", "taxes", "multiplier"):
        if facts[name] is not None:
            number = Decimal(facts[name])
            facts[name] = str(number) if number else "0"
    if facts["executed_at"] is not None:
        facts["executed_at"] = str(datetime.fromisoformat(facts["executed_at"]))
    text = "\x1f".join(facts[name] or "" for name in _FACTS)
    return sha1(fingerprint + text.encode()).digest()[:16]  # noqa: S324
