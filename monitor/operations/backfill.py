"""Boards of the past, reconstructed from the newest observed snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import structlog

from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import InputError

from ..base.errors import StoreError
from ..base.progress import Stage, silent
from ..history.periods import Period, midnight, period_starts

if TYPE_CHECKING:
    from ..store import SnapshotInfo, Store

log = structlog.get_logger("brainalign")


@dataclass(frozen=True, slots=True)
class Backfilled:
    """The outcome of a backfill."""

    source: SnapshotInfo  # The observed snapshot that the boards were reconstructed from
    dates: tuple[date, ...]  # Days as of which there is a board now
    added: tuple[date, ...]  # Those that the store did not have


def backfill(
    store: Store,
    domain: str,
    every: Period = Period.MONTH,
    first: date | None = None,
    last: date | None = None,
    stage: Stage = silent,
) -> Backfilled:
    """Reconstruct boards of the past from the newest observed snapshot, and store them as reconstructed.

    A board is made as of the first day of each period. It counts as seen when the snapshot that it was made from was:
    nothing more was known before. Boards that are there already stay; a second run adds nothing. The days, both
    included, are by default those from the first score to the snapshot's own moment. Raises StoreError if nothing was
    observed yet, InputError if ``last`` is later than the snapshot, or before ``first``.
    """
    source = store.latest(domain)
    if source is None:
        raise StoreError(
            f"there is no observed snapshot of {domain!r} to reconstruct boards from; `brainalign fetch` pulls one"
        )
    latest = store.snapshot(source.id)
    begins = _first_score(latest)
    until = source.as_of_time.date() if last is None else last
    since = begins if first is None else first
    if midnight(until) > source.as_of_time:
        raise InputError(
            f"boards up to {until} cannot be reconstructed from a snapshot of {source.as_of_time:%Y-%m-%d %H:%M} UTC; "
            "choose an earlier --to"
        )
    if since is None or since > until:
        raise InputError(
            f"there is no day from {since or 'the first score'} to {until}; choose an earlier --from, or a later --to"
        )
    known = {
        info.as_of_time
        for info in store.snapshots(domain)
        if info.reconstructed and info.body_sha256 == source.body_sha256
    }
    body = store.body(source.body_sha256)
    dates, added = [], []
    with stage("reconstructing"):
        for day in period_starts(since, until, every):
            if midnight(day) in known:
                dates.append(day)
                continue
            board = latest.as_of(day)
            if not board.models:
                continue
            dates.append(day)
            if store.add(board, body, seen_at=source.seen_at).new:
                added.append(day)
    log.info("backfilled", source=source.id, boards=len(dates), added=len(added))
    return Backfilled(source, tuple(dates), tuple(added))


def _first_score(snapshot: Snapshot) -> date | None:
    """Return the day of the first score with a time, in any version; None if no score has one."""
    old = snapshot.superseded
    times = [cells.scored_at[cells.states == CellState.SCORED] for cells in (snapshot, old)]
    known = np.concatenate(times)
    known = known[~np.isnat(known)]
    if not known.size:
        return None
    first: datetime = known.min().astype("datetime64[us]").item()
    return first.replace(tzinfo=UTC).date()
