from __future__ import annotations

import math
import re
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.data.board import Model
from brainalign_plugin.errors import BoardError
from brainalign_plugin.schemes.missing import fill_missing
from tests.boards import FAILED, NEVER, SCORED, board_of, board_of_matrix, boards, small_tree, tree_of

LEAVES = small_tree().leaves("average_vision")


def slow_mean(board, row, type_id):
    if type_id in board.leaves:
        return board.scores[row, board.leaves.index(type_id)]
    below = [slow_mean(board, row, n.type_id) for n in board.tree.nodes if n.parent == type_id]
    numbers = [x for x in below if not math.isnan(x)]
    return sum(numbers) / len(numbers) if numbers else math.nan


@given(boards())
def test_node_scores_are_recursive_means(board):
    found = board.node_scores()
    assert found.shape == (len(board.models), len(board.tree.nodes))
    for column, node in enumerate(board.tree.nodes):
        expected = [slow_mean(board, row, node.type_id) for row in range(len(board.models))]
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-12, atol=1e-12)


@given(boards(missing=False))
def test_the_average_is_the_mean_of_the_two_parts(board):
    found = board.part_scores()
    parts = [part for part in board.parts if part in board.tree]
    assert list(found) == parts + (["average"] if len(parts) == 2 else [])
    for part in parts:
        expected = [slow_mean(board, row, part) for row in range(len(board.models))]
        np.testing.assert_allclose(found[part], expected, rtol=1e-12, atol=1e-12)
    if len(parts) == 2:
        expected = [(a + b) / 2 for a, b in zip(found[parts[0]], found[parts[1]], strict=True)]
        np.testing.assert_allclose(found["average"], expected, rtol=1e-12)


def test_the_average_of_the_parts_leaves_out_what_is_in_neither():
    tree = tree_of({"average_vision": {"neural_vision": {"n": None}, "behavior_vision": {"b": None}, "other": None}})
    found = board_of([[0.2, 0.6, 1.0]], tree).part_scores()
    assert found["average"].tolist() == [0.4]


@settings(max_examples=30)
@given(boards(), st.data())
def test_take_selects_rows_and_columns(board, data):
    rows = data.draw(st.permutations(range(len(board.models)))) if board.models else []
    rows = rows[: data.draw(st.integers(0, len(rows)))]
    columns = data.draw(st.permutations(range(len(board.leaves)))) if board.leaves else []
    columns = columns[: data.draw(st.integers(0, len(columns)))]
    part = board.take(rows, columns)
    columns = sorted(columns)
    assert part.ids == tuple(board.models[i].id for i in rows)
    assert part.leaves == tuple(board.leaves[j] for j in columns)
    assert part.tree.leaves() == part.leaves
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            np.testing.assert_equal(part.scores[i, j], board.scores[row, column])
            assert part.states[i, j] == board.states[row, column]
            np.testing.assert_equal(part.errors[i, j], board.errors[row, column])
    assert board.take(rows).leaves == board.leaves
    assert board.take(rows).tree == board.tree
    assert board.take(columns=columns).ids == board.ids


def test_parts_of_the_leaves():
    tree = tree_of(
        {"average_vision": {"neural_vision": {"V1": {"a": None}}, "behavior_vision": {"b": None}, "c": None}}
    )
    board = board_of([[0.1, 0.2, 0.3]], tree)
    assert board.parts == ("neural_vision", "behavior_vision")
    assert board.leaf_parts == ("neural_vision", "behavior_vision", None)
    assert replace(board, domain="language").leaf_parts == (None, None, None)


def test_complete_is_without_any_missing_score():
    assert board_of([[0.5] * 6]).complete
    assert not board_of([[0.5] * 6, [0.5] * 5 + ["X"]]).complete
    assert board_of([]).complete


def test_the_frame_is_labelled_by_id_because_names_repeat():
    board = board_of([[0.1, 0.2, 0.3, 0.4, 0.5, "X"], [0.5] * 6])
    frame = board.to_frame()
    assert frame.index.tolist() == list(board.ids)
    assert frame.columns.tolist() == list(board.leaves)
    np.testing.assert_array_equal(frame.to_numpy(), board.scores)


def test_a_board_of_cells_as_the_site_prints_them():
    board = board_of([[0.5, "X", "", 0.25, 0, 1]])
    assert board.leaves == small_tree().leaves("average_vision")
    assert board.states.tolist() == [[SCORED, FAILED, NEVER, SCORED, SCORED, SCORED]]
    np.testing.assert_array_equal(board.scores, [[0.5, np.nan, np.nan, 0.25, 0, 1]])
    assert board_of_matrix([[np.nan, 0.5, 0, 0, 0, 0]]).states[0].tolist() == [NEVER] + [SCORED] * 5


def test_a_board_cannot_be_changed():
    board = board_of([[0.5] * 6])
    for name in ("scores", "states", "errors"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(board, name)[0, 0] = 0
    with pytest.raises(FrozenInstanceError):
        board.scores = None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.zeros((6, 1))}, "scores has the shape (6, 1); 1 models × 6 leaves were named"),
        ({"states": np.zeros((1, 5), np.int8)}, "states has the shape (1, 5)"),
        ({"errors": np.zeros(6)}, "errors has the shape (6,)"),
        ({"scores": [[0, 0, math.inf, 0, 0, 0]]}, "model 100 has the score inf on 'MajajHong2015.IT-pls'"),
        ({"scores": [[0, 0, 0, 0, 0, -math.inf]]}, "has the score -inf on 'Geirhos2021edge-error_consistency'"),
    ],
)
def test_a_malformed_board_is_refused(changes, message):
    with pytest.raises(BoardError, match=re.escape(message)):
        replace(board_of([[0.5] * 6]), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leaves": ("gone", *LEAVES[1:])}, "the 6 leaves of the board and the 6 of its tree differ, .* 'gone'"),
        ({"leaves": LEAVES[::-1]}, "are in another order; name the tree's leaves in its order"),
        ({"models": (Model(7, "a"), Model(7, "b"))}, "the model id 7 occurs twice on the board"),
        ({"scores": np.full((2, 6), 1.2)}, r"model 100 has the score 1\.2 on .*; scores are ceiled and capped"),
        ({"scores": np.full((2, 6), -0.1)}, r"model 100 has the score -0\.1"),
        ({"scores": np.full((2, 6), np.inf)}, "model 100 has the score inf"),
    ],
)
def test_a_board_is_what_its_docstring_says(changes, message):
    with pytest.raises(BoardError, match=message):
        replace(board_of([[0.5] * 6] * 2), **changes)


def test_a_filled_cell_may_lie_just_below_the_lowest_score():
    board = board_of([[0.0] * 6, ["X"] * 6])
    assert fill_missing(board, "worst").scores[1].tolist() == [-1e-6] * 6
