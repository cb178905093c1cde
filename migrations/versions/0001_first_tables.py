"""First tables

Revision: 0001, after
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "portfolios",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("base_currency", sa.String(length=3), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_portfolios_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolios")),
    )
    with op.batch_alter_table("portfolios", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_portfolios_user_id"), ["user_id"], unique=False)

    op.create_table(
        "connections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("broker", sa.String(length=20), nullable=False),
        sa.Column("sealed_credentials", sa.LargeBinary(), nullable=True),
        sa.Column("public_fields", sa.Text(), nullable=False),
        sa.Column("credentials_version", sa.Integer(), nullable=False),
        sa.Column("credentials_saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("allowance", sa.String(length=32), nullable=True),
        sa.Column("only_currency", sa.String(length=3), nullable=True),
        sa.Column("day_first", sa.Boolean(), nullable=True),
        sa.Column("token_expires_on", sa.Date(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_code", sa.String(length=20), nullable=True),
        sa.Column("state_message", sa.Text(), nullable=True),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("covered_until", sa.Date(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_connections_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint("portfolio_id", name=op.f("uq_connections_portfolio_id")),
    )
    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.create_index("ix_connections_due", ["next_run_at"], unique=False)

    op.create_table(
        "import_batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=True),
        sa.Column("statement_sha1", sa.LargeBinary(length=20), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_first", sa.Date(), nullable=True),
        sa.Column("period_last", sa.Date(), nullable=True),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("amended", sa.Integer(), nullable=False),
        sa.Column("problems", sa.Integer(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_import_batches_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batches")),
    )
    with op.batch_alter_table("import_batches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_import_batches_portfolio_id"), ["portfolio_id"], unique=False)

    op.create_table(
        "kept_statements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("sha1", sa.LargeBinary(length=20), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("credentials_name", sa.String(length=32), nullable=True),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_kept_statements_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_statements")),
    )
    with op.batch_alter_table("kept_statements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_kept_statements_credentials_name"), ["credentials_name"], unique=False)
        batch_op.create_index("ix_kept_statements_portfolio_sha1", ["portfolio_id", "sha1"], unique=False)

    op.create_table(
        "reported_positions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("symbol", sa.String(length=64), nullable=True),
        sa.Column("isin", sa.String(length=20), nullable=True),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("quantity", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.Column("mark_price", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("cost_basis", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("asset_class", sa.String(length=10), nullable=True),
        sa.Column("multiplier", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_reported_positions_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reported_positions")),
    )
    with op.batch_alter_table("reported_positions", schema=None) as batch_op:
        batch_op.create_index("ix_reported_positions_day", ["portfolio_id", "as_of"], unique=False)

    op.create_table(
        "reported_rates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("from_currency", sa.String(length=12), nullable=False),
        sa.Column("to_currency", sa.String(length=12), nullable=False),
        sa.Column("rate", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name=op.f("fk_reported_rates_portfolio_id_portfolios"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reported_rates")),
        sa.UniqueConstraint(
            "portfolio_id",
            "on",
            "from_currency",
            "to_currency",
            name=op.f("uq_reported_rates_portfolio_id_on_from_currency_to_currency"),
        ),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=True),
        sa.Column("isin", sa.String(length=20), nullable=True),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("quantity", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("price", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("amount", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("commission", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("commission_currency", sa.String(length=12), nullable=True),
        sa.Column("taxes", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("other_amount", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("other_currency", sa.String(length=12), nullable=True),
        sa.Column("cancels", sa.Boolean(), nullable=False),
        sa.Column("asset_class", sa.String(length=10), nullable=True),
        sa.Column("multiplier", sa.Numeric().with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("underlying", sa.String(length=64), nullable=True),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("external_id", sa.String(length=64), nullable=True),
        sa.Column("original_id", sa.String(length=64), nullable=True),
        sa.Column("action_kind", sa.String(length=40), nullable=True),
        sa.Column("action_id", sa.String(length=64), nullable=True),
        sa.Column("executed_at", sa.DateTime(), nullable=True),
        sa.Column("report_date", sa.Date(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batches.id"], name=op.f("fk_entries_batch_id_import_batches"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_entries_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("portfolio_id", "fingerprint", name=op.f("uq_entries_portfolio_id_fingerprint")),
    )
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entries_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index("ix_entries_page", ["portfolio_id", "entry_date", "id"], unique=False)
        batch_op.create_index("ix_entries_symbol_page", ["portfolio_id", "symbol", "entry_date", "id"], unique=False)

    op.create_table(
        "parked_rows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=20), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("section", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("ignored_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["import_batches.id"],
            name=op.f("fk_parked_rows_batch_id_import_batches"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_parked_rows_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked_rows")),
        sa.UniqueConstraint("portfolio_id", "digest", name=op.f("uq_parked_rows_portfolio_id_digest")),
    )
    with op.batch_alter_table("parked_rows", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_parked_rows_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "sync_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("broker", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("credentials_version", sa.Integer(), nullable=False),
        sa.Column("sealed_credentials", sa.LargeBinary(), nullable=True),
        sa.Column("allowance", sa.String(length=32), nullable=True),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("with_period", sa.Boolean(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ticket_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("failure", sa.String(length=20), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("statement_id", sa.Integer(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batches.id"], name=op.f("fk_sync_runs_batch_id_import_batches"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_sync_runs_connection_id_connections"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name=op.f("fk_sync_runs_portfolio_id_portfolios"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["kept_statements.id"],
            name=op.f("fk_sync_runs_statement_id_kept_statements"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_runs")),
    )
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.create_index("ix_sync_runs_connection", ["connection_id", "id"], unique=False)
        batch_op.create_index("ix_sync_runs_due", ["state", "due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sync_runs_portfolio_id"), ["portfolio_id"], unique=False)

    op.create_table(
        "amendments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("field", sa.String(length=30), nullable=False),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("amended_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batches.id"], name=op.f("fk_amendments_batch_id_import_batches"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.id"], name=op.f("fk_amendments_entry_id_entries"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_amendments")),
    )
    with op.batch_alter_table("amendments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_amendments_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_amendments_entry_id"), ["entry_id"], unique=False)



def downgrade() -> None:
    with op.batch_alter_table("amendments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_amendments_entry_id"))
        batch_op.drop_index(batch_op.f("ix_amendments_batch_id"))

    op.drop_table("amendments")
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sync_runs_portfolio_id"))
        batch_op.drop_index("ix_sync_runs_due")
        batch_op.drop_index("ix_sync_runs_connection")

    op.drop_table("sync_runs")
    with op.batch_alter_table("parked_rows", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_parked_rows_batch_id"))

    op.drop_table("parked_rows")
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.drop_index("ix_entries_symbol_page")
        batch_op.drop_index("ix_entries_page")
        batch_op.drop_index(batch_op.f("ix_entries_batch_id"))

    op.drop_table("entries")
    op.drop_table("reported_rates")
    with op.batch_alter_table("reported_positions", schema=None) as batch_op:
        batch_op.drop_index("ix_reported_positions_day")

    op.drop_table("reported_positions")
    with op.batch_alter_table("kept_statements", schema=None) as batch_op:
        batch_op.drop_index("ix_kept_statements_portfolio_sha1")
        batch_op.drop_index(batch_op.f("ix_kept_statements_credentials_name"))

    op.drop_table("kept_statements")
    with op.batch_alter_table("import_batches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_batches_portfolio_id"))

    op.drop_table("import_batches")
    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.drop_index("ix_connections_due")

    op.drop_table("connections")
    with op.batch_alter_table("portfolios", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_portfolios_user_id"))

    op.drop_table("portfolios")
    op.drop_table("users")
