"""Scores after the removal of each model in turn: closed forms where the scheme allows one.

A scheme that is a weighted mean of scaled leaves changes only through the leaves' scales. Removing model k changes a
z-score through the leaf's mean and standard deviation, a rank by the comparison with k alone, and a score on a fixed
scale not at all. For fits, components and paths `removing` has a short way. Everything else is aggregated again on
the smaller board.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from ..aggregation import Convention, Scale, Scheme
from ..aggregation.ranks import BORDA, MEDIAN_RANK, WIN_RATE
from ..aggregation.scaling import MIN_MAX, NORMAL_SCORE, RANK_SCALE, ROBUST_Z, Z
from ..aggregation.votes import COPELAND, SCHULZE, SIMPSON, pairwise_wins
from ..arrays import BoolArray, FloatArray, IntArray
from ..board import Board
from ..errors import BoardError, ConvergenceError
from ..scales import ranks_from_bottom, rounded
from .boards import aggregated, resolved_board, rule_for
from .removing.cases import Estimate
from .removing.components import OF_COMPONENTS, components_without_each
from .removing.votes import schulze_without_each
from .removing.worths import OF_WORTHS, worths_without_each
from .sharing import each
from .structure import LOCAL_RULES, has_fixed_scale, leaf_weights

# Removals that are worked on at once: what a core keeps in its cache.
_BLOCK = 64


def scores_without_each(
    scheme: Scheme,
    board: Board,
    convention: Convention | None = None,
    jobs: int = 1,
    base: FloatArray | None = None,
) -> FloatArray:
    """Scores of a board's models after each model has been removed.

    Where cells are missing they are dealt with after the removal: a rule that looks at the other models (just below
    the lowest score, the mean) gives another value then.

    Parameters
    ----------
    scheme : Scheme
        Bound to its reference if it needs one.
    board : Board
        ``n`` models, as it is before missing cells are dealt with.
    convention : str, optional
        Rule for missing cells; the scheme's own if None.
    jobs : int
        Processes for boards that are aggregated again.
    base : ndarray, shape (n,), optional
        Scores on the board, if they are known already.

    Returns
    -------
    ndarray, shape (n, n)
        Row k: scores without model k; NaN for a model that the scheme cannot score. Its own entry has no meaning.
    """
    rule = rule_for(scheme, convention)
    if has_fixed_scale(scheme) and (board.complete or rule in LOCAL_RULES):
        return np.tile(aggregated(scheme, board, rule), (len(board.models), 1))
    closed = closed_form(scheme)
    if closed is not None and board.complete:
        return closed(board)
    scores, known = _in_short(scheme, board, rule, base)
    cold = np.flatnonzero(~known)
    rows = each(lambda k: _scores_without(scheme, board, rule, k), cold.tolist(), jobs)
    scores[cold] = np.array(list(rows)).reshape(len(cold), len(board.models))
    np.fill_diagonal(scores, 0.0)
    return scores


def _in_short(scheme: Scheme, board: Board, rule: Convention, base: FloatArray | None) -> Estimate:
    """Scores after each removal, and where they are known without aggregating the smaller board."""
    n = len(board.models)
    if scheme.combine in OF_COMPONENTS:
        return components_without_each(scheme.combine, board, rule)
    # Where a removal moves what fills another model's cell, the whole board says too little of the smaller one.
    others_stay = board.complete or rule in LOCAL_RULES
    if others_stay and scheme.combine is SCHULZE.combine:
        return schulze_without_each(resolved_board(scheme, board, rule)), np.ones(n, dtype=np.bool_)
    if others_stay and scheme.combine in OF_WORTHS:
        try:
            worths = aggregated(scheme, board, rule) if base is None else base
        except (BoardError, ConvergenceError):
            # A smaller board may have worths all the same.
            return _nothing(n)
        return worths_without_each(scheme.combine, resolved_board(scheme, board, rule).scores, worths)
    return _nothing(n)


def _nothing(models: int) -> Estimate:
    return np.zeros((models, models)), np.zeros(models, dtype=np.bool_)


def _scores_without(scheme: Scheme, board: Board, rule: Convention, k: int) -> FloatArray:
    others = [i for i in range(len(board.models)) if i != k]
    scores = np.zeros(len(board.models))
    if others:
        scores[others] = aggregated(scheme, board.take(rows=others), rule)
    return scores


def closed_form(scheme: Scheme) -> Callable[[Board], FloatArray] | None:
    """Function that gives all scores after each removal from a complete board without aggregating again, if any."""
    if has_fixed_scale(scheme):
        return lambda board: np.tile(scheme.scores(board), (len(board.models), 1))
    if scheme.weights is not None:
        by_scale = _BY_SCALE.get(scheme.scale)
        return None if by_scale is None else lambda board: by_scale(board.scores, leaf_weights(scheme, board))
    return _BY_COMBINE.get(scheme.combine)


def _sums_without(values: FloatArray) -> FloatArray:
    """Sum of each column without each row. Added up from both ends: subtracting would lose small remainders."""
    before, after = np.zeros(values.shape), np.zeros(values.shape)
    before[1:] = np.cumsum(values[:-1], axis=0)
    after[:-1] = np.cumsum(values[:0:-1], axis=0)[::-1]
    sums: FloatArray = before + after
    return sums


def _from_middle(scores: FloatArray) -> FloatArray:
    """Scores less a middle one of each leaf: whichever model goes, small distances between the others stay exact."""
    middle = (len(scores) - 1) // 2
    placed: FloatArray = scores - np.partition(scores, middle, axis=0)[middle]
    return placed


def _z(scores: FloatArray, weights: FloatArray) -> FloatArray:
    placed, left = _from_middle(scores), max(len(scores) - 1, 1)
    total = _sums_without(placed)
    mean = total / left
    squares = _sums_without(placed**2) - total * mean
    constant = _constant_without(scores)
    sd = np.sqrt(np.maximum(squares, 0.0) / max(left - 1, 1))
    scaled = np.where(constant, 0.0, weights / np.where(constant, 1.0, sd))
    result: FloatArray = scaled @ placed.T - (scaled * mean).sum(axis=1, keepdims=True)
    return result


def _constant_without(scores: FloatArray) -> BoolArray:
    """Whether a leaf is constant once a model is gone. Shape (n, m): model, leaf."""
    low, high = extremes_without(rounded(scores))
    constant: BoolArray = low >= high
    return constant


def extremes_without(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest score of each leaf without each model, shapes (n, m)."""
    ordered = np.sort(scores, axis=0)
    if len(scores) < 2:
        return np.array(scores), np.array(scores)
    low = np.where(scores == ordered[0], ordered[1], ordered[0])
    high = np.where(scores == ordered[-1], ordered[-2], ordered[-1])
    return low, high


def _min_max(scores: FloatArray, weights: FloatArray) -> FloatArray:
    placed = _from_middle(scores)
    low, high = extremes_without(placed)
    constant = _constant_without(scores)
    scaled = np.where(constant, 0.0, weights / np.where(constant, 1.0, high - low))
    positions = scaled @ placed.T - (scaled * low).sum(axis=1, keepdims=True)
    result: FloatArray = positions + (constant * 0.5 * weights).sum(axis=1, keepdims=True)
    return result


def _robust_z(scores: FloatArray, weights: FloatArray) -> FloatArray:
    placed = _from_middle(scores)
    n, m = placed.shape
    median, mad = np.empty((n, m)), np.empty((n, m))
    for j in range(m):
        median[:, j] = medians_without(placed[:, j])
        for value in np.unique(median[:, j]):
            rows = median[:, j] == value
            mad[rows, j] = medians_without(np.abs(placed[:, j] - value))[rows]
    mad /= special.ndtri(0.75)
    flat = rounded(mad) == 0
    scaled = np.where(flat, 0.0, weights / np.where(flat, 1.0, mad))
    result: FloatArray = scaled @ placed.T - (scaled * median).sum(axis=1, keepdims=True)
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
        left: FloatArray = np.where(place <= position, ordered[position + 1], ordered[position])
        return left

    return (without((n - 2) // 2) + without((n - 1) // 2)) / 2


def _rank(scores: FloatArray, weights: FloatArray) -> FloatArray:
    ranks = ranks_from_bottom(scores) @ weights
    return ranks - _weighted_wins(scores, weights).T


def _weighted_wins(scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Entry (i, k): weights of the leaves on which i is above k, plus half of those on which they tie."""
    wins = np.zeros((len(scores), len(scores)))
    for weight in np.unique(weights):
        columns = weights == weight
        above = pairwise_wins(scores[:, columns])
        # On a complete board who is neither above nor below ties.
        wins += (0.5 * weight) * (columns.sum() + above - above.T)
    return wins


def _normal(scores: FloatArray, weights: FloatArray) -> FloatArray:
    values, n = rounded(scores), len(scores)
    ranks = ranks_from_bottom(scores)
    # After the removal a rank has gone down by 0, 1/2 or 1, and n - 1 models are left. A model's own entry may lie
    # outside (0, 1); it has no meaning.
    stays, halves, falls = (
        np.nan_to_num(weights * special.ndtri((ranks - step) / n), posinf=0.0, neginf=0.0)
        for step in (0.0, 0.5, 1.0)
    )
    result = np.tile(stays.sum(axis=1), (n, 1))
    with_ties = [len(np.unique(column)) < n for column in values.T]
    for first in range(0, n, _BLOCK):
        rows = slice(first, first + _BLOCK)
        for j, column in enumerate(values.T):
            below = column[rows, None] < column
            result[rows] += below * (falls[:, j] - stays[:, j])
            if with_ties[j]:
                result[rows] += (column[rows, None] == column) * (halves[:, j] - stays[:, j])
    np.fill_diagonal(result, 0.0)
    return result


def _median_rank(board: Board) -> FloatArray:
    """Medians from what moves: a removal takes 0, 1/2 or 1 off a rank, so only ranks next to the median can matter."""
    # Twice a rank is a whole number.
    order = np.rint(2 * ranks_from_bottom(board.scores)).astype(np.int64)
    leaves = len(board.leaves)
    result = np.zeros((len(order), len(order)))
    for middle in ((leaves - 1) // 2, leaves // 2):
        medians = np.partition(order, middle, axis=1)[:, middle]
        for i, (own, median) in enumerate(zip(order, medians, strict=True)):
            result[:, i] += _middle_without(order, own, int(median), middle)
    return result / 4


def _middle_without(order: IntArray, own: IntArray, median: int, middle: int) -> IntArray:
    """A model's middle rank (doubled) after each removal, shape (n,), from its doubled ranks ``own`` (m,)."""
    near = np.flatnonzero(np.abs(own - median) <= 1)
    fallen = (order[:, near] < own[near]).astype(np.int64) + (order[:, near] <= own[near])
    distance = own[near] - median
    # How many of the ranks are now two below the median or lower, and one below it or lower.
    at_two = (own < median - 1).sum() + ((fallen >= distance + 2) & (distance <= 0)).sum(axis=1)
    at_one = (own < median).sum() + ((fallen >= distance + 1) & (distance >= 0)).sum(axis=1)
    found: IntArray = median - (at_two > middle) - (at_one > middle)
    return found


def _win_rate(scores: FloatArray, weights: FloatArray) -> FloatArray:
    others = len(scores) - 2
    if others < 1:
        # Who is alone meets nobody.
        return np.full((len(scores), len(scores)), np.nan)
    rates: FloatArray = (_rank(scores, weights) - weights.sum()) / others
    return rates


def _borda(board: Board) -> FloatArray:
    return _rank(board.scores, np.ones(len(board.leaves))) - len(board.leaves)


def _copeland(board: Board) -> FloatArray:
    wins = pairwise_wins(board.scores)
    points = 0.5 * (1 + np.sign(wins - wins.T))
    np.fill_diagonal(points, 0.0)
    left: FloatArray = points.sum(axis=1) - points.T
    return left


def _simpson(board: Board) -> FloatArray:
    n = len(board.models)
    if n < 3:
        return np.zeros((n, n))
    wins = pairwise_wins(board.scores)
    margins = (wins - wins.T).astype(np.float64)
    np.fill_diagonal(margins, np.inf)
    worst = np.argmin(margins, axis=1)
    lowest = np.partition(margins, 1, axis=1)[:, :2]
    return np.where(np.arange(n)[:, None] == worst, lowest[:, 1], lowest[:, 0])


_BY_SCALE: dict[Scale, Callable[[FloatArray, FloatArray], FloatArray]] = {
    Z: _z,
    ROBUST_Z: _robust_z,
    MIN_MAX: _min_max,
    RANK_SCALE: _rank,
    WIN_RATE.scale: _win_rate,
    NORMAL_SCORE: _normal,
}
_BY_COMBINE: dict[Callable[[Board], FloatArray] | None, Callable[[Board], FloatArray]] = {
    MEDIAN_RANK.combine: _median_rank,
    BORDA.combine: _borda,
    COPELAND.combine: _copeland,
    SIMPSON.combine: _simpson,
}
