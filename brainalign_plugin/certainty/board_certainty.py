"""Certainty of a board: reliability, tiers, influence of papers, families, intervals and universe scores at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..data.cleaning import complete_board
from ..errors import BoardError
from ..scales import competition_ranks
from ..schemes.universe import BoardFit, fit_board
from ..schemes.universe_fit import UniverseScores, fit_universe
from ..text import brief
from .bootstrap import RESAMPLES, FamilyBootstrap, family_bootstrap
from .families import Families, FamilyTable, Replicates, families, rerun_reliability
from .figures import OFFICIAL
from .influence import LeftOut, leave_one_paper_out
from .posterior import DRAWS, LEVEL, Posterior, RankIntervals
from .variance_components import COMPONENTS, Certainty, NotEstimable, certainties, component_table, linear_form

# Groups of families that are left out in turn to see how uncertain the parameters are.
GROUPS = 10


@dataclass(frozen=True, eq=False)
class Universe:
    """Universe scores of ``n`` models, ranked where they have more than half of the weight."""

    __repr__ = brief

    ids: tuple[int, ...]  # Length n
    scored: UniverseScores  # Scores, their standard deviations given the parameters, weights, reliability
    ranks: IntArray  # Shape (n,); competition rank among the ranked models; 0 for the others
    # Shape (n,); interval of the rank, widened for the estimated parameters; 0 for models without a rank.
    low: IntArray
    high: IntArray
    first: FloatArray  # Shape (n,); probability to be truly the first; 0 for models without a rank
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


@dataclass(frozen=True, eq=False)
class BoardCertainty:
    """Reliability, intervals and influences of the figures and ranks of a board."""

    __repr__ = brief

    board: Board  # The cleaned board, ``n`` models
    schemes: dict[str, Certainty | NotEstimable]  # By scheme that is a weighted mean of scaled leaves
    components: dict[str, float | None]  # Of the variance of a leaf, by the names in `COMPONENTS`, in per cent
    ranks: RankIntervals | None  # Of the official average; None where its reliability is not estimable
    first: dict[int, float]  # Probability of each model id to be truly the first; empty where not estimable
    tiers: tuple[tuple[int, ...], ...]  # Ids, best tier first; empty where not estimable
    papers: tuple[LeftOut, ...]  # Official average without each paper
    families: Families  # Of the models of the cleaned board
    bootstrap: FamilyBootstrap  # Headline figures with intervals, and effective numbers of models
    replicates: Replicates | NotEstimable  # Rerun reliability
    universe: Universe | NotEstimable  # Universe scores of all models, on the kept leaves


def certainty(
    board: Board,
    max_missing: float = 0.5,
    resamples: int = RESAMPLES,
    draws: int = DRAWS,
    seed: int = 0,
    named: FamilyTable = (),
) -> BoardCertainty:
    """Estimate how sure the figures and ranks of a board are.

    `board`: all models of a snapshot; it is cleaned for all but the universe score, which ranks models with missing
    scores too. `resamples`: of families of models. `draws`: of true scores. `named`: the user's table of families.
    """
    cleaned = complete_board(board, max_missing)
    usable = bool(cleaned.models and cleaned.leaves)
    schemes = certainties(cleaned)
    found = schemes[OFFICIAL]
    official = None if isinstance(found, NotEstimable) else found
    form = linear_form(OFFICIAL, cleaned) if usable else None
    grouped = families(cleaned, named)
    return BoardCertainty(
        board=cleaned,
        schemes=schemes,
        components=dict.fromkeys(COMPONENTS) if form is None else component_table(form, cleaned),
        ranks=None if official is None else official.posterior.ranks(draws, seed),
        first={} if official is None else dict(zip(cleaned.ids, official.posterior.first().tolist(), strict=True)),
        tiers=()
        if official is None
        else tuple(tuple(cleaned.ids[i] for i in tier) for tier in official.tiers.positions),
        papers=leave_one_paper_out(cleaned) if usable else (),
        families=grouped,
        bootstrap=family_bootstrap(cleaned, grouped, resamples, seed),
        replicates=rerun_reliability(cleaned, grouped),
        universe=universe(board, max_missing, families(board, named), draws, seed),
    )
