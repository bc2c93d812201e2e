"""One process at a time: a file lock next to an SQLite store, an advisory lock in PostgreSQL; either ends with it."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa
import sqlalchemy.exc

from ..base.errors import BusyError, StoreError
from ..base.files import PRIVATE_FILE, give_to_owner, make_folder, os_errors
from .database import Database
from .database_errors import translated

# Any number, the same for all, another than that of a writing transaction: "brainrun" in ASCII.
_ADVISORY_LOCK = int.from_bytes(b"brainrun", "big")
# The session of the lock is silent for as long as a run works: the server asks after so many seconds whether we live,
# which also keeps open what is between us.
_KEEP_ALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}


def exclusive(database: Database, owner: str) -> AbstractContextManager[Callable[[], None]]:
    """Hold the lock of a store, or raise BusyError at once with the name of its holder.

    Gives a check that raises StoreError if the lock has been lost, with the session of a PostgreSQL server.
    """
    who = f"{owner} (process {os.getpid()} on {socket.gethostname()})"
    return _file_lock(database, who) if database.is_sqlite else _advisory_lock(database, who)


@contextmanager
def _file_lock(database: Database, who: str) -> Iterator[Callable[[], None]]:
    # Path of the file itself, also through links.
    path = database.path.with_name(f"{database.path.name}.lock")
    with os_errors(StoreError, "open the lock", path, "make it and its folder writable for this user"):
        make_folder(path.parent)
        descriptor = _open_lock(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as cause:
            if cause.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise StoreError(
                    f"cannot lock {str(path)!r}: {cause.strerror}; keep the store on a file system with locks"
                ) from cause
            raise _busy(database, os.pread(descriptor, 300, 0).decode(errors="replace").strip()) from cause
        _write_name(descriptor, who)
        yield lambda: None
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    # Never removed, because a waiting process would then hold the lock of a removed file.
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    except PermissionError:
        if not path.exists():
            raise
        # Another user left it, such as root: a reader can lock it.
        return os.open(path, os.O_RDONLY)
    if os.fstat(descriptor).st_size == 0:
        give_to_owner(descriptor, path.parent)
    return descriptor


def _write_name(descriptor: int, who: str) -> None:
    # Only for the message to others: on a full disk, or in the file of another user, the lock holds without it.
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, who.encode() + b"\n", 0)
    except OSError as cause:
        if cause.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.EINVAL):
            raise StoreError(f"cannot write the name of who holds the lock: {cause.strerror}") from cause


@contextmanager
def _advisory_lock(database: Database, who: str) -> Iterator[Callable[[], None]]:
    # A connection of its own, because the lock is that of the session, and outside a transaction, which would keep the
    # database from tidying up for as long as it is held.
    with translated(database.name), database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for name, value in {"application_name": who, **_KEEP_ALIVE}.items():
            connection.execute(sa.select(sa.func.set_config(name, value, False)))
        if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY_LOCK))).scalar_one():
            holder = connection.execute(
                sa.text(
                    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
                    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                    "AND (l.classid::bigint << 32) | l.objid::bigint = :key"
                ),
                {"key": _ADVISORY_LOCK},
            ).scalar()
            raise _busy(database, holder or "")
        try:
            yield lambda: _check(database, connection)
        finally:
            try:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_ADVISORY_LOCK)))
            except sqlalchemy.exc.SQLAlchemyError:
                # The connection was lost, and the lock with it.
                connection.invalidate()


def _check(database: Database, connection: sa.Connection) -> None:
    try:
        connection.execute(sa.select(1))
    except sqlalchemy.exc.SQLAlchemyError as cause:
        raise StoreError(
            f"the lock of the store {database.name} was lost, because the session that held it has ended; check that "
            "the server and its network stay up, and run this again"
        ) from cause


def _busy(database: Database, holder: str) -> BusyError:
    return BusyError(
        f"{holder or 'another process'} is at work on the store {database.name}; let it finish, or stop it, and run "
        "this again"
    )
