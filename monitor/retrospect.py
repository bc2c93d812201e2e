"""Looking back: boards of the past out of the newest one, and the history of the figures out of all boards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from brainalign_plugin.errors import InputError
from brainalign_plugin.official import CellState
from brainalign_plugin.snapshot import Snapshot

from .errors import StoreError
from .history.attribution import attribute
from .history.cache import Cache
from .history.figures import ANALYSIS_VERSION, FIGURES, cleaned
from .history.periods import Period, boards_of_history, midnight, period_starts
from .history.series import (
    COMMON,
    FULL,
    SCHEMA,
    History,
    HistoryOptions,
    Point,
    attribution_record,
    change_json,
    changes_between,
    common_panel,
    figures_record,
    panel_figures,
    point_json,
)
from .progress import Stage, silent

if TYPE_CHECKING:
    from brainalign_plugin.board import Board

    from .store import SnapshotInfo, Store

log = structlog.get_logger("brainalign")

# Rises when an attribution is kept or told otherwise, so that what was kept before is computed again.
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did.

    Attributes
    ----------
    source : SnapshotInfo
        The observed snapshot that the boards were reconstructed from.
    dates : tuple of date
        Days as of which there is a board now.
    added : tuple of date
        Those that the store did not have.
    """

    source: SnapshotInfo
    dates: tuple[date, ...]
    added: tuple[date, ...]


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
    nothing more was known before. Boards that are there already stay; a second run adds nothing.

    Parameters
    ----------
    first, last : date, optional
        Bounds of the days, both included; by default from the first score to the snapshot's own moment.

    Raises
    ------
    StoreError
        If nothing was observed yet, or the store cannot be written.
    InputError
        If ``last`` is later than the snapshot, or before ``first``.
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
    """Day of the first score with a time, of whatever version; None if no score has one."""
    old = snapshot.superseded
    times = np.concatenate(
        [
            snapshot.scored_at[snapshot.states == CellState.SCORED],
            old.scored_at[old.states == CellState.SCORED],
        ]
    )
    known = times[~np.isnat(times)]
    if not known.size:
        return None
    first: datetime = known.min().astype("datetime64[us]").item()
    return first.replace(tzinfo=UTC).date()


class Boards:
    """Boards of the store, each read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, Board] = {}

    def all(self, infos: Sequence[SnapshotInfo]) -> list[Board]:
        """The uncleaned boards of several snapshots, read at once."""
        missing = {info.digest: info for info in infos if info.digest not in self._read}
        snapshots = self._store.snapshots_whole([info.id for info in missing.values()]) if missing else ()
        self._read.update(zip(missing, (snapshot.board() for snapshot in snapshots), strict=True))
        return [self._read[info.digest] for info in infos]

    def __call__(self, info: SnapshotInfo) -> Board:
        """The uncleaned board of a snapshot."""
        if info.digest not in self._read:
            self._read[info.digest] = self._store.snapshot(info.id).board()
        return self._read[info.digest]


def history(
    store: Store,
    domain: str,
    cache: Cache | None = None,
    options: HistoryOptions | None = None,
    stage: Stage = silent,
) -> History:
    """Figures over time and what moved them; what was computed before is not computed again.

    Parameters
    ----------
    store : Store
    domain : str
        ``vision`` or ``language``.
    cache : Cache, optional
        Where results are kept; by default nowhere.
    options : HistoryOptions, optional

    Raises
    ------
    StoreError
        If the store holds no board of the domain (that was known by then).
    """
    used, kept = options or HistoryOptions(), cache or Cache()
    infos = history_boards(store, domain, used)
    boards = Boards(store)
    with stage("analysing the history"):
        full = [full_record(kept, boards, info, used) for info in infos]
        window = _window(infos, used.window_months)
        common = _common_records(kept, boards, window, used)
    with stage("attributing the changes"):
        changes = [
            change
            for (earlier, was), (later, now) in pairwise(zip(infos, full, strict=True))
            if earlier.digest != later.digest
            for change in changes_between(
                attribution_of(kept, boards, (earlier, later), used),
                (earlier.as_of_time, later.as_of_time),
                _said(was, now),
            )
        ]
    series = {
        name: (
            *(
                _point(info, name, FULL, record[str(ANALYSIS_VERSION)])
                for info, record in zip(infos, full, strict=True)
            ),
            *(_point(info, name, COMMON, record) for info, record in zip(window, common, strict=True)),
        )
        for name in FIGURES
    }
    return History(domain, used, series, tuple(changes))


def history_boards(store: Store, domain: str, options: HistoryOptions) -> tuple[SnapshotInfo, ...]:
    """The stored boards that a history is made of (`boards_of_history`), real or simulated like the newest one."""
    infos = [
        info for info in store.snapshots(domain) if options.until is None or info.as_of_time <= options.until
    ]
    newest = max(infos, key=lambda info: (info.as_of_time, not info.reconstructed), default=None)
    chosen = boards_of_history(
        [info for info in infos if newest is not None and info.simulated == newest.simulated],
        options.every,
        options.known,
    )
    if not chosen:
        when = "" if options.known is None else f" that was known on {options.known:%Y-%m-%d}"
        raise StoreError(
            f"there is no board of {domain!r}{when}; `brainalign fetch` pulls one, `brainalign backfill` reconstructs "
            "those of the past"
        )
    return chosen


def _window(infos: Sequence[SnapshotInfo], months: int) -> list[SnapshotInfo]:
    last = infos[-1].as_of_time
    year, month = divmod(last.year * 12 + last.month - 1 - months, 12)
    # The last day of February may not be a day of the month in which the window begins.
    start = last.replace(year=year, month=month + 1, day=min(last.day, 28))
    return [info for info in infos if info.as_of_time >= start]


def full_record(cache: Cache, boards: Boards, info: SnapshotInfo, options: HistoryOptions) -> dict[str, Any]:
    """Figures of a board by each version of the analysis that has seen it; today's is computed if it has not."""
    key = cache.key("full", info.digest, options.max_missing, options.resamples, options.seed)
    known: dict[str, Any] = cache.get(key) or {}
    if str(ANALYSIS_VERSION) not in known:
        board = cleaned(boards(info), options.max_missing)
        known[str(ANALYSIS_VERSION)] = figures_record(
            board, panel_figures(board, options.resamples, options.seed)
        )
        cache.put(key, known)
    return known


def _said(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, float | None] | None:
    """The earlier board's figures by an older analysis, if the later board was never seen by that one."""
    older = [int(version) for version in was if version not in now and int(version) < ANALYSIS_VERSION]
    if not older:
        return None
    figures = was[str(max(older))]["figures"]
    return {name: figure["value"] for name, figure in figures.items()}


def _common_records(
    cache: Cache, boards: Boards, window: Sequence[SnapshotInfo], options: HistoryOptions
) -> list[dict[str, Any]]:
    key = cache.key(
        *("common", [info.digest for info in window], options.max_missing, options.resamples, options.seed),
        ANALYSIS_VERSION,
    )
    known: list[dict[str, Any]] | None = cache.get(key)
    if known is None:
        uncleaned = boards.all(window)
        panels = common_panel(uncleaned, [cleaned(board, options.max_missing).leaves for board in uncleaned])
        # Most boards of a panel are the same: nothing was restated since the last one.
        done: dict[tuple[Any, ...], dict[str, Any]] = {}
        known = []
        for panel in panels:
            content = (panel.scores.tobytes(), panel.tree.nodes)
            if content not in done:
                done[content] = figures_record(panel, panel_figures(panel, options.resamples, options.seed))
            known.append(done[content])
        cache.put(key, known)
    return known


def attribution_of(
    cache: Cache, boards: Boards, pair: tuple[SnapshotInfo, SnapshotInfo], options: HistoryOptions
) -> dict[str, Any]:
    """The record of the attribution between two stored boards, computed once."""
    key = cache.key(
        *("attribution", _TOLD, [info.digest for info in pair], options.max_missing), ANALYSIS_VERSION
    )
    known: dict[str, Any] | None = cache.get(key)
    if known is None:
        earlier, later = (boards(info) for info in pair)
        known = attribution_record(attribute(earlier, later, options.max_missing))
        cache.put(key, known)
    return known


def _point(info: SnapshotInfo, name: str, panel: str, record: Mapping[str, Any]) -> Point:
    figure = record["figures"][name]
    interval = figure["interval"]
    return Point(
        as_of=info.as_of_time,
        value=figure["value"],
        interval=None if interval is None else (interval[0], interval[1]),
        panel=panel,
        models=record["models"],
        benchmarks=record["benchmarks"],
        origin="reconstructed" if info.reconstructed else "observed",
        snapshot=info.id,
    )


def history_json(found: History, figure: str | None = None) -> dict[str, Any]:
    """The record that ``brainalign history --json`` prints, of one figure if one is named."""
    options = found.options
    changes = [change for change in found.changes if figure in (None, change.figure)]
    return {
        "schema": SCHEMA,
        "domain": found.domain,
        "known": None if options.known is None else options.known.isoformat(),
        "window_months": options.window_months,
        "max_missing": options.max_missing,
        "resamples": options.resamples,
        "seed": options.seed,
        "analysis_version": ANALYSIS_VERSION,
        "series": {
            name: [point_json(point) for point in points]
            for name, points in found.series.items()
            if figure in (None, name)
        },
        "changes": [change_json(change) for change in changes],
    }


__all__ = [
    "Backfilled",
    "Boards",
    "History",
    "HistoryOptions",
    "attribution_of",
    "backfill",
    "full_record",
    "history",
    "history_boards",
    "history_json",
]
