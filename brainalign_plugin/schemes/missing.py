"""Rules for missing cells: values of FAILED and NEVER before aggregation."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ..arrays import FloatArray, StateArray
from ..data.board import Board
from ..data.official import CellState

Convention = Literal["zero", "attempted", "skip", "worst", "mean"]
CONVENTIONS: dict[Convention, str] = {
    "zero": "FAILED and NEVER count as a score of 0",
    "attempted": "FAILED counts as 0, NEVER is left out",
    "skip": "FAILED and NEVER are left out",
    "worst": "FAILED and NEVER count as just below the lowest score of the benchmark",
    "mean": "FAILED and NEVER take the mean score of the benchmark",
}
# Rules that fill a cell independently of the other models.
LOCAL_RULES: tuple[Convention, ...] = ("skip", "zero", "attempted")


def fill_missing(board: Board, convention: Convention) -> Board:
    """Apply a rule for FAILED and NEVER; cells that are left out stay NaN."""
    return replace(board, scores=filled(board.scores, board.states, convention))


def filled(scores: FloatArray, states: StateArray, convention: Convention) -> FloatArray:
    """Apply a rule to each column of scores (n, m); 'worst' and 'mean' leave a column without any score empty."""
    values = np.array(scores)
    missing = np.isnan(values)
    if convention == "zero":
        values[missing] = 0.0
    elif convention == "attempted":
        values[missing & (states == CellState.FAILED)] = 0.0
    elif convention in ("worst", "mean"):
        empty = missing.all(axis=0)
        known = np.where(empty, 0.0, values)
        # Just below the lowest, so that on ordinal scales a missing score also ranks below every score.
        fill = np.nanmin(known, axis=0) - 1e-6 if convention == "worst" else np.nanmean(known, axis=0)
        values = np.where(missing & ~empty, fill, values)
    return values
