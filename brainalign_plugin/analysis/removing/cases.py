"""Scores after removals, and whether they are sure to order the models as aggregating again does."""

from __future__ import annotations

import numpy as np

from ...arrays import BoolArray, FloatArray

# Scores (v, n) after some removals, NaN for the removed model itself, and whether they are known (v,).
Estimate = tuple[FloatArray, BoolArray]


def in_order(scores: FloatArray, close: float, ties: bool = False) -> BoolArray:
    """Whether no two scores of a row (v, n) are so near that rounding decides. Shape (v,).

    Parameters
    ----------
    scores : ndarray, shape (v, n)
    close : float
        How near that is, in units of their size: much more than estimates and what is aggregated from cold differ by.
    ties : bool
        Whether two that are the same tie for certain.
    """
    gaps = np.diff(np.sort(scores, axis=1), axis=1)
    size = np.sqrt(np.nansum(np.square(scores), axis=1) / max(scores.shape[1] - 1, 1))
    near = gaps <= (close * np.maximum(size, 1.0))[:, None]
    if ties:
        near &= gaps > 0
    sure: BoolArray = ~near.any(axis=1)
    return sure


def any_alike(values: FloatArray) -> bool:
    """Whether two models have the same scores (n, m): whoever else is removed, they tie but for rounding."""
    return len(np.unique(np.nan_to_num(values, nan=-np.inf), axis=0)) < len(values)
