from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy

from brainalign_plugin.agreement.clustering import clustered_order


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
