from __future__ import annotations

import math
import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_plugin.data.tree import Benchmark, BenchmarkTree, BenchmarkVersion, node_means, paper
from brainalign_plugin.errors import SnapshotError
from tests.boards import small_tree, tree_of, trees


def below(tree, type_id):
    """All leaves below a node, the slow way: every leaf whose chain of parents meets it."""
    found = set()
    for node in tree.nodes:
        at = node
        while at.type_id != type_id and at.parent is not None:
            at = next(n for n in tree.nodes if n.type_id == at.parent)
        if node.is_leaf and at.type_id == type_id:
            found.add(node.type_id)
    return found


def slow_mean(tree, values, type_id):
    node = tree[type_id]
    if node.is_leaf:
        return values[type_id]
    numbers = [slow_mean(tree, values, child) for child in tree.children(type_id)]
    numbers = [x for x in numbers if not math.isnan(x)]
    return sum(numbers) / len(numbers) if numbers else math.nan


@given(trees())
def test_structure_agrees_with_the_parent_links(tree):
    for node in tree.nodes:
        children = [n.type_id for n in tree.nodes if n.parent == node.type_id]
        assert list(tree.children(node.type_id)) == children
        leaves = tree.leaves(node.type_id)
        assert len(leaves) == len(set(leaves))
        assert set(leaves) == below(tree, node.type_id)
        path = tree.path(node.type_id)
        assert path[-1] == node.type_id
        assert path[0] in tree.roots
        assert [tree[n].parent for n in path] == [None, *path[:-1]]
    assert set(tree.roots) == {n.type_id for n in tree.nodes if n.parent is None}
    assert set(tree.leaves()) == {n.type_id for n in tree.nodes if n.is_leaf}
    assert sorted(tree.bottom_up.tolist()) == list(range(len(tree.nodes)))
    done = set()
    for i in tree.bottom_up.tolist():
        assert set(tree.child_positions[i]) <= done
        done.add(i)


def test_leaves_come_in_depth_first_order():
    tree = tree_of({"r": {"g": {"a": None, "h": {"b": None}}, "c": None}, "s": {"d": None}})
    assert tree.leaves() == ("a", "b", "c", "d")
    assert tree.leaves("g") == ("a", "b")
    assert tree.leaves("c") == ("c",)


@given(trees(), st.data())
def test_pruned_keeps_the_leaves_and_their_ancestors(tree, data):
    kept = data.draw(st.sets(st.sampled_from(tree.leaves())))
    pruned = tree.pruned(kept)
    assert set(pruned.leaves()) == kept
    expected = {name for leaf in kept for name in tree.path(leaf)}
    assert [n.type_id for n in pruned.nodes] == [n.type_id for n in tree.nodes if n.type_id in expected]
    assert all(tree[n.type_id] == n for n in pruned.nodes)


@given(trees(), st.data())
def test_pruned_to_a_root_cuts_above_it(tree, data):
    root = data.draw(st.sampled_from([n.type_id for n in tree.nodes]))
    leaves = tree.leaves(root)
    pruned = tree.pruned(leaves, root=root)
    assert pruned.roots == ((root,) if leaves else ())
    for leaf in leaves:
        path = tree.path(leaf)
        assert pruned.path(leaf) == path[path.index(root) :]


def test_pruning_refuses_what_is_no_leaf_below_the_root():
    tree = small_tree()
    with pytest.raises(SnapshotError, match="'V1' is a group"):
        tree.pruned(["V1"])
    with pytest.raises(SnapshotError, match="no benchmark 'V9'"):
        tree.pruned(["V9"])
    with pytest.raises(SnapshotError, match=r"'ImageNet-top1'.*'average_vision'"):
        tree.pruned(["ImageNet-top1"], root="average_vision")


@given(trees(), st.data())
def test_node_means_are_the_recursive_means(tree, data):
    numbers = st.none() | st.floats(-1, 2)
    rows = data.draw(st.lists(st.fixed_dictionaries({n.type_id: numbers for n in tree.nodes}), max_size=3))
    values = np.array([[row[n.type_id] for n in tree.nodes] for row in rows], dtype=float)
    means = node_means(tree, values.reshape(len(rows), len(tree.nodes)))
    for i, row in enumerate(rows):
        known = {name: math.nan if x is None else x for name, x in row.items()}
        expected = [slow_mean(tree, known, n.type_id) for n in tree.nodes]
        np.testing.assert_allclose(means[i], expected, rtol=1e-12, atol=1e-12)


def test_node_means_leave_their_input_alone():
    tree = tree_of({"r": {"a": None, "b": None}})
    values = np.array([[9.0, 0.25, 0.75]])
    assert node_means(tree, values).tolist() == [[0.5, 0.25, 0.75]]
    assert values.tolist() == [[9.0, 0.25, 0.75]]


@given(trees(), st.data())
def test_nominal_weight_is_the_pull_of_a_leaf_on_the_recursive_mean(tree, data):
    root = data.draw(st.sampled_from(["average_vision", "neural_vision", "engineering_vision"]))
    leaves = tree.leaves()
    pruned = tree.pruned(leaves)
    if root not in pruned:
        return
    weights = pruned.nominal_weights(leaves, root)
    for j, leaf in enumerate(leaves):
        # The recursive mean is linear: a leaf's weight is the mean of a model that scores 1 there and 0 else.
        one = {name: float(name == leaf) for name in leaves}
        assert weights[j] == pytest.approx(slow_mean(pruned, one, root), abs=1e-12)
    assert weights.sum() == pytest.approx(1)


def test_version_of_a_leaf_is_its_latest():
    versions = tuple(BenchmarkVersion(v, f"a_v{v}") for v in (2, 10, 9))
    assert Benchmark("a", None, True, versions=versions).version == 10
    assert Benchmark("a", None, True).version == 0
    assert not Benchmark("a", None, True).is_engineering


@pytest.mark.parametrize(
    ("type_id", "expected"),
    [
        ("Marques2020_Schiller1976-sf_selective", "Marques2020"),
        ("FreemanZiemba2013.V1-pls", "FreemanZiemba2013"),
        ("Geirhos2021colour-error_consistency", "Geirhos2021"),
        ("dicarlo.MajajHong2015public.IT-pls", "MajajHong2015"),
        ("SanghaviJozwik2020.V4-pls", "SanghaviJozwik2020"),
        ("V1", "V1"),
        ("X2020-metric", "X2020-metric"),
        ("Kar2019-ost", "Kar2019"),
        ("ImageNet-top1", "ImageNet-top1"),
        ("", ""),
    ],
)
def test_paper_is_the_first_author_and_year_in_the_identifier(type_id, expected):
    assert paper(type_id) == expected


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([Benchmark("a", None, True), Benchmark("b", None, True), Benchmark("b", None, True)], "'b' occurs twice"),
        ([Benchmark("a", "gone", True)], "'a' names the parent 'gone'"),
        ([Benchmark("a", None, True), Benchmark("b", "a", True)], "'a' is a leaf but has the child 'b'"),
        (
            [Benchmark("r", None, False), Benchmark("a", "b", False), Benchmark("b", "a", False)],
            "'a' is its own ancestor",
        ),
        ([Benchmark("a", "a", False)], "'a' is its own ancestor"),
    ],
)
def test_a_tree_that_contradicts_itself_is_refused(nodes, message):
    with pytest.raises(SnapshotError, match=re.escape(message)):
        BenchmarkTree(tuple(nodes))


def test_an_unknown_benchmark_is_named():
    tree = small_tree()
    assert "V1" in tree
    assert "V9" not in tree
    for ask in (tree.__getitem__, tree.children, tree.leaves, tree.path):
        with pytest.raises(SnapshotError, match="no benchmark 'V9' in this tree of 14 nodes"):
            ask("V9")


def test_a_tree_is_a_value():
    tree = small_tree()
    assert tree == small_tree()
    with pytest.raises(FrozenInstanceError):
        tree.nodes = ()
    with pytest.raises(FrozenInstanceError):
        tree["V1"].parent = None


def test_a_tree_deeper_than_a_hundred_levels_is_refused():
    depth = 100
    groups = [Benchmark(f"g{i}", f"g{i - 1}" if i else None, False) for i in range(depth)]
    tree = BenchmarkTree((*groups[:-1], Benchmark("leaf", f"g{depth - 2}", True)))
    assert tree.leaves("g0") == ("leaf",)
    values = np.full((1, depth), np.nan)
    values[0, -1] = 0.25
    assert node_means(tree, values).tolist() == [[0.25] * depth]
    with pytest.raises(SnapshotError, match="more than 100 levels deep"):
        BenchmarkTree((*groups, Benchmark("one", f"g{depth - 1}", False), Benchmark("leaf", "one", True)))
