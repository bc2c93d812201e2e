"""Coverage and agreement of every benchmark over the boards of a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from brainalign_plugin.agreement.correlation import agreement
from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty.good_models import good_correlations
from brainalign_plugin.data.official import CellState

from .board_reader import BoardReader
from .figures import ANALYSIS_VERSION, cleaned

if TYPE_CHECKING:
    from brainalign_plugin.data.board import Board

    from ..store import SnapshotInfo


@dataclass(frozen=True, slots=True)
class BenchmarkPoint:
    """One benchmark on one board."""

    scored: int  # Models with a score
    failed: int
    kept: bool  # By the cleaning
    rho: float | None  # Mean Spearman correlation with the other kept benchmarks, over the cleaned board
    good: float | None  # The same among the better half of the models


@dataclass(frozen=True, eq=False)
class BenchmarkHistory:
    """All benchmarks at each of several boards, the oldest first."""

    moments: tuple[datetime, ...]
    models: tuple[int, ...]
    points: tuple[Mapping[str, BenchmarkPoint], ...]  # By leaf, for each board


def benchmark_history(reader: BoardReader, infos: Sequence[SnapshotInfo], max_missing: float = 0.5) -> BenchmarkHistory:
    """Return the models that had each benchmark at each board, the oldest first, and its agreement with the others."""
    compute = partial(_points, max_missing=max_missing)
    found = reader.each(infos, compute, "benchmarks", max_missing, ANALYSIS_VERSION)
    return BenchmarkHistory(
        tuple(info.as_of_time for info in infos),
        tuple(info.models for info in infos),
        tuple({leaf: BenchmarkPoint(*point) for leaf, point in points.items()} for points in found),
    )


def _points(board: Board, max_missing: float) -> dict[str, list[Any]]:
    kept = cleaned(board, max_missing)
    means = [_means(agreement(kept).rho), _means(good_correlations(kept))]
    at = {leaf: [own[j] for own in means] for j, leaf in enumerate(kept.leaves)}
    scored, failed = ((board.states == state).sum(axis=0).tolist() for state in (CellState.SCORED, CellState.FAILED))
    return {
        leaf: [scored[j], failed[j], leaf in at, *at.get(leaf, (None, None))] for j, leaf in enumerate(board.leaves)
    }


def _means(rho: FloatArray) -> list[float | None]:
    """Return the mean of each row of a matrix without its diagonal; None where nothing is known."""
    off = np.where(np.eye(len(rho), dtype=bool), np.nan, rho)
    return [float(np.mean(row[~np.isnan(row)])) if (~np.isnan(row)).any() else None for row in off]
