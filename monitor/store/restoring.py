"""A backup becomes a store again: verified first, into an empty place only, all of it or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..base.errors import StoreError
from ..base.files import os_errors, sync_folder, write_atomically
from . import schema
from .backup import CONFIG, FORMAT, MANIFEST, VERSION, load_table
from .bodies import put_body, write_owners
from .database import Database, connect
from .infos import read_name
from .locking import exclusive
from .opening import put_aside, remove_database

_NAME = re.compile(
    rf"tables/[a-z_]{{1,40}}\.jsonl|bodies/[0-9a-f]{{2}}/[0-9a-f]{{64}}\.json\.gz|references/[^/\0]{{1,200}}|{CONFIG}"
)
_LARGEST_MANIFEST = 200_000_000


@dataclass(frozen=True, slots=True)
class Restored:
    """Outcome of a restore: rows by table, files, and the settings unless others were there."""

    rows: Mapping[str, int]
    files: int
    config: Path | None


def verify_backup(path: Path) -> dict[str, Any]:
    """Compare all of a backup with its manifest, and return that; StoreError if it is damaged or of a newer release."""
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    for name, data in _entries(path):
        if name == MANIFEST:
            manifest = _manifest(path, data)
            continue
        if not _NAME.fullmatch(name) or name in found:
            raise _damaged(path, f"it holds {name[:80]!r}, which no backup does, or twice")
        found[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if manifest is None:
        raise _damaged(path, "it has no manifest, so that its end is missing")
    listed = manifest["entries"]
    if wrong := sorted(name for name in found.keys() | listed.keys() if found.get(name) != listed.get(name)):
        raise _damaged(path, f"{wrong[0]!r} is not what the manifest says ({len(wrong)} entries differ)")
    return manifest


def restore_backup(path: Path, address: str | Path, *, home: Path, bodies: Path, references: Path) -> Restored:
    """Restore a backup into a new store, its settings into ``home`` and its files into their folders.

    Nothing is written before all of it was verified. The store's lock is held over all of it, and the store appears
    whole, after everything else; a file in its place without a store in it gets another name. Files that are there
    with the same content stay. A restore that was killed can be done again. Raises StoreError if the backup is
    damaged, or something is there already, such as a store; BusyError if another process is at work on the store.
    """
    manifest = verify_backup(path)
    with closing(connect(address)) as database:
        # Looked at before too: a restore that refuses must not hold the lock against the process that made the store.
        _check_not_there(database)
        with exclusive(database, "brainalign store restore"):
            _check_not_there(database)
            _check_files(path, references)
            # The store comes last: until then the same restore can be done again.
            files, config = _restore_files(path, home, bodies, references)
            rows = _restore_rows(database, path, manifest, bodies)
    return Restored(rows, files, config)


def _restore_rows(database: Database, path: Path, manifest: Mapping[str, Any], bodies: Path) -> dict[str, int]:
    """Load all tables into a file of its own and link it into place, or in one transaction of a server."""
    if not database.is_sqlite:
        return _loaded(database, path, manifest, bodies)
    target = database.path
    # Only a restore makes a file of this name, and only while it holds the lock.
    building = connect(target.with_name(f"{target.name}.restoring"))
    try:
        with os_errors(StoreError, "put in place the store", target, "check its folder and run this again"):
            remove_database(building.path)
            rows = _loaded(building, path, manifest, bodies)
            building.close()
            put_aside(database)
            os.link(building.path, target)
            sync_folder(target.parent)
    finally:
        building.close()
        remove_database(building.path)
    return rows


def _loaded(database: Database, path: Path, manifest: Mapping[str, Any], bodies: Path) -> dict[str, int]:
    if database.is_sqlite:
        database.make_file()
    with database.writing() as connection:
        _check_not_there(replace(database, connection=connection))
        rows = _load(connection, path, manifest)
    database.prepare()
    with database.reading() as connection:
        write_owners(bodies, [read_name(connection)])
    return rows


def _restore_files(path: Path, home: Path, bodies: Path, references: Path) -> tuple[int, Path | None]:
    """Write bodies, references and settings; return how many of the first two, and the settings if they are these."""
    files, config = 0, None
    for name, data in _entries(path):
        if name.startswith("bodies/"):
            sha256 = name.rpartition("/")[2].removesuffix(".json.gz")
            put_body(bodies, sha256, data)
            files += 1
        elif name.startswith("references/"):
            write_atomically(references / name.partition("/")[2], data, StoreError)
            files += 1
        elif name == CONFIG:
            target = home / CONFIG
            if not target.exists():
                write_atomically(target, data, StoreError, private=True)
            config = target if target.read_bytes() == data else None
    return files, config


def _load(connection: sa.Connection, path: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    from .migrations import upgrade

    upgrade(connection, manifest["schema"])
    tables = {name: data for name, data in _entries(path) if name.startswith("tables/")}
    # Those of the backup's schema, in the order of their references.
    order = [name for name, _ in sa.inspect(connection).get_sorted_table_and_fkc_names() if name]
    known = [name for name in order if f"tables/{name}.jsonl" in tables]
    if strange := tables.keys() - {f"tables/{name}.jsonl" for name in known}:
        raise _damaged(path, f"{min(strange)!r} is no table of a store")
    rows = {
        name: load_table(connection, name, tables[f"tables/{name}.jsonl"].splitlines(keepends=True)) for name in known
    }
    for name, last in manifest["counters"].items():
        if name in known:
            _set_counter(connection, name, int(last))
    return rows


def _set_counter(connection: sa.Connection, name: str, last: int) -> None:
    """Continue the numbering, so that a printed number never means another row."""
    if connection.dialect.name == "sqlite":
        changed = connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last, name))
        if changed.rowcount == 0:
            connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, last))
    else:
        connection.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(name, "id"), last)))


def _check_not_there(database: Database) -> None:
    if database.made_revision() is not None:
        raise StoreError(
            f"{database.name} is there already, and a restore overwrites nothing; name another home, or move it away"
        )


def _check_files(path: Path, references: Path) -> None:
    for name, data in _entries(path):
        target = references / name.partition("/")[2] if name.startswith("references/") else None
        if target is not None and target.exists() and target.read_bytes() != data:
            raise StoreError(
                f"{str(target)!r} is there already and differs, and a restore overwrites nothing; move it away"
            )


def _entries(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path, "r|gz") as archive:
            for info in archive:
                if not info.isreg() or info.size > _LARGEST_MANIFEST * 10:
                    raise _damaged(path, f"{info.name[:80]!r} is no plain file, or too large")
                data = archive.extractfile(info)
                yield info.name, data.read() if data else b""
    except FileNotFoundError as cause:
        raise StoreError(f"there is no backup {str(path)!r}; check the path") from cause
    except (OSError, EOFError, tarfile.TarError, zlib.error) as cause:
        raise _damaged(path, str(cause) or type(cause).__name__) from cause


def _manifest(path: Path, data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
        known = manifest["format"] == FORMAT and isinstance(manifest["entries"], dict)
        version, revision = int(manifest["version"]), str(manifest["schema"])
        dict(manifest["counters"])
    except (ValueError, KeyError, TypeError) as cause:
        raise _damaged(path, "its manifest cannot be read") from cause
    if not known:
        raise _damaged(path, "its manifest is of another format")
    if version > VERSION or revision > schema.REVISION:
        raise StoreError(f"the backup {str(path)!r} is of a newer release; upgrade brainalign, nothing was restored")
    if revision < schema.FIRST_REVISION:
        raise StoreError(
            f"the backup {str(path)!r} is of an older release than 1.0.0, nothing was restored; unpack its folder "
            "`bodies` with tar, and read it into a new store with `brainalign fetch FOLDER`"
        )
    found: dict[str, Any] = manifest
    return found


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(f"{str(path)!r} is no backup, or damaged: {why}; nothing was restored, take another")
