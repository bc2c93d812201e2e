"""Raised cells under Bradley-Terry and Plackett-Luce: every variant is fitted from the worths of the board as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor

from ...aggregation.picks import Picks, picks_of
from ...aggregation.votes import pairwise_compared
from ...aggregation.worth import BT, PL, TOLERANCE, bradley_terry_hessian, totals
from ...arrays import FloatArray
from ...board import Board
from ...scales import ranks_from_bottom
from ..worth_fits import (
    BLOCK_CELLS,
    Gradient,
    bradley_terry_gradient,
    fitted,
    in_rows,
    plackett_luce_gradient,
    side_by_side,
)
from .cells import Case, falls_as_estimated


def falls_under_worths(case: Case, jobs: int) -> int:  # noqa: ARG001 one signature for all ways
    """Number of cells whose raising lowers their model, where it changes no other cell and every model has a score."""
    ranks = ranks_from_bottom(case.values)
    model = OF_WORTHS[case.scheme.combine](case.values, case.base)
    factor: Any = cho_factor(model.curvature)
    block = max(1, BLOCK_CELLS // model.cells)
    falls = 0
    for j in range(len(case.board.leaves)):
        models, columns = case.variants(j)
        changed = (np.nan_to_num(ranks_from_bottom(columns) - ranks[:, j, None]) != 0).any(axis=0)
        models, columns = models[changed], columns[:, changed]
        for first in range(0, len(models), block):
            some = slice(first, first + block)
            gradient = model.gradients(j, columns[:, some])
            start = np.tile(case.base, (len(models[some]), 1))
            worths, arrived = fitted(gradient, factor, start, TOLERANCE * model.largest)
            worths -= worths.mean(axis=1, keepdims=True)
            falls += falls_as_estimated(case, j, models[some], worths.T, arrived)
    return falls


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """A likelihood of ``n`` models.

    Attributes
    ----------
    curvature : ndarray, shape (n, n)
        Second derivatives on the board as it is.
    gradients : callable
        From a leaf and its variants, shape (n, v), to the gradient.
    largest : float
        Most comparisons, or picks, of a model.
    cells : int
        Numbers that a variant needs.
    """

    curvature: FloatArray
    gradients: Callable[[int, FloatArray], Gradient]
    largest: float
    cells: int


def _bradley_terry(values: FloatArray, base: FloatArray) -> _Likelihood:
    compared = pairwise_compared(values).astype(np.float64)
    np.fill_diagonal(compared, 0.0)
    won, met = totals(values)
    ranks = np.nan_to_num(ranks_from_bottom(values))

    def gradients(j: int, columns: FloatArray) -> Gradient:
        wins = won + (np.nan_to_num(ranks_from_bottom(columns)) - ranks[:, j, None]).T
        return bradley_terry_gradient(compared, wins)

    return _Likelihood(
        bradley_terry_hessian(compared, base), gradients, float(met.max(initial=1.0)), compared.size
    )


def _plackett_luce(values: FloatArray, base: FloatArray) -> _Likelihood:
    picks = picks_of(values)

    def gradients(j: int, columns: FloatArray) -> Gradient:
        return plackett_luce_gradient(_with_another(picks, j, picks_of(columns)))

    return _Likelihood(picks.hessian(base), gradients, float(picks.count.max(initial=1.0)), values.size)


def _with_another(picks: Picks, j: int, variants: Picks) -> Picks:
    """Picks of ``v`` boards side by side, each as ``picks`` but for benchmark j."""
    number = len(variants.model)

    def stacked(of_all: Any, of_variants: Any) -> Any:
        whole = np.tile(of_all, (number, 1, 1))
        whole[:, j] = of_variants
        return whole

    (first, after), (own_first, own_after) = in_rows(picks), in_rows(variants)
    return side_by_side(
        model=stacked(picks.model, variants.model),
        scored=stacked(picks.scored, variants.scored),
        first=stacked(first, own_first),
        after=stacked(after, own_after),
        gone=stacked(picks.gone, variants.gone),
        count=np.tile(picks.count, (number, 1)),
    )


OF_WORTHS: dict[Callable[[Board], FloatArray] | None, Callable[[FloatArray, FloatArray], _Likelihood]] = {
    BT.combine: _bradley_terry,
    PL.combine: _plackett_luce,
}
