"""The databases that a store may be kept in, each empty and of its own for every test that asks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from brainalign_monitor.store import Store, open_store
from brainalign_monitor.store.schema import metadata
from tests.postgres import drop_database, new_database, with_driver

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
        return sa.create_engine(with_driver(url), poolclass=sa.NullPool)

    def execute(self, url: str, *statements: str) -> list[tuple[object, ...]]:
        """Rows of the last statement."""
        with self.engine(url).begin() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    def clear(self, url: str) -> None:
        """Empty every table but that of the store's name: quicker than a new database for every example."""
        with self.engine(url).begin() as connection:
            for table in reversed(metadata.sorted_tables):
                if table.name != "identity":
                    connection.execute(table.delete())


@pytest.fixture
def sqlite(tmp_path: Path) -> Backend:
    return Backend("sqlite", lambda: str(tmp_path / f"store{next(_NUMBERS)}.sqlite"), tmp_path)


@pytest.fixture
def postgres(postgres_server: str, tmp_path: Path) -> Iterator[Backend]:
    made: list[str] = []

    def fresh() -> str:
        made.append(new_database(postgres_server))
        return made[-1]

    yield Backend("postgres", fresh, tmp_path)
    for url in made:
        drop_database(postgres_server, url)


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(backend: Backend) -> Iterator[Store]:
    with backend.open() as opened:
        yield opened
