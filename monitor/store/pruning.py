"""Old snapshots go by a policy: all of the last days stay, then one a week, then one a month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ..errors import StoreError
from . import schema
from .database import AnyDatabase
from .records import SnapshotInfo

_INTERVALS = (schema.cell, schema.model, schema.benchmark_entry)


@dataclass(frozen=True, slots=True)
class Policy:
    """What stays.

    Attributes
    ----------
    all_days : int
        All snapshots of so many days before now.
    weekly_days : int
        The last of each week of so many days before now; of what is older, the last of each month.
    """

    all_days: int
    weekly_days: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go.

    Attributes
    ----------
    snapshots : tuple of SnapshotInfo
    rows : int
        Scores, models and benchmarks that held for these snapshots alone.
    bodies : tuple of Path
        Files that no snapshot and no pull of one names.
    freed_bytes : int
        Their size.
    """

    snapshots: tuple[SnapshotInfo, ...]
    rows: int
    bodies: tuple[Path, ...]
    freed_bytes: int


def prunable(infos: Sequence[SnapshotInfo], policy: Policy, now: datetime) -> tuple[SnapshotInfo, ...]:
    """Snapshots that the policy lets go.

    Of every kind (domain, simulated or not) the newest stays, and so does the one that came in last, because the next
    is told by its difference from it. Boards that somebody reconstructed stay.
    """
    found: list[SnapshotInfo] = []
    observed = [info for info in infos if not info.reconstructed]
    for kind in sorted({(info.domain, info.simulated) for info in observed}):
        of_kind = [info for info in observed if (info.domain, info.simulated) == kind]
        of_kind.sort(key=lambda info: (info.as_of_time, info.id))
        kept = {of_kind[-1].id, max(info.id for info in of_kind)}
        last = {_period(info, policy, now): info.id for info in of_kind}
        found += [
            info for info in of_kind if info.id not in kept and last[_period(info, policy, now)] != info.id
        ]
    return tuple(sorted(found, key=lambda info: info.id))


def _period(info: SnapshotInfo, policy: Policy, now: datetime) -> tuple[int, ...]:
    age = now - info.as_of_time
    if age <= timedelta(days=policy.all_days):
        return 0, info.id
    if age <= timedelta(days=policy.weekly_days):
        return 1, *info.as_of_time.isocalendar()[:2]
    return 2, info.as_of_time.year, info.as_of_time.month


def prune(database: AnyDatabase, bodies: Path, which: Sequence[SnapshotInfo], *, dry_run: bool) -> Pruned:
    """Delete snapshots, the rows that held for them alone, and the bodies that nothing names any more.

    Rows whose interval still holds a snapshot stay as they are, so that every other snapshot is rebuilt exactly.
    Nobody may be adding one meanwhile: hold the store's lock.

    Parameters
    ----------
    dry_run : bool
        Only find out what would go.

    Raises
    ------
    StoreError
    """
    ids = [info.id for info in which]
    with database.writing() as connection:
        nested = connection.begin_nested()
        if ids:
            connection.execute(sa.delete(schema.snapshot).where(schema.snapshot.c.id.in_(ids)))
        rows = sum(connection.execute(_orphaned(table)).rowcount for table in _INTERVALS) if ids else 0
        # A pull that brought what is gone is still logged, but no longer names a body to keep.
        named = {
            *connection.execute(sa.select(schema.snapshot.c.body_sha256)).scalars(),
            *connection.execute(
                sa.select(schema.pull.c.body_sha256).where(schema.pull.c.snapshot_id.is_not(None))
            ).scalars(),
        }
        if dry_run:
            nested.rollback()
        else:
            nested.commit()
    try:
        orphans = tuple(
            path for path in sorted(bodies.glob("*/*.json.gz")) if path.name.partition(".")[0] not in named
        )
        freed = sum(path.stat().st_size for path in orphans)
        if not dry_run:
            for path in orphans:
                path.unlink(missing_ok=True)
    except OSError as cause:
        raise StoreError(f"cannot remove the body {str(cause.filename)!r}: {cause.strerror}") from cause
    if rows and not dry_run:
        _shrink(database)
    return Pruned(tuple(which), rows, orphans, freed)


def _orphaned(table: sa.Table) -> sa.Delete:
    s = schema.snapshot
    holds = sa.exists().where(
        s.c.chain_id == table.c.chain_id,
        s.c.seq >= table.c.from_seq,
        sa.or_(table.c.to_seq.is_(None), s.c.seq < table.c.to_seq),
    )
    return sa.delete(table).where(~holds)


def _shrink(database: AnyDatabase) -> None:
    """Give the file's free pages back; PostgreSQL does that by itself."""
    if not database.is_sqlite:
        return
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        if driver is not None:
            driver.execute("VACUUM")
