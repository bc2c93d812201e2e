"""Boards of the store: of the past, reconstructed from the newest observed one; and bad ones, removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog

from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import InputError

from ..base.errors import OutputError, StoreError
from ..base.files import os_errors
from ..base.progress import Stage, silent
from ..history.periods import Period, midnight, period_starts
from .alerting import unseen
from .kept_alerts import active_alerts
from .reporting import report_name

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..store import Finding, SnapshotInfo, Store

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
    same = (info for info in store.snapshots(domain) if info.body_sha256 == source.body_sha256)
    known = {info.as_of_time for info in same if info.reconstructed}
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
    cells = (snapshot, snapshot.superseded)
    times = np.concatenate([one.scored_at[one.states == CellState.SCORED] for one in cells])
    known = times[~np.isnat(times)]
    if not known.size:
        return None
    first: datetime = known.min().astype("datetime64[us]").item()
    return first.replace(tzinfo=UTC).date()


@dataclass(frozen=True, eq=False)
class Dependents:
    """Things that depend on a stored board."""

    reconstructed: tuple[SnapshotInfo, ...]  # Boards of the past that were reconstructed from it
    reports: tuple[Path, ...]
    alerts: tuple[Finding, ...]  # Active alerts that fired with it


def dependents(settings: Settings, store: Store, info: SnapshotInfo) -> Dependents:
    """Find what depends on a stored board. Raises StoreError."""
    infos = store.snapshots()
    same = [one for one in infos if one.body_sha256 == info.body_sha256 and one != info]
    made: tuple[SnapshotInfo, ...] = ()
    # The board of another snapshot of the same body keeps what was reconstructed from it.
    if not info.reconstructed and all(one.reconstructed for one in same):
        made = tuple(one for one in same if (one.domain, one.simulated) == (info.domain, info.simulated))
    ids = {info.id, *(one.id for one in made)}
    alerts = [one for one in active_alerts(store, info.domain) if one.snapshot_id in ids]
    left = [one for one in infos if one.id not in ids]
    return Dependents(made, reports_of(settings, (info, *made), left), tuple(alerts))


def remove_board(store: Store, info: SnapshotInfo, found: Dependents, now: datetime) -> None:
    """Remove a board, the boards that were reconstructed from it, and the reports of all of them.

    Alert messages stay, and active alerts stay until the next board resolves them; the body stays until `Store.prune`
    puts it aside. Hold the store's lock. Raises StoreError. Raises OutputError if a report cannot be removed.
    """
    with store.transaction() as inside:
        inside.remove((info, *found.reconstructed), now)
        state = inside.alert_state(info.domain)
        if state is not None and not info.reconstructed:
            inside.put_alert_state(info.domain, unseen(state, info, inside.latest(info.domain)), now)
    remove_reports(found.reports)


def reports_of(settings: Settings, gone: Sequence[SnapshotInfo], left: Sequence[SnapshotInfo]) -> tuple[Path, ...]:
    """Find the reports of boards, under all thresholds, that are of no other board."""
    needed = {(info.domain, report_name(info)) for info in left}
    found = []
    for domain, name in sorted({(info.domain, report_name(info)) for info in gone} - needed):
        marked = name.endswith("reconstructed")
        paths = sorted((settings.reports / domain).glob(f"{name}*.html"))
        found += [path for path in paths if marked or not path.name.startswith(f"{name}-reconstructed")]
    return tuple(found)


def remove_reports(reports: Sequence[Path]) -> None:
    """Remove reports of boards that are gone. Raises OutputError."""
    with os_errors(OutputError, "remove the report", None, "remove it by hand"):
        for path in reports:
            path.unlink(missing_ok=True)
