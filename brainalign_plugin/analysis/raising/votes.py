"""Raised cells under the Condorcet schemes: they move the raised model's margins, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...aggregation.votes import COPELAND, SCHULZE, SIMPSON, pairwise_wins, widest_paths
from ...arrays import FloatArray, IntArray
from ...board import Board
from .cells import Case, changed_margins, falls_of


def falls_under_votes(case: Case, jobs: int) -> int:  # noqa: ARG001 one signature for all ways
    """Number of cells whose raising lowers their model, where it changes no other cell and every model has a score."""
    wins = pairwise_wins(case.values)
    margins = wins - wins.T
    new_scores = OF_VOTES[case.scheme.combine]
    falls = 0
    for i in range(len(margins)):
        change = changed_margins(case, i)
        scores = new_scores(margins, margins[i] + change[change.any(axis=1)], i)
        falls += falls_of(case, np.full(len(scores), i), scores.T)
    return falls


def _copeland_after(margins: IntArray, of_raised: IntArray, i: int) -> FloatArray:
    """Copeland scores in each variant (v, n), given the raised model's new margins (v, n)."""
    points = 0.5 * (1 + np.sign(margins))
    np.fill_diagonal(points, 0.0)
    won = 0.5 * (1 + np.sign(of_raised))
    scores: FloatArray = points.sum(axis=1) - points[:, i] + (1 - won)
    scores[:, i] = np.delete(won, i, axis=1).sum(axis=1)
    return scores


def _simpson_after(margins: IntArray, of_raised: IntArray, i: int) -> FloatArray:
    """Simpson scores in each variant (v, n), given the raised model's new margins (v, n)."""
    among_others = margins.astype(np.float64)
    np.fill_diagonal(among_others, np.inf)
    among_others[:, i] = np.inf
    scores: FloatArray = np.minimum(among_others.min(axis=1), -of_raised)
    if len(margins) > 1:
        scores[:, i] = np.delete(of_raised, i, axis=1).min(axis=1)
    return scores


def _schulze_after(margins: IntArray, of_raised: IntArray, i: int) -> FloatArray:
    """Schulze scores in each variant (v, n), given the raised model's new margins (v, n).

    A strongest path goes through the raised model once or never: the paths among the others are found once.
    """
    models = len(margins)
    others = np.delete(np.arange(models), i)
    width = np.min_scalar_type(-int(max(np.abs(margins).max(), np.abs(of_raised).max(initial=0))) - 1)
    among = widest_paths(margins[np.ix_(others, others)]).astype(width)
    # From a model to itself nothing is in the way.
    np.fill_diagonal(among, np.iinfo(width).max)
    own = of_raised[:, others].astype(width)
    leaving, coming = np.maximum(own, 0), np.maximum(-own, 0)
    scores = np.empty(of_raised.shape)
    for variant, (out, back) in enumerate(zip(leaving, coming, strict=True)):
        to = np.minimum(out[:, None], among).max(axis=0, initial=0)
        of = np.minimum(among, back).max(axis=1, initial=0)
        strength = np.maximum(among, np.minimum(of[:, None], to))
        beaten = np.sign(strength.astype(np.int64) - strength.T).sum(axis=1) + np.sign(
            of - to.astype(np.int64)
        )
        scores[variant, others] = (models - 1 + beaten) / 2
        scores[variant, i] = (models - 1 + np.sign(to - of.astype(np.int64)).sum()) / 2
    return scores


OF_VOTES: dict[Callable[[Board], FloatArray] | None, Callable[[IntArray, IntArray, int], FloatArray]] = {
    COPELAND.combine: _copeland_after,
    SIMPSON.combine: _simpson_after,
    SCHULZE.combine: _schulze_after,
}
