"""Scores after removals, and whether they are sure to order the models as aggregating again does."""

from __future__ import annotations

import numpy as np

from ...arrays import BoolArray, FloatArray

# Scores (v, n) after some removals, NaN for the removed model itself, and whether they are known (v,).
Estimate = tuple[FloatArray, BoolArray]
# Estimates are good to many more digits; where two scores are nearer than this, only the board itself tells them apart.
CLOSE = 1e-7


def in_order(scores: FloatArray, ties: bool = False) -> BoolArray:
    """Whether no two scores of a row (v, n) are so near that rounding decides. Shape (v,).

    With ``ties`` two that are the same tie for certain.
    """
    gaps = np.diff(np.sort(scores, axis=1), axis=1)
    close = CLOSE * np.fmax(np.nanmax(np.abs(scores), axis=1, initial=0.0), 1.0)
    near = gaps <= close[:, None]
    if ties:
        near &= gaps > 0
    sure: BoolArray = ~near.any(axis=1)
    return sure
