"""Scales of benchmarks: transformations of a column of scores before columns are combined.

Every function takes a score matrix of shape (n, m), works on each column by itself, leaves missing cells NaN, and
keeps the orientation (higher is better). Values that agree to nine decimals are ties. SciPy's special functions are
imported inside the functions that call them, because ranks need none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray

TIE_DECIMALS = 9
# Median absolute deviation of a standard normal variable.
MAD_OF_NORMAL = 0.6744897501960817


def rounded(values: FloatArray) -> FloatArray:
    """Round values so that those within about 1e-9 of each other tie."""
    return np.round(values, TIE_DECIMALS) + 0.0


def ranks_from_bottom(scores: FloatArray) -> FloatArray:
    """Compute average ranks within each column, 1 is the lowest score. Shape (n, m) in and out."""
    if scores.size == 0:
        return np.array(scores, dtype=np.float64)
    # Columns one after the other, each ascending; NaN is last in each and ties with nothing.
    values = np.ascontiguousarray(rounded(scores).T)
    columns, n = values.shape
    order = (np.argsort(values, axis=1) + n * np.arange(columns)[:, None]).ravel()
    ordered = values.ravel()[order]
    begins = np.ones(order.size + 1, dtype=bool)
    begins[1:-1] = ordered[1:] != ordered[:-1]
    begins[::n] = True
    start = np.flatnonzero(begins)
    tied = np.diff(start)
    ranks = np.empty(order.size)
    ranks[order] = np.repeat(start[:-1] % n + (1 + tied) / 2, tied)
    return np.where(np.isnan(scores), np.nan, ranks.reshape(columns, n).T)


@dataclass(frozen=True, eq=False)
class AffineNorms:
    """Affine norms of columns: a score becomes (score - centre) / spread + offset; spread inf if constant."""

    centre: FloatArray
    spread: FloatArray
    offset: FloatArray

    def scaled(self, scores: FloatArray) -> FloatArray:
        """Scale scores of shape (..., m); NaN stays NaN."""
        return (scores - self.centre) / self.spread + self.offset


def z_scores(scores: FloatArray) -> FloatArray:
    """Standardise columns by their mean and standard deviation (n - 1); a constant column becomes 0."""
    return z_norms(scores).scaled(scores)


def z_norms(scores: FloatArray) -> AffineNorms:
    """Return the mean and standard deviation (n - 1) of each column."""
    mean = _nanmean(scores)
    count = np.maximum((~np.isnan(scores)).sum(axis=0) - 1, 1)
    sd = np.sqrt(np.nansum((scores - mean) ** 2, axis=0) / count)
    return AffineNorms(mean, np.where(_constant(scores), np.inf, sd), np.zeros(scores.shape[1]))


def centre_norms(scores: FloatArray) -> AffineNorms:
    """Return the mean of each column, which keeps its units."""
    return AffineNorms(_nanmean(scores), np.ones(scores.shape[1]), np.zeros(scores.shape[1]))


def _nanmean(scores: FloatArray) -> FloatArray:
    return np.nansum(scores, axis=0) / np.maximum((~np.isnan(scores)).sum(axis=0), 1)


def _constant(scores: FloatArray) -> BoolArray:
    return np.greater_equal(*extremes(rounded(scores)))


def extremes(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and the highest known score of each column; inf and -inf without any."""
    there = ~np.isnan(scores)
    low = np.min(scores, axis=0, where=there, initial=np.inf)
    return low, np.max(scores, axis=0, where=there, initial=-np.inf)


def robust_norms(scores: FloatArray) -> AffineNorms:
    """Return the median and 1.4826 times the median absolute deviation of each column."""
    median = _nanmedian(scores)
    mad = _nanmedian(np.abs(scores - median)) / MAD_OF_NORMAL
    return AffineNorms(median, np.where(rounded(mad) == 0, np.inf, mad), np.zeros(scores.shape[1]))


def _nanmedian(scores: FloatArray) -> FloatArray:
    missing = np.isnan(scores)
    if not len(scores):
        return np.zeros(scores.shape[1])
    if not missing.any():
        return np.median(scores, axis=0)
    return np.nanmedian(np.where(missing.all(axis=0), 0.0, scores), axis=0)


def min_max_norms(scores: FloatArray) -> AffineNorms:
    """Return the lowest score and the range of each column."""
    low, high = extremes(scores)
    constant = _constant(scores)
    low = np.where(constant, 0.0, low)
    return AffineNorms(low, np.where(constant, np.inf, high - low), np.where(constant, 0.5, 0.0))


def ranks_among(scores: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Return the function from rows (..., m) to their average ranks from the bottom among the scores (n, m)."""
    ordered = np.sort(rounded(scores), axis=0)
    count = (~np.isnan(scores)).sum(axis=0).tolist()

    def ranks(rows: FloatArray) -> FloatArray:
        values = rounded(rows)
        found = np.empty(values.shape)
        for j, scored in enumerate(count):
            column = ordered[:scored, j]
            below = np.searchsorted(column, values[..., j], side="left")
            found[..., j] = (below + np.searchsorted(column, values[..., j], side="right") + 1) / 2
        return np.where(np.isnan(rows), np.nan, found)

    return ranks


def logits(scores: FloatArray, clip: float = 0.001) -> FloatArray:
    """Return the log odds of the scores, clipped to [clip, 1 - clip] first."""
    from scipy.special import logit

    return logit(np.clip(scores, clip, 1 - clip))


def percentile_ends(size: int, level: float) -> tuple[int, int]:
    """Return the positions of the ends of a percentile interval among ``size`` sorted numbers.

    (1 - level) / 2 of them are cut off on either side, rounded down, so that at least ``level`` lie inside.
    """
    # Rounded first: half of 1 - 0.9 is a little more than 0.05, and times 20 would cut two.
    cut = int(np.floor(round((1 - level) / 2 * size, TIE_DECIMALS)))
    return cut, size - 1 - cut


def competition_ranks(scores: FloatArray) -> IntArray:
    """Rank scores (n,) without NaN so that the highest is 1 and ties share the better rank (1, 2, 2, 4)."""
    descending = -rounded(scores)
    return 1 + np.searchsorted(np.sort(descending), descending).astype(np.int64)
