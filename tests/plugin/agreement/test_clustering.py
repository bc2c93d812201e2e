from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy

from brainalign_plugin.agreement.clustering import cluster_stability, clustered_order, clusters, silhouettes
from brainalign_plugin.agreement.correlation import spearman_matrix
from brainalign_plugin.errors import InputError
from tests.boards import score_matrices


@given(st.integers(0, 9), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_every_leaf_has_one_place(leaves, seed, missing):
    rng = np.random.default_rng(seed)
    rho = rng.uniform(-1, 1, (leaves, leaves))
    rho = (rho + rho.T) / 2
    gone = rng.random((leaves, leaves)) < missing
    rho[gone | gone.T] = np.nan
    before = np.array(rho)
    order = clustered_order(rho)
    assert sorted(order.tolist()) == list(range(leaves))
    assert order.dtype == np.int64
    np.testing.assert_array_equal(rho, before)


@given(st.permutations(range(9)))
def test_planted_clusters_stand_together_and_neighbours_are_alike(places):
    # Three clusters of three; the second is closer to the third than to the first.
    cluster = np.repeat([0, 1, 2], 3)[places]
    between = np.array([[0.9, -0.2, -0.6], [-0.2, 0.9, 0.4], [-0.6, 0.4, 0.9]])
    rho = between[np.ix_(cluster, cluster)]
    np.fill_diagonal(rho, 1)
    found = cluster[clustered_order(rho)].tolist()
    assert found in ([0] * 3 + [1] * 3 + [2] * 3, [2] * 3 + [1] * 3 + [0] * 3)


@given(st.integers(3, 8), st.integers(0, 2**32 - 1))
def test_linkage_is_by_the_average_of_one_minus_rho(leaves, seed):
    rho = np.corrcoef(np.random.default_rng(seed).normal(size=(leaves, 5)))
    condensed = [1 - rho[i, j] for i in range(leaves) for j in range(i + 1, leaves)]
    tree = hierarchy.average(condensed)
    expected = hierarchy.leaves_list(hierarchy.optimal_leaf_ordering(tree, condensed))
    assert clustered_order(rho).tolist() in (expected.tolist(), expected[::-1].tolist())


def test_an_unknown_correlation_counts_as_zero():
    # Leaf 2 has no correlation at all; it stands outside the pair that correlates and beside the one that is neutral.
    rho = np.array([[1, 0.8, np.nan], [0.8, 1, np.nan], [np.nan, np.nan, np.nan]])
    assert clustered_order(rho).tolist()[1] in (0, 1)
    np.testing.assert_array_equal(clustered_order(rho), clustered_order(np.nan_to_num(rho)))


@pytest.mark.parametrize("leaves", [0, 1, 2])
def test_up_to_two_leaves_keep_their_order(leaves):
    assert clustered_order(np.eye(leaves)).tolist() == list(range(leaves))


def planted(groups=3, models=150, each=5, general=0.0, own=1.0, seed=0):
    rng = np.random.default_rng(seed)
    shared = general * rng.normal(size=(models, 1)) + own * np.repeat(rng.normal(size=(models, groups)), each, axis=1)
    return shared + 0.7 * rng.normal(size=shared.shape)


@pytest.mark.parametrize("groups", [2, 3, 5])
def test_planted_clusters_are_found_and_stand_together(groups):
    found = clusters(planted(groups, general=0.5), permutations=99)
    assert found.reason is None
    assert found.count == groups
    assert found.p == 0.01
    assert len({tuple(found.labels[5 * g : 5 * g + 5]) for g in range(groups)}) == groups
    # Numbered in the order of the tree, which the heatmap follows: no cluster is torn.
    assert (np.diff(found.labels[found.order]) >= 0).all()
    assert found.order.tolist() == clustered_order(spearman_matrix(planted(groups, general=0.5))).tolist()


@pytest.mark.parametrize("general", [0.0, 1.5])
def test_one_dimension_has_no_clusters(general):
    found = [clusters(planted(3, general=general, own=0.0, seed=s), permutations=39) for s in range(12)]
    assert sum(one.reason is None for one in found) <= 2
    assert all(one.p > 0.05 for one in found if one.reason == "no clusters that one dimension would not show too")


@given(score_matrices(missing=False))
def test_any_board_has_clusters_or_a_reason(scores):
    found = clusters(scores, permutations=5, level=1.0)
    assert len(found.labels) == len(found.order) == scores.shape[1]
    assert found.reason is not None or found.silhouette is not None
    assert (np.diff(found.labels[found.order]) >= 0).all()


@given(st.integers(3, 9), st.integers(0, 2**32 - 1))
def test_silhouettes_are_those_of_the_definition(m, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(m, 2))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    labels = np.append([0, 1], rng.integers(0, 3, m - 2))
    for i, found in enumerate(silhouettes(distance, labels)):
        own = [distance[i, j] for j in range(m) if labels[j] == labels[i] and j != i]
        others = [
            np.mean([distance[i, j] for j in range(m) if labels[j] == other]) for other in set(labels) - {labels[i]}
        ]
        a, b = np.mean(own) if own else None, min(others)
        assert found == pytest.approx(0 if a is None else (b - a) / max(a, b))


def test_stability_is_the_mean_of_the_best_jaccard():
    labels = np.array([0, 0, 0, 1, 1])
    same = np.where(labels[:, None] == labels, 0.9, 0.0)
    # One benchmark went over: {0, 1} of {0, 1, 2} are found, and {2, 3, 4} for {3, 4}.
    moved = np.array([0, 0, 1, 1, 1])
    other = np.where(moved[:, None] == moved, 0.9, 0.0)
    np.testing.assert_allclose(cluster_stability(labels, np.array([same, other])), [(1 + 2 / 3) / 2] * 2)
    assert np.isnan(cluster_stability(labels, np.zeros((0, 5, 5)))).all()


def test_clusters_need_a_permutation():
    with pytest.raises(InputError, match="0 permutations"):
        clusters(planted(), permutations=0)
