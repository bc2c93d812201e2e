"""Condorcet schemes: every benchmark is a voter, and models are compared in pairs, see `pairwise`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..arrays import FloatArray, IntArray
from .base import Claims, Scheme
from .missing import Convention
from .registry import register
from .scaling import RANK_SCALE

CONVENTIONS: tuple[Convention, ...] = ("skip", "worst", "zero", "attempted", "mean")


def copeland_scores(wins: IntArray) -> FloatArray:
    """Count the opponents beaten by majority plus half those with whom it ties; wins (n, n) to scores (n,)."""
    beaten, lost = (wins > wins.T).sum(axis=1), (wins < wins.T).sum(axis=1)
    return np.asarray((beaten + (len(wins) - 1 - lost)) / 2)


def simpson_scores(wins: IntArray) -> FloatArray:
    """Return the smallest margin (wins minus losses) against any opponent, 0 without one; (n, n) to (n,)."""
    if len(wins) == 1:
        return np.zeros(1)
    margins = wins - wins.T
    np.fill_diagonal(margins, np.iinfo(np.int64).max)
    return np.asarray(margins.min(axis=1), dtype=np.float64)


def widest_paths(margins: IntArray) -> IntArray:
    """Return the strength of the strongest path of majorities between models, its smallest margin; shape (n, n)."""
    # The smallest type for the margins, because the n passes over the matrix are bound by memory.
    width = np.min_scalar_type(-int(np.abs(margins).max(initial=0)) - 1)
    strength: IntArray = np.maximum(margins, 0).astype(width)
    through = np.empty_like(strength)
    for middle in range(len(strength)):
        np.minimum(strength[:, middle, None], strength[middle], out=through)
        np.maximum(strength, through, out=strength)
    np.fill_diagonal(strength, 0)
    return strength.astype(np.int64)


def schulze_scores(wins: IntArray) -> FloatArray:
    """Count the models beaten by path plus half those that tie; strength is by margins. (n, n) to (n,)."""
    return copeland_scores(widest_paths(wins - wins.T))


def _copeland_without_each(wins: IntArray) -> FloatArray:
    points = 0.5 * (1 + np.sign(wins - wins.T))
    np.fill_diagonal(points, 0.0)
    return np.asarray(points.sum(axis=1) - points.T)


def _simpson_without_each(wins: IntArray) -> FloatArray:
    n = len(wins)
    if n < 3:
        return np.zeros((n, n))
    margins = (wins - wins.T).astype(np.float64)
    np.fill_diagonal(margins, np.inf)
    worst = np.argmin(margins, axis=1)
    lowest = np.partition(margins, 1, axis=1)[:, :2]
    return np.where(np.arange(n)[:, None] == worst, lowest[:, 1], lowest[:, 0])


def matrices(count: int) -> Callable[[int, int], float]:
    """Return the function for `Scheme.memory` of so many matrices of models by models, and the scores."""
    return lambda n, m: 8.0 * count * n * n + 64.0 * n * m


_CLAIMS = Claims(affine=True, monotone=True, monotonicity=True, pareto=True)
# Schemes of the orders on the benchmarks.
ordinal = partial(Scheme, family="ordinal", scale=RANK_SCALE, conventions=CONVENTIONS)
_vote = partial(ordinal, effort="pairs", memory=matrices(4))
for _scheme in (
    _vote(
        name="COPELAND",
        combination="number of models beaten on a majority of the common benchmarks + half the number tied with",
        source="Copeland (1951), A reasonable social welfare function, University of Michigan",
        claims=_CLAIMS,
        wins=copeland_scores,
        without_each=_copeland_without_each,
    ),
    _vote(
        name="SIMPSON",
        combination="minimum over the other models of (benchmarks won - benchmarks lost)",
        source="Simpson (1969), Q. J. Econ. 83, 478-490; Kramer (1977), J. Econ. Theory 16, 310-334",
        claims=_CLAIMS,
        wins=simpson_scores,
        without_each=_simpson_without_each,
    ),
    _vote(
        name="SCHULZE",
        combination=(
            "number of models beaten by path + half the number tied with, where i beats j by path if the strongest "
            "chain of majorities from i to j has a larger smallest margin than the strongest from j to i; Schulze "
            "leaves winners tied, this count splits them by how many others they beat"
        ),
        source="Schulze (2011), Soc. Choice Welf. 36, 267-303",
        claims=Claims(affine=True, monotone=True, pareto=True),
        wins=schulze_scores,
    ),
):
    register(_scheme)
