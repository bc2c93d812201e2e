"""Looking after a store: damage, backups, what is old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .backup import BackedUp, write_backup
from .database import AnyDatabase
from .pruning import Pruned, prune
from .records import SnapshotInfo


class Upkeep:
    """The part of a `Store` that looks after it."""

    _database: AnyDatabase
    _bodies: Path

    def backup(
        self, path: Path, *, references: Path, config: bytes, made_at: datetime, software: str
    ) -> BackedUp:
        """Write everything into one file, as of one moment, whatever others write meanwhile; see `write_backup`.

        Raises
        ------
        StoreError
        """
        return write_backup(
            self._database,
            path,
            bodies=self._bodies,
            references=references,
            config=config,
            made_at=made_at,
            software=software,
        )

    def prune(self, which: Sequence[SnapshotInfo], *, dry_run: bool = False) -> Pruned:
        """Delete snapshots (`prunable`) and what only they needed; every other one is rebuilt exactly as before.

        Hold the store's lock (`Store.exclusive`), so that nobody adds a body meanwhile.

        Raises
        ------
        StoreError
        """
        return prune(self._database, self._bodies, which, dry_run=dry_run)
