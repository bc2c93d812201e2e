"""Benchmarks against the others: new ones against those before them, and each against the aggregate of the others.

Perlitz, Gera, Arviv, Yehudai, Bandel, Shnarch, Shmueli-Scheuer, Choshen (2024), *Do these LLM benchmarks agree? Fixing
benchmark evaluation with BenchBench*, arXiv 2407.13696: agreement depends on the number of models that are compared, so
that it is taken over random subsets of several sizes, and judged by its place among that of all benchmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np

from ..agreement.correlation import spearman_matrix
from ..arrays import FloatArray, IntArray, known
from ..data.board import Board
from ..data.cleaning import complete_board
from ..data.snapshot import Snapshot
from ..errors import InputError
from ..ranking.boards import ranks_of_all
from ..scales import ranks_from_bottom, rounded
from .bootstrap import RESAMPLES, Interval, draw_counts, fewer, interval, labels_among, sure_families
from .families import Families, families
from .figures import OFFICIAL, known_mean, rank_correlations
from .validity import MIN_MODELS, arrivals
from .variance_components import LinearForm, NotEstimable, linear_form, resampled_components

Verdict = Literal["confirmatory", "partial", "orthogonal", "opposed"]
# Rank correlation with the old average from which a benchmark confirms it.
CONFIRMS = 0.5
# Sizes of the subsets of models of agreement testing, their number, and its resamples.
SIZES = (5, 10, 20, 40)
SUBSETS, TEST_RESAMPLES = 100, 200
# Numbers held at once by one block of pairs of models.
_BLOCK = 4_000_000
# Models whose ranks it moved most that are named.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Moved:
    """A model and its rank under the average without and with a benchmark."""

    id: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class NewBenchmark:
    """A benchmark that arrived, against those before it. Figures are None where ``reason`` says why.

    All but the numbers of complete models are on the models that have it and all old benchmarks that are kept among
    them. An interval is over families of models; None with fewer than 8.
    """

    benchmark: str
    day: date | None  # Of its first score; None where it was named by hand
    models: int
    old: int  # Old benchmarks that are kept
    reason: str | None = None  # Why there is no verdict
    verdict: Verdict | None = None
    rho: float | None = None  # Rank correlation with the official average of the old benchmarks
    interval: Interval | None = None
    nearest: str | None = None  # Old benchmark with the largest rank correlation
    nearest_rho: float | None = None
    nearest_interval: Interval | None = None
    complete_without: int = 0  # Models with a score on all kept benchmarks, on the board of old ones
    complete_with: int = 0  # The same when it is added
    kept: bool = False  # False if too few models have it, so that cleaning drops it
    mean_shift: float | None = None  # Mean number of places that a model moves when it is added to the average
    moved: tuple[Moved, ...] = ()  # The five models that move most, farthest first
    reliability_without: float | None = None
    reliability_with: float | None = None
    gain: Interval | None = None  # Reliability with it less that without


@dataclass(frozen=True, slots=True)
class NewBenchmarks:
    """All benchmarks that arrived after the first day, in the order of arrival."""

    found: tuple[NewBenchmark, ...]
    reason: str | None  # Why there are none


def new_benchmarks(
    snapshot: Snapshot,
    named: Sequence[str] = (),
    max_missing: float = 0.5,
    grouped: Families | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NewBenchmarks:
    """Hold each benchmark that arrived against those that arrived before it, each of the named against all others.

    Raises InputError if a named benchmark is not on the board. `grouped`: families of all models of the snapshot.
    """
    board = snapshot.board()
    days: dict[str, date | None] = dict.fromkeys(named)
    groups: list[tuple[list[str], list[str]]] = [([b for b in board.leaves if b not in days], list(days))]
    for leaf in named:
        if leaf not in board.leaves:
            raise InputError(f"there is no benchmark {leaf!r} on the board; see its `leaves`")
    if not named:
        by_day = arrivals(snapshot, board.leaves)
        days = {leaf: day for day, leaves in by_day.items() for leaf in leaves}
        dated = ~np.isnat(snapshot.scored_at).all(axis=0)
        old = [leaf for leaf in board.leaves if dated[snapshot.tree.index[leaf]] and leaf not in days]
        groups = []
        for leaves in by_day.values():
            groups.append((list(old), leaves))
            old += leaves
        if not days:
            why = "all benchmarks have their first score on one day" if old else "no score has a date"
            return NewBenchmarks((), f"{why}, so that none is new; name those that are")
    grouped = families(board) if grouped is None else grouped
    found = []
    for old, new in groups:
        columns = [board.leaves.index(leaf) for leaf in old]
        before = len(complete_board(board.take(columns=columns), max_missing).models) if old else 0
        for leaf in new:
            one = _against(board, columns, leaf, max_missing, grouped, resamples, seed)
            found.append(replace(one, day=days[leaf], complete_without=before))
    return NewBenchmarks(tuple(found), None)


def verdict(rho: float, sure: Interval | None) -> Verdict | None:
    """Judge a correlation with the old average by its interval; None where the interval leaves it open.

    Opposed: all of the interval is below 0. Confirmatory and partial: all of it is above 0, and the correlation is at
    least 0.5, or less. Orthogonal: it holds 0, and reaches neither 0.5 nor -0.5.
    """
    if sure is None:
        return None
    if sure.high < 0:
        return "opposed"
    if sure.low > 0:
        return "confirmatory" if rho >= CONFIRMS else "partial"
    return "orthogonal" if sure.low > -CONFIRMS and sure.high < CONFIRMS else None


def _against(
    board: Board, old: list[int], leaf: str, max_missing: float, grouped: Families, resamples: int, seed: int
) -> NewBenchmark:
    """Hold one benchmark against old ones, by their columns."""
    own = board.leaves.index(leaf)
    both = complete_board(board.take(columns=[*old, own]), max_missing)
    has = np.flatnonzero(~np.isnan(board.scores[:, own])).tolist()
    kept = complete_board(board.take(rows=has, columns=old), max_missing) if old else board.take(columns=[])
    n = len(kept.models) if kept.leaves else 0
    empty = NewBenchmark(
        leaf, None, n, len(kept.leaves), complete_with=len(both.models) if both.leaves else 0, kept=leaf in both.leaves
    )
    if n < MIN_MODELS:
        have = f"{n} models have it and all old benchmarks that are kept"
        return replace(empty, reason=f"{have}; {MIN_MODELS} are needed" if old else "no benchmark is older")
    rows = np.flatnonzero(np.isin(board.ids, kept.ids)).tolist()
    target = board.scores[rows, own]
    without = linear_form(OFFICIAL, kept)
    columns = [board.leaves.index(one) for one in kept.leaves]
    extended = board.take(rows=rows, columns=[*columns, own])
    added = linear_form(OFFICIAL, extended)
    if without is None or added is None:
        return replace(empty, reason=f"{OFFICIAL} is no mean of benchmarks here")
    average = spearman_matrix(np.column_stack([target, without.scores, kept.scores]))[0, 1:]
    if np.isnan(average[0]):
        which = "it" if np.isnan(average).all() else "the average of the old ones"
        return replace(empty, reason=f"all {n} models have the same score on {which}")
    nearest = None if np.isnan(average[1:]).all() else int(np.nanargmax(average[1:]))
    labels = labels_among(grouped.labels, rows)
    counts = draw_counts(labels, fewer(resamples, n), seed)
    sure = sure_families(labels)
    near = np.zeros(n) if nearest is None else kept.scores[:, nearest]
    drawn = rank_correlations(np.column_stack([target, without.scores, near]), counts)
    rho = float(average[0])
    over = interval(rho, drawn[:, 0], sure)
    near_rho = None if nearest is None else float(average[1:][nearest])
    judged = verdict(rho, over)
    return replace(
        empty,
        reason=None if judged else _open(over, labels),
        verdict=judged,
        rho=rho,
        interval=over,
        nearest=None if nearest is None else kept.leaves[nearest],
        nearest_rho=near_rho,
        nearest_interval=interval(near_rho, drawn[:, 1], sure),
        **_shifts(without.scores, added.scores, kept.ids),
        **_reliabilities((without, kept), (added, extended), counts, sure),
    )


def _open(over: Interval | None, labels: IntArray) -> str:
    if over is None:
        return f"{int(labels.max(initial=-1)) + 1} families of models are too few, or too unequal, for an interval"
    return f"the interval from {over.low:.2f} to {over.high:.2f} leaves it open: more families of models are needed"


def _shifts(before: FloatArray, after: FloatArray, ids: tuple[int, ...]) -> dict[str, Any]:
    """Return the fields that say whose rank moved."""
    one, other = ranks_of_all(before), ranks_of_all(after)
    far = np.abs(other - one)
    order = np.argsort(-far, kind="stable")[:_NAMED].tolist()
    moved = tuple(Moved(ids[i], int(one[i]), int(other[i])) for i in order if far[i])
    return {"mean_shift": float(far.mean()), "moved": moved}


def _reliabilities(
    without: tuple[LinearForm, Board], added: tuple[LinearForm, Board], counts: IntArray, sure: float | None
) -> dict[str, Any]:
    """Return the fields that say whether the reliability of the average rose."""
    first = np.vstack([np.ones_like(counts[:1]), counts])
    before, after = (resampled_components(*one, first).reliability for one in (without, added))
    gain = after - before
    return {
        "reliability_without": known(before[0]),
        "reliability_with": known(after[0]),
        "gain": interval(known(gain[0]), gain[1:], sure),
    }


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
    resamples: int = TEST_RESAMPLES,
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
