"""The poster's cleaning against the three lines of pandas that it is."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.data.cleaning import DroppedModel, clean
from brainalign_plugin.errors import InputError
from tests.boards import SCORED, board_of, boards, reordered, small_tree, snapshot_of, snapshots, tree_of

# Shares of up to seven models, and shares that no such board can have.
THRESHOLDS = st.sampled_from([0, 1, 0.5, 1 / 3, 2 / 3, 1 / 7, 3 / 7, 0.2, 0.6]) | st.floats(0, 1)

PAIR = {"average_vision": {"neural_vision": {"a": None}, "behavior_vision": {"b": None}}}


def by_pandas(board, max_missing):
    frame = board.to_frame()
    kept = frame.drop(columns=frame.columns[frame.isna().mean() > max_missing]) if len(frame) else frame
    return kept.dropna()


@given(boards(), THRESHOLDS)
def test_pandas_cleans_the_same(board, max_missing):
    expected = by_pandas(board, max_missing)
    cleaning = clean(board, max_missing)
    cleaned = cleaning.board
    assert cleaned.ids == tuple(expected.index)
    assert cleaned.leaves == tuple(expected.columns)
    np.testing.assert_array_equal(cleaned.scores, expected.to_numpy().reshape(cleaned.scores.shape))
    assert cleaned.complete
    assert set(cleaned.tree.leaves()) == set(cleaned.leaves)
    assert cleaning.considered is board
    assert cleaning.max_missing == max_missing


@given(boards(), THRESHOLDS)
def test_the_log_accounts_for_everything_that_went(board, max_missing):
    cleaning = clean(board, max_missing)
    kept, dropped = cleaning.board, cleaning.dropped_benchmarks
    assert [leaf for leaf in board.leaves if leaf not in kept.leaves] == [d.type_id for d in dropped]
    for entry in dropped:
        cells = [int(s) for s in board.states[:, board.leaves.index(entry.type_id)]]
        assert (entry.failed, entry.never, entry.models) == (cells.count(1), cells.count(0), len(cells))
        assert entry.missing_share == (cells.count(0) + cells.count(1)) / len(cells)
        assert entry.missing_share > max_missing
    assert [i for i in board.ids if i not in kept.ids] == [d.id for d in cleaning.dropped_models]
    for entry in cleaning.dropped_models:
        row = board.ids.index(entry.id)
        assert entry.name == board.models[row].name
        states = dict(zip(board.leaves, board.states[row].tolist(), strict=True))
        assert entry.failed == tuple(leaf for leaf in kept.leaves if states[leaf] == 1)
        assert entry.never == tuple(leaf for leaf in kept.leaves if states[leaf] == 0)
        assert entry.failed or entry.never


@settings(max_examples=30)
@given(boards(), THRESHOLDS)
def test_cleaning_twice_changes_nothing(board, max_missing):
    once = clean(board, max_missing)
    twice = clean(once.board, max_missing)
    assert twice.board.ids == once.board.ids
    assert twice.board.leaves == once.board.leaves
    assert twice.board.tree == once.board.tree
    assert twice.dropped_benchmarks == twice.dropped_models == ()
    assert twice.constant == once.constant


@settings(max_examples=30)
@given(boards(), THRESHOLDS, st.data())
def test_the_order_of_models_does_not_matter(board, max_missing, data):
    order = data.draw(st.permutations(range(len(board.models))))
    one, other = clean(board, max_missing), clean(board.take(order), max_missing)
    assert set(one.board.ids) == set(other.board.ids)
    assert one.board.leaves == other.board.leaves
    assert one.dropped_benchmarks == other.dropped_benchmarks
    assert {d.id: d for d in one.dropped_models} == {d.id: d for d in other.dropped_models}
    assert one.constant == other.constant


@given(boards(), THRESHOLDS)
def test_constant_leaves_are_named(board, max_missing):
    cleaning = clean(board, max_missing)
    columns = dict(zip(cleaning.board.leaves, np.round(cleaning.board.scores, 9).T.tolist(), strict=True))
    expected = [leaf for leaf, column in columns.items() if len(set(column)) == 1]
    assert list(cleaning.constant) == expected


@settings(max_examples=30)
@given(snapshots(), THRESHOLDS)
def test_neither_engineering_nor_groups_come_through(snapshot, max_missing):
    cleaning = clean(snapshot.board(), max_missing)
    for leaf in (*cleaning.board.leaves, *(d.type_id for d in cleaning.dropped_benchmarks)):
        assert snapshot.tree[leaf].is_leaf
        assert snapshot.tree.path(leaf)[0] == "average_vision"
    shuffled = clean(reordered(snapshot, range(len(snapshot.models))[::-1]).board(), max_missing)
    assert shuffled.board.leaves == cleaning.board.leaves


def test_a_share_of_exactly_the_threshold_is_kept():
    tree = tree_of(PAIR)
    half = board_of([[0.1, 0.2], [0.3, "X"], [0.5, ""], [0.7, 0.8]], tree)
    assert clean(half).board.leaves == ("a", "b")
    assert clean(half).board.ids == (half.ids[0], half.ids[3])
    above = board_of([[0.1, 0.2], [0.3, "X"], [0.5, ""]], tree)
    cleaning = clean(above)
    assert cleaning.board.leaves == ("a",)
    assert len(cleaning.board.models) == 3
    assert [d.type_id for d in cleaning.dropped_benchmarks] == ["b"]


def test_no_share_in_percent_is_lost_to_rounding():
    # 0.29 * 100 is below 29 in floating point: by a product, a leaf of which 29 of 100 are missing would go.
    for percent in range(101):
        rows = [[0.5, "X" if i < percent else 0.25] for i in range(100)]
        board = board_of(rows, tree_of(PAIR))
        assert clean(board, percent / 100).board.leaves == ("a", "b"), percent
        if percent:
            assert clean(board, (percent - 0.5) / 100).board.leaves == ("a",), percent


def test_threshold_zero_keeps_complete_leaves_and_threshold_one_keeps_all():
    board = board_of([[0.1, "X"], [0.2, "X"], [0.3, "X"]], tree_of(PAIR))
    assert clean(board, 0).board.leaves == ("a",)
    assert len(clean(board, 0).board.models) == 3
    everything = clean(board, 1)
    assert everything.board.leaves == ("a", "b")
    assert everything.board.models == ()
    assert len(everything.dropped_models) == 3
    assert everything.dropped_benchmarks == ()


def test_leaves_are_dropped_before_models():
    # The other way round nothing would be left: every model lacks the second leaf.
    board = board_of([[0.1, ""], [0.2, ""], ["X", ""]], tree_of(PAIR))
    cleaning = clean(board)
    assert cleaning.board.ids == board.ids[:2]
    assert cleaning.dropped_models[0].failed == ("a",)
    assert cleaning.dropped_models[0].never == ()


def test_reasons_in_words():
    leaves = {f"b{i}": None for i in range(5)}
    tree = tree_of({"average_vision": {"neural_vision": {"a": None}, "behavior_vision": leaves}})
    full = [0.5] * 6
    rows = [["X", *full[1:]], ["", "X", "X", "X", "X", "X"], *[full] * 3, ["", "X", "", 0.5, 0.5, 0.5]]
    cleaning = clean(board_of(rows, tree), 0.4)
    (dropped,) = cleaning.dropped_benchmarks
    assert dropped.type_id == "a"
    assert dropped.reason == "50.0% of 6 models have no score (1 FAILED, 2 NEVER run)"
    first, second = cleaning.dropped_models
    assert first.reason == "FAILED on b0, b1, b2 and 2 more"
    assert second.reason == "FAILED on b0; NEVER run on b1"


@pytest.mark.parametrize(("count", "reason"), [(1, "a"), (3, "a, b, c"), (4, "a, b, c and 1 more")])
def test_up_to_three_benchmarks_are_named(count, reason):
    entry = DroppedModel(1, "m", failed=(), never=tuple("abcd"[:count]))
    assert entry.reason == f"NEVER run on {reason}"


def test_an_empty_board_is_cleaned_to_an_empty_board():
    cleaning = clean(board_of([]))
    assert cleaning.board.models == ()
    assert cleaning.board.leaves == small_tree().leaves("average_vision")
    assert cleaning.constant == ()
    assert cleaning.dropped_benchmarks == cleaning.dropped_models == ()


def test_constant_means_equal_to_nine_decimals():
    tree = tree_of(PAIR)
    cleaning = clean(board_of([[0.5, 0.5], [0.5 + 4e-10, 0.5 + 6e-10], [0.5 - 4e-10, 0.5]], tree))
    assert cleaning.constant == ("a",)


def test_a_single_model_keeps_what_it_was_scored_on():
    cleaning = clean(board_of([[0.5, "X"]], tree_of(PAIR)))
    assert cleaning.board.leaves == ("a",)
    assert len(cleaning.board.models) == 1


def test_a_single_model_makes_every_leaf_constant():
    assert clean(board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])).constant == small_tree().leaves("average_vision")


@pytest.mark.parametrize("threshold", [-0.01, 1.01, float("nan"), float("inf"), 50])
def test_a_threshold_that_is_no_share_is_refused(threshold):
    with pytest.raises(InputError, match=re.escape(f"max_missing is {threshold}; it is a share")):
        clean(board_of([[0.5] * 6]), threshold)


def test_errors_and_states_stay_with_their_cells():
    board = board_of([[0.5] * 6, [0.5] * 5 + ["X"], [0.25] * 6])
    cleaned = clean(replace(board, errors=np.arange(18.0).reshape(3, 6))).board
    assert cleaned.errors.tolist() == [list(range(6)), list(range(12, 18))]
    assert (cleaned.states == SCORED).all()


def test_the_default_is_half_of_the_models():
    snapshot = snapshot_of(small_tree(), [[0.5] * 7, ["X"] * 7])
    assert clean(snapshot.board()).max_missing == 0.5
    assert len(clean(snapshot.board()).board.leaves) == 6
