"""Pairwise wins: numbers of benchmarks on which one model is above another, and that have scored both."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray, IntArray
from ..scales import rounded

# Rows of the win matrix in a batch, whose arrays fit into the cache of a core.
_BLOCK = 128


def pairwise_wins(scores: FloatArray) -> IntArray:
    """Count for every pair the columns of scores (n, m) that have both and the first above the second; shape (n, n)."""
    models, benchmarks = scores.shape
    wins = np.zeros((models, models), dtype=np.int64)
    if not scores.size:
        return wins
    winner, loser = _order_codes(scores)
    for first in range(0, models, _BLOCK):
        rows = slice(first, min(first + _BLOCK, models))
        count = np.zeros((rows.stop - first, models), dtype=np.min_scalar_type(benchmarks))
        for column in range(benchmarks):
            count += winner[column, rows, None] > loser[column]
        wins[rows] = count
    return wins


def _order_codes(scores: FloatArray) -> tuple[npt.NDArray[np.unsignedinteger[Any]], ...]:
    """Compute dense ranks from 1 in each column, as winner and as loser, (m, n) each; a missing score never wins."""
    values = rounded(scores)
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    code = np.min_scalar_type(len(scores) + 1)
    steps = np.ones(scores.shape, dtype=code)
    steps[1:] = ordered[1:] != ordered[:-1]
    ranks = np.empty(scores.shape, dtype=code)
    np.put_along_axis(ranks, order, np.cumsum(steps, axis=0, dtype=code), axis=0)
    missing = np.isnan(scores)
    highest = np.iinfo(code).max
    # The codes of a benchmark are contiguous in memory, so that comparisons are vectorised.
    winner, loser = np.where(missing, 0, ranks).T, np.where(missing, highest, ranks).T
    return winner.astype(code, order="C"), loser.astype(code, order="C")


def pairwise_compared(scores: FloatArray) -> IntArray:
    """Count the columns in which both models of a pair are present; on the diagonal a model's own. Shape (n, n)."""
    present = (~np.isnan(scores)).astype(np.float32)
    return np.rint(present @ present.T).astype(np.int64)
