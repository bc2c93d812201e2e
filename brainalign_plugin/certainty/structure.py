"""Structure of a board with its intervals over families of models: drivers, dimensions and clusters of benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..agreement.clustering import Clusters, cluster_stability, clusters
from ..agreement.correlation import pair_summary, spearman_matrix
from ..agreement.dimensionality import (
    Dimensions,
    Resampled,
    Treatment,
    congruence,
    dimensions,
    half_counts,
    participation_ratio,
    resampled_dimensions,
    shuffled_eigenvalues,
    treatments,
)
from ..agreement.drivers import SCOPES, Drivers, Scope, drivers
from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..files.metadata import Described
from ..scales import z_scores
from .bootstrap import Interval, draw_counts, interval, labels_among, rank_correlation, sure_families
from .families import Families
from .figures import rank_correlations

if TYPE_CHECKING:
    from ..data.snapshot import Snapshot

RESAMPLES = 200
HALVES = 50
# Properties that two benchmarks may share; the paper comes last, because it decides most of the others.
PROPERTIES = ("metric", "region", "species", "acquisition", "paper")
IMAGENET = "ImageNet-top1"
_BAND = (2.5, 97.5)
_SHUFFLED = 100


@dataclass(frozen=True, eq=False)
class BoardDrivers:
    """Drivers of agreement among all pairs of benchmarks, inside papers and across them."""

    scopes: dict[Scope, Drivers]
    r2: dict[Scope, Interval | None]  # Intervals by scope
    coefficient: dict[tuple[Scope, tuple[str, ...]], Interval | None]  # By scope and the driver's properties
    partial_r2: dict[tuple[Scope, tuple[str, ...]], Interval | None]


@dataclass(frozen=True, slots=True)
class Halves:
    """Dimensions of halves of the models, no family in both."""

    halves: int
    components: tuple[int, int, int]  # By parallel analysis: 2.5th percentile, median, 97.5th
    congruence: tuple[float, float, float]  # Of the halves' loadings on the first component, likewise


@dataclass(frozen=True, slots=True)
class Sign:
    """Benchmarks whose loadings have one sign, and their mean rank correlation with a benchmark."""

    benchmarks: int
    mean_rho: float | None


@dataclass(frozen=True, slots=True)
class Outside:
    """The first component against a benchmark outside the average."""

    benchmark: str
    models: int  # With both
    rho: float | None  # Rank correlation of the models' scores on the component with the benchmark
    interval: Interval | None
    positive: Sign
    negative: Sign


@dataclass(frozen=True, eq=False)
class BoardDimensions:
    """Dimensions of a board with their intervals, under other models and other treatments of missing scores."""

    found: Dimensions
    by_family: int | None  # Components with members of a family kept alike; None with too few families
    intervals: dict[str, Interval | None]  # Of participation_ratio, pc1_share and by_family
    scree: FloatArray  # Shape (m, 4); low and high of each eigenvalue, and of those of shuffled boards
    loadings: FloatArray  # Shape (m, k); of the components that parallel analysis keeps, at least one
    loading_intervals: FloatArray  # Shape (m, k, 2); NaN with too few families
    halves: Halves | None  # None with fewer than four families
    treatments: dict[str, Treatment]
    outside: Outside | None  # None without the benchmark


@dataclass(frozen=True, eq=False)
class BoardClusters:
    """Clusters of the benchmarks of a board and their stability."""

    leaves: tuple[str, ...]
    found: Clusters
    stability: FloatArray  # Shape (clusters,); mean Jaccard similarity over resamples; NaN with too few families
    mean_rho: tuple[tuple[float | None, Interval | None], ...]  # Of the pairs within each cluster


def board_drivers(
    board: Board,
    families: Families,
    described: Described,
    resamples: int = RESAMPLES,
    seed: int = 0,
    among: Sequence[Scope] = SCOPES,
) -> BoardDrivers:
    """Find the drivers of agreement of a complete board, with the metadata of its benchmarks."""
    leaves, labels = board.leaves, families.labels
    clusters = sure_families(labels)
    drawn = _drawn_rho(board.scores, labels, resamples, seed)
    rho = spearman_matrix(board.scores)
    properties = {name: described.values(name, leaves) for name in PROPERTIES}
    papers = [one or leaf for one, leaf in zip(properties["paper"], leaves, strict=True)]
    scopes = {scope: drivers(rho, properties, papers, scope, seed=seed, resampled=drawn) for scope in among}
    each = {(scope, one.properties): one for scope, found in scopes.items() for one in found.drivers}
    coefficient = {key: interval(one.coefficient, one.drawn[:, 0], clusters) for key, one in each.items()}
    partial = {key: _share_between(one.partial_r2, one.drawn[:, 1], clusters) for key, one in each.items()}
    r2 = {scope: _share_between(found.r2, found.drawn, clusters) for scope, found in scopes.items()}
    return BoardDrivers(scopes, r2, coefficient, partial)


def board_dimensions(
    board: Board,
    families: Families,
    considered: Board,
    snapshot: Snapshot | None = None,
    min_overlap: int = 20,
    resamples: int = RESAMPLES,
    seed: int = 0,
    found: Dimensions | None = None,
) -> BoardDimensions:
    """Find how far the dimensions of a complete board are those of other models and treatments of missing scores.

    `considered`: the board before the cleaning. `found`: the board's dimensions, where they are known already.
    """
    found = found or dimensions(board, seed=seed)
    columns = [board.leaves.index(leaf) for leaf in found.leaves]
    z = z_scores(board.scores)[:, columns] if columns else np.zeros((len(board.models), 0))
    labels, m = families.labels, len(columns)
    clusters = sure_families(labels) if m > 1 else None
    loadings = _loadings(z, max(1, found.parallel_analysis or 0)) if m else np.zeros((0, 0))
    band = np.full((m, 4), np.nan)
    bounds = np.full((*loadings.shape, 2), np.nan)
    intervals: dict[str, Interval | None] = dict.fromkeys(("participation_ratio", "pc1_share", "by_family"))
    if m:
        band[:, 2:] = np.percentile(shuffled_eigenvalues(z, _SHUFFLED, seed), _BAND, axis=0).T
    if clusters is not None:
        drawn = resampled_dimensions(z, draw_counts(labels, resamples, seed), loadings, labels, seed)
        ratios = np.array([participation_ratio(row) for row in drawn.eigenvalues])
        values = drawn.eigenvalues
        intervals["participation_ratio"] = interval(found.participation_ratio, ratios, clusters)
        intervals["pc1_share"] = interval(found.pc1_share, values[:, 0] / values.sum(axis=1), clusters)
        intervals["by_family"] = _by_family(z, labels, drawn, seed, clusters)
        band[:, :2] = _ends(found.eigenvalues, values, clusters)
        bounds = _ends(loadings.ravel(), drawn.loadings.reshape(len(values), -1), clusters).reshape(bounds.shape)
    return BoardDimensions(
        found,
        None if intervals["by_family"] is None else int(intervals["by_family"].value),
        intervals,
        band,
        loadings,
        bounds,
        _halves(z, labels, loadings, seed) if m > 1 and families.count >= 4 and len(z) >= 8 else None,
        treatments(considered.scores_on(board.leaves), board.leaves, min_overlap, seed=seed),
        None if snapshot is None or not m else _outside(board, snapshot, z, loadings, columns, labels, resamples, seed),
    )


def family_dimensions(board: Board, families: Families, leaves: Sequence[str], seed: int = 0) -> Interval | None:
    """Count dimensions with members of a family kept alike, as `board_dimensions` does; None with too few families.

    `leaves`: those of a complete board that vary.
    """
    labels = families.labels
    clusters = sure_families(labels)
    if len(leaves) < 2 or clusters is None:
        return None
    z = z_scores(board.scores_on(leaves))
    counts = draw_counts(labels, RESAMPLES, seed)
    drawn = resampled_dimensions(z, counts, np.zeros((len(leaves), 0)), labels, seed)
    return _by_family(z, labels, drawn, seed, clusters)


def _by_family(z: FloatArray, labels: IntArray, drawn: Resampled, seed: int, clusters: float) -> Interval | None:
    once = np.ones((len(drawn.components), len(z)), dtype=np.int64)
    whole = resampled_dimensions(z, once, np.zeros((z.shape[1], 0)), labels, seed).components[0]
    return interval(float(whole), drawn.components.astype(np.float64), clusters)


def board_clusters(board: Board, families: Families, resamples: int = RESAMPLES, seed: int = 0) -> BoardClusters:
    """Cluster the benchmarks of a complete board, with the families of its models."""
    found, labels = clusters(board.scores, seed=seed), families.labels
    sure = sure_families(labels)
    drawn = _drawn_rho(board.scores, labels, 0 if found.reason else resamples, seed)
    m = len(board.leaves)
    first, second = np.triu_indices(m, k=1)
    rho = np.zeros((len(drawn), m, m))
    rho[:, first, second] = rho[:, second, first] = drawn
    whole = spearman_matrix(board.scores)[first, second]
    within: list[tuple[float | None, Interval | None]] = []
    for cluster in range(found.count if found.reason is None else 0):
        pairs = (found.labels[first] == cluster) & (found.labels[second] == cluster)
        mean = float(whole[pairs].mean()) if pairs.any() else None
        drawn_mean = drawn[:, pairs].mean(axis=1) if pairs.any() else np.zeros(0)
        within.append((mean, interval(mean, drawn_mean, sure)))
    return BoardClusters(board.leaves, found, cluster_stability(found.labels, rho), tuple(within))


def _drawn_rho(scores: FloatArray, labels: IntArray, resamples: int, seed: int) -> FloatArray:
    """Return the rank correlations of all pairs in each resample of families, none with too few, shape (r, pairs)."""
    few = not resamples or sure_families(labels) is None
    counts = np.zeros((0, len(labels)), np.int64) if few else draw_counts(labels, resamples, seed)
    return rank_correlations(scores, counts)


def _share_between(value: float | None, drawn: FloatArray, clusters: float | None) -> Interval | None:
    """Return the interval of a share, with its own value for the mean of the resamples, which have more noise."""
    moved = drawn if value is None or not drawn.size else drawn + (value - float(drawn.mean()))
    return interval(value, moved, clusters, within=(0.0, 1.0))


def _ends(values: FloatArray, drawn: FloatArray, clusters: float | None) -> FloatArray:
    """Return low and high of each value, shape (values, 2); NaN where there is none."""
    found = [interval(float(v), column, clusters) for v, column in zip(values, drawn.T, strict=True)]
    return np.array([(np.nan, np.nan) if one is None else (one.low, one.high) for one in found]).reshape(-1, 2)


def _loadings(z: FloatArray, components: int) -> FloatArray:
    """Return the loadings on the first components, the sum of each not below zero, shape (m, components)."""
    values, vectors = np.linalg.eigh(z.T @ z / (len(z) - 1))
    found = vectors[:, ::-1][:, :components] * np.sqrt(np.maximum(values[::-1][:components], 0.0))
    return found * np.where(found.sum(axis=0) < 0, -1.0, 1.0)


def _halves(z: FloatArray, labels: IntArray, loadings: FloatArray, seed: int) -> Halves:
    drawn: Resampled = resampled_dimensions(z, half_counts(labels, HALVES, seed), loadings[:, :1], labels, seed)
    one, other = drawn.loadings[::2, :, 0], drawn.loadings[1::2, :, 0]
    alike = [congruence(a, b) or 0.0 for a, b in zip(one, other, strict=True)]
    at = [_BAND[0], 50.0, _BAND[1]]
    low, middle, high = np.percentile(drawn.components, at, method="nearest").tolist()
    worst, usual, best = np.percentile(alike, at).tolist()
    return Halves(2 * HALVES, (low, middle, high), (worst, usual, best))


def _outside(
    board: Board,
    snapshot: Snapshot,
    z: FloatArray,
    loadings: FloatArray,
    columns: Sequence[int],
    labels: IntArray,
    resamples: int,
    seed: int,
) -> Outside | None:
    """Compare the first component with ImageNet top-1; None where the snapshot has no score of it."""
    if IMAGENET not in snapshot.tree or IMAGENET in board.leaves:
        return None
    column = snapshot.scores[:, snapshot.tree.index[IMAGENET]]
    values = column[[snapshot.rows[model] for model in board.ids]]
    both = np.flatnonzero(~np.isnan(values))
    if not len(both):
        return None
    # A component is the sum of the z-scores by its loadings, up to a factor.
    first = loadings[:, 0]
    agreed = rank_correlation(z[both] @ first, values[both], labels_among(labels, both), resamples, seed)
    single = spearman_matrix(np.column_stack([board.scores[both][:, list(columns)], values[both]]))[-1, :-1]

    signs = [Sign(int(chosen.sum()), pair_summary(single[chosen]).mean) for chosen in (first > 0, first < 0)]
    return Outside(IMAGENET, len(both), *agreed, *signs)
