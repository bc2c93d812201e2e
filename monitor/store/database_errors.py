"""Database errors become StoreErrors with cause and next step: once, here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc

from ..base.errors import StoreError

_LOCKED = "is locked by another process: let it finish, or stop it, and run this again"
# By the beginnings of SQLite's error name; the first that fits.
_SQLITE = (
    ("SQLITE_FULL", "has no room left: free disk space and run it again"),
    ("SQLITE_READONLY", "cannot be written: make the file and its folder writable for this user"),
    (("SQLITE_PERM", "SQLITE_AUTH"), "may not be opened: give this user access to the file and its folder"),
    (("SQLITE_BUSY", "SQLITE_LOCKED"), _LOCKED),
    (
        "SQLITE_CORRUPT",
        "is damaged: move it away, then `brainalign store restore FILE`, or `store begin` and `fetch HOME/bodies`",
    ),
    ("SQLITE_NOTADB", "is not a database: name another file, or move this one away"),
    ("SQLITE_CANTOPEN", "cannot be opened: the path must be a file in a folder that this user may write"),
    ("SQLITE_IOERR", "cannot be read or written by the system: check the disk, then run it again"),
    ("SQLITE_TOOBIG", "cannot hold a text or number of this size: check the payload"),
)
# By the beginning of the SQLSTATE.
_POSTGRES = (
    ("53100", "has no room left: free disk space on its server and run it again"),
    ("53300", "takes no more connections: close some, or allow more"),
    ("25006", "cannot be written: it is read-only, a standby perhaps; name the primary server"),
    ("55P03", _LOCKED),
    ("40P01", "is locked by another process: run this again"),
    ("57014", "stopped the query: raise its time-out, or run it again"),
    ("XX001", "is damaged: restore a backup"),
    ("XX002", "is damaged: restore a backup, or rebuild its indexes"),
    ("28", "refused the login: check user and password"),
    ("3D000", "does not exist: create the database first"),
    ("42501", "refuses this user: grant the right to create and change tables"),
    ("08", "cannot be reached: check that the server runs and the address is right"),
    ("57P", "cannot be reached: the server is starting or stopping; run this again"),
    ("22003", "cannot hold a number of this size: check the payload"),
)
_UNREACHABLE = "cannot be reached: check that the server runs and that the address, user and password are right"


@contextmanager
def translated(store: str) -> Iterator[None]:
    """Turn a database's errors into StoreError with its cause; ``store`` is its name in the message."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, sqlite3.Error) as cause:
        if isinstance(own := getattr(cause, "orig", None), StoreError):
            raise own from cause
        raise StoreError(f"the store {store} {_sentence(cause)}") from cause
    except OverflowError as cause:
        message = f"the store {store} cannot hold a number of this size ({cause}): look at the payload"
        raise StoreError(message) from cause


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether SQLite refused because another connection is at work."""
    return error.sqlite_errorname.startswith("SQLITE_BUSY")


def _sentence(cause: Exception) -> str:
    original = getattr(cause, "orig", None) or cause
    said = " ".join(str(original).split()) or type(original).__name__
    name = getattr(original, "sqlite_errorname", None)
    state = getattr(original, "sqlstate", None)
    for beginnings, sentence in _SQLITE if name else _POSTGRES:
        if (name or state or "").startswith(beginnings):
            return f"{sentence} ({said})"
    if isinstance(cause, sqlalchemy.exc.OperationalError) and not name and not state:
        return f"{_UNREACHABLE} ({said})"
    return f"failed, and nothing was changed ({type(original).__name__}: {said}): run it again"
