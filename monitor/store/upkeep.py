"""Upkeep of a store: checks, backups, pruning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from . import schema
from .backup import BackedUp, write_backup
from .database import AnyDatabase
from .infos import read_removed
from .pruning import Pruned, delete_snapshots, prune
from .records import BOARD_CHANGED, Removed, SnapshotInfo


class Upkeep:
    """The part of a `Store` for its upkeep."""

    _database: AnyDatabase
    _bodies: Path

    def backup(
        self,
        path: Path,
        *,
        references: Path,
        config: bytes,
        made_at: datetime,
        software: str,
        public: bool = False,
    ) -> BackedUp:
        """Write everything into one file, as of one moment, during other writes; see `write_backup`."""
        return write_backup(
            self._database,
            path,
            bodies=self._bodies,
            references=references,
            config=config,
            made_at=made_at,
            software=software,
            public=public,
        )

    def prune(self, which: Sequence[SnapshotInfo], now: datetime, *, dry_run: bool = False) -> Pruned:
        """Delete snapshots (`prunable`) and what only they needed; every other one is rebuilt exactly as before.

        Hold the store's lock (`Store.exclusive`), so that no body is added meanwhile.
        """
        return prune(self._database, self._bodies, which, now, dry_run=dry_run)

    def remove(self, which: Sequence[SnapshotInfo], now: datetime) -> None:
        """Delete snapshots that are no good, and the changes that were found between them and others.

        Alert messages stay. Hold the store's lock.
        """
        t, ids = schema.finding, {info.id for info in which}
        with self._database.writing() as connection:
            delete_snapshots(connection, which, now, pruned=False)
            changes = sa.select(t.c.id, t.c.snapshot_id, t.c.data).where(t.c.kind == BOARD_CHANGED)
            for number, snapshot_id, data in connection.execute(changes).all():
                if ids & {snapshot_id, json.loads(data).get("before")}:
                    connection.execute(sa.delete(t).where(t.c.id == number))

    def removed(self, domain: str | None = None) -> tuple[Removed, ...]:
        """Return the snapshots that were pruned or removed, by the moment that they described."""
        with self._database.reading() as connection:
            return tuple(one for one in read_removed(connection) if domain in (None, one.info.domain))
