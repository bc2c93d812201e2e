"""Resamples: what is drawn, and scores of all resamples at once against aggregating each board."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.data.board import Board
from brainalign_plugin.data.tree import BenchmarkTree
from brainalign_plugin.errors import BoardError, ConvergenceError, InputError
from brainalign_plugin.ranking.resampling import (
    BLOCK,
    blocks,
    draw_counts,
    perturbed_scores,
    rank_counts,
    repeated,
    resampled_scores,
    strata,
    tie_keys,
)
from brainalign_plugin.scales import competition_ranks
from brainalign_plugin.schemes import get_scheme
from brainalign_plugin.schemes.registry import fill_missing
from tests.boards import board_of, small_tree, tree_of
from tests.schemes import SCHEMES, bound, complete_boards, incomplete_boards

SEPARABLE = [
    *("HIER", "HIER_attempted", "HIER_RANK", "HIER_ZMEAN", "HIER_NORMAL"),
    *("FLAT", "ZMEAN", "ROBUST_Z", "MINMAX", "NORMAL", "LOGIT", "GEOMETRIC"),
    *("RANK", "MEDIAN_RANK", "WIN_RATE", "BORDA", "DSEP", "REF_ZMEAN", "REF_NORMAL", "HIER_REF_NORMAL"),
]
EITHER_BOARD = complete_boards((1, 6)) | incomplete_boards((1, 6))


def drawn_board(board, counts):
    """The board on which each leaf stands as often as it was drawn, built from its own definition."""
    nodes = [node for node in board.tree.nodes if not node.is_leaf]
    leaves, columns = [], []
    for j, leaf in enumerate(board.leaves):
        for copy in range(int(counts[j])):
            nodes.append(replace(board.tree[leaf], type_id=f"{leaf} no. {copy}"))
            leaves.append(f"{leaf} no. {copy}")
            columns.append(j)
    # Groups that lost their last leaf are no children any more.
    tree = BenchmarkTree(tuple(nodes)).pruned(leaves)
    return Board(
        domain=board.domain,
        models=board.models,
        tree=tree,
        leaves=tuple(leaves),
        scores=board.scores[:, columns],
        states=board.states[:, columns],
        errors=board.errors[:, columns],
    )


@st.composite
def stratified(draw, leaves_of):
    counts = np.zeros(sum(len(columns) for columns in leaves_of))
    for columns in leaves_of:
        for j in draw(
            st.lists(st.sampled_from(columns.tolist()), min_size=len(columns), max_size=len(columns))
        ):
            counts[j] += 1
    return counts


def test_the_separable_schemes_are_those_that_are_aggregated_at_once():
    board = board_of([[0.1 * i] * 6 for i in range(3)])
    assert [name for name in SCHEMES if bound(name, board).unfitted] == [n for n in SCHEMES if n in SEPARABLE]


@settings(max_examples=60)
@given(board=EITHER_BOARD, data=st.data())
def test_all_resamples_at_once_are_each_board_aggregated_again(board, data):
    groups = strata(board.tree, board.leaves)
    counts = np.array([data.draw(stratified(groups)) for _ in range(3)])
    choice = data.draw(st.integers(0, 4))
    for name in SEPARABLE:
        scheme = bound(name, board)
        rule = scheme.conventions[choice % len(scheme.conventions)]
        resolved = board if board.complete else fill_missing(board, rule)
        try:
            found = resampled_scores(scheme, resolved)(counts)
        except BoardError:
            # DSEP needs both parts.
            continue
        for row, drawn in zip(found, counts, strict=True):
            again = drawn_board(resolved, drawn)
            expected = _with_norms(name, board, again).scores(again)
            np.testing.assert_allclose(row, expected, rtol=1e-9, atol=1e-12, err_msg=f"{name} {rule}")


def _with_norms(name, board, again):
    """The scheme for a board of copies: under each copy's name the norms of the leaf that it is a copy of."""
    scheme = bound(name, board)
    if scheme.norms is None:
        return scheme
    norms = scheme.norms
    originals = [copy.split(" no. ")[0] for copy in again.leaves]
    columns = [norms.board.leaves.index(leaf) for leaf in originals]
    cells = {field: getattr(norms.board, field)[:, columns] for field in ("scores", "states", "errors")}
    frozen = replace(norms.board, tree=again.tree, leaves=again.leaves, **cells)
    own = {copy: norms.norms[leaf] for copy, leaf in zip(again.leaves, originals, strict=True)}
    return scheme.bind(replace(norms, board=frozen, norms=own))


@settings(max_examples=40)
@given(board=EITHER_BOARD, data=st.data())
def test_a_board_is_repeated_leaf_by_leaf(board, data):
    counts = data.draw(stratified(strata(board.tree, board.leaves)))
    again, expected = repeated(board, counts.astype(np.int64)), drawn_board(board, counts)
    np.testing.assert_array_equal(again.scores, expected.scores)
    assert [again.tree[leaf].parent for leaf in again.leaves] == [
        expected.tree[leaf].parent for leaf in expected.leaves
    ]
    for leaf in board.leaves:
        if counts[board.leaves.index(leaf)]:
            assert leaf in again.leaves


def test_a_resample_that_a_scheme_cannot_use_is_left_out():
    """FACTOR1 needs three different benchmarks that vary; the first resample has one of them only."""
    rng = np.random.default_rng(0)
    tree = tree_of({"average_vision": {"neural_vision": dict.fromkeys("ABCD")}})
    board = board_of(rng.uniform(size=(8, 4)).round(3).tolist(), tree)
    constant = replace(board, scores=np.column_stack([board.scores[:, :3], np.full(8, 0.5)]))
    counts = np.array([[1.0, 0, 0, 3], [1, 1, 1, 1]])
    scheme = get_scheme("FACTOR1")
    found = resampled_scores(scheme, constant)(counts)
    assert found.shape == (1, 8)
    np.testing.assert_allclose(found[0], scheme.scores(constant), atol=1e-9)


def test_strata_are_the_leaves_with_a_common_parent():
    board = board_of([[0.1 * j for j in range(6)]])
    parents = [
        {board.tree[board.leaves[j]].parent for j in columns} for columns in strata(board.tree, board.leaves)
    ]
    assert parents == [{"V1"}, {"IT"}, {"behavior_vision"}, {"Geirhos2021-error_consistency"}]
    assert sorted(np.concatenate(strata(board.tree, board.leaves)).tolist()) == list(range(6))
    assert small_tree().leaves("average_vision") == board.leaves


def test_each_stratum_is_drawn_as_often_as_it_has_leaves():
    groups = (np.array([0, 2, 5]), np.array([1]), np.array([3, 4]))
    counts = draw_counts(groups, 6, 4000, np.random.default_rng(1))
    for columns in groups:
        assert (counts[:, columns].sum(axis=1) == len(columns)).all()
    # Every leaf once on average, and as often twice as a multinomial says: (1/3)²(2/3) · 3 of three draws.
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.05)
    assert (counts[:, 0] == 2).mean() == pytest.approx(2 / 9, abs=0.03)
    assert (counts[:, 1] == 1).all()


def test_blocks_split_the_resamples_and_do_not_depend_on_each_other():
    found = blocks(2 * BLOCK + 7, seed=3)
    assert [block.size for block in found] == [BLOCK, BLOCK, 7]
    assert [block.number for block in found] == [0, 1, 2]
    draws = [np.random.default_rng(block.seed).random() for block in found]
    assert len(set(draws)) == 3
    # The first blocks are the same however many follow.
    assert np.random.default_rng(blocks(BLOCK, seed=3)[0].seed).random() == draws[0]
    assert np.random.default_rng(blocks(BLOCK, seed=4)[0].seed).random() != draws[0]
    with pytest.raises(InputError, match="0 resamples were asked for"):
        blocks(0, seed=1)


VALUES = st.sampled_from(
    [0.0, 1e-10, 4e-10, 6e-10, 1e-9, 0.5, 0.5 + 2e-10, 0.5 + 1.4e-9, -3.0, 73840.5, np.nan]
)


@settings(max_examples=200)
@given(
    st.integers(1, 7).flatmap(
        lambda n: st.lists(st.lists(VALUES, min_size=n, max_size=n), min_size=1, max_size=5)
    )
)
def test_counted_ranks_are_competition_ranks(rows):
    scores = np.array(rows)
    expected = np.zeros((scores.shape[1], scores.shape[1]), dtype=int)
    for row in scores:
        ranks = competition_ranks(np.where(np.isnan(row), -1e9, row))
        for i, rank in enumerate(ranks):
            expected[i, rank - 1] += 1
    assert rank_counts(scores).tolist() == expected.tolist()
    keys = tie_keys(scores)
    assert [competition_ranks(-np.where(np.isinf(k), 1e20, k)).tolist() for k in keys] == [
        competition_ranks(np.where(np.isnan(r), -1e9, r)).tolist() for r in scores
    ]


def with_errors(board, error, cells):
    errors = np.full(board.scores.shape, np.nan)
    errors[cells] = error
    return replace(board, errors=errors)


@settings(max_examples=25)
@given(board=EITHER_BOARD, data=st.data())
def test_errors_are_added_before_missing_cells_are_dealt_with(board, data):
    """Every scheme on boards perturbed one by one, with the same normal numbers in the same order."""
    measured = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(board.leaves), max_size=len(board.leaves)))
    )
    board = with_errors(board, 0.2, np.s_[::2])
    board = replace(board, errors=board.errors * np.where(np.arange(len(board.models)) % 4, -1, 1)[:, None])
    counts = np.array([data.draw(stratified(strata(board.tree, board.leaves))) for _ in range(2)])
    moving = measured & ~np.isnan(board.errors) & ~np.isnan(board.scores)
    noise = np.random.default_rng(5).standard_normal((2, int(moving.sum())))
    choice = data.draw(st.integers(0, 4))
    for name in (*SEPARABLE, "COPELAND", "PC1"):
        scheme = bound(name, board)
        rule = scheme.conventions[choice % len(scheme.conventions)]
        expected = []
        for drawn, numbers in zip(counts, noise, strict=True):
            scores = np.array(board.scores)
            scores[moving] = np.clip(scores[moving] + 0.2 * numbers, 0, 1)
            noisy = replace(board, scores=scores)
            again = drawn_board(noisy if noisy.complete else fill_missing(noisy, rule), drawn)
            try:
                expected.append(_with_norms(name, board, again).scores(again))
            except (BoardError, ConvergenceError):
                continue
        try:
            found = perturbed_scores(scheme, board, rule, measured, counts, np.random.default_rng(5))
        except BoardError:
            # DSEP needs both parts.
            continue
        expected = np.array(expected).reshape(-1, len(board.models))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=f"{name} {rule}")
