"""Scores after the removal of each model in turn: closed forms where the scheme allows one.

A scheme that is a weighted mean of scaled leaves changes only through the leaves' scales. Removing model k changes a
z-score through the leaf's mean and standard deviation, a rank by the comparison with k alone, and a score on a fixed
scale not at all. Everything else is aggregated again on the smaller board.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed
from scipy import special, stats

from ..aggregation import Scheme
from ..aggregation.votes import pairwise_wins
from ..arrays import FloatArray
from ..board import Board
from ..scales import ranks_from_bottom, rounded


def scores_without_each(scheme: Scheme, board: Board, jobs: int = 1) -> FloatArray:
    """Scores of a complete board's models after each model has been removed.

    Parameters
    ----------
    scheme : Scheme
        Bound to its reference if it needs one.
    board : Board
        ``n`` models, complete.
    jobs : int
        Processes for schemes without a closed form.

    Returns
    -------
    ndarray, shape (n, n)
        Row k: scores without model k. Its own entry has no meaning.
    """
    closed = closed_form(scheme)
    if closed is not None and board.complete:
        return closed(board)
    rows = Parallel(n_jobs=jobs)(delayed(_scores_without)(scheme, board, k) for k in range(len(board.models)))
    return np.array(rows).reshape(len(board.models), len(board.models))


def _scores_without(scheme: Scheme, board: Board, k: int) -> FloatArray:
    others = [i for i in range(len(board.models)) if i != k]
    scores = np.zeros(len(board.models))
    scores[others] = scheme.scores(board.take(rows=others))
    return scores


def closed_form(scheme: Scheme) -> Callable[[Board], FloatArray] | None:
    """Function that gives all scores after each removal without aggregating again, if the scheme has one."""
    if scheme.name in _BY_NAME:
        return _BY_NAME[scheme.name]
    if scheme.weights is not None and scheme.scale.name in _BY_SCALE:
        by_scale = _BY_SCALE[scheme.scale.name]
        return lambda board: by_scale(board.scores, leaf_weights(scheme, board))
    if scheme.claims.iia:
        return lambda board: _unmoved(scheme.scores(board))
    return None


def leaf_weights(scheme: Scheme, board: Board) -> FloatArray:
    """Weight of each leaf of a complete board in a scheme that is a weighted mean, shape (m,)."""
    if scheme.weights == "tree":
        return board.tree.nominal_weights(board.leaves, board.tree.roots[0])
    return np.full(len(board.leaves), 1 / len(board.leaves))


def _unmoved(scores: FloatArray) -> FloatArray:
    return np.tile(scores, (len(scores), 1))


def _z(scores: FloatArray, weights: FloatArray) -> FloatArray:
    n = len(scores)
    centred = scores - scores.mean(axis=0)
    left = n - 1
    mean = -centred / left
    # Sum of squares about the new mean: what is left of the old sum, moved to the new mean.
    squares = (centred**2).sum(axis=0) - centred**2 - left * mean**2
    constant = _constant_without(scores)
    sd = np.sqrt(np.maximum(squares, 0.0) / max(left - 1, 1))
    scaled = np.where(constant, 0.0, weights / np.where(constant, 1.0, sd))
    result: FloatArray = scaled @ centred.T - (scaled * mean).sum(axis=1, keepdims=True)
    return result


def _constant_without(scores: FloatArray) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Whether a leaf is constant once a model is gone. Shape (n, m): model, leaf."""
    low, high = extremes_without(rounded(scores))
    return low >= high


def extremes_without(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest score of each leaf without each model, shapes (n, m)."""
    ordered = np.sort(scores, axis=0)
    if len(scores) < 2:
        return np.array(scores), np.array(scores)
    low = np.where(scores == ordered[0], ordered[1], ordered[0])
    high = np.where(scores == ordered[-1], ordered[-2], ordered[-1])
    return low, high


def _min_max(scores: FloatArray, weights: FloatArray) -> FloatArray:
    low, high = extremes_without(scores)
    constant = _constant_without(scores)
    scaled = np.where(constant, 0.0, weights / np.where(constant, 1.0, high - low))
    result: FloatArray = scaled @ scores.T - (scaled * low).sum(axis=1, keepdims=True)
    return result


def _robust_z(scores: FloatArray, weights: FloatArray) -> FloatArray:
    n, m = scores.shape
    median, mad = np.empty((n, m)), np.empty((n, m))
    for j in range(m):
        median[:, j] = medians_without(scores[:, j])
        for value in np.unique(median[:, j]):
            rows = median[:, j] == value
            mad[rows, j] = medians_without(np.abs(scores[:, j] - value))[rows]
    mad /= stats.norm.ppf(0.75)
    flat = rounded(mad) == 0
    scaled = np.where(flat, 0.0, weights / np.where(flat, 1.0, mad))
    result: FloatArray = scaled @ scores.T - (scaled * median).sum(axis=1, keepdims=True)
    return result


def medians_without(values: FloatArray) -> FloatArray:
    """Median of the others, for each of ``n`` values; shape (n,) in and out, NaN for a single value."""
    n = len(values)
    if n < 2:
        return np.full(n, np.nan)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)

    def without(position: int) -> FloatArray:
        return np.where(place <= position, ordered[position + 1], ordered[position])

    return (without((n - 2) // 2) + without((n - 1) // 2)) / 2


def _rank(scores: FloatArray, weights: FloatArray) -> FloatArray:
    ranks = ranks_from_bottom(scores) @ weights
    return ranks - _weighted_wins(scores, weights).T


def _weighted_wins(scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Entry (i, k): weights of the leaves on which i is above k, plus half of those on which they tie."""
    values = rounded(scores)
    n = len(values)
    wins = np.zeros((n, n))
    for j, weight in enumerate(weights):
        column = values[:, j]
        wins += weight * 0.5 * ((column[:, None] > column).astype(np.int8) + (column[:, None] >= column))
    return wins


def _normal(scores: FloatArray, weights: FloatArray) -> FloatArray:
    values, n = rounded(scores), len(scores)
    ranks = ranks_from_bottom(scores)
    result = np.zeros((n, n))
    for j, weight in enumerate(weights):
        column, rank = values[:, j], ranks[:, j]
        # After the removal a rank has gone down by 0, 1/2 or 1, and n - 1 models are left.
        stays, halves, falls = (weight * special.ndtri((rank - step) / n) for step in (0.0, 0.5, 1.0))
        below = column[:, None] < column
        tied = column[:, None] == column
        # A model's own entry may lie outside (0, 1); it has no meaning.
        result += np.where(below, falls, np.where(tied, halves, stays))
    np.fill_diagonal(result, 0.0)
    return result


def _median_rank(board: Board) -> FloatArray:
    # Twice a rank is a whole number, and small ones are partitioned several times faster than floats.
    order = np.round(2 * ranks_from_bottom(board.scores)).astype(
        np.int16 if len(board.models) < 16_000 else np.int64
    )
    leaves = len(board.leaves)
    middle = [(leaves - 1) // 2, leaves // 2]
    result = np.empty((len(order), len(order)))
    for k, own in enumerate(order):
        without = order - (own < order) - (own <= order)
        result[k] = np.partition(without, middle, axis=1)[:, middle].sum(axis=1, dtype=np.float64) / 4
    return result


def _win_rate(scores: FloatArray, weights: FloatArray) -> FloatArray:
    rates: FloatArray = (_rank(scores, weights) - weights.sum()) / max(len(scores) - 2, 1)
    return rates


def _borda(board: Board) -> FloatArray:
    return _rank(board.scores, np.ones(len(board.leaves)))


def _copeland(board: Board) -> FloatArray:
    wins = pairwise_wins(board.scores).astype(np.float64)
    points = 0.5 * (1 + np.sign(wins - wins.T))
    np.fill_diagonal(points, 0.0)
    left: FloatArray = points.sum(axis=1) - points.T
    return left


def _simpson(board: Board) -> FloatArray:
    wins = pairwise_wins(board.scores).astype(np.float64)
    margins = wins - wins.T
    np.fill_diagonal(margins, np.inf)
    worst = np.argmin(margins, axis=1)
    lowest = np.sort(margins, axis=1)[:, :2]
    return np.where(np.arange(len(margins))[:, None] == worst, lowest[:, 1], lowest[:, 0])


_BY_SCALE: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "z": _z,
    "robust z": _robust_z,
    "min-max": _min_max,
    "rank": _rank,
    "win rate": _win_rate,
    "normal score": _normal,
}
_BY_NAME: dict[str, Callable[[Board], FloatArray]] = {
    "MEDIAN_RANK": _median_rank,
    "BORDA": _borda,
    "COPELAND": _copeland,
    "SIMPSON": _simpson,
}
