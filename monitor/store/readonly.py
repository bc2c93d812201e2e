"""Open an SQLite file to read: without a change to it, without the right to write, on a full disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from ..base.errors import StoreError

# SQLite's memory that connections share takes 32 kB in the folder of the file.
_ROOM = 1_000_000


class _Frozen(sqlite3.Connection):
    """Open a file without locks, as one that no process changes."""

    stamp: tuple[int, int]
    path: Path


def open_to_read(path: Path, timeout: float) -> sqlite3.Connection:
    """Open a file that is there in the first way that works.

    While others have it open, SQLite's own files (``-wal``, ``-shm``) are there and are read. Otherwise SQLite makes
    and removes them, if this user may; without the right or the room the file is read as it lies there, and if a kill
    left a log of changes, a copy of both is.
    """
    wal = path.with_name(f"{path.name}-wal")
    logged = wal.exists() and wal.stat().st_size > 0
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    try:
        if wal.exists() or (writable and shutil.disk_usage(path.parent).free > _ROOM):
            return _opened(path, "mode=ro" if wal.exists() else "mode=rw", timeout)
        if logged:
            return _opened_copy(path, wal, timeout)
    except sqlite3.OperationalError as cause:
        if cause.sqlite_errorname.startswith("SQLITE_BUSY"):
            raise
        if logged:
            return _opened_copy(path, wal, timeout)
    return _opened(path, "mode=ro&immutable=1", timeout, _Frozen)


def _opened(
    path: Path, how: str, timeout: float, kind: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{how}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        factory=kind,
    )
    try:
        if isinstance(connection, _Frozen):
            connection.path, connection.stamp = path, _stamp(path)
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


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@contextmanager
def unchanged(connection: sa.Connection, name: str) -> Iterator[None]:
    """Refuse what was read from a file without a lock, if another process wrote it meanwhile."""
    driver = connection.connection.driver_connection
    try:
        yield
    finally:
        if isinstance(driver, _Frozen) and _stamp(driver.path) != driver.stamp:
            connection.invalidate()
            raise StoreError(f"the store {name} was written while it was read; run this again")
