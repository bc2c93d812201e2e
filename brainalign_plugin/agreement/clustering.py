"""Clusters of benchmarks by their correlations, how separate they are, and their order in a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..errors import InputError
from ..scales import ranks_from_bottom
from .correlation import spearman_matrix

PERMUTATIONS = 199
# Largest p-value with which there are clusters.
LEVEL = 0.05
_MOST = 20
_VARIES = 1e-12


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of ``m`` benchmarks."""

    order: IntArray  # Shape (m,); benchmarks as the tree has them, correlated ones next to each other
    labels: IntArray  # Shape (m,); numbered from 0 in the order of the tree; all 0 if there are none
    silhouette: float | None  # Mean silhouette of the benchmarks, the largest over numbers of clusters
    p: float | None  # Share of boards of one dimension whose silhouette is as large
    reason: str | None  # Why there are no clusters

    @property
    def count(self) -> int:
        """Number of clusters, benchmarks that are alone among them; 1 if there are none."""
        return int(self.labels.max(initial=-1)) + 1


def clusters(scores: FloatArray, permutations: int = PERMUTATIONS, seed: int = 0, level: float = LEVEL) -> Clusters:
    """Cluster the benchmarks of a complete board (n, m) by average linkage on 1 - Spearman's rho.

    Cut where the mean silhouette is largest, if it exceeds that of boards with one dimension: the first component of
    the ranks, with the rest permuted within benchmarks. Raises InputError without a permutation.

    Rousseeuw (1987), *Journal of Computational and Applied Mathematics* 20, 53-65 (silhouette); Sokal, Michener (1958),
    *University of Kansas Science Bulletin* 38, 1409-1438 (average linkage).
    """
    if permutations < 1:
        raise InputError(f"{permutations} permutations were asked for; give at least 1")
    rho = spearman_matrix(scores)
    order = clustered_order(rho)
    m = len(rho)
    none = np.zeros(m, dtype=np.int64)
    ranks = ranks_from_bottom(scores)
    x = ranks - (len(ranks) + 1) / 2
    varies = x.any(axis=0)
    if varies.sum() < 4 or len(x) < 4:
        return Clusters(order, none, None, None, "clusters need at least 4 models and 4 benchmarks that vary")
    labels, silhouette = _best_cut(rho)
    x = x[:, varies] / np.linalg.norm(x[:, varies], axis=0)
    left, sizes, right = np.linalg.svd(x, full_matrices=False)
    first = sizes[0] * np.outer(left[:, 0], right[0])
    rng = np.random.default_rng(seed)
    reached = 0
    for _ in range(permutations):
        drawn = first + rng.permuted(x - first, axis=0)
        size = np.linalg.norm(drawn, axis=0)
        drawn = drawn / np.where(size > _VARIES, size, 1.0)
        reached += _best_cut(drawn.T @ drawn)[1] >= silhouette - 1e-9
    p = (1 + reached) / (1 + permutations)
    if p > level:
        return Clusters(order, none, silhouette, p, "no clusters that one dimension would not show too")
    number = {label: i for i, label in enumerate(dict.fromkeys(labels[order].tolist()))}
    numbered = np.array([number[label] for label in labels.tolist()], dtype=np.int64)
    return Clusters(order, numbered, silhouette, p, None)


def cluster_stability(labels: IntArray, resampled: FloatArray) -> FloatArray:
    """Return how well each cluster is found again in resamples of the models: the mean of its best Jaccard similarity.

    Each resample is cut into as many clusters. Above 0.75 a cluster counts as stable, below 0.6 it should not be
    trusted. Shape (clusters,); NaN without a resample. `resampled`: correlations (r, m, m), NaN where unknown.

    Hennig (2007), *Computational Statistics & Data Analysis* 52, 258-271.
    """
    count = int(labels.max(initial=-1)) + 1
    if not len(resampled):
        return np.full(count, np.nan)
    own = labels[:, None] == np.arange(count)
    best = np.zeros((len(resampled), count))
    for i, rho in enumerate(resampled):
        cut = _cuts(_distances(rho), count)[:, -1]
        other = cut[:, None] == np.unique(cut)
        common = own.T.astype(np.int64) @ other
        best[i] = (common / (own.sum(axis=0)[:, None] + other.sum(axis=0) - common)).max(axis=1)
    return best.mean(axis=0)


def clustered_order(rho: FloatArray) -> IntArray:
    """Return the order (m,) of the leaves in average-linkage clustering on 1 - rho; an unknown rho counts as zero."""
    if len(rho) < 3:
        return np.arange(len(rho))
    # Loading takes as long as analysing a board.
    from scipy.cluster import hierarchy

    tree = hierarchy.linkage(_condensed(_distances(rho)), method="average", optimal_ordering=True)
    return hierarchy.leaves_list(tree).astype(np.int64)


def silhouettes(distance: FloatArray, labels: IntArray) -> FloatArray:
    """Return the silhouette of each item (m,) of several clusters: 0 for one that is alone, else (b - a) / max(a, b).

    a is its mean distance from its own cluster, b the least mean distance from another. `distance`: shape (m, m).
    """
    member = (labels[:, None] == np.unique(labels)).astype(np.float64)
    sizes = member.sum(axis=0)
    total = distance @ member
    own = (total * member).sum(axis=1) / np.maximum((member @ sizes) - 1, 1)
    other = np.where(member > 0, np.inf, total / sizes).min(axis=1)
    largest = np.maximum(own, other)
    alone = (member @ sizes) == 1
    return np.where(alone | (largest <= _VARIES), 0.0, (other - own) / np.maximum(largest, _VARIES))


def _best_cut(rho: FloatArray) -> tuple[IntArray, float]:
    """Return the labels with the largest mean silhouette, and it."""
    distance = _distances(rho)
    cuts = _cuts(distance, min(len(rho) - 1, _MOST))
    means = [float(silhouettes(distance, cut).mean()) for cut in cuts.T]
    best = int(np.argmax(means))
    return cuts[:, best], means[best]


def _cuts(distance: FloatArray, most: int) -> IntArray:
    """Return the labels of the tree cut into 2, 3, ... clusters, shape (m, most - 1)."""
    from scipy.cluster import hierarchy

    tree = hierarchy.linkage(_condensed(distance), method="average")
    return np.asarray(hierarchy.cut_tree(tree, n_clusters=list(range(2, max(most, 2) + 1))), dtype=np.int64)


def _distances(rho: FloatArray) -> FloatArray:
    distance = 1 - np.nan_to_num(rho, nan=0.0)
    np.fill_diagonal(distance, 0.0)
    return np.maximum((distance + distance.T) / 2, 0.0)


def _condensed(distance: FloatArray) -> FloatArray:
    return distance[np.triu_indices(len(distance), k=1)]
