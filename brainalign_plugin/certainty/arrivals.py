"""Predictive validity over time: how well a scheme, fitted before a benchmark arrived, ranks the models on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from ..agreement.correlation import spearman_matrix
from ..arrays import BoolArray, FloatArray
from ..data.cleaning import complete_board
from ..data.official import CellState
from ..data.snapshot import Snapshot
from ..errors import BoardError, ConvergenceError
from .validity import aggregates

MIN_MODELS = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """A benchmark that arrived, and how well schemes fitted before it rank the models on it."""

    benchmark: str
    day: date  # Of its first score
    models: int  # On the cleaned board of that day, with a score on the benchmark now
    rho: dict[str, float | None]  # By scheme; None where the scheme cannot be used on that board


def validity_over_time(
    snapshot: Snapshot,
    schemes: Iterable[str] = ("UNIVERSE", "NORMAL_UNIVERSE", "HIER_ZMEAN", "HIER", "RANK", "ZMEAN", "FLAT"),
    max_missing: float = 0.5,
) -> tuple[Arrival, ...]:
    """Ask schemes, as of the day before each benchmark arrived, to rank the models on it; in order of arrival.

    Left out are the benchmarks of the first day, and those on which fewer than 20 models of the earlier board have a
    score. `schemes`: names; those with frozen norms cannot be asked.
    """
    used = aggregates(tuple(schemes))
    whole = snapshot.board()
    now = {model: i for i, model in enumerate(whole.ids)}
    found: list[Arrival] = []
    for day, leaves in arrivals(snapshot, whole.leaves).items():
        earlier = complete_board(snapshot.as_of(day).board(), max_missing)
        if not earlier.models or not earlier.leaves:
            continue
        rows = [now[model] for model in earlier.ids]
        scores: dict[str, FloatArray | None] = {}
        for name, aggregate in used.items():
            try:
                scores[name] = aggregate(earlier)
            except (BoardError, ConvergenceError):
                scores[name] = None
        for leaf in leaves:
            target = whole.scores[rows, whole.leaves.index(leaf)]
            has = ~np.isnan(target)
            if has.sum() >= MIN_MODELS:
                rho = {name: _spearman(one, target, has) for name, one in scores.items()}
                found.append(Arrival(leaf, day, int(has.sum()), rho))
    return tuple(found)


def arrivals(snapshot: Snapshot, leaves: tuple[str, ...]) -> dict[date, list[str]]:
    """Return the benchmarks by the day of their first score, earliest first, without those of the first day."""
    first: dict[date, list[str]] = {}
    for leaf in leaves:
        column = snapshot.tree.index[leaf]
        times = snapshot.scored_at[snapshot.states[:, column] == CellState.SCORED, column]
        known = times[~np.isnat(times)]
        if len(known):
            first.setdefault(known.min().astype("datetime64[D]").item(), []).append(leaf)
    days = sorted(first)
    return {day: first[day] for day in days[1:]}


def _spearman(scores: FloatArray | None, target: FloatArray, has: BoolArray) -> float | None:
    if scores is None or np.isnan(scores[has]).any():
        return None
    rho = spearman_matrix(np.column_stack([scores[has], target[has]]))[0, 1]
    return None if np.isnan(rho) else float(rho)
