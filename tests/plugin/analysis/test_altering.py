"""Leaves that are rescaled or copied, all at once, against a board that is aggregated for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brainalign_plugin.aggregation import Scale, Scheme, get_scheme
from brainalign_plugin.analysis.altering import cloned_each, rescaled_each, with_copies
from brainalign_plugin.analysis.boards import compared_board
from brainalign_plugin.analysis.stability import clone_rate
from brainalign_plugin.analysis.subject import Subject, halved, squared
from brainalign_plugin.errors import BoardError, ConvergenceError
from brainalign_plugin.references import given_board
from tests.boards import board_of, tree_of
from tests.schemes import SCHEMES, complete_boards, incomplete_boards, reference_of

QUICK = [name for name in SCHEMES if name not in {"KEMENY", "BT", "PL"}]
EITHER_BOARD = complete_boards((1, 7)) | incomplete_boards((2, 7))
RESCALES = {
    "halved": halved,
    "squared": squared,
    # Scores come to tie, and whole leaves become constant.
    "coarse": lambda scores: np.round(scores, 0),
    "upside down": lambda scores: 1 - scores,
}


def subject_of(name, board, choice=0):
    template = get_scheme(name)
    rule = template.conventions[choice % len(template.conventions)]
    return Subject(template, reference_of(board) if template.bind is not None else None, rule)


def assert_same(found, expected, which):
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-10, err_msg=str(which))


ONE_LEAF = board_of([[0.0], [0.1]], tree_of({"average_vision": {"A2020-pls": None}}))


@settings(max_examples=25)
@given(board=EITHER_BOARD, choice=st.integers(0, 4), how=st.sampled_from(sorted(RESCALES)))
@example(board=ONE_LEAF, choice=0, how="coarse")
def test_rescaled_leaves(board, choice, how):
    rescale = RESCALES[how]
    for name in QUICK:
        subject = subject_of(name, board, choice)
        try:
            base = subject.scores(board)
            expected = [subject.rescaled_scores(board, leaf, rescale) for leaf in board.leaves]
        except (BoardError, ConvergenceError):
            continue
        assert_same(rescaled_each(subject, board, rescale, base), expected, (name, subject.convention))


@settings(max_examples=25)
@given(board=EITHER_BOARD, choice=st.integers(0, 4))
def test_copied_leaves(board, choice):
    for name in QUICK:
        subject = subject_of(name, board, choice)
        try:
            expected = [subject.cloned_scores(board, [leaf]) for leaf in board.leaves]
        except (BoardError, ConvergenceError):
            continue
        assert_same(cloned_each(subject, board), expected, (name, subject.convention))


@settings(max_examples=25)
@given(board=EITHER_BOARD, choice=st.integers(0, 4), data=st.data())
def test_several_leaves_are_copied_together(board, choice, data):
    sets = data.draw(st.lists(st.lists(st.sampled_from(board.leaves), unique=True), min_size=1, max_size=4))
    for name in ("HIER", "HIER_ZMEAN", "FLAT", "REF_NORMAL", "GEOMETRIC", "DSEP"):
        subject = subject_of(name, board, choice)
        try:
            expected = [subject.cloned_scores(board, leaves) for leaves in sets]
        except BoardError:
            continue
        assert_same(with_copies(subject, board, sets), expected, (name, subject.convention))


@pytest.mark.parametrize("name", ["HIER_ZMEAN", "ROBUST_Z", "SIMPSON", "PC1", "DSP_PCA_Std", "GLS", "DSEP"])
def test_the_real_board(name, real_snapshots):
    snapshot = real_snapshots["2024-01-01"]
    board = compared_board(snapshot).board
    subject = Subject(get_scheme(name))
    leaves = board.leaves[::10]
    rows = [board.leaves.index(leaf) for leaf in leaves]
    for rescale in (halved, squared):
        expected = [subject.rescaled_scores(board, leaf, rescale) for leaf in leaves]
        assert_same(rescaled_each(subject, board, rescale, subject.scores(board))[rows], expected, name)
    expected = [subject.cloned_scores(board, [leaf]) for leaf in leaves]
    assert_same(cloned_each(subject, board)[rows], expected, name)


def scheme_of(function, weights="flat"):
    return Scheme(
        name="ODD",
        family="cardinal",
        scale=Scale("odd", "in no table", function),
        combination="mean",
        source="nobody",
        conventions=("skip",),
        weights=weights,
    )


TREE = tree_of(
    {"average_vision": {"neural_vision": {"A2020-pls": None, "A2021-pls": None}, "B2020-i2n": None}}
)
BOARD = board_of([[0.9, 0.0, 0.3], [0.5, 0.8, 0.2], ["", 0.4, 0.7], [0.0, 0.6, 0.1]], TREE)


@pytest.mark.parametrize("weights", ["flat", "tree"])
def test_a_scale_with_gaps_of_its_own(weights):
    for function in (lambda x: np.where(x < 0.25, np.nan, x), lambda x: np.where(x > 0.8, np.nan, x)):
        subject = Subject(scheme_of(function, weights))
        base = subject.scores(BOARD)
        for rescale in (halved, squared, lambda x: np.sqrt(np.maximum(x, 0.01))):
            expected = [subject.rescaled_scores(BOARD, leaf, rescale) for leaf in BOARD.leaves]
            np.testing.assert_allclose(rescaled_each(subject, BOARD, rescale, base), expected, atol=1e-12)
        expected = [subject.cloned_scores(BOARD, [leaf]) for leaf in BOARD.leaves]
        np.testing.assert_allclose(cloned_each(subject, BOARD), expected, atol=1e-12)


def test_a_rescaled_leaf_without_a_finite_scale_is_refused():
    def logs(scores):
        with np.errstate(divide="ignore"):
            return np.log(scores)

    subject = Subject(scheme_of(logs))
    board = BOARD.take(columns=[2])
    with pytest.raises(BoardError, match="has the score -inf"):
        rescaled_each(subject, board, lambda scores: scores * 0, subject.scores(board))


def test_what_is_not_known_aggregates_a_board_for_each_leaf():
    cubes = replace(
        scheme_of(lambda x: x), weights=None, combine=lambda board: np.nanmean(board.scores**3, axis=1)
    )
    subject = Subject(cubes)
    expected = [subject.rescaled_scores(BOARD, leaf, halved) for leaf in BOARD.leaves]
    assert (
        rescaled_each(subject, BOARD, halved, subject.scores(BOARD)).tolist() == np.array(expected).tolist()
    )
    assert with_copies(subject, BOARD, [BOARD.leaves[:1]]) is None
    expected = [subject.cloned_scores(BOARD, [leaf]) for leaf in BOARD.leaves]
    assert cloned_each(subject, BOARD, jobs=2).tolist() == np.array(expected).tolist()


def test_a_copy_of_a_root_leaves_no_tree_to_follow():
    alone = board_of([[0.5], [0.4]], tree_of({"average_vision": {"A2020-pls": None}})).take()
    leaf = replace(alone.tree["A2020-pls"], parent=None)
    rootless = replace(alone, tree=type(alone.tree)((leaf,)))
    with pytest.raises(BoardError, match="a tree scheme needs one"):
        clone_rate(Subject(get_scheme("HIER")), rootless)
    assert clone_rate(Subject(get_scheme("FLAT")), rootless) == 0


def test_norms_are_rescaled_with_their_leaf(real_snapshots):
    snapshot = real_snapshots["2024-01-01"]
    board = compared_board(snapshot).board
    for name in ("REF_ZMEAN", "HIER_REF_NORMAL"):
        subject = Subject(get_scheme(name), given_board(snapshot))
        base = subject.scores(board)
        found = rescaled_each(subject, board, halved, base)
        assert_same(found, np.tile(base, (len(found), 1)), name)
