"""Monotonicity, measured: how often a model falls because one of its scores has risen.

Every SCORED cell is raised by itself, and the board aggregated again. Means need only the raised leaf, majorities only
the raised model's pairs, and what sees nothing but the order of the models needs nothing where the order stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed

from ..aggregation import Convention, Scheme
from ..aggregation.registry import filled
from ..aggregation.votes import COPELAND, SIMPSON, pairwise_wins
from ..arrays import FloatArray, IntArray
from ..board import Board
from ..scales import rounded
from .boards import aggregated, ranks_of_all, resolved_board, rule_for
from .structure import cell_weights, same_order, sees_order_only

STEP = 0.01


def raised(scores: FloatArray, step: float = STEP) -> FloatArray:
    """Scores raised by a step, capped at 1; nothing is lowered."""
    return np.maximum(scores, np.minimum(scores + step, 1.0))


def monotonicity_violations(
    scheme: Scheme, board: Board, convention: Convention | None = None, jobs: int = 1
) -> int:
    """Cells whose raising by 0.01 (capped at 1) lowers the rank of their model.

    Parameters
    ----------
    scheme : Scheme
        Bound to its reference if it needs one.
    board : Board
        ``n`` models on ``m`` leaves; a missing cell cannot be raised, and is dealt with after the others were.
    convention : str, optional
        Rule for missing cells; the scheme's own if None.
    jobs : int
        Processes.
    """
    rule = rule_for(scheme, convention)
    before = ranks_of_all(aggregated(scheme, board, rule))
    # The mean of a leaf moves with the raised score, and with it every cell that it fills.
    moves_others = rule == "mean" and not board.complete
    if scheme.weights is not None:
        return _of_means(scheme, board, rule, before, jobs)
    if scheme.combine in _OF_VOTES and not moves_others:
        return _of_votes(scheme, board, rule, before)
    counts: list[int] = Parallel(n_jobs=jobs)(
        delayed(_falls_of)(scheme, board, rule, before, i) for i in range(len(board.models))
    )
    return sum(counts)


def in_one_go(scheme: Scheme) -> bool:
    """Whether all raised cells of a leaf or of a model are aggregated at once."""
    return scheme.weights is not None or scheme.combine in _OF_VOTES


def _falls_of(scheme: Scheme, board: Board, rule: Convention, before: IntArray, i: int) -> int:
    """Number of cells of one model whose raising lowers it: everything aggregated again."""
    ordinal = sees_order_only(scheme)
    falls = 0
    for j in np.flatnonzero(raised(board.scores[i]) > board.scores[i]):
        scores = np.array(board.scores)
        scores[i, j] = raised(scores[i, j])
        if ordinal and same_order(board.scores[:, j], scores[:, j], board.states[:, j], rule):
            continue
        after = ranks_of_all(aggregated(scheme, replace(board, scores=scores), rule))
        falls += bool(after[i] > before[i])
    return falls


def _of_means(scheme: Scheme, board: Board, rule: Convention, before: IntArray, jobs: int) -> int:
    resolved = resolved_board(scheme, board, rule)
    scaled = scheme.scale.of(resolved)
    weights = cell_weights(scheme, resolved, scaled)
    base = scheme.scores(resolved)
    own = np.arange(len(board.models))

    def falls_on(j: int) -> int:
        column, scale = board.scores[:, j], scheme.scale.for_leaf(board.leaves[j])
        # One column a variant: in variant i the score of model i is raised, whatever the scale makes of it.
        variants = np.repeat(column[:, None], len(column), axis=1)
        variants[own, own] = raised(column)
        states = np.broadcast_to(board.states[:, j, None], variants.shape)
        placed = scale(variants if board.complete else filled(variants, states, rule))
        part = np.where(weights[:, j] > 0, weights[:, j] * scaled[:, j], 0.0)
        moved = np.where(weights[:, j, None] > 0, weights[:, j, None] * placed, 0.0)
        values = rounded(np.where(np.isnan(base), -np.inf, base - part)[:, None] + moved)
        after = 1 + (values > values[own, own]).sum(axis=0)
        return int(((after > before) & (raised(column) > column)).sum())

    counts: list[int] = Parallel(n_jobs=jobs, prefer="threads")(
        delayed(falls_on)(j) for j in range(len(board.leaves))
    )
    return sum(counts)


def _of_votes(scheme: Scheme, board: Board, rule: Convention, before: IntArray) -> int:
    values = rounded(resolved_board(scheme, board, rule).scores)
    wins = pairwise_wins(values)
    margins = wins - wins.T
    new_scores = _OF_VOTES[scheme.combine]
    unscored = np.isnan(values).all(axis=1)
    falls = 0
    for i in range(len(values)):
        columns = np.flatnonzero(raised(board.scores[i]) > board.scores[i])
        up = rounded(raised(board.scores[i, columns]))
        rivals = values[:, columns].T
        # A rival without a score on the leaf is compared with nobody.
        change = np.nan_to_num(np.sign(up[:, None] - rivals) - np.sign(values[i, columns, None] - rivals))
        change[:, i] = 0
        scores = new_scores(margins, margins[i] + change, i)
        scores[:, unscored] = -np.inf
        after = 1 + (scores > scores[:, i, None]).sum(axis=1)
        falls += int((after > before[i]).sum())
    return falls


def _copeland_after(margins: IntArray, of_raised: FloatArray, i: int) -> FloatArray:
    """Copeland scores in each variant (c, n), given the raised model's new margins (c, n)."""
    points = 0.5 * (1 + np.sign(margins))
    np.fill_diagonal(points, 0.0)
    won = 0.5 * (1 + np.sign(of_raised))
    scores: FloatArray = points.sum(axis=1) - points[:, i] + (1 - won)
    scores[:, i] = np.delete(won, i, axis=1).sum(axis=1)
    return scores


def _simpson_after(margins: IntArray, of_raised: FloatArray, i: int) -> FloatArray:
    """Simpson scores in each variant (c, n), given the raised model's new margins (c, n)."""
    among_others = margins.astype(np.float64)
    np.fill_diagonal(among_others, np.inf)
    among_others[:, i] = np.inf
    scores: FloatArray = np.minimum(among_others.min(axis=1), -of_raised)
    if len(margins) > 1:
        scores[:, i] = np.delete(of_raised, i, axis=1).min(axis=1)
    return scores


_OF_VOTES: dict[Callable[[Board], FloatArray] | None, Callable[[IntArray, FloatArray, int], FloatArray]] = {
    COPELAND.combine: _copeland_after,
    SIMPSON.combine: _simpson_after,
}
