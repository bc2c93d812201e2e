"""Monotonicity, measured: how often a model falls because one of its scores has risen.

Every SCORED cell is raised by itself, and it is found out whether its model falls; `raising` has a short way to that
for each kind of scheme. A scheme that is not known there aggregates the board again for each cell.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..aggregation import Convention, Scheme
from ..aggregation.kemeny import KEMENY
from ..aggregation.votes import COPELAND, SIMPSON
from ..arrays import FloatArray
from ..board import Board
from .boards import aggregated, rule_for
from .raising.cells import Case, can_rise, falls_from_cold
from .raising.components import OF_COMPONENTS, falls_of_components
from .raising.kemeny import falls_under_kemeny
from .raising.means import OF_RANKS, falls_of_means, falls_of_own_cells
from .raising.votes import OF_VOTES, falls_under_votes
from .raising.worths import OF_WORTHS, falls_under_worths
from .sharing import each
from .structure import LOCAL_RULES, has_fixed_scale

Combine = Callable[[Board], FloatArray] | None
# From the board and a number of processes to the number of cells whose raising lowers their model.
Way = Callable[[Case, int], int]


def monotonicity_violations(
    scheme: Scheme,
    board: Board,
    convention: Convention | None = None,
    jobs: int = 1,
    base: FloatArray | None = None,
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
    base : ndarray, shape (n,), optional
        Scores on the board, if they are known already.
    """
    rule = rule_for(scheme, convention)
    case = Case(scheme, board, rule, aggregated(scheme, board, rule) if base is None else base)
    return _way(case)(case, jobs)


def _way(case: Case) -> Way:
    """The shortest way that holds on the board under the rule."""
    scheme, rule = case.scheme, case.rule
    if has_fixed_scale(scheme) and (case.board.complete or rule in LOCAL_RULES):
        return falls_of_own_cells
    if scheme.weights is not None:
        return falls_of_means
    # The mean of a leaf moves with the raised score, and with it every cell that it fills.
    others_stay = case.board.complete or rule != "mean"
    if scheme.combine in _WHERE_OTHERS_STAY and not (others_stay and not np.isnan(case.base).any()):
        return _falls_from_cold
    return (_WHERE_OTHERS_STAY | _ANYWHERE).get(scheme.combine, _falls_from_cold)


def has_short_way(scheme: Scheme) -> bool:
    """Whether the board is not aggregated again for each raised cell."""
    known = scheme.combine in _WHERE_OTHERS_STAY or scheme.combine in _ANYWHERE
    return scheme.weights is not None or has_fixed_scale(scheme) or known


def in_one_go(scheme: Scheme) -> bool:
    """Whether that way is short on thousands of models too: without a fit, an optimum or paths of majorities."""
    at_once = scheme.combine in (COPELAND.combine, SIMPSON.combine) or scheme.combine in OF_RANKS
    return scheme.weights is not None or has_fixed_scale(scheme) or at_once


def _falls_from_cold(case: Case, jobs: int) -> int:
    def falls_of(i: int) -> int:
        return falls_from_cold(case, i, np.flatnonzero(can_rise(case.board.scores[i])))

    return sum(each(falls_of, range(len(case.board.models)), jobs))


_WHERE_OTHERS_STAY: dict[Combine, Way] = {
    KEMENY.combine: falls_under_kemeny,
    **dict.fromkeys(OF_VOTES, falls_under_votes),
    **dict.fromkeys(OF_WORTHS, falls_under_worths),
}
_ANYWHERE: dict[Combine, Way] = {**OF_RANKS, **dict.fromkeys(OF_COMPONENTS, falls_of_components)}
