"""Interval of a placement: from the posterior where it exists, else the range over papers left out in turn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..arrays import FloatArray, StateArray
from ..certainty.linear import is_linear
from ..certainty.variance_components import Certainty, certainty_of
from ..data.official import CellState
from ..data.tree import paper
from ..scales import percentile_ends, rounded
from .frozen_schemes import FrozenScheme

# Numbers in a batch of posterior draws.
_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Interval of a placement, should other papers have measured the same strata.

    Attributes
    ----------
    kind : str
        ``posterior``: of the true scores, where the scheme is a weighted mean of scaled leaves and no score is missing.
        ``papers``: range over the reference as it is and without each paper, which has no probability.
    resamples : int
        Draws of true scores, or papers that were left out.
    seed : int or None
        Of the draws.
    level : float or None
        Of the intervals; None for ranges.
    error : float
        Standard error of the share: over the draws, or the jackknife's over papers.
    shares : tuple of float
    ranks : tuple of int
    """

    kind: Literal["posterior", "papers"]
    resamples: int
    seed: int | None
    level: float | None
    error: float
    shares: tuple[float, float]
    ranks: tuple[int, int]


def placement_interval(
    frozen: FrozenScheme, scaled: FloatArray, states: StateArray, draws: int, seed: int, level: float
) -> Uncertainty | None:
    """Return the interval of a placement.

    Parameters
    ----------
    frozen : FrozenScheme
    scaled : ndarray, shape (m,)
        The model's cells on the frozen scales.
    states : ndarray, shape (m,)
        Theirs.
    draws, seed : int
        Of true scores; none if 0.
    level : float

    Returns
    -------
    Uncertainty or None
        None with 0 draws, and where fewer than two benchmarks or papers have a score.

    References
    ----------
    Goldstein, Spiegelhalter (1996), J. R. Stat. Soc. A 159, 385-443; the jackknife: Efron, Tibshirani (1993), chapter
    11.
    """
    scored = states == CellState.SCORED
    if not draws or int(scored.sum()) < 2:
        return None
    board = frozen.board
    if scored.all() and (board.states == CellState.SCORED).all() and is_linear(frozen.scheme):
        found = certainty_of(frozen.scheme, board)
        if isinstance(found, Certainty):
            return _posterior(
                found, float(frozen.statistics(scaled[None, :], _once(frozen))[0]), draws, seed, level
            )
    return _over_papers(frozen, scaled)


def standing(own: FloatArray, population: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return share and rank of one model among a population in each resample.

    Parameters
    ----------
    own : ndarray, shape (size,)
    population : ndarray, shape (size, n) or (1, n)

    Returns
    -------
    shares, ranks : ndarray, shape (size,)
    """
    mine = np.nan_to_num(rounded(own), nan=-np.inf)[:, None]
    theirs = np.nan_to_num(rounded(population), nan=-np.inf)
    below, equal = (theirs < mine).sum(axis=1), (theirs == mine).sum(axis=1)
    models = population.shape[1]
    return (below + equal / 2) / models, 1.0 + models - below - equal


def _once(frozen: FrozenScheme) -> FloatArray:
    return np.ones((1, len(frozen.board.leaves)))


def _posterior(found: Certainty, statistic: float, draws: int, seed: int, level: float) -> Uncertainty:
    known = found.posterior
    centre = float(found.scores.mean())
    own, sd = centre + found.reliability * (statistic - centre), float(known.sd[0])
    random, models = np.random.default_rng(seed), len(found.scores)
    parts = []
    for start in range(0, draws, step := max(1, _CELLS // models)):
        size = min(step, draws - start)
        others = known.mean + sd * random.standard_normal((size, models))
        parts.append(standing(own + sd * random.standard_normal(size), others))
    shares, ranks = (np.sort(np.concatenate(one)) for one in zip(*parts, strict=True))
    low, high = percentile_ends(draws, level)
    return Uncertainty(
        "posterior",
        draws,
        seed,
        level,
        float(shares.std(ddof=1)) if draws > 1 else 0.0,
        (float(shares[low]), float(shares[high])),
        (int(ranks[low]), int(ranks[high])),
    )


def _over_papers(frozen: FrozenScheme, scaled: FloatArray) -> Uncertainty | None:
    papers = np.array([paper(leaf) for leaf in frozen.board.leaves])
    names = np.array(list(dict.fromkeys(papers.tolist())))
    counts = np.vstack([_once(frozen), (papers[None, :] != names[:, None]).astype(float)])
    own = frozen.statistics(scaled[None, :], counts)
    usable = ~np.isnan(own)
    left_out = int(usable[1:].sum())
    if left_out < 2:
        return None
    shares, ranks = standing(own[usable], frozen.population(counts[usable]))
    # From the boards without one paper only.
    error = math.sqrt((left_out - 1) * float(shares[1:].var()))
    return Uncertainty(
        "papers",
        left_out,
        None,
        None,
        error,
        (float(shares.min()), float(shares.max())),
        (int(ranks.min()), int(ranks.max())),
    )
