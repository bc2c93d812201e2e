"""Intervals over models: families are drawn with replacement, each with all its members (cluster bootstrap).

Percentiles of few clusters are too narrow, so that tails are widened to those of Student's t with the effective number
of families (Hesterberg 2015, *The American Statistician* 69, 371-386, section 3.3). The bootstrap itself: Davison,
Hinkley (1997), *Bootstrap Methods and their Application*, sections 3.8 and 5.2. How often each interval holds is
simulated in tests/bench/coverage.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..agreement.correlation import spearman_matrix
from ..arrays import FloatArray, IntArray, known
from ..data.board import Board
from ..errors import InputError
from .families import Families
from .figures import headline, rank_correlations

RESAMPLES = 1000
LEVEL = 0.95
# With fewer families, or fewer in effect, resamples say nothing of other families: an interval would be too narrow.
MIN_FAMILIES, MIN_EFFECTIVE = 8, 4.0
# Share of the resamples that must have a figure for it to have an interval.
_KNOWN_SHARE = 0.9
Method = Literal["percentile", "spread"]
METHODS: dict[str, Method] = {"sd_neural": "spread", "sd_behavior": "spread"}


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its central interval over the resamples."""

    value: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, eq=False)
class FamilyBootstrap:
    """Headline figures of a board with intervals over families of models."""

    figures: dict[str, float | None]
    intervals: dict[str, Interval | None]  # None where over a tenth of the resamples lack it, or with too few families
    corrected_negative_share: float | None  # Less what noise adds; the interval of ``negative_share`` is its
    effective_n: dict[str, float | None]  # Independent models that would leave a figure as uncertain
    models: int
    families: int
    resamples: int
    seed: int
    # Shape (pairs,); rank correlation of each pair of leaves, and its two-sided p-value; None without intervals.
    rho: FloatArray | None = None
    rho_p: FloatArray | None = None


def draw_counts(labels: IntArray, resamples: int, seed: int) -> IntArray:
    """Draw families (labels (n,) from 0) with replacement; how often each model counts, shape (resamples, n)."""
    if resamples < 1:
        raise InputError(f"{resamples} resamples were asked for; at least 1 is needed")
    families = int(labels.max(initial=-1)) + 1
    if families == 0:
        return np.zeros((resamples, 0), dtype=np.int64)
    drawn = np.random.default_rng(seed).integers(0, families, size=(resamples, families))
    drawn += families * np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * families).reshape(resamples, families)
    return times[:, labels]


def effective_families(labels: IntArray) -> float:
    """Return the number of equally large families that would leave a mean as uncertain: n² / sum of squared sizes."""
    sizes = np.bincount(labels) if len(labels) else np.zeros(1)
    return float(sizes.sum() ** 2 / max(float((sizes**2).sum()), 1.0))


def sure_families(labels: IntArray) -> float | None:
    """Return the effective number of families; None where they are too few for an interval."""
    effective = effective_families(labels)
    return effective if int(labels.max(initial=-1)) + 1 >= MIN_FAMILIES and effective >= MIN_EFFECTIVE else None


def labels_among(labels: IntArray, rows: IntArray | list[int]) -> IntArray:
    """Return the families of some models, numbered from 0."""
    return np.unique(labels[rows], return_inverse=True)[1].reshape(-1)


def fewer(resamples: int, models: int) -> int:
    """Return how many resamples are drawn: at most 200 above 600 models, where each takes longer and says more."""
    return min(resamples, 200) if models > 600 else resamples


def interval(
    value: float | None,
    resampled: FloatArray,
    clusters: float | None,
    method: Method = "percentile",
    level: float = LEVEL,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval | None:
    """Return the central interval of a figure from its resamples (r,), NaN where one has no figure.

    None if the figure is unknown, or in over a tenth of the resamples. `clusters`: as of `sure_families`.
    `method`: ``percentile``, with widened tails; ``spread`` for standard deviations: Student's t on the logarithms,
    less the bias that the resamples show. `within`: what the figure can be, where the resamples are shifted.
    """
    drawn = resampled[~np.isnan(resampled)]
    if value is None or clusters is None or drawn.size < max(1.0, _KNOWN_SHARE * resampled.size):
        return None
    from scipy.special import ndtr, stdtrit

    reach = float(np.sqrt(clusters / (clusters - 1)) * stdtrit(clusters - 1, (1 + level) / 2))
    if method == "spread" and value > 0 and (drawn > 0).all():
        logs = np.log(drawn)
        centre, half = 2 * float(np.log(value)) - float(logs.mean()), reach * float(logs.std())
        return Interval(value, float(np.exp(centre - half)), float(np.exp(centre + half)), level)
    tail = float(ndtr(-reach))
    low, high = np.clip(np.quantile(drawn, [tail, 1 - tail]), *within).tolist()
    return Interval(value, low, high, level)


def rank_correlation(
    one: FloatArray, other: FloatArray, labels: IntArray, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float | None, Interval | None]:
    """Compute Spearman's rho of two scores (n,) of models of some families, and its interval; None without any."""
    pair, sure = np.column_stack([one, other]), sure_families(labels)
    rho = known(spearman_matrix(pair)[0, 1])
    if rho is None or sure is None:
        return rho, None
    return rho, interval(rho, rank_correlations(pair, draw_counts(labels, resamples, seed))[:, 0], sure)


def share_below_zero(rho: FloatArray, noise: FloatArray) -> FloatArray:
    """Estimate the share of true correlations below zero from noisy ones (..., pairs), by each pair's variance.

    The true ones are taken as normal, with the mean of the noisy ones and their variance less the noise; each pair is
    counted by its posterior probability to be below zero (empirical Bayes: Efron, Morris 1975, *JASA* 70, 311-319).
    """
    from scipy.special import ndtr

    centre = rho.mean(axis=-1, keepdims=True)
    true = np.maximum(rho.var(axis=-1, keepdims=True) - noise.mean(), 1e-6)
    kept = true / (true + noise)
    spread = np.sqrt(np.maximum(kept * noise, 1e-18))
    return ndtr(-(centre + kept * (rho - centre)) / spread).mean(axis=-1)


def effective_n(models: int, independent: FloatArray, clustered: FloatArray) -> float | None:
    """Return the number of independent models that would leave a figure as uncertain as the families do.

    n · (variance over resamples of models / of families); None where the latter is 0 or unknown.
    """
    if np.isnan(independent).all() or np.isnan(clustered).all():
        return None
    by_family = float(np.nanvar(clustered))
    return models * float(np.nanvar(independent)) / by_family if by_family > 0 else None


def family_bootstrap(
    board: Board,
    families: Families,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
    *,
    effective: bool = True,
) -> FamilyBootstrap:
    """Give the headline figures of a complete board intervals over families, and effective numbers of models."""
    n, clusters = len(board.models), sure_families(families.labels)
    itself = headline(board)
    clustered = headline(board, draw_counts(families.labels, resamples, seed))
    figures = itself.first()
    settings = n, families.count, resamples, seed
    if clusters is None:
        return FamilyBootstrap(figures, dict.fromkeys(figures), None, dict.fromkeys(figures), *settings)
    intervals = {
        name: interval(value, clustered.values[name], clusters, METHODS.get(name, "percentile"), level)
        for name, value in figures.items()
    }
    numbers: dict[str, float | None] = dict.fromkeys(figures)
    if effective:
        alone = headline(board, draw_counts(np.arange(n, dtype=np.int64), resamples, seed)).values
        numbers = {name: effective_n(n, alone[name], clustered.values[name]) for name in figures}
    corrected, shares = _below_zero(itself.rho[0], clustered.rho, clusters)
    intervals["negative_share"] = interval(corrected, shares, clusters, level=level)
    pairs = _pairs(itself.rho[0], clustered.rho, clusters)
    return FamilyBootstrap(figures, intervals, corrected, numbers, *settings, *pairs)


def _pairs(rho: FloatArray, resampled: FloatArray, clusters: float) -> tuple[FloatArray | None, FloatArray | None]:
    """Return the correlation of each pair, and its p-value by Student's t with the effective number of families."""
    if not rho.size:
        return None, None
    from scipy.special import stdtr

    there = ~np.isnan(resampled)
    drawn = np.where(there, resampled, np.where(np.isnan(rho), 0.0, rho))
    error = drawn.std(axis=0) * np.sqrt(clusters / (clusters - 1))
    tested = ~np.isnan(rho) & (error > 0) & (there.mean(axis=0) >= _KNOWN_SHARE)
    return rho, 2 * stdtr(clusters - 1, -np.abs(rho) / np.where(tested, error, np.nan))


def _below_zero(rho: FloatArray, resampled: FloatArray, clusters: float) -> tuple[float | None, FloatArray]:
    """Return the share of negative pairs without what noise adds, and that of each resample; None without a pair."""
    there = ~np.isnan(rho)
    if not there.any():
        return None, np.full(len(resampled), np.nan)
    rho, drawn = rho[there], resampled[:, there]
    drawn = np.where(np.isnan(drawn), rho, drawn)
    again = drawn.var(axis=0)
    noise = again * clusters / (clusters - 1)
    return float(share_below_zero(rho, noise)), share_below_zero(drawn, noise + again)


def one_vote_each(board: Board, families: Families) -> float | None:
    """Compute the mean rank correlation with one vote a group of near-copies, its first; None without any group."""
    if not families.near_copies:
        return None
    _, first = np.unique(families.copy_labels, return_index=True)
    counts = np.zeros((1, len(board.models)), dtype=np.int64)
    counts[0, first] = 1
    return headline(board, counts).first()["mean_rho"]
