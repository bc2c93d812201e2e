"""The whole state in one file, consistent while others write, and restored into either kind of database.

A backup is a gzipped tar: ``tables/<name>.jsonl``, ``bodies/…``, ``references/…``, ``brainalign.toml`` without secrets,
and last ``manifest.json`` with the hash of everything else. All tables are of one moment, the rows of each as lines of
JSON, the same for every database.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from ..base.errors import StoreError
from ..base.files import atomic_file, os_errors, remove_abandoned
from . import schema
from .bodies import body_path
from .database import Database
from .stored import MessageState

_BATCH = 5000
# Columns of a message with its recipient and content.
_OF_PEOPLE = frozenset({"recipient", "subject", "body", "shared_body_id", "last_error"})
_PENDING = MessageState.PENDING.value


def dump_table(connection: sa.Connection, table: sa.Table, *, public: bool = False) -> Iterator[bytes]:
    """Yield the columns' names, then the rows as stored, a JSON array per line, in the order of the primary key.

    A ``public`` dump leaves out messages that wait to be sent, which name their recipients.
    """
    yield _line([column.name for column in table.columns])
    columns = [_shared(table, column).label(column.name) for column in table.columns]
    query = sa.select(*columns).select_from(table).order_by(*table.primary_key.columns)
    if table is schema.shared_body:
        pending = sa.exists().where(schema.message.c.shared_body_id == table.c.id, schema.message.c.state == _PENDING)
        query = query.where(sa.false() if public else pending)
    if table is schema.message and public:
        query = query.where(table.c.state != _PENDING)
    rows = connection.execution_options(yield_per=_BATCH).execute(query)
    for row in rows:
        yield _line([_plain(value) for value in row])


def load_table(connection: sa.Connection, name: str, lines: Iterable[bytes]) -> int:
    """Replace the rows of a table, as it is in the database at this moment, by the lines of `dump_table`.

    Returns their number. Raises StoreError if the lines do not fit the table.
    """
    feed = iter(lines)
    try:
        names = json.loads(next(feed))
        there = {column["name"]: column["type"] for column in sa.inspect(connection).get_columns(name)}
        if not isinstance(names, list) or set(names) != there.keys():
            raise ValueError(f"its columns are {names}, those of the store {sorted(there)}")
        # Rows that a migration wrote into the new store are replaced by those of the backup.
        connection.execute(sa.delete(sa.table(name)))
        table = sa.table(name, *(sa.column(column, there[column]) for column in names))
        count, batch = 0, []
        for line in feed:
            batch.append(dict(zip(names, map(_value, json.loads(line)), strict=True)))
            if len(batch) == _BATCH:
                connection.execute(sa.insert(table), batch)
                count, batch = count + len(batch), []
        if batch:
            connection.execute(sa.insert(table), batch)
    except (ValueError, KeyError, TypeError, StopIteration, sa.exc.NoSuchTableError) as cause:
        raise StoreError(f"the table {name!r} of the backup cannot be read: {cause}; nothing was restored") from cause
    return count + len(batch)


def _shared(table: sa.Table, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return a column as it is stored; of a settled message neither recipient nor content."""
    stored = sa.type_coerce(column, _stored(column))
    if table.name != "message" or column.name not in _OF_PEOPLE:
        return stored
    empty = None if column.nullable else b"" if column.name == "body" else ""
    return sa.case((table.c.state != _PENDING, sa.literal(empty, _stored(column))), else_=stored)


def _stored(column: sa.Column[Any]) -> Any:
    """Return the type in the database, without Python's conversion."""
    return column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes | memoryview) else value


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value


FORMAT = "brainalign-backup"
VERSION = 1
MANIFEST = "manifest.json"
CONFIG = "brainalign.toml"
_IN_MEMORY = 8_000_000
_Stream = io.BytesIO | tempfile.SpooledTemporaryFile[bytes]


@dataclass(frozen=True, slots=True)
class BackedUp:
    """Content of a backup."""

    path: Path
    rows: Mapping[str, int]  # By table
    files: int  # Bodies and references
    missing: tuple[str, ...]  # Bodies that the store names and that are not there


class Backups:
    """Backups of a store."""

    _database: Database
    _bodies: Path

    def backup(
        self, path: Path, *, references: Path, config: bytes, made_at: datetime, software: str, public: bool = False
    ) -> BackedUp:
        """Write everything into one file, as of one moment, whole or not at all; a file of that name is replaced.

        ``config`` are the settings without their secrets, ``software`` is the version of this program. A ``public``
        backup leaves out messages that wait to be sent, so that anybody may read it.
        """
        # A backup that was killed may have left a whole copy of the store.
        remove_abandoned(path.parent)
        entries: dict[str, dict[str, Any]] = {}
        rows: dict[str, int] = {}
        with (
            atomic_file(path, StoreError, private=True) as stream,
            # Neither a name nor a time in the packing, so that the same state gives the same bytes.
            gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stream, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            with self._database.reading() as connection:
                for table in schema.metadata.sorted_tables:
                    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as lines:
                        rows[table.name] = -1  # the line with the names of the columns
                        for line in dump_table(connection, table, public=public):
                            lines.write(line)
                            rows[table.name] += 1
                        _add(archive, entries, f"tables/{table.name}.jsonl", lines)
                named = sa.union(sa.select(schema.snapshot.c.body_sha256), sa.select(schema.pull.c.body_sha256))
                hashes = sorted(filter(None, connection.execute(named).scalars()))
                counters = _counters(connection)
            missing = []
            for sha256 in hashes:
                found = body_path(self._bodies, sha256)
                if not _add_file(archive, entries, f"bodies/{sha256[:2]}/{found.name}", found):
                    missing.append(sha256)
            for found in sorted(references.glob("*")):
                if found.is_file():
                    _add_file(archive, entries, f"references/{found.name}", found)
            if config:
                _add(archive, entries, CONFIG, io.BytesIO(config))
            manifest = {
                "format": FORMAT,
                "version": VERSION,
                "made_at": made_at.isoformat(),
                "software": software,
                "schema": schema.REVISION,
                "rows": rows,
                "counters": counters,
                "missing_bodies": missing,
                "entries": entries,
            }
            _add(archive, {}, MANIFEST, io.BytesIO(json.dumps(manifest, indent=1).encode() + b"\n"))
        files = sum(name.startswith(("bodies/", "references/")) for name in entries)
        return BackedUp(path, rows, files, tuple(missing))


def _counters(connection: sa.Connection) -> dict[str, int]:
    """Return the last number used in each table, also by deleted rows."""
    numbered = [t for t in schema.metadata.sorted_tables if t.autoincrement_column is not None]
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all()
        known = {str(name): int(last) for name, last in rows}
        return {table.name: known[table.name] for table in numbered if known.get(table.name)}
    # The dialect takes a tenth of a second to load, and most stores are files.
    from sqlalchemy.dialects import postgresql

    counters = {}
    for table in numbered:
        sequence = sa.cast(sa.func.pg_get_serial_sequence(table.name, "id"), postgresql.REGCLASS)
        last = connection.execute(sa.select(sa.func.pg_sequence_last_value(sequence))).scalar()
        if last is not None:
            counters[table.name] = int(last)
    return counters


def _add_file(archive: tarfile.TarFile, entries: dict[str, dict[str, Any]], name: str, path: Path) -> bool:
    with os_errors(StoreError, "read", path, "check its permissions"):
        if not path.exists():
            return False
        data = path.read_bytes()
    _add(archive, entries, name, io.BytesIO(data))
    return True


def _add(
    archive: tarfile.TarFile,
    entries: dict[str, dict[str, Any]],
    name: str,
    data: io.BytesIO | tempfile.SpooledTemporaryFile[bytes],
) -> None:
    """Add a file, and its size and hash to the entries."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = data.seek(0, io.SEEK_END), 0o600
    data.seek(0)
    entries[name] = {"bytes": info.size, "sha256": hashlib.file_digest(data, "sha256").hexdigest()}
    data.seek(0)
    archive.addfile(info, data)
