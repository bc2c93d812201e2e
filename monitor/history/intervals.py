"""Intervals of the headline figures over families of models (`brainalign_plugin.certainty.bootstrap`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from brainalign_plugin.arrays import FloatArray, IntArray
from brainalign_plugin.board import Board
from brainalign_plugin.certainty.bootstrap import LEVEL, METHODS, draw_counts, interval
from brainalign_plugin.certainty.families import families
from brainalign_plugin.certainty.figures import headline

from .figures import COUNTS

RESAMPLES = 200
CONFIDENCE = LEVEL
# Fewer families say nothing of other ones that could have been there.
MIN_FAMILIES = 5


def family_draws(board: Board, resamples: int, seed: int) -> IntArray | None:
    """Draw the families of a board's models with replacement.

    Returns
    -------
    ndarray of int, shape (resamples, models), or None
        How often each model counts; None if there are fewer than five families.
    """
    found = families(board)
    return draw_counts(found.labels, resamples, seed) if found.count >= MIN_FAMILIES else None


def resampled_figures(board: Board, counts: IntArray) -> dict[str, FloatArray]:
    """Return the headline figures of each resample of a complete board but the counts; NaN where one does not exist."""
    return headline(board, counts).values


def figure_interval(name: str, value: float | None, resampled: FloatArray) -> tuple[float, float] | None:
    """Return the 95 % interval of a figure; None if it is unknown, or in over a tenth of the resamples."""
    found = interval(value, resampled, METHODS.get(name, "percentile"))
    return None if found is None else (found.low, found.high)


def figure_intervals(
    board: Board, values: Mapping[str, float | None], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float] | None]:
    """Return the interval of each headline figure of a complete board; a count is known exactly."""
    counts = family_draws(board, resamples, seed)
    unknown = np.full(1, np.nan)
    drawn = {} if counts is None else resampled_figures(board, counts)
    return {
        name: (None if value is None else (value, value))
        if name in COUNTS
        else figure_interval(name, value, drawn.get(name, unknown))
        for name, value in values.items()
    }
