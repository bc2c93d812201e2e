"""Worths of many boards at once that are nearly one board: each is fitted from what is known of that one.

The likelihoods of Bradley-Terry and Plackett-Luce are concave, so that each has one maximum wherever the search
begins. A small change of the board hardly bends them: Newton steps with the curvature of the board as it is lead to
the maxima, of all variants at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import cho_solve

from ..aggregation.picks import Picks
from ..arrays import BoolArray, FloatArray, IntArray

# A step with another's curvature gains a digit or two; what has not arrived then is fitted from cold.
_MOST_STEPS = 40
# Where the next step would be shorter than this (of a logarithm of a worth), the search has arrived.
_SHORT = 1e-11
# Fits from cold stop at a slope, which may be that far from the maximum where little holds a model.
CLOSE = 1e-7
# Numbers that are worked on at once: what a core keeps in its cache.
BLOCK_CELLS = 1 << 15

# Gradients (v, n) of variants at their logarithms of worths (v, n).
Gradient = Callable[[FloatArray], FloatArray]


def fitted(
    gradient: Gradient, factor: Any, worths: FloatArray, tolerance: float
) -> tuple[FloatArray, BoolArray]:
    """Follow the gradients of variants to their maxima.

    Parameters
    ----------
    gradient : callable
    factor : tuple
        Cholesky factor of the curvature of the board as it is, shape (n, n).
    worths : ndarray, shape (v, n)
        Logarithms to begin with.
    tolerance : float
        Slope that is left at most.

    Returns
    -------
    worths : ndarray, shape (v, n)
        Logarithms of the worths, not centred.
    arrived : ndarray of bool, shape (v,)
    """
    arrived = np.zeros(len(worths), dtype=np.bool_)
    for _ in range(_MOST_STEPS):
        slopes = gradient(worths)
        if not np.isfinite(slopes).all():
            break
        steps = np.asarray(cho_solve(factor, slopes.T, check_finite=False)).T
        worths = worths - steps
        arrived = (np.abs(slopes).max(axis=1) <= tolerance) & (np.abs(steps).max(axis=1) <= _SHORT)
        if arrived.all():
            break
    return worths, arrived


def bradley_terry_gradient(compared: FloatArray, wins: FloatArray, gone: IntArray | None = None) -> Gradient:
    """Gradient of the negative log likelihood of Bradley-Terry.

    Parameters
    ----------
    compared : ndarray, shape (n, n)
        Numbers of comparisons of each pair, 0 on the diagonal.
    wins : ndarray, shape (v, n)
        Comparisons won in each variant.
    gone : ndarray of int, shape (v,), optional
        A model that is not there in each variant.
    """
    variants = np.arange(len(wins))

    def gradient(log_worths: FloatArray) -> FloatArray:
        worths = np.exp(log_worths - log_worths.max(axis=1, keepdims=True))
        rivals = worths
        if gone is not None:
            # Whoever meets infinite worth expects nothing of it: as if they did not meet.
            rivals = worths.copy()
            rivals[variants, gone] = np.inf
        rates = worths[:, :, None] + rivals[:, None]
        np.divide(compared, rates, out=rates)
        slopes: FloatArray = rates.sum(axis=2) * worths - wins
        if gone is not None:
            slopes[variants, gone] = 0.0
        return slopes

    return gradient


def plackett_luce_gradient(picks: Picks) -> Gradient:
    """Gradient of the negative log likelihood of Plackett-Luce, of boards that lie side by side."""

    def gradient(log_worths: FloatArray) -> FloatArray:
        worth, left = picks.left(log_worths.ravel())
        slopes: FloatArray = (picks.expected(worth, 1.0 / left) - picks.count).reshape(log_worths.shape)
        return slopes

    return gradient


def side_by_side(
    model: IntArray, scored: BoolArray, first: IntArray, after: IntArray, gone: FloatArray, count: FloatArray
) -> Picks:
    """Picks of ``v`` boards as of one board, on which each has models of its own.

    Parameters
    ----------
    model, scored, first, after, gone : ndarray, shape (v, m, n)
        As in `Picks` for each board, positions counted from the start of their row.
    count : ndarray, shape (v, n)
    """
    variants, benchmarks, models = model.shape
    start = np.arange(variants * benchmarks)[:, None] * (models + 1)
    flat = (variants * benchmarks, models)
    return Picks(
        model=(model + models * np.arange(variants)[:, None, None]).reshape(flat),
        scored=scored.reshape(flat),
        first=first.reshape(flat) + start,
        after=after.reshape(flat) + start,
        gone=gone.reshape(flat),
        count=count.ravel(),
    )


def in_rows(picks: Picks) -> tuple[IntArray, IntArray]:
    """Where each group of ties begins and where the next does, counted from the start of their row; (m, n) each."""
    benchmarks, models = picks.model.shape
    start = np.arange(benchmarks)[:, None] * (models + 1)
    return picks.first - start, picks.after - start
