"""Old snapshots go by a policy: all of the last days stay, then one a week, then one a month.

Ages are counted back from the newest moment that the boards themselves describe, so that a wrong clock deletes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ..base.errors import StoreError
from . import schema
from .bodies import Orphans, orphans
from .database import Database
from .database_errors import translated
from .infos import read_infos, read_name, read_removed
from .schema import Moment
from .stored import Removed, SnapshotInfo


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows that were deleted, or would be."""

    snapshots: tuple[SnapshotInfo, ...]
    rows: int  # Scores, models and benchmarks that held for these snapshots alone
    orphans: Orphans  # Bodies that nothing names any more
    # Why the file of the database is as large as before; empty if it is not, or nothing went.
    not_shrunk: str = ""


def prunable(infos: Sequence[SnapshotInfo], all_days: int, weekly_days: int, now: datetime) -> tuple[SnapshotInfo, ...]:
    """Return the snapshots that the policy deletes.

    Of every kind (domain, simulated or not) all snapshots of ``all_days`` before the newest stay, the last of each week
    of ``weekly_days`` before it, and of what is older the last of each month. The newest and the last stored one stay,
    because the next one is compared with it, and so do reconstructed boards.
    """

    def period(info: SnapshotInfo, newest: datetime) -> tuple[int, ...]:
        age = newest - info.as_of_time
        if age <= timedelta(days=all_days):
            return 0, info.id
        if age <= timedelta(days=weekly_days):
            return 1, *info.as_of_time.isocalendar()[:2]
        return 2, info.as_of_time.year, info.as_of_time.month

    found: list[SnapshotInfo] = []
    observed = [info for info in infos if not info.reconstructed]
    for kind in sorted({(info.domain, info.simulated) for info in observed}):
        of_kind = [info for info in observed if (info.domain, info.simulated) == kind]
        of_kind.sort(key=lambda info: (info.as_of_time, info.id))
        kept = {of_kind[-1].id, max(info.id for info in of_kind)}
        newest = min(now, of_kind[-1].until_time)
        last = {period(info, newest): info.id for info in of_kind}
        found += [info for info in of_kind if info.id not in kept and last[period(info, newest)] != info.id]
    return tuple(sorted(found, key=lambda info: info.id))


class Pruning:
    """Deletion of snapshots of a store; hold its lock, so that no body is added meanwhile."""

    _database: Database
    _bodies: Path

    def prune(self, which: Sequence[SnapshotInfo], now: datetime, *, dry_run: bool = False) -> Pruned:
        """Delete snapshots (`prunable`) and the rows that held for them alone; move unnamed bodies away.

        Rows whose interval still holds a snapshot stay as they are, so that every other snapshot is rebuilt exactly.
        Findings in a deleted snapshot, and the facts about it, stay. With ``dry_run`` nothing is changed.
        """
        with self._database.writing() as connection:
            nested = connection.begin_nested()
            rows = delete_snapshots(connection, which, now, pruned=True)
            of_pulls, gone = sa.select(schema.pull.c.body_sha256), sa.select(schema.removed_snapshot.c.body_sha256)
            # A pull that brought what is gone is still logged, but no longer names a body to keep.
            needed = of_pulls.where(schema.pull.c.snapshot_id.is_not(None))
            named = {*connection.execute(sa.union(sa.select(schema.snapshot.c.body_sha256), needed)).scalars()}
            own = {*connection.execute(sa.union(of_pulls, gone)).scalars()}
            store = read_name(connection)
            s = schema.snapshot.c
            newest = sa.func.max(sa.func.coalesce(s.seen_until, s.as_of_time), type_=Moment)
            last = connection.execute(sa.select(newest)).scalar()
            if own - {None} and not named:
                raise StoreError("the store names no body, and would lose all that it had; nothing was changed")
            (nested.rollback if dry_run else nested.commit)()
        found = orphans(self._bodies, named, own, store, min(now, last or now), dry_run=dry_run)
        problem = "" if dry_run or not rows else _shrink(self._database)
        return Pruned(tuple(which), rows, found, problem)

    def remove(self, which: Sequence[SnapshotInfo], now: datetime) -> None:
        """Delete snapshots that are no good; alerts that fired with them stay."""
        with self._database.writing() as connection:
            delete_snapshots(connection, which, now, pruned=False)

    def removed(self, domain: str | None = None) -> tuple[Removed, ...]:
        """Return the snapshots that were pruned or removed, by the moment that they described."""
        with self._database.reading() as connection:
            return tuple(one for one in read_removed(connection) if domain in (None, one.info.domain))


def delete_snapshots(connection: sa.Connection, which: Sequence[SnapshotInfo], at: datetime, *, pruned: bool) -> int:
    """Delete snapshots in a writing transaction and remember what they were.

    What the newest of a chain had ended holds again without it, as if it had never come. Those that are
    ``pruned`` go by a policy, and not because they were no good. Returns the number of rows of scores, models and
    benchmarks that held for these snapshots alone.
    """
    if not which:
        return 0
    s = schema.snapshot
    for number in (info.id for info in which):  # one at a time, because PostgreSQL limits the length of a list
        for info in read_infos(connection, s.c.id == number):
            gone = asdict(info) | {"removed_at": at, "pruned": pruned}
            connection.execute(sa.insert(schema.removed_snapshot).values(gone))
        connection.execute(sa.delete(s).where(s.c.id == number))
    rows = 0
    last = sa.select(sa.func.max(s.c.seq)).where
    for table in schema.INTERVAL_TABLES:
        holds = (
            s.c.chain_id == table.c.chain_id,
            s.c.seq >= table.c.from_seq,
            sa.or_(table.c.to_seq.is_(None), s.c.seq < table.c.to_seq),
        )
        rows += connection.execute(sa.delete(table).where(~sa.exists().where(*holds))).rowcount
        ended = table.c.to_seq > last(s.c.chain_id == table.c.chain_id).scalar_subquery()
        connection.execute(sa.update(table).where(ended).values(to_seq=None))
    return rows


def _shrink(database: Database) -> str:
    """Give the file's free pages back, and return why that failed; PostgreSQL does it by itself."""
    if not database.is_sqlite:
        return ""
    try:
        with translated(database.name), database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            if driver is not None:
                driver.execute("VACUUM")
    except StoreError as cause:
        # The deletion is complete: the next board takes the free pages.
        return str(cause)
    return ""
