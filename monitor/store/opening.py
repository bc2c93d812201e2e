"""Open a store: to write, to read, or to begin one anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..base.errors import StoreError
from .bodies import write_owners
from .database import Database, connect
from .locking import exclusive
from .making import make_store, put_aside
from .store import Store


def open_store(url_or_path: Path | str, bodies: Path) -> Store:
    """Open a store, making it if there is none, and bring its schema to this release.

    Raises StoreError if it cannot be opened, or is of a newer release; BusyError if there is none, and another
    process is making or restoring it.

    Parameters
    ----------
    url_or_path : Path or str
        Path of an SQLite file, or ``postgresql://user@host/database``.
    bodies : Path
        Folder of the raw bodies; refused ones go to the folder ``refused`` next to it.
    """
    return _opened(connect(url_or_path), bodies, make_store)


def open_to_read(url_or_path: Path | str, bodies: Path) -> Store:
    """Open a store that is there to read it: nothing is changed, migrated or made, and no right to write is needed.

    Raises StoreError if there is none, it cannot be read, or is of another release.
    """
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
        database.engine.dispose()
        raise
    return Store(database, bodies)


def is_made(url_or_path: Path | str) -> bool:
    """Return whether there is a store at this path or address, without making one.

    Raises StoreError if that cannot be found out.
    """
    database = connect(url_or_path, read_only=True)
    try:
        return database.made_revision() is not None
    finally:
        database.engine.dispose()
