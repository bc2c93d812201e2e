"""Ranks of models whose true scores are known up to a normal error each.

Laird, Louis (1989), J. Educ. Stat. 14, 29-46; Goldstein, Spiegelhalter (1996), J. R. Stat. Soc. A 159, 385-443.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import BoolArray, FloatArray, IntArray
from ..errors import InputError
from ..scales import percentile_ends, rounded

DRAWS = 1000
LEVEL = 0.95
# Integrals reach this many standard deviations, in this many steps for each of the smallest.
_FAR, _STEPS = 8, 8
# Smallest standard deviation that an integral resolves, as a part of the largest.
_FINE = 100
# Breaks ties between scores that are known exactly.
_TIE = 1e-12


@dataclass(frozen=True, eq=False)
class RankIntervals:
    """Percentiles of the ranks of ``n`` models, and how often each is among the first ten."""

    # Shape (n,); best and worst rank of the interval
    low: IntArray
    high: IntArray
    top_ten: FloatArray  # Shape (n,); probability of a rank of 10 or better
    level: float  # Of the interval


@dataclass(frozen=True, eq=False)
class Posterior:
    """Independent normal distributions of the true scores of ``n`` models."""

    # Each of the shape (n,)
    mean: FloatArray
    sd: FloatArray

    def above(self, one: int, other: int) -> float:
        """Return the probability that one model, by position, is truly above another; 1/2 where nothing is known."""
        return float(self.above_all(one)[other])

    def above_all(self, one: int) -> FloatArray:
        """Return the probability that one model, by position, is truly above each; shape (n,)."""
        from scipy.special import ndtr

        difference = self.mean[one] - self.mean
        spread = np.hypot(self.sd[one], self.sd)
        known = spread > 0
        sure = np.where(rounded(difference) == 0, 0.5, (difference > 0).astype(float))
        probability: FloatArray = np.where(known, ndtr(difference / np.where(known, spread, 1.0)), sure)
        probability[one] = 0.5
        return probability

    def first(self) -> FloatArray:
        """Return each model's probability to be truly the first, shape (n,); they sum to one.

        By quadrature of the density of a model's score times the distribution functions of all others.
        """
        n = len(self.mean)
        spread = float(np.max(self.sd, initial=0.0))
        if n == 0 or spread == 0:
            best = rounded(self.mean) == np.max(rounded(self.mean), initial=-np.inf)
            return best / max(int(best.sum()), 1)
        from scipy.special import log_ndtr

        # A score known exactly is taken as one that is known very nearly.
        sd = np.maximum(self.sd, spread / _FINE)
        contends = self.mean + _FAR * sd > np.max(self.mean - _FAR * sd)
        mean, sd = self.mean[contends], sd[contends]
        low, high = float(np.max(mean - _FAR * sd)), float(np.max(mean + _FAR * sd))
        places = np.linspace(low, high, int(np.ceil((high - low) / sd.min() * _STEPS)) + 1)
        z = (places - mean[:, None]) / sd[:, None]
        below = log_ndtr(z)
        found = np.exp(below.sum(axis=0) - below - z**2 / 2).sum(axis=1) / sd
        probabilities = np.zeros(n)
        probabilities[contends] = found / found.sum()
        return probabilities

    def ranks(self, draws: int = DRAWS, seed: int = 0, level: float = LEVEL) -> RankIntervals:
        """Draw true scores and return percentiles of the ranks that follow."""
        if draws < 1 or not 0 < level < 1:
            raise InputError(f"{draws} draws at the level {level}: give at least 1 draw and a level between 0 and 1")
        n = len(self.mean)
        if n == 0:
            none = np.zeros(0, dtype=np.int64)
            return RankIntervals(none, none, np.zeros(0), level)
        random = np.random.default_rng(seed)
        # Models that tie are ordered at random, as nothing is known of their order.
        scores = self.mean + np.maximum(self.sd, _TIE) * random.standard_normal((draws, n))
        order = np.argsort(-scores, axis=1)
        ranks = np.empty((draws, n), dtype=np.int64)
        np.put_along_axis(ranks, order, np.arange(1, n + 1)[None, :], axis=1)
        low, high = np.sort(ranks, axis=0)[list(percentile_ends(draws, level))]
        return RankIntervals(low, high, (ranks <= 10).mean(axis=0), level)


@dataclass(frozen=True, slots=True)
class Tiers:
    """Models in order, split where the best of a tier is distinct from the next."""

    positions: tuple[tuple[int, ...], ...]  # Positions of the models, tier by tier, best first
    # Numbers of neighbours in the order that are distinct, and of all
    neighbours_apart: int
    neighbours: int


def tiers(scores: FloatArray, apart: float) -> Tiers:
    """Split models into tiers. `apart`: smallest difference that makes two distinct; infinite where none are."""
    order = np.argsort(-rounded(scores), kind="stable")
    found: list[list[int]] = []
    best = np.inf
    for i in order.tolist():
        if not found or best - scores[i] >= apart:
            found.append([])
            best = scores[i]
        found[-1].append(i)
    steps: BoolArray = -np.diff(scores[order]) >= apart
    return Tiers(tuple(map(tuple, found)), int(steps.sum()), max(len(scores) - 1, 0))
