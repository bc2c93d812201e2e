"""Interval of a placement: from the posterior, else over papers left out in turn, else over benchmarks of one paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np

from ..arrays import FloatArray
from ..certainty.board_certainty import parameter_variance
from ..certainty.families import families
from ..certainty.variance_components import Certainty, certainty_of, is_linear
from ..data.board import Board
from ..data.tree import paper
from ..scales import percentile_ends, rounded
from ..schemes import Scheme
from ..schemes.base import Fitted
from ..schemes.combining import scores_under
from ..schemes.universe import universe_of

# Numbers in a batch of posterior draws.
_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Interval of a placement, should other papers, or else other benchmarks, have measured the same."""

    # ``posterior``: of the true scores, where the scheme is a weighted mean of scaled leaves or a universe score.
    # ``papers``: range over the board as it is and without each paper, which has no probability. ``benchmarks``:
    # bootstrap of the benchmarks, where all are of one paper; another paper may differ more.
    kind: Literal["posterior", "papers", "benchmarks"]
    resamples: int  # Draws of true scores or benchmarks, or papers that were left out
    seed: int | None  # Of the draws
    level: float | None  # Of the intervals; None for ranges
    error: float  # Standard error of the share: over the draws, or the jackknife's over papers
    shares: tuple[float, float]
    ranks: tuple[int, int]
    # Of the true score, on the scheme's scale; None without a posterior.
    scores: tuple[float, float] | None = None


def placement_interval(
    scheme: Scheme, board: Board, fitted: Fitted, scaled: FloatArray, sampling: tuple[int, int, float]
) -> Uncertainty | None:
    """Return the interval of a placement on a board, complete but for universe scores; None with a single benchmark.

    `scheme`: bound to its reference, if it needs one. `scaled`: shape (m,); the model's cells on the fitted scales; NaN
    where missing. `sampling`: draws of true scores, 0 for no interval; their seed; the level.

    Goldstein, Spiegelhalter (1996), J. R. Stat. Soc. A 159, 385-443; jackknife: Efron, Tibshirani (1993), chapter 11.
    """
    if not sampling[0] or len(board.leaves) < 2:
        return None
    universe = universe_of(fitted.combination, np.vstack([fitted.scaled, scaled]))
    if universe is not None:
        fit, means = universe
        known = fit.fit.scores(means)
        added = parameter_variance(fit, means, families(board).labels)
        return _posterior(known.scores, np.hypot(known.sd, np.sqrt(added)), *sampling)
    if is_linear(scheme):
        found = certainty_of(scheme, board)
        # With a reliability of 0 all true scores are equal, and no rank is known.
        if isinstance(found, Certainty) and found.reliability > 0:
            centre, own = found.scores.mean(), fitted.combination.scores(scaled[None, :])
            true = centre + found.reliability * (np.append(found.scores, own) - centre)
            return _posterior(true, np.full(len(true), found.posterior.sd[0]), *sampling)
    return _over_papers(board, fitted, scaled) or _over_benchmarks(board, fitted, scaled, *sampling)


def share_and_rank(own: FloatArray, population: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return share and rank of one model (size,) among a population (size, n) in each resample; shapes (size,)."""
    mine = np.nan_to_num(rounded(own), nan=-np.inf)[:, None]
    theirs = np.nan_to_num(rounded(population), nan=-np.inf)
    below, equal = (theirs < mine).sum(axis=1), (theirs == mine).sum(axis=1)
    models = population.shape[1]
    return (below + equal / 2) / models, 1.0 + models - below - equal


def _posterior(means: FloatArray, sd: FloatArray, draws: int, seed: int, level: float) -> Uncertainty:
    """Draw true scores of the board's models and, last, of the model that is placed."""

    def draw(random: np.random.Generator, size: int) -> tuple[FloatArray, FloatArray]:
        others = means[:-1] + sd[:-1] * random.standard_normal((size, len(means) - 1))
        return share_and_rank(means[-1] + sd[-1] * random.standard_normal(size), others)

    reach = NormalDist().inv_cdf((1 + level) / 2) * float(sd[-1])
    ends = (float(means[-1]) - reach, float(means[-1]) + reach)
    return replace(_percentiles("posterior", draw, len(means), draws, seed, level), scores=ends)


def _percentiles(
    kind: Literal["posterior", "benchmarks"],
    draw: Callable[[np.random.Generator, int], tuple[FloatArray, FloatArray]],
    cells: int,
    draws: int,
    seed: int,
    level: float,
) -> Uncertainty:
    """Return the percentile interval over draws of shares and ranks, each of so many cells, in batches."""
    random, step = np.random.default_rng(seed), max(1, _CELLS // cells)
    parts = [draw(random, min(step, draws - start)) for start in range(0, draws, step)]
    shares, ranks = (np.sort(np.concatenate(one)) for one in zip(*parts, strict=True))
    low, high = percentile_ends(draws, level)
    error = float(shares.std(ddof=1)) if draws > 1 else 0.0
    interval = (float(shares[low]), float(shares[high])), (int(ranks[low]), int(ranks[high]))
    return Uncertainty(kind, draws, seed, level, error, *interval)


def _over_papers(board: Board, fitted: Fitted, scaled: FloatArray) -> Uncertainty | None:
    papers = np.array([paper(leaf) for leaf in board.leaves])
    names = np.array(list(dict.fromkeys(papers.tolist())))
    counts = np.vstack([np.ones((1, len(papers))), (papers[None, :] != names[:, None]).astype(float)])
    own = fitted.combination.scores(np.broadcast_to(scaled, counts.shape), counts)
    usable = ~np.isnan(own)
    left_out = int(usable[1:].sum())
    if left_out < 2:
        return None
    shares, ranks = share_and_rank(own[usable], scores_under(fitted.combination, fitted.scaled, counts[usable]))
    # From the boards without one paper only.
    error = math.sqrt((left_out - 1) * float(shares[1:].var()))
    ends = (float(shares.min()), float(shares.max())), (int(ranks.min()), int(ranks.max()))
    return Uncertainty("papers", left_out, None, None, error, *ends)


def _over_benchmarks(
    board: Board, fitted: Fitted, scaled: FloatArray, draws: int, seed: int, level: float
) -> Uncertainty:
    leaves = len(board.leaves)

    def draw(random: np.random.Generator, size: int) -> tuple[FloatArray, FloatArray]:
        counts = random.multinomial(leaves, np.full(leaves, 1 / leaves), size).astype(float)
        own = fitted.combination.scores(np.broadcast_to(scaled, counts.shape), counts)
        return share_and_rank(own, scores_under(fitted.combination, fitted.scaled, counts))

    return _percentiles("benchmarks", draw, leaves * len(board.models), draws, seed, level)
