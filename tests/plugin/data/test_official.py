"""The official aggregate, against a slow one written from the rules, and against what the site published."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.data.official import CellState, capped, official_ranks
from brainalign_plugin.errors import SnapshotError
from tests.boards import FAILED, NEVER, SCORED, reordered, small_tree, snapshot_of, snapshots, tree_of

ABSENT = "no row"


def slow_official(snapshot, row, type_id):
    """One cell by the rules: a number, ``"X"``, ``""``, or ``ABSENT`` for a group of nothing."""
    node = next(n for n in snapshot.tree.nodes if n.type_id == type_id)
    column = snapshot.tree.nodes.index(node)
    if node.is_leaf:
        state = snapshot.states[row, column]
        if state != SCORED:
            return "X" if state == FAILED else ""
        value = float(snapshot.scores[row, column])
        return value if node.is_engineering else min(max(value, 0.0), 1.0)
    children = [slow_official(snapshot, row, n.type_id) for n in snapshot.tree.nodes if n.parent == type_id]
    children = [child for child in children if child != ABSENT]
    if not children:
        return ABSENT
    numbers = [child for child in children if not isinstance(child, str)]
    if numbers:
        return sum(numbers) / len(children)
    return "X" if "X" in children else ""


def slow_ranks(aggregates):
    """Official ranks by comparing every model with every other."""

    def key(cell):
        return -(10**9) if cell == "X" else Decimal(f"{cell:.3f}").quantize(Decimal("0.01"), ROUND_HALF_UP)

    ranked = [cell for cell in aggregates if cell not in ("", ABSENT)]
    return tuple(
        None if cell in ("", ABSENT) else 1 + sum(key(other) > key(cell) for other in ranked) for cell in aggregates
    )


def recomputed(official, row, type_id):
    state = official.states[row, official.tree.index[type_id]]
    value = official.at(type_id)[row]
    assert np.isnan(value) == (state != SCORED)
    return {NEVER: "", FAILED: "X", SCORED: float(value)}[CellState(int(state))]


@given(snapshots())
def test_every_node_agrees_with_the_rules(snapshot):
    official = snapshot.official()
    for node in snapshot.tree.nodes:
        for row in range(len(snapshot.models)):
            expected = slow_official(snapshot, row, node.type_id)
            cell = recomputed(official, row, node.type_id)
            assert cell == ("" if expected == ABSENT else pytest.approx(expected, abs=1e-12))
    aggregates = [slow_official(snapshot, row, "average_vision") for row in range(len(snapshot.models))]
    assert official.ranks == slow_ranks(aggregates)


@settings(max_examples=30)
@given(snapshots(), st.data())
def test_the_order_of_models_does_not_matter(snapshot, data):
    order = data.draw(st.permutations(range(len(snapshot.models))))
    ranks = snapshot.official().ranks
    assert reordered(snapshot, order).official().ranks == tuple(ranks[i] for i in order)


def test_a_board_worked_out_by_hand():
    tree = small_tree()
    # V1: size, pls; IT: pls; behaviour: i2n, (colour, edge); engineering: ImageNet.
    rows = [
        [0.5, 0.3, 0.9, 0.2, 0.6, "", 1.4],
        ["X", "", "X", "", "", "", -0.5],
        [1.5, -0.5, 0.0, "X", "X", "X", "X"],
        ["", "", "", "", "", "", ""],
    ]
    official = snapshot_of(tree, rows).official()
    expected = {
        "V1": [0.4, "X", 0.5, ""],
        "IT": [0.9, "X", 0.0, ""],
        "neural_vision": [0.65, "X", 0.25, ""],
        "Geirhos2021-error_consistency": [0.3, "", "X", ""],
        "behavior_vision": [0.25, "", "X", ""],
        "average_vision": [0.45, "X", 0.125, ""],
        "engineering_vision": [1.4, -0.5, "X", ""],
    }
    for name, cells in expected.items():
        states = official.states[:, tree.index[name]].tolist()
        assert states == [{"": NEVER, "X": FAILED}.get(cell, SCORED) for cell in cells], name
        numbers = [np.nan if isinstance(cell, str) else cell for cell in cells]
        np.testing.assert_allclose(official.at(name), numbers, atol=1e-12, err_msg=name)
    assert official.ranks == (1, 3, 2, None)


def test_only_engineering_is_uncapped():
    tree = small_tree()
    values = np.tile([-0.5, 1.5, np.nan], (len(tree.nodes), 1)).T
    limited = capped(tree, values)
    for j, node in enumerate(tree.nodes):
        expected = [-0.5, 1.5, np.nan] if node.is_engineering else [0, 1, np.nan]
        np.testing.assert_array_equal(limited[:, j], expected)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.485, 0.49, 0.484], (1, 1, 3)),  # half up: .485 is .49
        (
            [0.4845, 0.49],
            (2, 1),
        ),  # the three-decimal text of 0.4845 is .484 or .485 by its binary value, which is below
        ([0.4846, 0.49], (1, 1)),  # .485 in three decimals, then .49: rounded twice
        ([0.2, 0.3, 0.3, 0.1], (3, 1, 1, 4)),
        ([0.304, 0.296, 0.295, 0.294], (1, 1, 1, 4)),
        ([1.0, 0.999, 0.995, 0.994], (1, 1, 1, 4)),
        ([0.0, 0.004, 0.005], (2, 2, 1)),
        ([-0.0, 0.0, 0.0049], (2, 2, 1)),
    ],
)
def test_ranks_round_the_three_decimal_text_half_up(scores, expected):
    states = np.full(len(scores), SCORED)
    assert official_ranks(np.array(scores), states) == expected


def test_failed_models_share_the_last_rank_and_blank_ones_have_none():
    scores = np.array([0.1, np.nan, 0.0, np.nan, np.nan, 0.1])
    states = np.array([SCORED, FAILED, SCORED, NEVER, FAILED, SCORED])
    assert official_ranks(scores, states) == (1, 4, 3, None, 4, 1)
    assert official_ranks(np.array([]), np.array([], dtype=np.int8)) == ()
    assert official_ranks(np.array([np.nan]), np.array([FAILED])) == (1,)
    assert official_ranks(np.array([np.nan]), np.array([NEVER])) == (None,)


@given(st.lists(st.integers(0, 1000)))
def test_ranks_of_three_decimal_scores(thousandths):
    # In whole thousandths, half up to hundredths is plain integer arithmetic.
    keys = [(t + 5) // 10 for t in thousandths]
    expected = tuple(1 + sum(other > key for other in keys) for key in keys)
    scores = np.array([t / 1000 for t in thousandths])
    assert official_ranks(scores, np.full(len(keys), SCORED)) == expected


def test_differences_from_the_published_parents():
    tree = tree_of({"average_vision": {"g": {"a": None, "b": None}, "h": {"c": None}}})
    rows = [[0.2, 0.4, 0.6], [0.5, "X", ""], ["", "X", "X"]]
    published = {"average_vision": [0.45, 0.126, "X"], "g": [0.3, 0.25, ""], "h": ["X", 0.3, "X"]}
    official = snapshot_of(tree, rows, published=published).official()
    # h: model 0 is published FAILED, model 1 is published and not recomputed; g: model 2 is FAILED, published NEVER.
    assert official.max_abs_diff == {"average_vision": pytest.approx(0.001), "g": pytest.approx(0.0), "h": None}
    assert official.state_mismatches == 3


def test_a_published_group_does_not_feed_the_recomputed_one():
    tree = tree_of({"average_vision": {"g": {"a": None}}})
    official = snapshot_of(tree, [[0.2]], published={"g": [0.9], "average_vision": [0.9]}).official()
    assert official.at("average_vision").tolist() == official.at("g").tolist() == [0.2]
    assert official.max_abs_diff["average_vision"] == pytest.approx(0.7)


def test_a_reconstructed_board_has_nothing_to_differ_from():
    snapshot = replace(snapshot_of(small_tree(), [[0.5] * 7]), reconstructed=True)
    official = snapshot.official()
    groups = {n.type_id for n in snapshot.tree.nodes if not n.is_leaf}
    assert official.max_abs_diff == dict.fromkeys(groups)
    assert official.state_mismatches == 0


def test_an_unknown_node_is_named():
    official = snapshot_of(small_tree(), [[0.5] * 7]).official()
    with pytest.raises(SnapshotError, match="no benchmark 'V9'"):
        official.at("V9")


def test_real_parents_are_reproduced(real_snapshots):
    assert len(real_snapshots) == 7
    for date, snapshot in real_snapshots.items():
        official = snapshot.official()
        groups = [n.type_id for n in snapshot.tree.nodes if not n.is_leaf]
        assert set(official.max_abs_diff) == set(groups)
        assert len(groups) == 20
        for group in groups:
            column = snapshot.tree.index[group]
            published = snapshot.scores[:, column]
            both = ~np.isnan(published)
            # The published states are recomputed exactly, so "both are numbers" leaves nothing out.
            np.testing.assert_array_equal(official.states[:, column], snapshot.states[:, column])
            diff = official.max_abs_diff[group]
            assert (diff is None) == (not both.any())
            if diff is not None:
                assert diff == np.abs(official.at(group) - published)[both].max()
                assert diff < 0.001, (date, group)
        assert official.state_mismatches == 0
        assert official.max_abs_diff["average_vision"] < 0.00051


def test_real_ranks_are_the_published_ones(real_snapshots, real_documents):
    for date, snapshot in real_snapshots.items():
        ranks = dict(zip((m.id for m in snapshot.models), snapshot.official().ranks, strict=True))
        published = {m["id"]: m["rank"] for m in real_documents[date]["models"]}
        assert ranks == published, date
        assert len(set(published.values())) > 10


def test_the_latest_real_board_agrees_with_the_rules(real_snapshots):
    snapshot = list(real_snapshots.values())[-1]
    official = snapshot.official()
    for row in range(0, len(snapshot.models), 20):
        for group in ("average_vision", "neural_vision", "behavior_vision", "V1", "engineering_vision"):
            expected = slow_official(snapshot, row, group)
            assert recomputed(official, row, group) == pytest.approx(expected, abs=1e-12)


def test_the_rank_follows_the_published_root_where_rounding_explains_the_difference():
    tree = tree_of({"average_vision": {"a": None, "b": None}})
    rows = [[0.333, 0.336], [0.333, 0.337], [0.331, 0.336]]
    published = {"average_vision": [0.335, 0.335, 0.339]}
    board = snapshot_of(tree, rows, published=published)
    board = replace(
        board, models=tuple(replace(m, published_rank=r) for m, r in zip(board.models, (1, 1, 3), strict=True))
    )
    official = board.official()
    # Recomputed 0.3345, 0.335 and 0.3335; the last one is too far from what was published.
    assert official.ranks == (1, 1, 3)
    assert official.rank_differences == 0
    other = replace(board, models=(replace(board.models[0], published_rank=2), *board.models[1:]))
    assert other.official().rank_differences == 1
    silent = replace(board, models=tuple(replace(m, published_rank=None) for m in board.models))
    assert silent.official().rank_differences is None


def test_two_decimals_are_rounded_to_two_decimals():
    tree = tree_of({"average_vision": {"a": None, "b": None}})
    official = snapshot_of(tree, [[0.33, 0.34], [0.3, 0.35]], published={"average_vision": [0.33, 0.33]}).official()
    assert official.ranks == (1, 1)


def test_an_engineering_group_that_failed_over_blank_leaves_is_no_difference():
    tree = small_tree()
    rows = [[0.5] * 6 + [""], [0.5] * 6 + [1.4]]
    published = {"engineering_vision": ["X", 1.4], "average_vision": [0.5, 0.5]}
    assert snapshot_of(tree, rows, published=published).official().state_mismatches == 0
    shown = {"engineering_vision": [0.3, "X"], "average_vision": ["X", 0.5]}
    assert snapshot_of(tree, rows, published=shown).official().state_mismatches == 3


@pytest.mark.parametrize("score", [1e308, -1e308])
def test_a_score_beyond_all_reason_overflows_nowhere(score):
    tree = tree_of({"average_vision": {"a": None, "b": None}})
    with np.errstate(all="raise"):
        official = snapshot_of(tree, [[0.333, score], [0.3, 0.2]]).official()
    assert np.isfinite(official.scores).all()
