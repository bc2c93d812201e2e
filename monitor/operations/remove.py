"""Remove a bad board from the store, with all that depends on it; and reports of boards that are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import OutputError
from ..base.files import os_errors
from .alerting import unseen
from .kept_alerts import active_alerts
from .reporting import report_name

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..store import Finding, SnapshotInfo, Store


@dataclass(frozen=True, eq=False)
class Dependents:
    """Things that depend on a stored board."""

    reconstructed: tuple[SnapshotInfo, ...]  # Boards of the past that were reconstructed from it
    reports: tuple[Path, ...]
    alerts: tuple[Finding, ...]  # Active alerts that fired with it


def dependents(settings: Settings, store: Store, info: SnapshotInfo) -> Dependents:
    """Find what depends on a stored board. Raises StoreError."""
    infos = store.snapshots()
    again = [one for one in infos if not one.reconstructed and one.body_sha256 == info.body_sha256 and one != info]
    made = tuple(
        one
        for one in infos
        if one.reconstructed
        and not info.reconstructed
        and not again
        and (one.domain, one.simulated, one.body_sha256) == (info.domain, info.simulated, info.body_sha256)
    )
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
