"""Norms of each benchmark after the removal of each model, and the resulting weighted sums of scaled cells.

Removing model k changes a z-score through the leaf's mean and standard deviation, a rank by the comparison with k
alone. All need complete scores, shape (n, m); entry (k, j) of what is returned is that of leaf j without model k.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import BoolArray, FloatArray
from ..scales import MAD_OF_NORMAL, AffineNorms, ranks_from_bottom, rounded

# From ranks, the number scored on each leaf and the number of models to scaled cells.
OfRank = Callable[[FloatArray, FloatArray, int], FloatArray]
# Removals of a batch, whose arrays fit into the cache of a core.
_BLOCK = 64


def affine_without_each(
    norms_without: Callable[[FloatArray], AffineNorms], scores: FloatArray, weights: FloatArray
) -> FloatArray:
    """Compute weighted sums of cells on an affine scale after each removal, shape (n, n): row k without model k."""
    # Centred on a middle score of each leaf, so that small differences stay exact after any removal.
    middle = (len(scores) - 1) // 2
    placed = scores - np.partition(scores, middle, axis=0)[middle]
    norms = norms_without(placed)
    slopes = weights / norms.spread
    sums: FloatArray = slopes @ placed.T - (slopes * norms.centre - weights * norms.offset).sum(
        axis=1, keepdims=True
    )
    return sums


def ranked_without_each(of_rank: OfRank, scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Compute weighted sums of cells on a scale of ranks after each removal, shape (n, n): row k without model k.

    The removal lowers a rank by 0, 1/2 or 1, and leaves n - 1 models.
    """
    values, n = rounded(scores), len(scores)
    if n < 2:
        return np.zeros((n, n))
    ranks, left = ranks_from_bottom(scores), np.full(scores.shape[1], n - 1.0)
    # The entry of the removed model has no meaning and may be outside the scale.
    with np.errstate(invalid="ignore"):
        stays, halves, falls = (weights * of_rank(ranks - step, left, n - 1) for step in (0.0, 0.5, 1.0))
    if np.isnan(stays).all():
        # The scale is constant for so few models.
        return np.full((n, n), np.nan)
    stays, halves, falls = (
        np.nan_to_num(cells, nan=0.0, posinf=0.0, neginf=0.0) for cells in (stays, halves, falls)
    )
    result = np.tile(stays.sum(axis=1), (n, 1))
    with_ties = [len(np.unique(column)) < n for column in values.T]
    for first in range(0, n, _BLOCK):
        rows = slice(first, first + _BLOCK)
        for j, column in enumerate(values.T):
            result[rows] += (column[rows, None] < column) * (falls[:, j] - stays[:, j])
            if with_ties[j]:
                result[rows] += (column[rows, None] == column) * (halves[:, j] - stays[:, j])
    np.fill_diagonal(result, 0.0)
    return result


def z_norms_without_each(scores: FloatArray) -> AffineNorms:
    """Return mean and standard deviation without each model."""
    left = max(len(scores) - 1, 1)
    total = _sums_without(scores)
    mean = total / left
    squares = _sums_without(scores**2) - total * mean
    sd = np.sqrt(np.maximum(squares, 0.0) / max(left - 1, 1))
    return AffineNorms(mean, np.where(_constant_without(scores), np.inf, sd), np.zeros(scores.shape))


def min_max_norms_without_each(scores: FloatArray) -> AffineNorms:
    """Return lowest score and range without each model."""
    low, high = _extremes_without(scores)
    constant = _constant_without(scores)
    return AffineNorms(low, np.where(constant, np.inf, high - low), np.where(constant, 0.5, 0.0))


def robust_norms_without_each(scores: FloatArray) -> AffineNorms:
    """Return median and median absolute deviation without each model."""
    median, mad = np.empty(scores.shape), np.empty(scores.shape)
    for j, column in enumerate(scores.T):
        median[:, j] = _medians_without(column)
        for value in np.unique(median[:, j]):
            rows = median[:, j] == value
            mad[rows, j] = _medians_without(np.abs(column - value))[rows]
    mad /= MAD_OF_NORMAL
    return AffineNorms(median, np.where(rounded(mad) == 0, np.inf, mad), np.zeros(scores.shape))


def _sums_without(values: FloatArray) -> FloatArray:
    # Cumulative sums from both ends, because subtraction from the total would cancel small remainders.
    before, after = np.zeros(values.shape), np.zeros(values.shape)
    before[1:] = np.cumsum(values[:-1], axis=0)
    after[:-1] = np.cumsum(values[:0:-1], axis=0)[::-1]
    sums: FloatArray = before + after
    return sums


def _constant_without(scores: FloatArray) -> BoolArray:
    low, high = _extremes_without(rounded(scores))
    constant: BoolArray = low >= high
    return constant


def _extremes_without(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    ordered = np.sort(scores, axis=0)
    if len(scores) < 2:
        return np.array(scores), np.array(scores)
    low = np.where(scores == ordered[0], ordered[1], ordered[0])
    high = np.where(scores == ordered[-1], ordered[-2], ordered[-1])
    return low, high


def _medians_without(values: FloatArray) -> FloatArray:
    """Return the median of the others for each of ``n`` values, shape (n,); NaN for a single value."""
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
