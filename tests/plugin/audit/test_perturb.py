"""Leaves that are rescaled or copied, all at once, against a board that is aggregated for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brainalign_plugin.audit.perturb import Case, cloned, halved, rescaled_each, squared
from brainalign_plugin.errors import BoardError, ConvergenceError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import compared_board
from brainalign_plugin.schemes import Scale, Scheme, get_scheme
from tests.boards import board_of, tree_of
from tests.schemes import by_turns, case_of, cloned_scores, complete_boards, incomplete_boards, rescaled_scores

SLOW = {"KEMENY", "BT", "PL"}
EITHER_BOARD = complete_boards((1, 7)) | incomplete_boards((2, 7))
RESCALES = {
    "halved": halved,
    "squared": squared,
    # Scores come to tie, and whole leaves become constant.
    "coarse": lambda scores: np.round(scores, 0),
    "upside down": lambda scores: 1 - scores,
}


def assert_same(found, expected, which):
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=2e-10, err_msg=str(which))


def each_cloned(case, jobs=1):
    return cloned(case, [[leaf] for leaf in case.board.leaves], jobs)


ONE_LEAF = board_of([[0.0], [0.1]], tree_of({"average_vision": {"A2020-pls": None}}))


@settings(max_examples=10)
@given(board=EITHER_BOARD, choice=st.integers(0, 4), how=st.sampled_from(sorted(RESCALES)))
@example(board=ONE_LEAF, choice=0, how="coarse")
def test_rescaled_leaves(board, choice, how):
    rescale = RESCALES[how]
    for name in by_turns(choice, SLOW):
        case = case_of(name, board, choice)
        try:
            expected = [rescaled_scores(case, leaf, rescale) for leaf in board.leaves]
            found = rescaled_each(case, rescale)
        except (BoardError, ConvergenceError):
            continue
        assert_same(found, expected, (name, case.rule))


@settings(max_examples=10)
@given(board=EITHER_BOARD, choice=st.integers(0, 4))
def test_copied_leaves(board, choice):
    for name in by_turns(choice, SLOW):
        case = case_of(name, board, choice)
        try:
            expected = [cloned_scores(case, [leaf]) for leaf in board.leaves]
        except (BoardError, ConvergenceError):
            continue
        assert_same(each_cloned(case), expected, (name, case.rule))


@settings(max_examples=10)
@given(board=EITHER_BOARD, choice=st.integers(0, 4), data=st.data())
def test_several_leaves_are_copied_together(board, choice, data):
    sets = data.draw(st.lists(st.lists(st.sampled_from(board.leaves), unique=True), min_size=1, max_size=4))
    for name in ("HIER", "HIER_ZMEAN", "FLAT", "REF_NORMAL", "GEOMETRIC", "DSEP"):
        case = case_of(name, board, choice)
        try:
            expected = [cloned_scores(case, leaves) for leaves in sets]
        except BoardError:
            continue
        assert_same(cloned(case, sets), expected, (name, case.rule))


@pytest.mark.parametrize("name", ["HIER_ZMEAN", "ROBUST_Z", "SIMPSON", "PC1", "DSP_PCA_Std", "GLS", "DSEP"])
def test_the_real_board(name, real_snapshots):
    board = compared_board(real_snapshots["2024-01-01"]).board
    case = Case(get_scheme(name), board)
    leaves = board.leaves[::10]
    rows = [board.leaves.index(leaf) for leaf in leaves]
    for rescale in (halved, squared):
        expected = [rescaled_scores(case, leaf, rescale) for leaf in leaves]
        assert_same(rescaled_each(case, rescale)[rows], expected, name)
    assert_same(each_cloned(case)[rows], [cloned_scores(case, [leaf]) for leaf in leaves], name)


def scheme_of(function, weights="flat"):
    return Scheme(
        name="ODD",
        family="cardinal",
        scale=Scale.fixed("odd", "of ones own", function),
        combination="mean",
        source="nobody",
        conventions=("skip",),
        weights=weights,
    )


TREE = tree_of({"average_vision": {"neural_vision": {"A2020-pls": None, "A2021-pls": None}, "B2020-i2n": None}})
BOARD = board_of([[0.9, 0.0, 0.3], [0.5, 0.8, 0.2], ["", 0.4, 0.7], [0.0, 0.6, 0.1]], TREE)


@pytest.mark.parametrize("weights", ["flat", "tree"])
def test_a_scale_with_gaps_of_its_own(weights):
    for function in (lambda x: np.where(x < 0.25, np.nan, x), lambda x: np.where(x > 0.8, np.nan, x)):
        case = Case(scheme_of(function, weights), BOARD)
        for rescale in (halved, squared, lambda x: np.sqrt(np.maximum(x, 0.01))):
            expected = [rescaled_scores(case, leaf, rescale) for leaf in BOARD.leaves]
            np.testing.assert_allclose(rescaled_each(case, rescale), expected, atol=1e-12)
        expected = [cloned_scores(case, [leaf]) for leaf in BOARD.leaves]
        np.testing.assert_allclose(each_cloned(case), expected, atol=1e-12)


def test_a_scheme_that_scores_boards_as_a_whole_is_measured_by_its_own_code():
    cubes = replace(scheme_of(lambda x: x), weights=None, combine=lambda scaled, _: np.nanmean(scaled**3, axis=1))
    case = Case(cubes, BOARD)
    expected = [rescaled_scores(case, leaf, halved) for leaf in BOARD.leaves]
    assert rescaled_each(case, halved).tolist() == np.array(expected).tolist()
    expected = [cloned_scores(case, [leaf]) for leaf in BOARD.leaves]
    assert each_cloned(case, jobs=2).tolist() == np.array(expected).tolist()


def test_norms_are_rescaled_with_their_leaf(real_snapshots):
    snapshot = real_snapshots["2024-01-01"]
    board = compared_board(snapshot).board
    for name in ("REF_ZMEAN", "HIER_REF_NORMAL"):
        case = Case(get_scheme(name).bind(given_board(snapshot)), board)
        found = rescaled_each(case, halved)
        assert_same(found, np.tile(case.base, (len(found), 1)), name)
