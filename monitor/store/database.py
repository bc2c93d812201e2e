"""Connections to the store's database: SQLite in a file, or PostgreSQL; without knowledge of its content."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
import sqlalchemy.exc

from brainalign_plugin.text import masked_address

from ..base.errors import StoreError
from ..base.files import PRIVATE_FILE, give_to_owner, make_folder, os_errors
from .database_errors import is_busy, translated
from .schema import FIRST_REVISION, REVISION, REVISION_TABLE, metadata

# Seconds to wait for another process that writes; adding a snapshot takes a second.
LOCK_SECONDS = 30
# A server that is gone is noticed after a minute or so: libpq would wait for hours.
_KEEP_ALIVE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Seconds that a server may take for one statement that reads, unless its own settings limit it.
READ_SECONDS = 120
# Any number, the same for all who write: the first bytes of "brainalign" in ASCII.
_ADVISORY_LOCK = int.from_bytes(b"brainali", "big")
_WRITES = "brainalign_writes"
# SQLite's memory that connections share takes 32 kB in the folder of the file.
_ROOM = 1_000_000
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Database:
    """A database of either kind, or one transaction of it."""

    engine: sa.Engine
    name: str  # In messages: a path, or an address without its login
    # Inside a transaction all reading and writing goes through it, and sees what was written before.
    connection: sa.Connection | None = None

    @property
    def path(self) -> Path:
        """Return the file of an SQLite database, with links resolved."""
        return Path(os.path.realpath(str(self.engine.url.database)))

    @property
    def is_sqlite(self) -> bool:
        """Return whether it is a file."""
        return self.engine.dialect.name == "sqlite"

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """Give a transaction that sees one state of the store during other writes."""
        return self._transaction(writes=False)

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Give a transaction that commits at the end or leaves nothing; one at a time, over all processes."""
        return self._transaction(writes=True)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[sa.Connection]:
        with translated(self.name):
            if self.connection is not None:
                yield self.connection
                return
            with self.engine.connect() as connection:
                connection.execution_options(**{_WRITES: writes})
                if not (writes or self.is_sqlite):
                    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                with connection.begin():
                    if not self.is_sqlite:
                        (_wait_for_writers if writes else _limit_reading)(connection)
                    yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def rows(self, query: sa.Executable) -> Sequence[Any]:
        """Return the rows of a query."""
        with self.reading() as connection:
            return connection.execute(query).all()

    def records(self, kind: type[Record], query: sa.Executable) -> tuple[Record, ...]:
        """Return the rows of a query as records."""
        return tuple(record_of(kind, row) for row in self.rows(query))

    def write(self, *statements: sa.Executable) -> Any:
        """Execute statements in one transaction; return the first value that the last one returns, if any."""
        with self.writing() as connection:
            *_, result = [connection.execute(statement) for statement in statements]
            return result.scalar() if result.returns_rows else None

    def problems(self) -> list[str]:
        """Check an SQLite file by its own rules; return one sentence a problem."""
        if not self.is_sqlite:
            return []
        try:
            with self.reading() as connection:
                lines = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
                dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        except StoreError as problem:
            return [str(problem)]
        broken = [line for line in lines if line != "ok"]
        broken += [f"a row of {child} refers to a missing row of {table}" for child, _, table, _ in dangling]
        return [f"{self.name}: {problem}" for problem in broken]

    def check_current(self) -> None:
        """Refuse a database without a store, or with one of another release."""
        revision = self.made_revision()
        if revision is None:
            raise StoreError(f"{self.name} holds no store; `brainalign fetch` makes one")
        if revision != REVISION:
            raise StoreError(
                f"the store {self.name} has the schema {revision!r} of an older release (this one reads {REVISION!r}); "
                "the next `brainalign fetch` or `brainalign run` brings it up to date, reading changes nothing"
            )

    def made_revision(self) -> str | None:
        """Return the revision of the schema without making a store; None if there is none."""
        if self.is_sqlite and _size(self.path) == 0:
            return None
        with self.reading() as connection:
            return self.revision(connection)

    def make_file(self) -> None:
        """Make an empty file for its owner alone, if there is none; SQLite would ask the umask."""
        path = self.path
        with os_errors(StoreError, "make the store", path, "check the path and its folder, or name another"):
            make_folder(path.parent)
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            except FileExistsError:
                return
        try:
            os.fchmod(descriptor, PRIVATE_FILE)
            give_to_owner(descriptor, path.parent)
        finally:
            os.close(descriptor)

    def prepare(self) -> None:
        """Bring the schema to this release's revision, and an SQLite file into WAL mode; a second process waits."""
        if self.is_sqlite:
            self.make_file()
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

    def revision(self, connection: sa.Connection) -> str | None:
        """Return the revision of the schema, None without one; StoreError if this release cannot work with it."""
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
        if revision is not None and revision < FIRST_REVISION:
            raise StoreError(
                f"the store {self.name} has the schema {revision!r} of an older release than 1.0.0, and was left as it "
                "is; move it away, make a new one with `brainalign store begin`, and read the kept bodies into it with "
                "`brainalign fetch FOLDER`"
            )
        return revision

    def _use_wal(self) -> None:
        with translated(self.name), self.engine.connect() as connection:
            # A mode cannot be changed inside a transaction, and SQLAlchemy begins one on its own.
            driver = connection.connection.driver_connection
            try:
                if isinstance(driver, sqlite3.Connection):
                    driver.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as busy:
                # Another process has it open at this moment. Both modes are safe; the next to open it changes it.
                if not is_busy(busy):
                    raise


def connect(url_or_path: Path | str, *, read_only: bool = False) -> Database:
    """Make the engine for a path, or for an address ``sqlite:///…`` or ``postgresql://…``; opens nothing yet.

    With ``read_only`` it changes nothing, and needs no right to. Raises StoreError if the address cannot be used, or
    the driver for PostgreSQL is missing.
    """
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return _sqlite(Path(url_or_path), read_only)
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
        return _sqlite(Path(url.database), read_only)
    if backend not in {"postgresql", "postgres"}:
        raise StoreError(
            f"the store cannot be kept in {backend!r}; give a path for SQLite, or postgresql://user@host/database"
        )
    return _postgres(url.set(drivername="postgresql+psycopg"))


def record_of(kind: type[Record], row: Any, **more: Any) -> Record:
    """Return a record of the columns that have the names of its fields; ``more`` are fields without one."""
    names = [field.name for field in fields(kind) if field.name not in more]  # type: ignore[arg-type]
    return kind(**{name: getattr(row, name) for name in names}, **more)


def insert_new(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> sa.Row[Any] | None:
    """Insert a row unless there is one with one of its keys; return the new row, or None."""
    # The dialect of PostgreSQL takes a tenth of a second to load, and most stores are files.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    new: sa.Row[Any] | None = connection.execute(
        dialect.insert(table).values(row).on_conflict_do_nothing().returning(*table.c)
    ).one_or_none()
    return new


def _sqlite(path: Path, read_only: bool) -> Database:
    # A volume that is mounted later would hide what is made in its place.
    if path.is_symlink() and not path.exists():
        raise StoreError(
            f"the store {path} is a link to {os.path.realpath(path)}, which is not there: mount its volume, or remove "
            "the link"
        )
    if path.is_dir():
        raise StoreError(f"the store {path} is a folder: name a file, or move the folder away")
    url = sa.URL.create("sqlite+pysqlite", database=str(path.absolute()))
    # Foreign text and scores have no place in messages and logs.
    if read_only:
        real = Path(os.path.realpath(path))
        engine = sa.create_engine(url, creator=lambda: _open_to_read(real, LOCK_SECONDS), hide_parameters=True)
    else:
        engine = sa.create_engine(url, connect_args={"timeout": LOCK_SECONDS}, hide_parameters=True)
        sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    return Database(engine, str(path))


def _size(path: Path) -> int:
    """Return the size of a file; 0 if it is not there."""
    with os_errors(StoreError, "read the store", path, "check the path and who may enter its folder"):
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0


def _limit_reading(connection: sa.Connection) -> None:
    """Limit a reader's waits for locks and statements, unless the server has limits of its own."""
    for name, seconds in (("lock_timeout", LOCK_SECONDS), ("statement_timeout", READ_SECONDS)):
        limit = sa.select(sa.func.set_config(name, f"{seconds}s", True))
        connection.execute(limit.where(sa.func.current_setting(name) == "0"))


def _wait_for_writers(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))


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
            "a store in PostgreSQL needs the driver psycopg; install it with `pip install 'psycopg[binary]>=3.2'`"
        ) from cause
    return Database(engine, masked_address(str(url.set(drivername="postgresql", password=None))))


def _set_up(connection: sqlite3.Connection, _: Any) -> None:
    # Python's own beginning of transactions is turned off; `_begin` emits it.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # A commit that was reported outlives a power cut. It costs one flush to disk for a snapshot, a few a day.
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: sa.Connection) -> None:
    # A writer takes the lock at once: one that only reads at first could find that what it read has changed.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_to_read(path: Path, timeout: float) -> sqlite3.Connection:
    """Open a file that is there in the first way that works.

    While others have it open, SQLite's own files (``-wal``, ``-shm``) are there and are read. Otherwise SQLite makes
    and removes them, if this user may; without the right or the room the file is read into memory, and if a kill left
    a log of changes, a copy of both is opened.
    """
    wal = path.with_name(f"{path.name}-wal")
    logged = wal.exists() and wal.stat().st_size > 0
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    try:
        if wal.exists() or (writable and shutil.disk_usage(path.parent).free > _ROOM):
            return _opened(path, "mode=ro" if wal.exists() else "mode=rw", timeout)
    except sqlite3.OperationalError as cause:
        if is_busy(cause):
            raise
    return _opened_copy(path, wal, timeout) if logged else _read_into_memory(path, timeout)


def _opened(path: Path, how: str, timeout: float) -> sqlite3.Connection:
    address = f"file:{quote(str(path))}?{how}"
    connection = sqlite3.connect(address, timeout, isolation_level=None, check_same_thread=False, uri=True)
    try:
        connection.execute("PRAGMA query_only = ON")
        # A damaged file is known only when it is read.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _opened_copy(path: Path, wal: Path, timeout: float) -> sqlite3.Connection:
    with tempfile.TemporaryDirectory(prefix="brainalign-") as folder:
        try:
            copy = Path(shutil.copyfile(path, Path(folder, path.name)))
            shutil.copyfile(wal, Path(folder, wal.name))
        except OSError as cause:
            raise StoreError(
                f"the store {path} cannot be copied to {folder} to be read: {cause.strerror}; make room there, or make "
                "the store's folder writable for this user"
            ) from cause
        # An open file outlives its name.
        return _opened(copy, "mode=rw", timeout)


def _read_into_memory(path: Path, timeout: float) -> sqlite3.Connection:
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with closing(_opened(path, "mode=ro&immutable=1", timeout)) as source:
        before = path.stat()
        source.backup(memory)
        after = path.stat()
    # It is read without a lock.
    if (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
        raise StoreError(f"the store {path} was written while it was read; run this again")
    memory.execute("PRAGMA query_only = ON")
    return memory
