"""How Alembic runs here: on the app's own engine, in batch mode, because SQLite cannot alter a table in place."""

from alembic import context
from flask import current_app

from stonks.db import Base, ExactDecimal, UtcDateTime


def as_plain_type(kind, thing, _context):
    """Own column types are written into migrations as what they are in the database, so that a migration, once
    written, does not change its meaning with the code."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, ExactDecimal):
        return 'sa.Numeric().with_variant(sa.Text(), "sqlite")'
    return False


def run() -> None:
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect().execution_options(stonks_write=True) as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            compare_type=True,
            render_item=as_plain_type,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
