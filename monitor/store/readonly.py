"""Open an SQLite file to read: without a change to it, without the right to write, on a full disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from ..base.errors import StoreError
from .database_errors import is_busy

# SQLite's memory that connections share takes 32 kB in the folder of the file.
_ROOM = 1_000_000


def open_to_read(path: Path, timeout: float) -> sqlite3.Connection:
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
