"""Condorcet schemes: every benchmark is a voter, and models meet in pairs.

All rest on the matrix of pairwise wins: in how many benchmarks model i is above model j. A benchmark on which one of
the two has no score says nothing about the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray, IntArray
from ..board import Board
from ..scales import rounded
from .registry import Claims, Convention, Scheme, register
from .scaling import RANK_SCALE

CONVENTIONS: tuple[Convention, ...] = ("skip", "worst", "zero", "attempted", "mean")

# Rows of the win matrix that are counted at once: what a core keeps in its cache.
_BLOCK = 128


def pairwise_wins(scores: FloatArray) -> IntArray:
    """Count for every pair of models the benchmarks on which one is above the other.

    Parameters
    ----------
    scores : ndarray, shape (n, m)
        Higher is better, NaN where missing; values that agree to nine decimals tie.

    Returns
    -------
    ndarray of int, shape (n, n)
        ``wins[i, j]`` is the number of columns in which both are present and i is above j.
    """
    models, benchmarks = scores.shape
    wins = np.empty((models, models), dtype=np.int64)
    if not scores.size:
        wins[:] = 0
        return wins
    winner, loser = _order_codes(scores)
    counter = np.min_scalar_type(benchmarks)
    count = np.empty((min(_BLOCK, models), models), dtype=counter)
    above = np.empty(count.shape, dtype=np.bool_)
    for first in range(0, models, _BLOCK):
        rows = slice(first, min(first + _BLOCK, models))
        block, mask = count[: rows.stop - first], above[: rows.stop - first]
        block[:] = 0
        for column in range(benchmarks):
            np.greater(winner[column, rows, None], loser[column], out=mask)
            block += mask.view(np.uint8)
        wins[rows] = block
    return wins


def _order_codes(scores: FloatArray) -> tuple[npt.NDArray[np.unsignedinteger[Any]], ...]:
    """Dense ranks from 1 in each column, as winner and as loser, each of shape (m, n).

    A missing score is below everything as a winner and above everything as a loser, so no comparison counts it.
    """
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
    # A benchmark's codes lie side by side, so that comparing them is a matter of a few instructions.
    winner, loser = np.where(missing, 0, ranks).T, np.where(missing, highest, ranks).T
    return winner.astype(code, order="C"), loser.astype(code, order="C")


def pairwise_compared(scores: FloatArray) -> IntArray:
    """Number of columns in which both models of a pair are present; on the diagonal a model's own. Shape (n, n)."""
    present = (~np.isnan(scores)).astype(np.float32)
    compared: IntArray = np.rint(present @ present.T).astype(np.int64)
    return compared


def copeland_scores(wins: IntArray) -> FloatArray:
    """Number of opponents beaten by majority plus half the number of opponents with whom the majority ties.

    Parameters
    ----------
    wins : ndarray of int, shape (n, n)
        As from `pairwise_wins`. A pair that was never compared ties.

    Returns
    -------
    ndarray, shape (n,)
        From 0 to n - 1.
    """
    beaten = (wins > wins.T).sum(axis=1)
    lost = (wins < wins.T).sum(axis=1)
    scores: FloatArray = (beaten + (len(wins) - 1 - lost)) / 2
    return scores


def simpson_scores(wins: IntArray) -> FloatArray:
    """Smallest margin (wins minus losses) against any opponent: the worst defeat, or the narrowest win.

    Parameters
    ----------
    wins : ndarray of int, shape (n, n)
        As from `pairwise_wins`. A pair that was never compared has the margin 0.

    Returns
    -------
    ndarray, shape (n,)
        From -m to m benchmarks; 0 for a model without opponents.
    """
    if len(wins) == 1:
        return np.zeros(1)
    margins = wins - wins.T
    np.fill_diagonal(margins, np.iinfo(np.int64).max)
    scores: FloatArray = margins.min(axis=1).astype(np.float64)
    return scores


def widest_paths(margins: IntArray) -> IntArray:
    """Strength of the strongest path of majorities from each model to each other.

    A path is as strong as its smallest margin; where there is none its strength is 0.

    Parameters
    ----------
    margins : ndarray of int, shape (n, n)
        Antisymmetric: wins minus losses.

    Returns
    -------
    ndarray of int, shape (n, n)
        0 on the diagonal.
    """
    strength = direct_paths(margins)
    widen(strength, range(len(strength)))
    np.fill_diagonal(strength, 0)
    return strength.astype(np.int64)


def direct_paths(margins: IntArray) -> IntArray:
    """Strength of the path from each model to each other through nobody, shape (n, n)."""
    # The narrowest type that holds the margins: the n passes over the matrix cost as much as it is large.
    width = np.min_scalar_type(-int(np.abs(margins).max(initial=0)) - 1)
    strength: IntArray = np.maximum(margins, 0).astype(width)
    return strength


def widen(strength: IntArray, middles: Iterable[int]) -> None:
    """Admit further models as stations of the strongest paths, shape (n, n); in place."""
    through = np.empty_like(strength)
    for middle in middles:
        np.minimum(strength[:, middle, None], strength[middle], out=through)
        np.maximum(strength, through, out=strength)


def schulze_scores(wins: IntArray) -> FloatArray:
    """Number of models beaten by path plus half the number with which the strengths of the paths tie.

    Model i beats j by path if the strongest path of majorities from i to j is stronger than the one back. That
    relation is transitive, so whoever beats a model by path has a higher score than it.

    Parameters
    ----------
    wins : ndarray of int, shape (n, n)
        As from `pairwise_wins`. Strength is by margins.

    Returns
    -------
    ndarray, shape (n,)
        From 0 to n - 1.
    """
    return copeland_scores(widest_paths(wins - wins.T))


def unless_unscored(board: Board, scores: FloatArray) -> FloatArray:
    """The scores, NaN for a model that the board has no score of: it met nobody, which is not a tie with everybody."""
    unscored = np.isnan(board.scores).all(axis=1)
    known: FloatArray = np.where(unscored, np.nan, scores)
    return known


def _of_wins(function: Callable[[IntArray], FloatArray]) -> Callable[[Board], FloatArray]:
    def combine(board: Board) -> FloatArray:
        return unless_unscored(board, function(pairwise_wins(board.scores)))

    return combine


COPELAND = register(
    Scheme(
        name="COPELAND",
        family="ordinal",
        scale=RANK_SCALE,
        combination="number of models beaten on a majority of the common benchmarks + half the number tied with",
        source="Copeland (1951), A reasonable social welfare function, University of Michigan",
        conventions=CONVENTIONS,
        claims=Claims(affine=True, monotone=True, monotonicity=True, pareto=True),
        combine=_of_wins(copeland_scores),
        costly=True,
    )
)

SIMPSON = register(
    Scheme(
        name="SIMPSON",
        family="ordinal",
        scale=RANK_SCALE,
        combination="minimum over the other models of (benchmarks won - benchmarks lost)",
        source="Simpson (1969), Q. J. Econ. 83, 478-490; Kramer (1977), J. Econ. Theory 16, 310-334",
        conventions=CONVENTIONS,
        claims=Claims(affine=True, monotone=True, monotonicity=True, pareto=True),
        combine=_of_wins(simpson_scores),
        costly=True,
    )
)

SCHULZE = register(
    Scheme(
        name="SCHULZE",
        family="ordinal",
        scale=RANK_SCALE,
        combination=(
            "number of models beaten by path + half the number tied with, where i beats j by path if the strongest "
            "chain of majorities from i to j has a larger smallest margin than the strongest from j to i"
        ),
        source="Schulze (2011), Soc. Choice Welf. 36, 267-303",
        conventions=CONVENTIONS,
        claims=Claims(affine=True, monotone=True, pareto=True),
        combine=_of_wins(schulze_scores),
        costly=True,
    )
)
