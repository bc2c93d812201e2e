"""Scales of schemes, each fitted column by column, with its formula in words; and their norms without each model.

The functions for norms without each model need complete scores, shape (n, m); entry (k, j) of what they return is that
of leaf j without model k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..arrays import BoolArray, FloatArray
from ..scales import (
    MAD_OF_NORMAL,
    AffineNorms,
    centre_norms,
    logits,
    min_max_norms,
    ranks_among,
    ranks_from_bottom,
    robust_norms,
    rounded,
    z_norms,
)

Columnwise = Callable[[FloatArray], FloatArray]
# From a complete or filled board's scores (n, m) and weights (m,) to the scores after each removal (n, n).
WithoutEach = Callable[[FloatArray, FloatArray], FloatArray]
Norms = Callable[[FloatArray], AffineNorms]
# From ranks, the number scored on each leaf and the number of models to scaled cells.
OfRank = Callable[[FloatArray, FloatArray, int], FloatArray]
# Removals of a batch, whose arrays fit into the cache of a core.
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Scale:
    """Scale of each benchmark's scores, fitted column by column."""

    name: str
    description: str
    # From a matrix of shape (n, m), NaN where missing, to the function that scales rows of any shape (..., m) by
    # the norms of these columns.
    fit: Callable[[FloatArray], Columnwise]
    # The norms do not depend on the scores: a scaled cell is a function of the cell alone.
    own_cells: bool = False
    order_only: bool = False  # Scaled cells depend on nothing but the order of the scores in each column
    # From the scores (n, m) and weights (m,) to the weighted sums (n, n) of the scaled cells after the removal of
    # each model: entry (k, i) is that of model i without model k. Without it the scale is fitted again n times.
    without_each: WithoutEach | None = None

    @classmethod
    def fixed(cls, name: str, description: str, function: Columnwise) -> Scale:
        """Make a scale from a function of a single cell."""
        return cls(name, description, lambda _: function, own_cells=True)


def _affine_without_each(norms_without: Norms, scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Compute weighted sums of cells on an affine scale after each removal, shape (n, n): row k without model k."""
    # Centred on a middle score of each leaf, so that small differences stay exact after any removal.
    middle = (len(scores) - 1) // 2
    placed = scores - np.partition(scores, middle, axis=0)[middle]
    norms = norms_without(placed)
    slopes = weights / norms.spread
    return np.asarray(slopes @ placed.T - (slopes * norms.centre - weights * norms.offset).sum(axis=1, keepdims=True))


def _ranked_without_each(of_rank: OfRank, scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Compute weighted sums of ranked cells after each removal, which lowers a rank by 0, 1/2 or 1; shape (n, n)."""
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
    stays, halves, falls = (np.nan_to_num(cells, nan=0.0, posinf=0.0, neginf=0.0) for cells in (stays, halves, falls))
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


def _z_without_each(scores: FloatArray) -> AffineNorms:
    """Return mean and standard deviation without each model."""
    left = max(len(scores) - 1, 1)
    total = _sums_without(scores)
    mean = total / left
    squares = _sums_without(scores**2) - total * mean
    sd = np.sqrt(np.maximum(squares, 0.0) / max(left - 1, 1))
    return AffineNorms(mean, np.where(_constant_without(scores), np.inf, sd), np.zeros(scores.shape))


def _min_max_without_each(scores: FloatArray) -> AffineNorms:
    """Return lowest score and range without each model."""
    low, high = _extremes_without(scores)
    constant = _constant_without(scores)
    return AffineNorms(low, np.where(constant, np.inf, high - low), np.where(constant, 0.5, 0.0))


def _robust_without_each(scores: FloatArray) -> AffineNorms:
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
    return np.asarray(before + after)


def _constant_without(scores: FloatArray) -> BoolArray:
    low, high = _extremes_without(rounded(scores))
    return np.asarray(low >= high)


def _extremes_without(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    ordered = np.sort(scores, axis=0)
    if len(scores) < 2:
        return scores, scores
    low = np.where(scores == ordered[0], ordered[1], ordered[0])
    high = np.where(scores == ordered[-1], ordered[-2], ordered[-1])
    return low, high


def _medians_without(values: FloatArray) -> FloatArray:
    """Return the median of the others for each of ``n`` values, shape (n,); NaN for a single value."""
    n = len(values)
    if n < 2:
        return np.full(n, np.nan)
    order = np.argsort(values, kind="stable")
    ordered, place = values[order], np.argsort(order)

    def without(position: int) -> FloatArray:
        return np.where(place <= position, ordered[position + 1], ordered[position])

    return (without((n - 2) // 2) + without((n - 1) // 2)) / 2


def _affine(name: str, description: str, norms: Norms, norms_without: Norms | None = None) -> Scale:
    closed = None if norms_without is None else partial(_affine_without_each, norms_without)
    return Scale(name, description, lambda scores: norms(scores).scaled, without_each=closed)


def _ranked(name: str, description: str, of_rank: OfRank) -> Scale:
    def fit(scores: FloatArray) -> Columnwise:
        rank = ranks_among(scores)
        scored = (~np.isnan(scores)).sum(axis=0).astype(np.float64)
        return lambda rows: of_rank(rank(rows), scored, len(scores))

    return Scale(name, description, fit, order_only=True, without_each=partial(_ranked_without_each, of_rank))


def _normal_quantile(ranks: FloatArray, scored: FloatArray, _: int) -> FloatArray:
    from scipy.special import ndtri

    return np.asarray(ndtri(ranks / (scored + 1)))


def _win_rate(ranks: FloatArray, scored: FloatArray, _: int) -> FloatArray:
    # With fewer than two scores there is nothing to compare, so the scale is constant.
    return np.where(scored > 1, (ranks - 1) / np.maximum(scored - 1, 1), np.nan)


NONE = Scale.fixed("none", "the ceiled score itself, capped to [0, 1]", lambda scores: scores)
LOGIT_SCALE = Scale.fixed("logit", "log odds of the score clipped to [0.001, 0.999]", logits)
CENTRED = _affine("centred", "score - mean of the benchmark", centre_norms)
Z = _affine("z", "(score - mean) / sd, sd with n - 1; a constant benchmark is 0", z_norms, _z_without_each)
_MAD = "(score - median) / (1.4826 · median absolute deviation); 0 where that is 0"
ROBUST_Z = _affine("robust z", _MAD, robust_norms, _robust_without_each)
_RANGE = "(score - lowest) / (highest - lowest); a constant benchmark is 0.5"
MIN_MAX = _affine("min-max", _RANGE, min_max_norms, _min_max_without_each)
RANK_SCALE = _ranked("rank", "average rank from the bottom", lambda ranks, *_: ranks)
_QUANTILE = "inverse normal of r / (n + 1), r the average rank from the bottom"
NORMAL_SCORE = _ranked("normal score", _QUANTILE, _normal_quantile)
WIN_RATE_SCALE = _ranked("win rate", "share of the other scored models that are beaten, a tie is half", _win_rate)
BORDA_POINTS = _ranked(
    "Borda points", "n - average rank from the top among the scored", lambda r, scored, n: n - (scored + 1 - r)
)
