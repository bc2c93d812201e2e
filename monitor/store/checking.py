"""Check of a store against its own hashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.files.snapshot_file import content_digest

from ..base.errors import StoreError
from .database import AnyDatabase
from .records import SnapshotInfo


def problems(
    database: AnyDatabase,
    infos: Sequence[SnapshotInfo],
    snapshot: Callable[[int], Snapshot],
    body: Callable[[str], bytes],
) -> list[str]:
    """Compare the database with its own rules, each snapshot with its digest and each body with its hash.

    Returns one sentence a problem.

    Parameters
    ----------
    infos : sequence of SnapshotInfo
        The snapshots to rebuild.
    snapshot, body : callable
        Read one of either, or raise StoreError.
    """
    found = _of_database(database) if database.is_sqlite else []
    for info in infos:
        try:
            digest = content_digest(snapshot(info.id))
        except StoreError as problem:
            found.append(str(problem))
            continue
        if digest != info.digest:
            found.append(
                f"snapshot {info.id} is not what was stored: its digest is {digest}, not {info.digest}"
            )
    for sha256 in sorted({info.body_sha256 for info in infos}):
        try:
            body(sha256)
        except StoreError as problem:
            found.append(str(problem))
    return found


def _of_database(database: AnyDatabase) -> list[str]:
    try:
        with database.reading() as connection:
            said = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except StoreError as problem:
        return [str(problem)]
    return [
        *(f"{database.name}: {line}" for line in said if line != "ok"),
        *(
            f"{database.name}: a row of {table} refers to a missing row of {parent}"
            for table, _, parent, _ in dangling
        ),
    ]
