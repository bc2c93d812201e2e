"""Removed models under Bradley-Terry and Plackett-Luce: every smaller board is fitted from the worths of the whole.

Whether it has finite worths is found out first: as the whole board has them, some set of models would have to hang
together by the removed model alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor

from ...aggregation.picks import Picks, picks_of
from ...aggregation.votes import pairwise_compared, pairwise_wins
from ...aggregation.worth import BT, PL, TOLERANCE, bradley_terry_hessian, levelled
from ...arrays import BoolArray, FloatArray, IntArray
from ...board import Board
from ..worth_fits import (
    BLOCK_CELLS,
    CLOSE,
    Gradient,
    bradley_terry_gradient,
    fitted,
    in_rows,
    plackett_luce_gradient,
    side_by_side,
)
from .cases import Estimate, any_alike, in_order


def worths_without_each(
    combine: Callable[[Board], FloatArray] | None, values: FloatArray, base: FloatArray
) -> Estimate:
    """Logarithms of the worths after the removal of each model, where they are known without fitting from cold.

    Parameters
    ----------
    combine : callable
        Of the scheme, a key of `OF_WORTHS`.
    values : ndarray, shape (n, m)
        Scores, missing ones dealt with in a way that no removal changes.
    base : ndarray, shape (n,)
        Logarithms of the worths on the whole board; without any for a model, nothing is known.
    """
    n = len(values)
    scores, known = np.full((n, n), np.nan), np.zeros(n, dtype=np.bool_)
    if n < 3 or np.isnan(base).any():
        return scores, known
    wins = pairwise_wins(values)
    compared = pairwise_compared(values)
    finite = np.flatnonzero(hang_together_without_each(compared - wins.T > 0))
    model = OF_WORTHS[combine](values, base, wins, compared)
    if not model.ties and any_alike(values):
        return scores, known
    factor: Any = cho_factor(model.curvature)
    block = max(1, BLOCK_CELLS // model.cells)
    for first in range(0, len(finite), block):
        gone = finite[first : first + block]
        start = np.tile(base, (len(gone), 1))
        worths, known[gone] = fitted(model.gradient(gone), factor, start, TOLERANCE * model.largest)
        worths[np.arange(len(gone)), gone] = np.nan
        scores[gone] = model.placed(gone, worths)
    scores -= np.nanmean(np.where(known[:, None], scores, 0.0), axis=1, keepdims=True)
    return scores, known & in_order(scores, CLOSE, ties=model.ties)


def hang_together_without_each(at_least: BoolArray) -> BoolArray:
    """Whether everybody else can be reached from everybody else by wins and ties, without each model. Shape (n,).

    ``at_least[i, j]``: on some benchmark that has both i is above j or ties with it.
    """
    together = np.ones(len(at_least), dtype=np.bool_)
    gone = np.eye(len(at_least), dtype=np.bool_)
    for edges in (at_least, at_least.T):
        steps = edges.astype(np.float32)
        # From the first model; where that is the removed one, from the second.
        reached = np.zeros(gone.shape, dtype=np.bool_)
        reached[0, 1] = reached[1:, 0] = True
        while True:
            further = reached | ((reached.astype(np.float32) @ steps > 0) & ~gone)
            if np.array_equal(further, reached):
                break
            reached = further
        together &= (reached | gone).all(axis=1)
    return together


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """A likelihood of ``n`` models, on boards that lack one of them.

    Attributes
    ----------
    curvature : ndarray, shape (n, n)
        Second derivatives on the whole board.
    gradient : callable
        From the removed models, shape (v,), to the gradient; 0 for them.
    placed : callable
        From the removed models and the worths that were found (v, n), to those that the scheme gives.
    largest : float
        Most comparisons, or picks, of a model.
    cells : int
        Numbers that a removal needs.
    ties : bool
        Whether two models that tie have the same worth to the last digit.
    """

    curvature: FloatArray
    gradient: Callable[[IntArray], Gradient]
    placed: Callable[[IntArray, FloatArray], FloatArray]
    largest: float
    cells: int
    ties: bool


def _bradley_terry(values: FloatArray, base: FloatArray, wins: IntArray, compared: IntArray) -> _Likelihood:
    met = compared.astype(np.float64)
    np.fill_diagonal(met, 0.0)
    won = (wins + met - wins.T) / 2
    won_without = won.sum(axis=1) - won.T
    np.fill_diagonal(won_without, 0.0)
    _, present = np.unique(~np.isnan(values), axis=0, return_inverse=True)

    def placed(gone: IntArray, worths: FloatArray) -> FloatArray:
        level = np.full(worths.shape, np.nan)
        for row, k in enumerate(gone.tolist()):
            others = np.arange(len(values)) != k
            alike = np.column_stack((present.reshape(-1), won_without[k]))[others]
            level[row, others] = levelled(alike, worths[row, others])
        return level

    return _Likelihood(
        curvature=bradley_terry_hessian(met, base),
        gradient=lambda gone: bradley_terry_gradient(met, won_without[gone], gone),
        placed=placed,
        largest=float(met.sum(axis=1).max(initial=1.0)),
        cells=met.size,
        ties=True,
    )


def _plackett_luce(values: FloatArray, base: FloatArray, wins: IntArray, compared: IntArray) -> _Likelihood:  # noqa: ARG001 one signature for both
    picks = picks_of(values)
    return _Likelihood(
        curvature=picks.hessian(base),
        gradient=lambda gone: plackett_luce_gradient(_without(picks, gone)),
        placed=lambda _, worths: worths,
        largest=float(picks.count.max(initial=1.0)),
        cells=values.size,
        ties=False,
    )


def _without(picks: Picks, gone: IntArray) -> Picks:
    """Picks of ``v`` boards side by side, each as ``picks`` without one model: its place stays, and counts nothing."""
    first, after = in_rows(picks)
    own = picks.model == gone[:, None, None]
    position = np.arange(picks.model.shape[1])
    place = own.argmax(axis=2)
    # Of those that tie with it, all after it have one less before them, of one less.
    taken = np.broadcast_to(picks.gone, own.shape)
    tied = after - first > 1
    if tied.any():
        group = first[np.arange(len(first)), place][..., None]
        beside = tied & (first == group)
        earlier = position - first - (position > place[..., None])
        taken = np.where(beside, earlier / np.maximum(after - first - 1, 1), taken)
    count = np.tile(picks.count, (len(gone), 1))
    count[np.arange(len(gone)), gone] = 0.0
    return side_by_side(
        model=np.broadcast_to(picks.model, own.shape),
        scored=picks.scored & ~own,
        first=np.broadcast_to(first, own.shape),
        after=np.broadcast_to(after, own.shape),
        gone=taken,
        count=count,
    )


OF_WORTHS: dict[
    Callable[[Board], FloatArray] | None,
    Callable[[FloatArray, FloatArray, IntArray, IntArray], _Likelihood],
] = {
    BT.combine: _bradley_terry,
    PL.combine: _plackett_luce,
}
