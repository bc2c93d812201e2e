"""The store: every snapshot of a leaderboard ever seen, and what became of each attempt to see one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.files.site_cells import Rejected
from brainalign_plugin.files.snapshot_file import content_digest

from ..base.errors import StoreError
from ..base.files import packed
from . import bodies as body_files
from . import schema
from .backup import Backups
from .database import Database
from .infos import find, read_info, read_infos, read_name, read_rejected, read_removed, write_rejected
from .locking import exclusive
from .logbook import Logbook
from .pruning import Pruning
from .queued import Outbox
from .snapshots import read_snapshots, rebuilt_again, seen_again, write_rest_of_split, write_snapshot
from .stored import Outcome, SnapshotInfo, Stored

# Rebuilt snapshots that a store keeps in memory: one run reads the newest two again and again.
_SNAPSHOTS_KEPT = 4


class Store(Logbook, Outbox, Backups, Pruning):
    """An open store; close it, or use it in ``with``.

    Every method is one transaction and raises StoreError if the database or a file cannot be read or written.
    Times are arguments: the store has no clock.
    """

    def __init__(self, database: Database, bodies: Path, read: dict[Any, Snapshot] | None = None) -> None:
        self._database = database
        self._bodies = bodies
        self._read: dict[Any, Snapshot] = {} if read is None else read
        # Raises StoreError if this process held the lock and lost it: another process may be at work.
        self.check_lock: Callable[[], None] = lambda: None

    @property
    def id(self) -> str:
        """Name that the store was given when it was made, and that its backups bear."""
        with self._database.reading() as connection:
            return read_name(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[Store]:
        """Give the store inside one writing transaction: all that is done with it is committed together, or not.

        Reading in it sees what was written in it. The database is locked for other writers meanwhile.
        """
        with self._database.writing() as connection:
            yield Store(replace(self._database, connection=connection), self._bodies, self._read)

    @contextmanager
    def one_moment(self) -> Iterator[Store]:
        """Give the store as it is at this moment, in one reading transaction, during other writes."""
        with self._database.reading() as connection:
            yield Store(replace(self._database, connection=connection), self._bodies, self._read)

    @contextmanager
    def exclusive(self, owner: str) -> Iterator[None]:
        """Hold the store's lock, which one process at a time has; its death frees it.

        Unlike a transaction it keeps nobody from reading or writing: it is for work that must not be done twice at
        once, such as a run. Raises BusyError if another has it; the message names that ``owner``.
        """
        with exclusive(self._database, owner) as check:
            self.check_lock = check
            try:
                yield
            finally:
                self.check_lock = lambda: None

    def add(
        self, snapshot: Snapshot, body: bytes, seen_at: datetime, rejected: Sequence[Rejected] = (), note: str = ""
    ) -> Stored:
        """Store a snapshot, the body that it was read from, and the pull that brought it.

        A board is news if its content (models, tree, cells) differs from that of the boards next to it in time. Equal
        content adds no snapshot and keeps no body: the snapshot notes until when it was seen. Only the boards' own
        moments decide, not the order in which they come in, so that an archive can be imported in any order: a board
        between two sightings of another splits them, and equal content of an earlier moment moves the beginning.

        A reconstructed board (`Snapshot.as_of`) carries the body and hash of the snapshot that it came from, so
        there it is the same again if the moment is the same too. It is kept in a chain of its own, apart from what
        was observed, and enters no pull, because none was made. Raises StoreError if it cannot be stored; then
        nothing of it is, but perhaps the body. The ``body`` is kept as received at ``seen_at``, the ``rejected`` cells
        that could not be read with the snapshot, the ``note`` with the pull.
        """
        digest = content_digest(snapshot)
        body_sha256 = hashlib.sha256(body).hexdigest()
        with self._database.writing() as connection:
            chain = _chain(connection, snapshot)
            if snapshot.reconstructed:
                known = rebuilt_again(connection, chain, snapshot.as_of_time, digest, body_sha256)
            else:
                known = seen_again(connection, chain, snapshot.as_of_time, digest)
            if known is None:
                row = {"seen_at": seen_at, "body_sha256": body_sha256, "digest": digest}
                number, change = write_snapshot(connection, chain, snapshot, row)
                stored = Stored(number, True, *change)
                if not snapshot.reconstructed:
                    write_rest_of_split(connection, chain, stored.id)
                body_files.add_owner(self._bodies, read_name(connection))
            else:
                stored = Stored(known, False, 0, 0)
            kept = stored.new or body_sha256 == read_info(connection, stored.id).body_sha256
            if kept:
                # On disk before the commit; a damaged or lost file is replaced.
                body_files.put_body(self._bodies, body_sha256, packed(body))
            write_rejected(connection, stored.id, rejected)
            if not snapshot.reconstructed:
                outcome = Outcome.STORED if stored.new else Outcome.UNCHANGED
                connection.execute(
                    sa.insert(schema.pull).values(
                        at=seen_at,
                        source=snapshot.source,
                        domain=snapshot.domain,
                        outcome=outcome,
                        snapshot_id=stored.id,
                        as_of_time=snapshot.as_of_time,
                        body_sha256=body_sha256 if kept else None,
                        rejected=len(rejected),
                        message=note,
                    )
                )
        return stored

    def snapshots(self, domain: str | None = None) -> tuple[SnapshotInfo, ...]:
        """Return all snapshots (of a domain, if named), also reconstructed ones, by the moment that they describe."""
        with self._database.reading() as connection:
            return read_infos(connection, *([] if domain is None else [schema.chain.c.domain == domain]))

    def latest(self, domain: str) -> SnapshotInfo | None:
        """Return the newest observed snapshot of a domain, by the moment that it describes; None if there is none."""
        with self._database.reading() as connection:
            observed = read_infos(connection, schema.chain.c.domain == domain, schema.chain.c.reconstructed.is_(False))
        return observed[-1] if observed else None

    def info(self, snapshot_id: int) -> SnapshotInfo:
        """Return the facts about a snapshot without rebuilding it; StoreError if there is no such snapshot."""
        with self._database.reading() as connection:
            return read_info(connection, snapshot_id)

    def described(self, snapshot_id: int) -> SnapshotInfo:
        """Return the facts about a snapshot, also of one that was pruned or removed.

        Raises StoreError if there never was one of this number.
        """
        with self._database.reading() as connection:
            gone = (one.info for one in read_removed(connection) if one.info.id == snapshot_id)
            return next(gone, None) or read_info(connection, snapshot_id)

    def find(self, wanted: str, domain: str | None = None, known: datetime | None = None) -> SnapshotInfo:
        """Find a snapshot by its number, by the first digits of its hash (at least four), or as ``latest``.

        A hash means the observed snapshot, not the boards that were reconstructed from it; those have numbers. The
        ``domain`` is that of ``latest``, None of all; only snapshots seen before ``known`` count. Raises StoreError if
        none or more than one fits, naming the nearest; or if the one that was meant was pruned.
        """
        with self._database.reading() as connection:
            return find(read_infos(connection), wanted, domain, known, read_removed(connection))

    def snapshot(self, snapshot_id: int) -> Snapshot:
        """Rebuild a snapshot, equal to the one that was added; StoreError if there is none, or the store is damaged."""
        with self._database.reading() as connection:
            info = read_info(connection, snapshot_id)
            # A number may be given again after a rollback; all of this together names one board.
            key = (info.id, info.digest, info.sha256, info.source, info.as_of_time)
            found = self._read.get(key)
            if found is None:
                (found,) = read_snapshots(connection, [info])
                self._read[key] = found
                for oldest in list(self._read)[:-_SNAPSHOTS_KEPT]:
                    self._read.pop(oldest, None)
            return found

    def snapshots_whole(self, snapshot_ids: Sequence[int]) -> Iterator[Snapshot]:
        """Rebuild several snapshots, one after the other, at a fraction of what `snapshot` would take for each."""
        with self._database.reading() as connection:
            yield from read_snapshots(connection, [read_info(connection, number) for number in snapshot_ids])

    def rejected(self, snapshot_id: int) -> tuple[Rejected, ...]:
        """Return the cells that could not be read, of all bodies that brought this snapshot."""
        with self._database.reading() as connection:
            read_info(connection, snapshot_id)
            return tuple(read_rejected(connection, snapshot_id))

    def body(self, sha256: str) -> bytes:
        """Return a body as it was received (`SnapshotInfo.body_sha256`); StoreError if it is lost or damaged."""
        return body_files.read_body(self._bodies, sha256)

    def check(self) -> list[str]:
        """Check for damage: the database, each snapshot against its digest, each body against its hash.

        Returns one sentence a problem; empty if there is none.
        """
        self._read.clear()  # snapshots in memory hide damage on the disk
        found, infos = self._database.problems(), self.snapshots()
        for info in infos:
            try:
                if (digest := content_digest(self.snapshot(info.id))) != info.digest:
                    found.append(
                        f"snapshot {info.id} is not what was stored: its digest is {digest}, not {info.digest}"
                    )
            except StoreError as problem:
                found.append(str(problem))
        for sha256 in sorted({info.body_sha256 for info in infos}):
            try:
                self.body(sha256)
            except StoreError as problem:
                found.append(str(problem))
        return found


def _chain(connection: sa.Connection, snapshot: Snapshot) -> int:
    kind = {"domain": snapshot.domain, "reconstructed": snapshot.reconstructed, "simulated": snapshot.simulated}
    t = schema.chain
    known = connection.execute(sa.select(t.c.id).where(*(t.c[name] == value for name, value in kind.items()))).scalar()
    if known is None:
        known = connection.execute(sa.insert(t).values(**kind).returning(t.c.id)).scalar_one()
    return int(known)
