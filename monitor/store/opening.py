"""Open a store to write or to read, make one where there is none, and find out that one was lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from ..base.errors import BusyError, StoreError
from ..base.files import os_errors, sync_folder
from .bodies import write_owners
from .database import LOCK_SECONDS, Database, connect
from .locking import exclusive
from .store import Store

_PAUSE = 0.1
# Endings of SQLite's own files: those of another database would be read into a new one.
_ENDINGS = ("", "-wal", "-shm", "-journal")


def make_store(database: Database) -> None:
    """Bring the schema to this release's; a store that is not there is made under its lock.

    Raises BusyError if another process holds the lock for longer than the making of a store takes.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while database.made_revision() is None:
        try:
            with exclusive(database, "the making of a store"):
                return database.prepare()
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
    return database.prepare()


def put_aside(database: Database) -> tuple[Path, ...]:
    """Rename files, also empty ones, in the place of a new SQLite file, and return the new names; hold the lock."""
    if not database.is_sqlite:
        return ()
    path, aside = database.path, []
    mark = f"lost-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    with os_errors(StoreError, "rename", None, "rename it by hand"):
        for ending in _ENDINGS:
            found = path.with_name(path.name + ending)
            if found.exists():
                aside.append(found.rename(path.with_name(f"{path.name}.{mark}{ending}")))
        if aside:
            sync_folder(path.parent)
    return tuple(aside)


def remove_database(path: Path) -> None:
    """Remove an SQLite file that this program alone makes, and SQLite's own files of it."""
    for ending in _ENDINGS:
        path.with_name(path.name + ending).unlink(missing_ok=True)


def loss(url_or_path: Path | str, home: Path, bodies: Path, reports: Path) -> str:
    """Return a message if a home folder has bodies, reports or a log of a database, and no store; else empty.

    Raises StoreError if a server does not answer.
    """
    # Looked for first: another process makes the store before it writes any of them.
    kept = list(islice(bodies.glob("*/*.json.gz"), 1)) or list(islice(reports.rglob("*.html"), 1))
    with (
        closing(connect(url_or_path, read_only=True)) as database,
        os_errors(StoreError, "read", None, "check its permissions"),
    ):
        if database.is_sqlite and not kept:
            wal = database.path.with_name(f"{database.path.name}-wal")
            kept = [wal] if wal.exists() and wal.stat().st_size else []
        if not kept or database.made_revision() is not None:
            return ""
    return (
        f"{database.name} holds no store, but {str(home)!r} has files of one, such as {str(kept[0])!r}: it was "
        "emptied, lost, or its volume is not mounted. Mount it; or `brainalign store restore FILE` brings a backup "
        f"back; or `brainalign store begin` makes a new one, and `brainalign fetch {bodies}` "
        "reads the kept bodies into it"
    )


def open_store(url_or_path: Path | str, bodies: Path) -> Store:
    """Open a store, making it if there is none, and bring its schema to this release.

    The store is an SQLite file or ``postgresql://user@host/database``; refused bodies go to the folder ``refused`` next
    to ``bodies``. Raises StoreError if it cannot be opened, or is of a newer release; BusyError if there is none, and
    another process is making or restoring it.
    """
    return _opened(connect(url_or_path), bodies, make_store)


def open_to_read(url_or_path: Path | str, bodies: Path) -> Store:
    """Open a store of this release to read it: nothing is changed or made, and no right to write is needed."""
    return _opened(connect(url_or_path, read_only=True), bodies, Database.check_current)


def begin_store(url_or_path: Path | str, bodies: Path) -> Store:
    """Make a new store where one was lost; what is left of that, and bodies that it kept, stay.

    Raises StoreError if there is a store; BusyError if another process is at work on it.
    """

    def begin(database: Database) -> None:
        with exclusive(database, "brainalign store begin"):
            if database.made_revision() is not None:
                raise StoreError(f"{database.name} is there already, with a store in it; nothing was changed")
            put_aside(database)
            database.prepare()

    store = _opened(connect(url_or_path), bodies, begin)
    write_owners(bodies, {store.id})
    return store


def _opened(database: Database, bodies: Path, check: Callable[[Database], None]) -> Store:
    try:
        check(database)
    except BaseException:
        database.close()
        raise
    return Store(database, bodies)


def is_made(url_or_path: Path | str) -> bool:
    """Return whether there is a store at this path or address; StoreError if that cannot be found out."""
    with closing(connect(url_or_path, read_only=True)) as database:
        return database.made_revision() is not None
