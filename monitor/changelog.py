"""What changed between the boards of a history, in words: for the site, the feed and the digests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .delivery import HeadlineFigure
from .history.cache import Cache
from .history.changelog import WORDS_VERSION, changes_in_words
from .history.changes import compare
from .history.figures import COUNTS, FIGURES
from .history.series import FULL, Change, Point
from .watching import distinct_versions

if TYPE_CHECKING:
    from brainalign_plugin.snapshot import Snapshot

    from .retrospect import History
    from .store import Finding, SnapshotInfo, Store

# Kinds of findings.
FIRED, ENDED = "alert fired", "alert ended"

# Of headline figures by their names.
Intervals = Mapping[str, tuple[float, float] | None]


@dataclass(frozen=True, slots=True)
class BoardChange:
    """From one board to the next with another content.

    Attributes
    ----------
    earlier, later : SnapshotInfo
    changelog : tuple of str
        What came, went or changed.
    causes : tuple of Change
        What each headline figure's change is due to.
    alerts : tuple of Finding
        Alerts that fired or ended with the later board.
    """

    earlier: SnapshotInfo
    later: SnapshotInfo
    changelog: tuple[str, ...]
    causes: tuple[Change, ...]
    alerts: tuple[Finding, ...]


def board_changes(
    store: Store,
    cache: Cache,
    told: History,
    infos: Sequence[SnapshotInfo],
    most: int | None = None,
    since: datetime | None = None,
) -> tuple[BoardChange, ...]:
    """Changes between the boards of a history, the newest first.

    Parameters
    ----------
    told : History
        Made of these boards.
    infos : sequence of SnapshotInfo
        In order of time.
    most : int, optional
        How many of them are compared cell by cell; the others have an empty changelog.
    since : datetime, optional
        Only changes whose later board was first seen at or after this moment.
    """
    versions = distinct_versions(infos)
    pairs = list(pairwise(versions))[::-1]
    pairs = [pair for pair in pairs if since is None or pair[1].seen_at >= since]
    # By the later board alone: the earlier one of a history may be another that says the same as ours.
    by_moment: dict[datetime, list[Change]] = {}
    for change in told.changes:
        by_moment.setdefault(change.later, []).append(change)
    found = told_alerts(store, told.domain)
    reader = _Reader(store)
    return tuple(
        BoardChange(
            earlier,
            later,
            _words(reader, cache, earlier, later) if most is None or number < most else (),
            tuple(by_moment.get(later.as_of_time, ())),
            tuple(one for one in found if one.snapshot_id == later.id),
        )
        for number, (earlier, later) in enumerate(pairs)
    )


class _Reader:
    """Snapshots of the store; neighbours are asked for one after the other, so that two are kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[int, Snapshot] = {}

    def __call__(self, number: int) -> Snapshot:
        if number not in self._read:
            kept = list(self._read.items())[-1:]
            self._read = {**dict(kept), number: self._store.snapshot(number)}
        return self._read[number]


def _words(reader: _Reader, cache: Cache, earlier: SnapshotInfo, later: SnapshotInfo) -> tuple[str, ...]:
    key = cache.key("changelog", earlier.digest, later.digest, WORDS_VERSION)
    known: list[str] | None = cache.get(key)
    if known is None:
        after = reader(later.id)
        known = list(changes_in_words(compare(reader(earlier.id), after)))
        cache.put(key, known)
    return tuple(known)


def figures_at(
    told: History, now: SnapshotInfo, before: SnapshotInfo | None, intervals: Intervals | None = None
) -> tuple[HeadlineFigure, ...]:
    """The headline figures of two boards of a history, on the whole board after cleaning.

    Parameters
    ----------
    intervals : mapping of str to (float, float) or None, optional
        Of the figures now, from more resamples than the history takes: those that the report of that board shows.
    """
    found = []
    for name in FIGURES:
        points = {point.snapshot: point for point in told.series[name] if point.panel == FULL}
        value, interval = _seen(points[now.id])
        if intervals is not None and name not in COUNTS:
            interval = intervals[name]
        earlier = None if before is None else points[before.id]
        found.append(HeadlineFigure(name, value, interval, *_seen(earlier)))
    return tuple(found)


def _seen(point: Point | None) -> tuple[float | None, tuple[float, float] | None]:
    return (None, None) if point is None else (point.value, point.interval)


def cause_in_words(change: Change) -> str:
    """What a figure's change is due to, with the figure's name in words."""
    name = FIGURES[change.figure]
    words = change.words.removeprefix(f"{change.figure} ")
    return f"{name[:1].upper()}{name[1:]} {words}" if words != change.words else words


def told_alerts(
    store: Store, domain: str, since: datetime | None = None, until: datetime | None = None
) -> tuple[Finding, ...]:
    """Alerts that fired or ended from one moment to before another, in this order."""
    return tuple(one for one in store.findings(domain, since, until) if one.kind in (FIRED, ENDED))


def last_alert(store: Store, domain: str) -> Finding | None:
    """The last alert that fired or ended; None if none ever did."""
    found = told_alerts(store, domain)
    return found[-1] if found else None


def active_alerts(store: Store, domain: str) -> tuple[Finding, ...]:
    """The finding that each active alert fired with, by the rule's name."""
    state: Mapping[str, Any] = store.alert_state(domain) or {}
    active = {name for name, entry in state.get("rules", {}).items() if entry["standing"]["active"]}
    last = {one.subject: one for one in store.findings(domain) if one.kind == FIRED}
    return tuple(last[name] for name in sorted(active & last.keys()))
