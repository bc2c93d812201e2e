"""Run by Alembic for every migration: on the connection, and in the transaction, that the store hands over."""

from __future__ import annotations

from alembic import context

handed = context.config.attributes
context.configure(connection=handed["connection"], version_table=handed["revision_table"])
with context.begin_transaction():
    context.run_migrations()
