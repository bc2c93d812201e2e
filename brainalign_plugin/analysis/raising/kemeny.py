"""Monotonicity of Kemeny's ranking: most raised cells are proven to lower nobody, and no other ranking is sought.

A raised cell gives its model a vote more, or half of one, against the rivals that it reaches or overtakes. Take the
same small number of votes from the model against everybody: if a ranking with the model no further down is one of the
best then, no best ranking without that loss has it further down, because it would have gained by the loss. Multipliers
of the linear program prove that for many cells at once. A cell for which none does is ranked from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...aggregation.kemeny import groups_of, kemeny, tie_broken
from ...aggregation.linear_ordering import Multipliers, proven_order
from ...aggregation.votes import pairwise_wins
from ...arrays import BoolArray, IntArray
from ..sharing import each
from .cells import Case, changed_margins

# Multipliers prove a bound but for their rounding.
_ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known before anything is raised: margins (n, n), places (n,) from 0, and cuts (k, 3) to begin with."""

    margins: IntArray
    places: IntArray
    cuts: IntArray
    multipliers: Multipliers | None


def falls_under_kemeny(case: Case, jobs: int) -> int:
    """Number of cells whose raising lowers their model, where it changes no other cell and every model has a score."""
    wins = pairwise_wins(case.values)
    margins = wins - wins.T
    ranking = kemeny(wins)
    places = (len(wins) - ranking.scores).astype(np.int64)
    weights, _ = _weights(margins, 0)
    _, multipliers, cuts = proven_order(weights, ranking.order, np.empty((0, 3), dtype=np.int64))
    known = _Known(margins, places, cuts, multipliers)

    def falls_of(i: int) -> int:
        return _falls_of(known, changed_margins(case, i), i)

    return sum(each(falls_of, range(len(wins)), jobs))


def _falls_of(known: _Known, changes: IntArray, i: int) -> int:
    """How often model i falls, its margins changed as in each row of (v, n)."""
    distinct, times = np.unique(changes[changes.any(axis=1)], axis=0, return_counts=True)
    rows = np.arange(len(known.places))
    order = np.lexsort((rows, rows != i, known.places))
    margins = np.tile(known.margins, (len(distinct), 1, 1))
    margins[:, i] += distinct
    margins[:, :, i] -= distinct
    weights = np.array([_weights(one, i)[0] for one in margins]).reshape(margins.shape)
    weights[:, i] -= rows != i
    weights[:, :, i] += rows != i
    unproven = np.arange(len(distinct))
    if known.multipliers is not None:
        unproven = unproven[~_proven(known.multipliers, weights, order)]
    falls = 0
    while len(unproven):
        case, unproven = unproven[0], unproven[1:]
        best, multipliers, _ = proven_order(weights[case], order, known.cuts)
        if multipliers is None or np.flatnonzero(best == i)[0] > known.places[i]:
            ranking = kemeny(np.maximum(margins[case], 0))
            falls += int(times[case]) * bool(len(rows) - ranking.scores[i] > known.places[i])
        else:
            unproven = unproven[~_proven(multipliers, weights[unproven], best)]
    return falls


def _proven(multipliers: Multipliers, weights: IntArray, order: IntArray) -> BoolArray:
    """Whether the order reverses least under each weights (k, n, n), which are whole numbers."""
    proven: BoolArray = multipliers.shortfall(weights, order) < 1 - _ROUNDING
    return proven


def _weights(margins: IntArray, i: int) -> tuple[IntArray, int]:
    """Weights of the linear program over single models; of those that cannot be told apart model i comes first."""
    _, alike = groups_of(margins)
    rows = np.arange(len(margins))
    number = np.empty(len(margins), dtype=np.int64)
    number[np.lexsort((rows, rows != i, alike))] = rows
    return tie_broken(margins, number, len(margins))
