"""Scores after the removal of each model in turn.

A removed model is a masked row, and the scheme scores the smaller board. Closed forms are used where thousands of
models would take minutes: a linear scheme whose scale gives its norms without each model, and counts on the win matrix.
"""

from __future__ import annotations

import numpy as np

from ..arrays import FloatArray, IntArray
from ..parallel import each
from ..ranking.boards import aggregated
from ..schemes import Scheme
from ..schemes.missing import LOCAL_RULES
from ..schemes.pairwise import pairwise_wins
from .perturb import Case


def scores_without_each(case: Case, jobs: int = 1) -> FloatArray:
    """Return the scores of a board's models after each model has been removed.

    Missing cells are filled after the removal, because a rule that depends on the other models (just below the lowest
    score, the mean) then gives another value. Shape (n, n); row k: scores without model k; NaN for a model that the
    scheme cannot score. Its own entry has no meaning. Raises BoardError, ConvergenceError if the scheme cannot be used
    on a smaller board.

    `case`: norms of its scheme were frozen before any removal. `jobs`: processes, where the smaller boards are scored
    one by one.
    """
    scheme, board = case.scheme, case.board
    n = len(board.models)
    others_stay = board.complete or case.rule in LOCAL_RULES
    if scheme.independent and others_stay:
        return np.tile(case.base, (n, 1))
    closed = scheme.scale.without_each
    if board.complete and closed is not None and scheme.linear and scheme.unfitted:
        combination = scheme.linear_combination(case.scaled, board)
        return closed(board.scores, combination.cell_weights(np.zeros((1, len(board.leaves))))[0])
    if scheme.wins is not None and scheme.order_only and others_stay:
        return _of_wins_without_each(case, jobs)
    scores = np.array(list(each(lambda k: _without(case, k), range(n), jobs))).reshape(n, n)
    np.fill_diagonal(scores, 0.0)
    return scores


def has_closed_form(scheme: Scheme) -> bool:
    """Return whether all removals from a complete board are scored in closed form."""
    if scheme.wins is not None:
        return scheme.order_only and scheme.without_each is not None
    return scheme.independent or (scheme.linear and scheme.unfitted and scheme.scale.without_each is not None)


def _without(case: Case, k: int) -> FloatArray:
    others = np.delete(np.arange(len(case.board.models)), k)
    scores = np.zeros(len(case.board.models))
    if len(others):
        scores[others] = aggregated(case.scheme, case.board.take(rows=others.tolist()), case.rule)
    return scores


def _of_wins_without_each(case: Case, jobs: int) -> FloatArray:
    """Score without each model by the wins among the others, which its removal does not change."""
    scheme, n = case.scheme, len(case.board.models)
    wins = pairwise_wins(case.scaled)
    if scheme.without_each is not None:
        scores = scheme.without_each(wins)
    else:
        scores = np.array(list(each(lambda k: _wins_without(scheme, wins, k), range(n), jobs))).reshape(n, n)
    return np.where(np.isnan(case.scaled).all(axis=1), np.nan, scores)


def _wins_without(scheme: Scheme, wins: IntArray, k: int) -> FloatArray:
    others = np.delete(np.arange(len(wins)), k)
    scores = np.zeros(len(wins))
    if len(others):
        scores[others] = scheme.of_wins(wins[np.ix_(others, others)])[0]
    return scores
