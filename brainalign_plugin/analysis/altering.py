"""Scores after one leaf has been put on another scale, or copied: of all leaves at once where the scheme allows it.

A weighted mean, a count of wins or a component need not be found from the whole board again: only what the leaf adds to
it changes. What is not known here aggregates a board for each leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..aggregation.ranks import BORDA, MEDIAN_RANK, borda_points
from ..aggregation.registry import filled
from ..aggregation.votes import (
    COPELAND,
    SCHULZE,
    SIMPSON,
    copeland_scores,
    pairwise_wins,
    schulze_scores,
    simpson_scores,
    unless_unscored,
)
from ..arrays import FloatArray, IntArray
from ..board import Board
from ..scales import ranks_from_bottom, rounded
from .boards import resolved_board, rule_for
from .raising.cells import Case
from .raising.components import OF_COMPONENTS, OF_DOUBLED_COMPONENTS, Variants
from .raising.means import medians_with
from .resampling import repeated_scores
from .sharing import each
from .structure import cell_weights, is_mean, sees_order_only
from .subject import Rescale, Subject

_OF_WINS = {
    COPELAND.combine: copeland_scores,
    SIMPSON.combine: simpson_scores,
    SCHULZE.combine: schulze_scores,
}


def rescaled_each(
    subject: Subject, board: Board, rescale: Rescale, base: FloatArray, jobs: int = 1
) -> FloatArray:
    """Scores after each of ``m`` leaves by itself has been put on another scale.

    Parameters
    ----------
    board : Board
        ``n`` models, as it is before missing cells are dealt with.
    rescale : callable
        From a leaf's scores to those on the other scale.
    base : ndarray, shape (n,)
        Scores on the board.
    jobs : int
        Processes, where the board is aggregated for each leaf.

    Returns
    -------
    ndarray, shape (m, n)
    """
    rule = rule_for(subject.scheme, subject.convention)
    resolved = resolved_board(subject.scheme, board, rule)
    columns = filled(np.column_stack([rescale(column) for column in board.scores.T]), board.states, rule)
    leaves = np.arange(len(board.leaves))
    if sees_order_only(subject.scheme):
        before, after = ranks_from_bottom(resolved.scores), ranks_from_bottom(columns)
        leaves = np.flatnonzero(~((before == after) | (np.isnan(before) & np.isnan(after))).all(axis=0))
    found = np.tile(base, (len(board.leaves), 1))
    if is_mean(subject.scheme):
        known = _means_rescaled(subject, resolved, rescale, columns, leaves, found)
    elif subject.scheme.combine in OF_COMPONENTS:
        estimate = OF_COMPONENTS[subject.scheme.combine](Case(subject.scheme, board, rule, base))
        known = _as_estimated(estimate, columns, found)
    else:
        known = leaves[:0]
    return _completed(
        found,
        np.setdiff1d(leaves, known),
        lambda j: subject.rescaled_scores(board, board.leaves[j], rescale),
        jobs,
    )


def _completed(
    found: FloatArray, rest: IntArray, of_leaf: Callable[[int], FloatArray], jobs: int
) -> FloatArray:
    """Scores (m, n) with the rows of what is left, each from a board of its own."""
    rows = each(of_leaf, rest.tolist(), jobs)
    for j, row in zip(rest, rows, strict=True):
        found[j] = row
    return found


def _means_rescaled(
    subject: Subject,
    board: Board,
    rescale: Rescale,
    columns: FloatArray,
    leaves: IntArray,
    found: FloatArray,
) -> IntArray:
    """Put the scores (m, n) under a mean into ``found``, which has the base; the leaves for which that is so.

    Not for leaves where other cells are left out than before, nor where a scale is infinite.
    """
    scheme = subject.scheme
    scaled = scheme.scale.of(board)
    weights, old = cell_weights(scheme, board, scaled)[:, leaves], scaled[:, leaves]
    if scheme.scale.by_leaf is None:
        new = scheme.scale.function(columns[:, leaves])
    else:
        new = np.empty(old.shape)
        for k, j in enumerate(leaves):
            leaf = board.leaves[j]
            new[:, k] = subject.rescaled_scheme(leaf, rescale).scale.for_leaf(leaf)(columns[:, j])
    there = ~np.isnan(old)
    usable = ((there == ~np.isnan(new)) & ~np.isinf(new)).all(axis=0)
    moved = np.where(there & usable, weights * (new - old), 0.0)
    found[leaves] += moved.T
    known: IntArray = leaves[usable]
    return known


def _as_estimated(estimate: Variants, columns: FloatArray, found: FloatArray) -> IntArray:
    """Put the scores (m, n) under a scheme of components into ``found`` where they are sure; the leaves of these."""
    leaves = np.arange(len(found))
    scores, sure = estimate(leaves, np.nan_to_num(columns))
    found[sure] = scores.T[sure]
    known: IntArray = leaves[sure]
    return known


def cloned_each(subject: Subject, board: Board, jobs: int = 1) -> FloatArray:
    """Scores after a copy of each of ``m`` leaves by itself has been added as its sibling, shape (m, n)."""
    combine = subject.scheme.combine
    values = resolved_board(subject.scheme, board, subject.convention).scores
    if combine is BORDA.combine:
        return subject.scores(board) + np.nan_to_num(borda_points(values)).T
    if combine is MEDIAN_RANK.combine:
        ranks = ranks_from_bottom(values)
        return medians_with(np.sort(ranks, axis=1), ranks).T
    if combine in _OF_WINS:
        wins, of_wins = pairwise_wins(values), _OF_WINS[combine]
        rows = each(lambda column: of_wins(wins + (column[:, None] > column)), rounded(values).T, jobs)
        return np.array([unless_unscored(board, row) for row in rows])
    at_once = with_copies(subject, board, [[leaf] for leaf in board.leaves])
    if at_once is not None:
        return at_once
    leaves, found = np.arange(len(board.leaves)), np.empty(values.T.shape)
    if combine in OF_DOUBLED_COMPONENTS:
        case = Case(
            subject.scheme, board, rule_for(subject.scheme, subject.convention), subject.scores(board)
        )
        leaves = np.setdiff1d(leaves, _as_estimated(OF_DOUBLED_COMPONENTS[combine](case), values, found))
    return _completed(found, leaves, lambda j: subject.cloned_scores(board, [board.leaves[j]]), jobs)


def with_copies(subject: Subject, board: Board, copied: Sequence[Sequence[str]]) -> FloatArray | None:
    """Scores after a copy of each leaf of a set has been added as its sibling, shape (number of sets, n).

    None where each set needs a board of its own (see `Subject.cloned_scores`), or there is none.
    """
    of_repeated = repeated_scores(subject.scheme, resolved_board(subject.scheme, board, subject.convention))
    if of_repeated is None or not copied:
        return None
    again = [[leaf in leaves for leaf in board.leaves] for leaves in copied]
    return of_repeated(1.0 + np.array(again).reshape(len(copied), len(board.leaves)))
