"""Universe scores of all models of a leaderboard, complete or not, with an interval of ranks each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError
from ..scales import competition_ranks
from ..schemes.universe import BoardFit, fit_board
from ..schemes.universe_fit import UniverseScores, fit_universe
from ..text import brief
from .families import Families, families
from .posterior import DRAWS, LEVEL, Posterior
from .variance_components import NotEstimable

# Groups of families that are left out in turn to see how uncertain the parameters are.
GROUPS = 10


@dataclass(frozen=True, eq=False)
class Universe:
    """Universe scores of ``n`` models, ranked where they have more than half of the weight."""

    __repr__ = brief

    ids: tuple[int, ...]  # Length n
    # Scores, standard deviations given the parameters, weight and number of units, reliability.
    scored: UniverseScores
    ranks: IntArray  # Shape (n,); competition rank among the ranked models; 0 for the others
    # Shape (n,); interval of the rank, widened for the estimated parameters; 0 for models without a rank.
    low: IntArray
    high: IntArray
    # Shape (n,); probability to be truly the first of the ranked models; 0 for models without a rank.
    first: FloatArray
    sd_widened: FloatArray  # Shape (n,); standard deviations with what the parameters add
    level: float  # Of the interval
    fit: BoardFit = field(repr=False)


def universe(
    board: Board, max_missing: float = 0.5, grouped: Families | None = None, draws: int = DRAWS, seed: int = 0
) -> Universe | NotEstimable:
    """Score and rank all models of a board on the leaves that cleaning keeps; or say why that is not estimable.

    `grouped`: families of the models; found by scores and names if None. `draws, seed`: of the intervals of ranks.
    """
    try:
        fit = fit_board(board.scores, board, max_missing)
    except BoardError as reason:
        return NotEstimable("UNIVERSE", str(reason))
    means = fit.unit_means(board.scores)
    scored = fit.fit.scores(means)
    used = families(board) if grouped is None else grouped
    widened = np.sqrt(scored.sd**2 + parameter_variance(fit, means, used.labels))
    n = len(board.models)
    ranks, low, high = (np.zeros(n, dtype=np.int64) for _ in range(3))
    first = np.zeros(n)
    ranked = np.flatnonzero(scored.ranked)
    if len(ranked):
        posterior = Posterior(scored.scores[ranked], widened[ranked])
        intervals = posterior.ranks(draws, seed)
        ranks[ranked] = competition_ranks(scored.scores[ranked])
        low[ranked], high[ranked] = intervals.low, intervals.high
        first[ranked] = posterior.first()
    return Universe(board.ids, scored, ranks, low, high, first, widened, LEVEL, fit)


def parameter_variance(fit: BoardFit, means: FloatArray, labels: IntArray) -> FloatArray:
    """Return the variance that estimated parameters add to each score, by leaving out groups of families in turn.

    A shift that all models share changes no rank and is left out. `means`: unit means of the models that it was fitted
    on, with a label each, and then of others.
    """
    scored = fit.fit.scores(means)
    group = _even_groups(labels)
    number = int(group.max(initial=-1)) + 1
    fitted, known = means[: len(labels)], np.flatnonzero(scored.units[: len(labels)])
    shifts = []
    for g in range(number):
        try:
            without = fit_universe(fitted[group != g], fit.fit.units, fit.pooled, near=fit.fit)
        except BoardError:
            continue
        shift = without.scores(means).scores - scored.scores
        shifts.append(shift - shift[known].mean())
    if len(shifts) < 2:
        return np.zeros(len(means))
    centred = np.array(shifts) - np.mean(shifts, axis=0)
    return (len(shifts) - 1) / len(shifts) * (centred**2).sum(axis=0)


def _even_groups(labels: IntArray) -> IntArray:
    """Deal families, the largest first, to the group with the fewest models so far."""
    sizes = np.bincount(labels) if len(labels) else np.zeros(0, dtype=np.int64)
    group_of = np.zeros(len(sizes), dtype=np.int64)
    filled = np.zeros(min(GROUPS, len(sizes)), dtype=np.int64)
    for family in np.argsort(-sizes, kind="stable"):
        group_of[family] = int(filled.argmin())
        filled[group_of[family]] += sizes[family]
    return group_of[labels]
