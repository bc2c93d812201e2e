"""Verdicts and eras over the stored history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from .history.cache import Cache
from .history.drift import MIN_OVERLAP, Difference, Step, Verdict, paired_differences, verdicts
from .history.eras import TOP, Era, eras
from .history.figures import ANALYSIS_VERSION, cleaned
from .progress import Stage, silent
from .retrospect import Boards, HistoryOptions, attribution_of, history_boards

if TYPE_CHECKING:
    from .store import SnapshotInfo, Store


@dataclass(frozen=True, eq=False)
class Drift:
    """Verdicts over a history, and what the changes among them are due to.

    Attributes
    ----------
    boards : tuple of SnapshotInfo
        Those of distinct content that follow each other.
    steps : tuple of Step
        Positions in them refer to `boards`.
    words : mapping of (str, int, int) to str
        By figure and positions: the attribution of each change.
    """

    boards: tuple[SnapshotInfo, ...]
    steps: tuple[Step, ...]
    words: Mapping[tuple[str, int, int], str]


def distinct_versions(infos: Sequence[SnapshotInfo]) -> tuple[SnapshotInfo, ...]:
    """Boards without those that say the same as the one before."""
    return tuple(
        info
        for before, info in zip((None, *infos), infos, strict=False)
        if before is None or before.digest != info.digest
    )


def differences(
    cache: Cache, boards: Boards, pair: tuple[SnapshotInfo, SnapshotInfo], options: HistoryOptions
) -> dict[str, Difference]:
    """Paired differences between two stored boards, computed once."""
    key = cache.key(
        *("paired", [info.digest for info in pair], options.max_missing, options.resamples, options.seed),
        ANALYSIS_VERSION,
    )
    known: dict[str, Any] | None = cache.get(key)
    if known is None:
        earlier, later = (boards(info) for info in pair)
        kept = (cleaned(earlier, options.max_missing).leaves, cleaned(later, options.max_missing).leaves)
        found = paired_differences(earlier, later, kept, options.resamples, options.seed)
        known = {name: asdict(difference) for name, difference in found.items()}
        cache.put(key, known)
    return {
        name: Difference(
            **{**record, "interval": None if record["interval"] is None else tuple(record["interval"])}
        )
        for name, record in known.items()
    }


def drift(
    store: Store,
    domain: str,
    cache: Cache,
    options: HistoryOptions | None = None,
    min_overlap: int = MIN_OVERLAP,
    stage: Stage = silent,
) -> Drift:
    """Decide for each figure at each board whether it changed on what the boards share.

    Raises
    ------
    StoreError
        If the store holds no board of the domain.
    """
    used = options or HistoryOptions()
    infos = distinct_versions(history_boards(store, domain, used))
    boards = Boards(store)
    pairs: dict[tuple[int, int], dict[str, Difference]] = {}

    def difference(earlier: int, later: int) -> dict[str, Difference]:
        if (earlier, later) not in pairs:
            pairs[earlier, later] = differences(cache, boards, (infos[earlier], infos[later]), used)
        return pairs[earlier, later]

    with stage("comparing boards"):
        steps = verdicts(len(infos), difference, min_overlap=min_overlap)
        words = {
            (step.figure, step.earlier, step.later): attribution_of(
                cache, boards, (infos[step.earlier], infos[step.later]), used
            )["words"][step.figure]
            for step in steps
            if step.verdict is Verdict.CHANGED
        }
    return Drift(infos, tuple(steps), words)


def drift_json(found: Drift, figure: str | None = None) -> dict[str, Any]:
    """The record that ``brainalign drift --json`` prints."""
    return {
        "schema": 1,
        "verdicts": [
            {
                "figure": step.figure,
                "from": found.boards[step.earlier].as_of_time.isoformat(),
                "to": found.boards[step.later].as_of_time.isoformat(),
                "delta": step.difference.delta,
                "interval": None if step.difference.interval is None else list(step.difference.interval),
                "p": step.difference.p,
                "alpha": step.alpha,
                "models": step.difference.models,
                "benchmarks": step.difference.benchmarks,
                "verdict": step.verdict.value,
                "words": found.words.get((step.figure, step.earlier, step.later)),
            }
            for step in found.steps
            if figure in (None, step.figure)
        ],
    }


def eras_of_history(
    store: Store, domain: str, options: HistoryOptions | None = None, top: int = TOP
) -> dict[date, tuple[Era, ...]]:
    """Compare the last board of every year before the newest one with the newest.

    Raises
    ------
    StoreError
        If the store holds no board of the domain.
    """
    infos = history_boards(store, domain, options or HistoryOptions())
    today = store.snapshot(infos[-1].id)
    last = {info.as_of_time.year: info for info in infos if info.as_of_time.year < today.as_of_time.year}
    return {info.as_of_time.date(): eras(store.snapshot(info.id), today, top) for info in last.values()}


def eras_json(found: Mapping[date, Sequence[Era]]) -> dict[str, Any]:
    """The record that ``brainalign eras --json`` prints."""
    return {
        "schema": 1,
        "eras": [
            {"as_of": day.isoformat(), "models": [asdict(era) for era in models]}
            for day, models in found.items()
        ],
    }
