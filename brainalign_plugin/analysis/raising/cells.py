"""Cells that are raised by a step, one by one, and whether their models fall."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...aggregation import Convention, Scheme
from ...aggregation.registry import filled
from ...arrays import BoolArray, FloatArray, IntArray
from ...board import Board
from ...scales import rounded
from ..boards import aggregated, ranks_of_all, resolved_board
from ..structure import same_order, sees_order_only

STEP = 0.01
# Estimates are good to many more digits; where two scores are nearer than this, only the board itself tells them apart.
CLOSE = 1e-7


@dataclass(frozen=True, eq=False)
class Case:
    """A board whose cells are raised under a scheme.

    Attributes
    ----------
    scheme : Scheme
        Bound to its reference if it needs one.
    board : Board
        ``n`` models, as it is before missing cells are dealt with.
    rule : str
        For missing cells.
    base : ndarray, shape (n,)
        Scores before anything is raised.
    """

    scheme: Scheme
    board: Board
    rule: Convention
    base: FloatArray

    @cached_property
    def before(self) -> IntArray:
        """Ranks before anything is raised, shape (n,)."""
        return ranks_of_all(self.base)

    @cached_property
    def values(self) -> FloatArray:
        """Scores on the leaves, missing ones dealt with; shape (n, m)."""
        return resolved_board(self.scheme, self.board, self.rule).scores

    def variants(self, j: int) -> tuple[IntArray, FloatArray]:
        """Each score of a leaf raised by itself.

        Returns
        -------
        models : ndarray of int, shape (v,)
            Whose score is raised in each variant.
        columns : ndarray, shape (n, v)
            The leaf's scores in each variant, missing ones dealt with afterwards.
        """
        column = self.board.scores[:, j]
        models = np.flatnonzero(can_rise(column))
        columns = np.repeat(column[:, None], len(models), axis=1)
        columns[models, np.arange(len(models))] = raised(column[models])
        if self.board.complete:
            return models, columns
        states = np.broadcast_to(self.board.states[:, j, None], columns.shape)
        return models, filled(columns, states, self.rule)

    def after(self, models: IntArray | int, j: int) -> FloatArray:
        """Scores after one leaf's scores of the given models are raised, shape (n,)."""
        scores = np.array(self.board.scores)
        scores[models, j] = raised(scores[models, j])
        return aggregated(self.scheme, replace(self.board, scores=scores), self.rule)


def raised(scores: FloatArray, step: float = STEP) -> FloatArray:
    """Scores raised by a step, capped at 1; nothing is lowered."""
    return np.maximum(scores, np.minimum(scores + step, 1.0))


def can_rise(scores: FloatArray) -> BoolArray:
    """Whether there is a score that the step raises."""
    higher: BoolArray = raised(scores) > scores
    return higher


def changed_margins(case: Case, i: int) -> IntArray:
    """What each raised cell of a model adds to its margins against the others, where it changes nothing else.

    Returns
    -------
    ndarray of int, shape (v, n)
        0 for the model itself, and for a rival without a score on the leaf: it is compared with nobody there.
    """
    columns = np.flatnonzero(can_rise(case.board.scores[i]))
    up, old = rounded(raised(case.board.scores[i, columns])), rounded(case.board.scores[i, columns])
    rivals = rounded(case.values[:, columns].T)
    change = np.nan_to_num(np.sign(up[:, None] - rivals) - np.sign(old[:, None] - rivals))
    change[:, i] = 0
    whole: IntArray = change.astype(np.int64)
    return whole


def falls_of(case: Case, models: IntArray, scores: FloatArray) -> int:
    """How many variants have their model at a worse rank, by their scores (n, v)."""
    values = rounded(np.where(np.isnan(scores), -np.inf, scores))
    own = values[models, np.arange(len(models))]
    return int((1 + (values > own).sum(axis=0) > case.before[models]).sum())


def falls_from_cold(case: Case, i: int, columns: IntArray) -> int:
    """How many of a model's cells lower it when they are raised: the board is aggregated again for each."""
    board, ordinal = case.board, sees_order_only(case.scheme)
    falls = 0
    for j in columns.tolist():
        column = board.scores[:, j]
        higher = np.array(column)
        higher[i] = raised(higher[i])
        if ordinal and same_order(column, higher, board.states[:, j], case.rule):
            continue
        falls += bool(ranks_of_all(case.after(i, j))[i] > case.before[i])
    return falls


def falls_as_estimated(case: Case, j: int, models: IntArray, scores: FloatArray, known: BoolArray) -> int:
    """How many raised cells of a leaf lower their models, by estimated scores; from cold where these leave it open.

    Parameters
    ----------
    models : ndarray of int, shape (v,)
        Whose score is raised in each variant.
    scores : ndarray, shape (n, v)
        As `Scheme.scores` would give them, but for much less than `CLOSE` of the largest.
    known : ndarray of bool, shape (v,)
        False where there is no estimate.
    """
    own = scores[models, np.arange(len(models))]
    close = CLOSE * np.maximum(np.abs(scores).max(axis=0, initial=0.0), 1.0)
    surely_above = (scores > own + close).sum(axis=0)
    perhaps_above = (scores >= own - close).sum(axis=0) - 1
    fallen, safe = 1 + surely_above > case.before[models], 1 + perhaps_above <= case.before[models]
    unclear = models[~known | ~(fallen | safe)]
    return int((fallen & known).sum()) + sum(falls_from_cold(case, int(i), np.array([j])) for i in unclear)
