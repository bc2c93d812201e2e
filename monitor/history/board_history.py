"""Every benchmark and the official ranks over the boards of a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from brainalign_plugin.agreement.correlation import agreement
from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.certainty.good_models import good_correlations
from brainalign_plugin.data.official import CellState
from brainalign_plugin.errors import BrainAlignError

from .board_reader import BoardReader
from .changes import official_ranks
from .figures import ANALYSIS_VERSION, cleaned
from .rank_moves import attribute_ranks, main_cause

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


# Rises when moves are kept or put into words otherwise, so that they are computed again.
_VERSION = 1
_ROUNDING = "rounding to the two decimals of the official rank"


@dataclass(frozen=True, slots=True)
class DatedMove:
    """A move of a model's official rank between two boards."""

    # Moments of the boards.
    earlier: datetime
    later: datetime
    # Official ranks.
    before: int
    after: int
    reason: str  # The largest part of the move, in words
    places: float | None  # Of that part, on ranks of full precision; lost if positive


@dataclass(frozen=True, eq=False)
class RankHistory:
    """Official ranks at each of several boards."""

    moments: tuple[datetime, ...]
    # Official rank by model id; models without one are missing; length t.
    ranks: tuple[Mapping[int, int], ...]
    moves: Mapping[int, tuple[DatedMove, ...]]  # By model id, the oldest first


def rank_history(reader: BoardReader, infos: Sequence[SnapshotInfo]) -> RankHistory:
    """Return the official ranks of all models at each board, the oldest first, and why they moved to the next.

    No two neighbours have the same content. The reader's cache keeps the ranks of each and the moves between each two.
    """

    def ranks_of(info: SnapshotInfo) -> dict[int, int]:
        def compute() -> dict[str, int]:
            return {str(i): rank for i, rank in official_ranks(reader.store.snapshot(info.id)).items()}

        found = reader.once(compute, "official ranks", info.digest, _VERSION)
        return {int(i): rank for i, rank in found.items()}

    ranks = [ranks_of(info) for info in infos]
    moves: dict[int, list[DatedMove]] = {}
    for (earlier, was), (later, now) in pairwise(zip(infos, ranks, strict=True)):
        moved = [i for i, rank in now.items() if i in was and was[i] != rank]
        if not moved:
            continue
        reasons = reader.once(
            partial(_reasons, reader, (earlier, later), moved), *("rank moves", earlier.digest, later.digest, _VERSION)
        )
        for i in moved:
            reason, places = reasons[str(i)]
            move = DatedMove(earlier.as_of_time, later.as_of_time, was[i], now[i], reason, places)
            moves.setdefault(i, []).append(move)
    return RankHistory(
        tuple(info.as_of_time for info in infos), tuple(ranks), {i: tuple(found) for i, found in moves.items()}
    )


def _reasons(
    reader: BoardReader, pair: tuple[SnapshotInfo, SnapshotInfo], moved: Sequence[int]
) -> dict[str, list[Any]]:
    """Return the largest cause of each move and its places, by model id."""
    try:
        first, last = reader.boards(pair)
        found = attribute_ranks(first, last, moved)
    except BrainAlignError as failure:
        return {str(i): [f"a reason that cannot be found ({failure})", None] for i in moved}
    return {str(i): list(main_cause(move) or (_ROUNDING, None)) for i, move in found.items()}
