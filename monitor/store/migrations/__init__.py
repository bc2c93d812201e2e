"""Migrations of the store's schema, run by Alembic when a store is opened.

A new one is a file in ``versions`` with the next number; set `schema.REVISION` to it and change the tables in
`schema`. A test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from ..schema import REVISION_TABLE


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, without an ini file, for a connection that is in a transaction."""
    config = Config()
    # ConfigParser would read a percent sign in the path of the installation as the start of a variable.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes.update(connection=connection, revision_table=REVISION_TABLE)
    return config


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Migrate up to a revision, inside the transaction of the connection."""
    command.upgrade(alembic_config(connection), revision)
