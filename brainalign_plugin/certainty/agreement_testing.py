"""Benchmark agreement testing: each benchmark against the aggregate of the others, on subsets of the models.

Perlitz, Gera, Arviv, Yehudai, Bandel, Shnarch, Shmueli-Scheuer, Choshen (2024), *Do these LLM benchmarks agree? Fixing
benchmark evaluation with BenchBench*, arXiv 2407.13696: agreement depends on the number of models that are compared, so
that it is taken over random subsets of several sizes, and judged by its place among that of all benchmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray, known
from ..data.board import Board
from ..errors import InputError
from ..scales import ranks_from_bottom, rounded
from .bootstrap import Interval, draw_counts, interval, sure_families
from .families import Families, families
from .figures import known_mean
from .variance_components import NotEstimable

SIZES = (5, 10, 20, 40)
SUBSETS, RESAMPLES = 100, 200
# Numbers held at once by one block of pairs of models.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class SubsetAgreement:
    """Agreement of one benchmark over random subsets of one size; None where no subset has one."""

    models: int
    tau: float | None  # Mean of Kendall's tau-b with the aggregate of the others
    sd: float | None  # Its standard deviation over the subsets
    z: float | None  # Mean less that of all benchmarks, in their standard deviations


@dataclass(frozen=True, slots=True)
class BenchmarkAgreement:
    """Agreement of one benchmark with the aggregate of the others."""

    benchmark: str
    tau: float | None  # Kendall's tau-b on all models; None for a constant benchmark
    interval: Interval | None  # Over families of models
    z: float | None
    z_interval: Interval | None
    subsets: tuple[SubsetAgreement, ...]  # By size, smallest first


@dataclass(frozen=True, eq=False)
class AgreementTest:
    """Agreement of every benchmark, in the order of the board."""

    benchmarks: tuple[BenchmarkAgreement, ...]
    models: int


def agreement_testing(
    board: Board,
    sizes: tuple[int, ...] = SIZES,
    subsets: int = SUBSETS,
    grouped: Families | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> AgreementTest | NotEstimable:
    """Compare each benchmark with the aggregate of the others.

    The aggregate is the mean win rate over the other benchmarks, with all models of the complete board. Sizes above
    their number are left out. Raises InputError if a size is below 3, or no subset is asked for.
    """
    if subsets < 1 or min(sizes, default=3) < 3:
        raise InputError(f"{subsets} subsets of {sizes} models were asked for; give at least 1, of at least 3 models")
    n, m = board.scores.shape
    if n < 3 or m < 2:
        return NotEstimable("agreement", f"{n} complete models on {m} benchmarks; 3 models on 2 are needed")
    ranks = ranks_from_bottom(board.scores)
    others = (ranks.sum(axis=1, keepdims=True) - ranks) / (m - 1)
    labels = (families(board) if grouped is None else grouped).labels
    once = np.ones((1, n), dtype=np.int64)
    sure = sure_families(labels)
    counts = once if sure is None else np.vstack([once, draw_counts(labels, resamples, seed)])
    taus = _taus(board.scores, others, counts)
    places = _z(taus)
    random = np.random.default_rng(seed)
    over: list[list[SubsetAgreement]] = [[] for _ in board.leaves]
    for size in sorted(size for size in set(sizes) if size <= n):
        chosen = [random.permutation(n)[:size] for _ in range(subsets)]
        drawn = np.vstack([_taus(board.scores[rows], others[rows], once[:, :size]) for rows in chosen])
        mean = known_mean(drawn.T)
        for own, tau, column, z in zip(over, mean, drawn.T, _z(mean[None])[0], strict=True):
            own.append(SubsetAgreement(size, known(tau), known(_sd(column)), known(z)))
    found = []
    for j, leaf in enumerate(board.leaves):
        tau, place = known(taus[0, j]), known(places[0, j])
        ends, place_ends = interval(tau, taus[1:, j], sure), interval(place, places[1:, j], sure)
        found.append(BenchmarkAgreement(leaf, tau, ends, place, place_ends, tuple(over[j])))
    return AgreementTest(tuple(found), n)


def _taus(scores: FloatArray, others: FloatArray, counts: IntArray) -> FloatArray:
    """Return Kendall's tau-b of columns (n, m) with those of the others under counts (b, n); NaN for a constant one."""
    n, m = scores.shape
    first, second = np.triu_indices(n, k=1)
    one, other = rounded(scores).T, rounded(others).T
    sums = np.zeros((3, len(counts), m))
    size = max(1, _BLOCK // max(m, len(counts)))
    for start in range(0, len(first), size):
        i, j = first[start : start + size], second[start : start + size]
        times = (counts[:, i] * counts[:, j]).astype(np.float64)
        own, rest = np.sign(one[:, i] - one[:, j]), np.sign(other[:, i] - other[:, j])
        for k, product in enumerate((own * rest, np.abs(own), np.abs(rest))):
            sums[k] += times @ product.T
    possible = np.sqrt(sums[1] * sums[2])
    return np.where(possible > 0, sums[0] / np.where(possible > 0, possible, 1.0), np.nan)


def _sd(values: FloatArray) -> float:
    there = values[~np.isnan(values)]
    return float(there.std(ddof=1)) if len(there) > 1 else float("nan")


def _z(values: FloatArray) -> FloatArray:
    """Standardise the known values of each row, divisor n - 1; NaN where fewer than three differ."""
    found = np.full(values.shape, np.nan)
    for row, into in zip(values, found, strict=True):
        spread = _sd(row)
        if (~np.isnan(row)).sum() > 2 and spread > 1e-12:
            into[:] = (row - np.nanmean(row)) / spread
    return found
