"""Connections to the store's database: SQLite in a file, or PostgreSQL. Knows how, not what is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc

from ..errors import StoreError
from .failures import is_busy, translated
from .schema import REVISION, REVISION_TABLE, metadata

# How long to wait for another process that writes; adding a snapshot takes a second.
LOCK_SECONDS = 30
# A server that is gone is noticed after a minute or so: libpq would wait for hours.
_KEEP_ALIVE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Any number, the same for all who write: the first bytes of "brainalign" in ASCII.
_ADVISORY_LOCK = int.from_bytes(b"brainali", "big")
_WRITES = "brainalign_writes"


@dataclass(frozen=True, slots=True)
class Database:
    """An engine, and what messages call it (a path, or an address without its password)."""

    engine: sa.Engine
    name: str

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a transaction that sees one state of the store, whatever others write meanwhile.

        Raises
        ------
        StoreError
        """
        with translated(self.name), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a transaction that commits at the end or leaves nothing; one at a time, over all processes.

        Raises
        ------
        StoreError
        """
        with translated(self.name), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                if not self.is_sqlite:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[OpenTransaction]:
        """Give a writing transaction in which reading and writing go through one connection.

        Raises
        ------
        StoreError
        """
        with self.writing() as connection:
            yield OpenTransaction(self, connection)

    def prepare(self) -> None:
        """Bring the schema to this release's revision, and an SQLite file into WAL mode.

        Two processes that open a new store at once both succeed: the second waits, and finds it done.

        Raises
        ------
        StoreError
            If the schema is of a newer release, or the database is that of another program.
        """
        with self.reading() as connection:
            revision = self.revision(connection)
        if revision != REVISION:
            # Alembic takes a tenth of a second to import; a store that is up to date does not need it.
            from .migrations import upgrade

            with self.writing() as connection:
                if self.revision(connection) != REVISION:
                    upgrade(connection)
        if self.is_sqlite:
            self._use_wal()

    def is_made(self) -> bool:
        """Whether a store was ever opened here; of a file, whether it is there."""
        if self.is_sqlite:
            return Path(self.name).exists()
        with self.reading() as connection:
            return self.revision(connection) is not None

    def revision(self, connection: sa.Connection) -> str | None:
        """Revision of the schema; None if there is no store yet.

        Raises
        ------
        StoreError
            If it is of a newer release, or the database is that of another program.
        """
        tables = set(sa.inspect(connection).get_table_names())
        if REVISION_TABLE not in tables:
            # A PostgreSQL database may be shared; in a file, other tables mean that the path is wrong.
            foreign = tables if self.is_sqlite else tables & metadata.tables.keys()
            if foreign:
                raise StoreError(
                    f"{self.name} is not a store of BrainAlign: it has no table {REVISION_TABLE!r}, but "
                    f"{', '.join(sorted(foreign)[:5])}; name another path"
                )
            return None
        versions = sa.table(REVISION_TABLE, sa.column("version_num", sa.Text))
        revision: str | None = connection.execute(sa.select(versions.c.version_num)).scalar()
        # Revisions are numbered, and this release has all scripts up to its own.
        if revision is not None and revision > REVISION:
            raise StoreError(
                f"the store {self.name} has the schema {revision!r} of a newer release (this one knows up to "
                f"{REVISION!r}); upgrade brainalign, nothing was changed"
            )
        return revision

    def _use_wal(self) -> None:
        with translated(self.name), self.engine.connect() as connection:
            # A mode cannot be changed inside a transaction, and SQLAlchemy begins one on its own.
            driver = connection.connection.driver_connection
            if not isinstance(driver, sqlite3.Connection) or _pragma(driver, "journal_mode") == "wal":
                return
            try:
                driver.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as busy:
                # Another process has it open at this moment. Both modes are safe; the next to open it changes it.
                if not is_busy(busy):
                    raise


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A database inside one writing transaction: what is read is what was written before, committed or not."""

    database: Database
    connection: sa.Connection

    @property
    def name(self) -> str:
        """What messages call the database."""
        return self.database.name

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.database.is_sqlite

    @property
    def engine(self) -> sa.Engine:
        """That of the database."""
        return self.database.engine

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give the connection of the transaction."""
        with translated(self.name):
            yield self.connection

    writing = reading

    @contextmanager
    def transaction(self) -> Iterator[OpenTransaction]:
        """Give itself: what is written inside is committed with the rest."""
        yield self


AnyDatabase = Database | OpenTransaction


def connect(url_or_path: Path | str) -> Database:
    """Make the engine for a path, or for an address ``sqlite:///…`` or ``postgresql://…``; opens nothing yet.

    Raises
    ------
    StoreError
        If the address cannot be used, or the driver for PostgreSQL is missing.
    """
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return _sqlite(Path(url_or_path))
    try:
        url = sa.make_url(url_or_path)
    except (sqlalchemy.exc.ArgumentError, ValueError) as cause:
        # The address may hold a password, so it is not repeated.
        raise StoreError(
            "the store's address cannot be read: write postgresql://user@host/database, or a path"
        ) from cause
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StoreError(f"the store {url_or_path!r} names no file; give a path")
        return _sqlite(Path(url.database))
    if backend not in {"postgresql", "postgres"}:
        raise StoreError(
            f"the store cannot be kept in {backend!r}; give a path for SQLite, or postgresql://user@host/database"
        )
    return _postgres(url.set(drivername="postgresql+psycopg"))


def insert_new(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> int | str | None:
    """Insert a row unless there is one with one of its keys; the new row's ``id``, or None."""
    # The dialect of PostgreSQL takes a tenth of a second to load, and most stores are files.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    insert = dialect.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
    new: int | str | None = connection.execute(insert).scalar()
    return new


def _sqlite(path: Path) -> Database:
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path.absolute())),
        connect_args={"timeout": LOCK_SECONDS},
        # Foreign text and scores have no place in messages and logs.
        hide_parameters=True,
    )
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise StoreError(
            f"cannot make the folder {str(path.parent)!r} of the store: {cause.strerror}; name another path"
        ) from cause
    return Database(engine, str(path))


def _postgres(url: sa.URL) -> Database:
    try:
        engine = sa.create_engine(
            url,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={name: value for name, value in _KEEP_ALIVE.items() if name not in url.query},
        )
    except ModuleNotFoundError as cause:
        raise StoreError(
            "a store in PostgreSQL needs the driver psycopg; install it with `pip install 'brainalign[postgres]'`"
        ) from cause
    return Database(engine, url.set(drivername="postgresql").render_as_string(hide_password=True))


def _set_up(connection: sqlite3.Connection, _: Any) -> None:
    # Python's own idea of when a transaction begins is turned off; `_begin` says it.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # A commit that was reported outlives a power cut. It costs one flush to disk for a snapshot, a few a day.
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: sa.Connection) -> None:
    # A writer takes the lock at once: one that only reads at first could find that what it read has changed.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
