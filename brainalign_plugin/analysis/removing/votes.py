"""Removed models under SCHULZE: strongest paths through everybody but one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...aggregation.votes import direct_paths, pairwise_wins, unless_unscored, widen
from ...arrays import FloatArray, IntArray
from ...board import Board


def schulze_without_each(board: Board) -> FloatArray:
    """Schulze scores after the removal of each model, shape (n, n); a row's own entry has no meaning.

    Parameters
    ----------
    board : Board
        Missing cells dealt with.
    """
    wins = pairwise_wins(board.scores)
    n = len(wins)
    scores = np.zeros((n, n))
    for k, strength in _paths_without_each(direct_paths(wins - wins.T), list(range(n))):
        beats = strength > strength.T
        beats[:, k] = beats[k] = False
        scores[k] = (n - 2 + beats.sum(axis=1) - beats.sum(axis=0)) / 2
    return unless_unscored(board, scores)


def _paths_without_each(strength: IntArray, left: list[int]) -> Iterator[tuple[int, IntArray]]:
    """Each of the models that are left, and the strongest paths that go through all others.

    ``strength`` are those through everybody who is not left. Half of those left are admitted for the other half at
    once, so that of n models each is admitted about log n times, not n times.
    """
    if len(left) == 1:
        yield left[0], strength
        return
    half = len(left) // 2
    for some, others in ((left[:half], left[half:]), (left[half:], left[:half])):
        wider = strength.copy()
        widen(wider, others)
        yield from _paths_without_each(wider, some)
