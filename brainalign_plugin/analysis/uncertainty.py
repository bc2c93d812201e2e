"""How sure is a rank? Bootstrap over benchmarks, measurement error of the cells, and both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from joblib import Parallel, delayed

from ..aggregation import Scheme
from ..arrays import BoolArray, FloatArray, IntArray
from ..board import Board
from ..errors import InputError
from ..scales import rounded
from .resampling import (
    Block,
    Resampler,
    blocks,
    draw_counts,
    rank_counts,
    resampled_scores,
    strata,
    vectorised,
)

Kind = Literal["benchmarks", "measurement", "both"]


@dataclass(frozen=True, eq=False)
class RankUncertainty:
    """Distribution of the ranks of ``n`` models over resamples.

    Attributes
    ----------
    kind : str
        What was resampled: benchmarks, measurement error, or both.
    resamples : int
    level : float
        Of the intervals.
    low, high : ndarray of int, shape (n,)
        Percentile interval of the rank.
    first, top_ten : ndarray of float, shape (n,)
        Share of the resamples in which the model is first (ties count for each), and among the best ten.
    counts : ndarray of int, shape (n, n)
        Entry (i, r): in how many resamples model i has rank r + 1.
    """

    kind: Kind
    resamples: int
    level: float
    low: IntArray
    high: IntArray
    first: FloatArray
    top_ten: FloatArray
    counts: IntArray


def rank_uncertainty(
    scheme: Scheme,
    board: Board,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    kind: Kind = "benchmarks",
    measured: BoolArray | None = None,
    jobs: int = 1,
) -> RankUncertainty:
    """Resample the benchmarks (stratified by the tree) or perturb the cells by their measurement error, and rank.

    Parameters
    ----------
    scheme : Scheme
        Bound to its reference if it needs one.
    board : Board
        ``n`` models; a missing cell is dealt with before (`fill_missing`), NaN is left out.
    level : float
        In (0, 1).
    measured : ndarray of bool, shape (m,), optional
        Leaves whose cells' error is a measurement error; needed unless only benchmarks are resampled.
    jobs : int
        Processes; the numbers do not depend on it.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    if not 0 < level < 1:
        raise InputError(
            f"the level of the intervals is {level}; give a number between 0 and 1, such as 0.95"
        )
    if kind not in get_args(Kind):
        raise InputError(f"the kind of uncertainty is {kind!r}; known are {', '.join(get_args(Kind))}")
    if kind != "benchmarks" and measured is None:
        raise InputError(
            f"the kind of uncertainty is {kind!r}, but no leaf is named whose error is a measurement error"
        )
    n = len(board.models)
    ready = resampled_scores(scheme, board)

    def count(block: Block) -> IntArray:
        return rank_counts(_block_scores(scheme, board, block, kind, measured, ready))

    # A matrix product and a sort leave the interpreter free; what aggregates row by row does not.
    prefer = "threads" if vectorised(scheme) and kind == "benchmarks" else "processes"
    counts = np.zeros((n, n), dtype=np.int64)
    for part in Parallel(n_jobs=jobs, prefer=prefer, return_as="generator")(
        delayed(count)(block) for block in blocks(resamples, seed)
    ):
        counts += part
    below = np.cumsum(counts, axis=1)
    tail = (1 - level) / 2
    # Percentiles of a count are whole ranks: the first rank at which the cumulated share reaches the tail.
    low = 1 + (below < max(int(np.ceil(tail * resamples)), 1)).sum(axis=1)
    high = 1 + (below < max(int(np.ceil((1 - tail) * resamples)), 1)).sum(axis=1)
    return RankUncertainty(
        kind=kind,
        resamples=resamples,
        level=level,
        low=low.astype(np.int64),
        high=high.astype(np.int64),
        first=counts[:, 0] / resamples,
        top_ten=counts[:, :10].sum(axis=1) / resamples,
        counts=counts,
    )


def _block_scores(
    scheme: Scheme, board: Board, block: Block, kind: Kind, measured: BoolArray | None, ready: Resampler
) -> FloatArray:
    rng = np.random.default_rng(block.seed)
    leaves = len(board.leaves)
    counts = draw_counts(strata(board.tree, board.leaves), leaves, block.size, rng)
    if kind == "benchmarks" or measured is None:
        return rounded(ready(counts))
    if kind == "measurement":
        counts = np.ones((block.size, leaves))
    rows = []
    for drawn in counts:
        noisy = replace(board, scores=_perturbed(board, measured, rng))
        rows.append(resampled_scores(scheme, noisy)(drawn[None, :])[0])
    return rounded(np.array(rows))


def _perturbed(board: Board, measured: BoolArray, rng: np.random.Generator) -> FloatArray:
    noise = rng.standard_normal(board.scores.shape)
    error = np.where(measured & ~np.isnan(board.errors), board.errors, 0.0)
    moved: FloatArray = np.clip(board.scores + noise * np.abs(error), 0.0, 1.0)
    return moved


def probability_above(
    scheme: Scheme, board: Board, one: int, other: int, resamples: int = 1000, seed: int = 0
) -> float:
    """Probability, over resampled benchmarks, that one model (id) scores above another; a tie is half."""
    if one not in board.ids or other not in board.ids:
        missing = one if one not in board.ids else other
        raise InputError(
            f"there is no model {missing} on this board of {len(board.models)}; give the id of one that is"
        )
    i, k = board.ids.index(one), board.ids.index(other)
    won = 0.0
    ready = resampled_scores(scheme, board)
    for block in blocks(resamples, seed):
        scores = _block_scores(scheme, board, block, "benchmarks", None, ready)
        won += float((scores[:, i] > scores[:, k]).sum() + 0.5 * (scores[:, i] == scores[:, k]).sum())
    return won / resamples
