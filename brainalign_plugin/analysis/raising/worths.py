"""Raised cells under Bradley-Terry and Plackett-Luce: every variant is fitted from the worths of the board as it is.

The likelihood is concave, so that it has one maximum wherever the search begins. A raised cell hardly bends it: Newton
steps with the curvature of the board as it is lead to the maximum, of all variants of a leaf at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ...aggregation.picks import Picks, picks_of
from ...aggregation.votes import pairwise_compared
from ...aggregation.worth import BT, PL, TOLERANCE, bradley_terry_hessian, totals
from ...arrays import BoolArray, FloatArray
from ...board import Board
from ...scales import ranks_from_bottom
from .cells import Case, falls_as_estimated

# A step with another's curvature gains about a digit; what has not arrived then is fitted from cold.
_MOST_STEPS = 40
# Numbers that are worked on at once: what a core keeps in its cache.
_BLOCK_CELLS = 1 << 15

# Gradients (v, n) of variants at their logarithms of worths (v, n).
Gradient = Callable[[FloatArray], FloatArray]


def falls_under_worths(case: Case, jobs: int) -> int:  # noqa: ARG001 one signature for all ways
    """Number of cells whose raising lowers their model, where it changes no other cell and every model has a score."""
    ranks = ranks_from_bottom(case.values)
    model = OF_WORTHS[case.scheme.combine](case.values, case.base)
    factor: Any = cho_factor(model.curvature)
    block = max(1, _BLOCK_CELLS // model.cells)
    falls = 0
    for j in range(len(case.board.leaves)):
        models, columns = case.variants(j)
        changed = (np.nan_to_num(ranks_from_bottom(columns) - ranks[:, j, None]) != 0).any(axis=0)
        models, columns = models[changed], columns[:, changed]
        for first in range(0, len(models), block):
            some = slice(first, first + block)
            gradient = model.gradients(j, columns[:, some])
            start = np.tile(case.base, (len(models[some]), 1))
            worths, arrived = _fitted(gradient, factor, start, TOLERANCE * model.largest)
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


def _fitted(
    gradient: Gradient, factor: Any, worths: FloatArray, tolerance: float
) -> tuple[FloatArray, BoolArray]:
    """Logarithms of the worths of each variant, shape (v, n), and whether the search has arrived at them."""
    steepest = np.full(len(worths), np.inf)
    for _ in range(_MOST_STEPS):
        slopes = gradient(worths)
        steepest = np.abs(slopes).max(axis=1)
        if (steepest <= tolerance).all() or not np.isfinite(slopes).all():
            break
        worths = worths - np.asarray(cho_solve(factor, slopes.T)).T
    return worths - worths.mean(axis=1, keepdims=True), steepest <= tolerance


def _bradley_terry(values: FloatArray, base: FloatArray) -> _Likelihood:
    compared = pairwise_compared(values).astype(np.float64)
    np.fill_diagonal(compared, 0.0)
    won, met = totals(values)
    ranks = np.nan_to_num(ranks_from_bottom(values))

    def gradients(j: int, columns: FloatArray) -> Gradient:
        wins = won + (np.nan_to_num(ranks_from_bottom(columns)) - ranks[:, j, None]).T

        def gradient(log_worths: FloatArray) -> FloatArray:
            worths = np.exp(log_worths - log_worths.max(axis=1, keepdims=True))
            rates = compared / (worths[:, :, None] + worths[:, None])
            slopes: FloatArray = rates.sum(axis=2) * worths - wins
            return slopes

        return gradient

    return _Likelihood(
        bradley_terry_hessian(compared, base), gradients, float(met.max(initial=1.0)), compared.size
    )


def _plackett_luce(values: FloatArray, base: FloatArray) -> _Likelihood:
    picks = picks_of(values)

    def gradients(j: int, columns: FloatArray) -> Gradient:
        side_by_side = _side_by_side(picks, j, picks_of(columns))

        def gradient(log_worths: FloatArray) -> FloatArray:
            worth, left = side_by_side.left(log_worths.ravel())
            expected = side_by_side.expected(worth, 1.0 / left)
            slopes: FloatArray = (expected - side_by_side.count).reshape(log_worths.shape)
            return slopes

        return gradient

    return _Likelihood(picks.hessian(base), gradients, float(picks.count.max(initial=1.0)), values.size)


def _side_by_side(picks: Picks, j: int, variants: Picks) -> Picks:
    """Picks of ``v`` boards as of one: each as ``picks`` but for benchmark j, and with models of its own."""
    benchmarks, models = picks.model.shape
    number = np.arange(len(variants.model))

    def stacked(of_all: Any, of_variants: Any) -> Any:
        whole = np.tile(of_all, (len(number), 1, 1))
        whole[:, j] = of_variants
        return whole.reshape(-1, models)

    row = np.arange(benchmarks)[:, None] * (models + 1)
    own = number[:, None] * (models + 1)
    # Positions count from the start of the row here, so that a row may be exchanged.
    first = stacked(picks.first - row, variants.first - own)
    after = stacked(picks.after - row, variants.after - own)
    start = np.arange(len(first))[:, None] * (models + 1)
    return replace(
        picks,
        model=stacked(picks.model, variants.model) + models * np.repeat(number, benchmarks)[:, None],
        scored=stacked(picks.scored, variants.scored),
        first=first + start,
        after=after + start,
        gone=stacked(picks.gone, variants.gone),
        count=np.tile(picks.count, len(number)),
    )


OF_WORTHS: dict[Callable[[Board], FloatArray] | None, Callable[[FloatArray, FloatArray], _Likelihood]] = {
    BT.combine: _bradley_terry,
    PL.combine: _plackett_luce,
}
