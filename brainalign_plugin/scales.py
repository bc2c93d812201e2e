"""Per-benchmark scales: what a column of scores is turned into before it is combined with others.

Every function takes a score matrix of shape (n, m), works on each column by itself, leaves missing cells NaN, and
keeps the orientation (higher is better). Values that agree to nine decimals are ties. SciPy's special functions are
loaded by who needs one: ranks need none, and are all that most figures are made of.
"""

from __future__ import annotations

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray

TIE_DECIMALS = 9


def rounded(values: FloatArray) -> FloatArray:
    """Round so that values within about 1e-9 of each other tie."""
    return np.round(values, TIE_DECIMALS) + 0.0


def ranks_from_bottom(scores: FloatArray) -> FloatArray:
    """Average rank within each column, 1 is the lowest score. Shape (n, m) in and out."""
    if scores.size == 0:
        return np.array(scores, dtype=np.float64)
    # Column after column, each in ascending order; NaN comes last in each, and is equal to nothing.
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


def z_scores(scores: FloatArray) -> FloatArray:
    """Distance from the column's mean in units of its standard deviation (n - 1); a constant column becomes 0."""
    centred = scores - _nanmean(scores)
    constant = _constant(scores)
    count = np.maximum((~np.isnan(scores)).sum(axis=0) - 1, 1)
    sd = np.sqrt(np.nansum(centred**2, axis=0) / count)
    z: FloatArray = np.where(constant, centred * 0.0, centred / np.where(constant, 1.0, sd))
    return z


def _nanmean(scores: FloatArray) -> FloatArray:
    count = (~np.isnan(scores)).sum(axis=0)
    mean: FloatArray = np.nansum(scores, axis=0) / np.maximum(count, 1)
    return mean


def _constant(scores: FloatArray) -> BoolArray:
    values = rounded(scores)
    low = np.min(values, axis=0, where=~np.isnan(values), initial=np.inf)
    high = np.max(values, axis=0, where=~np.isnan(values), initial=-np.inf)
    flat: BoolArray = low >= high
    return flat


def robust_z_scores(scores: FloatArray) -> FloatArray:
    """Distance from the median in units of 1.4826 times the median absolute deviation.

    A column whose median absolute deviation is zero has no robust spread and becomes 0.
    """
    if scores.size == 0:
        return np.array(scores, dtype=np.float64)
    from scipy.special import ndtri

    centred = scores - _nanmedian(scores)
    mad = _nanmedian(np.abs(centred)) / ndtri(0.75)
    flat = rounded(mad) == 0
    z: FloatArray = np.where(flat, centred * 0.0, centred / np.where(flat, 1.0, mad))
    return z


def _nanmedian(scores: FloatArray) -> FloatArray:
    missing = np.isnan(scores)
    if not missing.any():
        whole: FloatArray = np.median(scores, axis=0)
        return whole
    empty = missing.all(axis=0)
    median: FloatArray = np.nanmedian(np.where(empty, 0.0, scores), axis=0)
    return median


def min_max(scores: FloatArray) -> FloatArray:
    """Position between the column's lowest (0) and highest score (1); a constant column becomes 0.5."""
    low = np.min(scores, axis=0, where=~np.isnan(scores), initial=np.inf)
    high = np.max(scores, axis=0, where=~np.isnan(scores), initial=-np.inf)
    constant = _constant(scores)
    span = np.where(constant, 1.0, high - low)
    placed: FloatArray = np.where(
        constant, scores * 0.0 + 0.5, (scores - np.where(constant, 0.0, low)) / span
    )
    return placed


def normal_scores(scores: FloatArray) -> FloatArray:
    """Inverse normal of r / (n + 1), with r the average rank from the bottom among the n models scored.

    Source: van der Waerden (1952), *Order tests for the two-sample problem and their power*.
    """
    from scipy.special import ndtri

    count = (~np.isnan(scores)).sum(axis=0)
    quantiles: FloatArray = ndtri(ranks_from_bottom(scores) / (count + 1))
    return quantiles


def logits(scores: FloatArray, clip: float = 0.001) -> FloatArray:
    """Log odds of the scores, clipped to [clip, 1 - clip] first."""
    from scipy.special import logit

    odds: FloatArray = logit(np.clip(scores, clip, 1 - clip))
    return odds


def competition_ranks(scores: FloatArray) -> IntArray:
    """Rank scores so that the highest is 1 and ties share the better rank (1, 2, 2, 4).

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Without NaN.
    """
    descending = -rounded(scores)
    ranks: IntArray = 1 + np.searchsorted(np.sort(descending), descending).astype(np.int64)
    return ranks
