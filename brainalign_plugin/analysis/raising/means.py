"""Raised cells under schemes that put each leaf on a scale by itself: means, sums and medians of what is on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...aggregation.ranks import BORDA, MEDIAN_RANK, borda_points
from ...arrays import FloatArray
from ...board import Board
from ...scales import ranks_from_bottom, rounded
from ..sharing import each
from ..structure import cell_weights, is_mean
from .cells import Case, can_rise, falls_of, raised


def falls_of_means(case: Case, jobs: int) -> int:
    """Number of cells whose raising lowers their model under a weighted mean: only the raised leaf is scaled again."""
    scheme, resolved = case.scheme, replace(case.board, scores=case.values)
    scaled = scheme.scale.of(resolved)
    weights = cell_weights(scheme, resolved, scaled)
    base = np.where(np.isnan(case.base), -np.inf, case.base)

    def falls_on(j: int) -> int:
        models, columns = case.variants(j)
        placed = scheme.scale.for_leaf(case.board.leaves[j])(columns)
        counts = weights[:, j] > 0
        rest = base - np.where(counts, weights[:, j] * scaled[:, j], 0.0)
        moved = np.where(counts[:, None], weights[:, j, None] * placed, 0.0)
        return falls_of(case, models, rest[:, None] + moved)

    return sum(each(falls_on, range(len(case.board.leaves)), jobs, prefer="threads"))


def falls_of_own_cells(case: Case, jobs: int) -> int:  # noqa: ARG001 one signature for all ways
    """The same where a model's score is a function of its own cells: all models are raised at once."""
    after = np.where(np.isnan(case.base), -np.inf, case.base)
    own = rounded(_with_own_cell_raised(case, after))
    before = rounded(after)
    # Of the others, whose scores stay.
    above = len(before) - np.searchsorted(np.sort(before), own, side="right") - (before[:, None] > own)
    fallen = 1 + above > case.before[:, None]
    return int((fallen & can_rise(case.board.scores)).sum())


def _with_own_cell_raised(case: Case, base: FloatArray) -> FloatArray:
    """Score of each model after its cell on each leaf is raised, shape (n, m)."""
    scheme, rises = case.scheme, can_rise(case.board.scores)
    if not is_mean(scheme):
        leaves = range(len(case.board.leaves))
        return np.column_stack([case.after(np.flatnonzero(rises[:, j]), j) for j in leaves])
    resolved = replace(case.board, scores=case.values)
    scaled = scheme.scale.of(resolved)
    higher = replace(resolved, scores=np.where(rises, raised(case.board.scores), case.values))
    moved = cell_weights(scheme, resolved, scaled) * (scheme.scale.of(higher) - scaled)
    scores: FloatArray = base[:, None] + np.where(rises, moved, 0.0)
    return scores


def falls_of_points(case: Case, jobs: int) -> int:  # noqa: ARG001 one signature for all ways
    """The same under Borda's sum of points."""
    points, falls = borda_points(case.values), 0
    for j in range(len(case.board.leaves)):
        models, columns = case.variants(j)
        moved = np.nan_to_num(borda_points(columns)) - np.nan_to_num(points[:, j, None])
        falls += falls_of(case, models, case.base[:, None] + moved)
    return falls


def falls_of_medians(case: Case, jobs: int) -> int:  # noqa: ARG001 one signature for all ways
    """The same under the median rank: a number among others moves their middle to where it is, or to the next."""
    ranks, falls = ranks_from_bottom(case.values), 0
    for j in range(len(case.board.leaves)):
        models, columns = case.variants(j)
        others = np.sort(np.delete(ranks, j, axis=1), axis=1)
        falls += falls_of(case, models, medians_with(others, ranks_from_bottom(columns)))
    return falls


def medians_with(others: FloatArray, added: FloatArray) -> FloatArray:
    """Median of each row of ``others`` (n, m), ascending and NaN last, with each number of ``added`` (n, v)."""
    there = (~np.isnan(others)).sum(axis=1)
    fenced = np.column_stack([np.full(len(others), -np.inf), np.nan_to_num(others, nan=np.inf)])
    fenced = np.column_stack([fenced, np.full(len(others), np.inf)])
    row = np.arange(len(others))
    with_it, without = np.zeros(added.shape), np.zeros(len(others))
    for half in (0, 1):
        # The number added has `k` of the others below the middle.
        k = (there + half) // 2
        with_it += np.clip(added, fenced[row, k, None], fenced[row, k + 1, None]) / 2
        without += np.where(there > 0, fenced[row, np.maximum((there + 1 + half) // 2, 1)], np.nan) / 2
    medians: FloatArray = np.where(np.isnan(added), without[:, None], with_it)
    return medians


OF_RANKS: dict[Callable[[Board], FloatArray] | None, Callable[[Case, int], int]] = {
    BORDA.combine: falls_of_points,
    MEDIAN_RANK.combine: falls_of_medians,
}
