"""Rank correlations, pair by pair against scipy."""

from __future__ import annotations

import itertools
import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from brainalign_plugin.agreement.correlation import (
    PairSummary,
    agreement,
    pairwise_agreement,
    pairwise_correlation,
    spearman_matrix,
)
from brainalign_plugin.data.tree import paper
from brainalign_plugin.errors import InputError
from tests.boards import board_of, board_of_matrix, boards, score_matrices, tree_of


def by_scipy(one, other):
    """Spearman's rho of the rows that both columns have; NaN if it does not exist."""
    both = ~np.isnan(one) & ~np.isnan(other)
    x, y = np.round(one[both], 9), np.round(other[both], 9)
    if len(x) < 2 or len(set(x)) < 2 or len(set(y)) < 2:
        return math.nan
    return stats.spearmanr(x, y).statistic


def matrix_by_scipy(scores):
    found = np.full((scores.shape[1], scores.shape[1]), np.nan)
    for i, j in np.ndindex(found.shape):
        found[i, j] = by_scipy(scores[:, i], scores[:, j])
    return found


def slow_summary(values):
    known = [x for x in values if not math.isnan(x)]
    if not known:
        return PairSummary(None, None, None, 0)
    middle = sorted(known)[(len(known) - 1) // 2 : len(known) // 2 + 1]
    negative = sum(x < -1e-12 for x in known)
    return PairSummary(sum(known) / len(known), sum(middle) / len(middle), negative / len(known), len(known))


def assert_summary(found, expected):
    assert found.pairs == expected.pairs
    for name in ("mean", "median", "negative_share"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one == (None if other is None else pytest.approx(other, abs=1e-12))


@given(score_matrices(missing=False, rows=(0, 8)))
def test_every_pair_agrees_with_scipy(scores):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rho = spearman_matrix(scores)
    np.testing.assert_allclose(rho, matrix_by_scipy(scores), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(rho, rho.T)
    known = np.diag(rho)[~np.isnan(np.diag(rho))]
    assert known.tolist() == [1.0] * len(known)


@given(score_matrices(rows=(0, 9)), st.integers(2, 5))
def test_every_pairwise_complete_pair_agrees_with_scipy(scores, min_overlap):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rho, overlap = pairwise_correlation(scores, min_overlap)
    leaves = scores.shape[1]
    for i, j in itertools.product(range(leaves), repeat=2):
        common = sum(not math.isnan(a) and not math.isnan(b) for a, b in scores[:, [i, j]].tolist())
        assert overlap[i, j] == common
        expected = by_scipy(scores[:, i], scores[:, j]) if common >= min_overlap else math.nan
        assert rho[i, j] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(boards(models=(2, 7), missing=False))
def test_both_ways_agree_on_a_complete_board(board):
    one, other = agreement(board), pairwise_agreement(board, min_overlap=2)
    np.testing.assert_allclose(one.rho, other.rho, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(one.overlap, other.overlap)
    assert_summary(one.all_pairs, other.all_pairs)


def test_ranks_are_taken_within_the_common_rows():
    # Over all rows the ranks of the first column are 1, 2, 3, 4.5, 4.5; within the common rows they are 1, 2, 3.
    scores = np.array([[0.1, 0.2], [0.2, 0.1], [0.9, 0.3], [0.5, np.nan], [0.5, np.nan]])
    rho, overlap = pairwise_correlation(scores, 2)
    assert rho[0, 1] == pytest.approx(0.5)
    assert overlap.tolist() == [[5, 3], [3, 3]]


def test_the_smallest_overlap_counts():
    scores = np.column_stack([np.arange(21.0), np.arange(21.0)]) / 21
    scores[0, 0] = np.nan
    assert pairwise_correlation(scores)[0][0, 1] == 1
    scores[1, 0] = np.nan
    assert math.isnan(pairwise_correlation(scores)[0][0, 1])
    assert pairwise_correlation(scores, 19)[0][0, 1] == 1
    tree = tree_of({"average_vision": {"a": None, "b": None}})
    assert pairwise_agreement(board_of_matrix(scores, tree)).all_pairs.pairs == 0
    assert pairwise_agreement(board_of_matrix(scores, tree)).min_overlap == 20
    # A leaf has itself in common with itself only as often as it was scored.
    assert np.isnan(pairwise_correlation(scores[:19])[0]).all()


@pytest.mark.parametrize("min_overlap", [1, 0, -3])
def test_an_overlap_without_a_correlation_is_refused(min_overlap):
    message = f"min_overlap is {min_overlap}; a correlation needs at least 2 models"
    for ask in (pairwise_correlation, lambda scores, least: pairwise_agreement(board_of_matrix(scores), least)):
        with pytest.raises(InputError, match=re.escape(message)):
            ask(np.full((3, 6), 0.5), min_overlap)


def test_ties_are_at_nine_decimals():
    scores = np.array([[0.1, 0.1 + 4e-10, 0.3], [0.3, 0.2, 0.1]]).T
    assert spearman_matrix(scores)[0, 1] == pytest.approx(by_scipy(*scores.T))
    assert spearman_matrix(scores)[0, 1] == pytest.approx(-math.sqrt(3) / 2)
    assert pairwise_correlation(scores, 2)[0][0, 1] == pytest.approx(-math.sqrt(3) / 2)


def test_a_correlation_of_zero_is_not_negative():
    # For every number of models there are columns without any rank correlation; rounding must not make it negative.
    for models in range(4, 60, 4):
        up = np.arange(models, dtype=float)
        fold = np.abs(up - (models - 1) / 2)
        scores = np.column_stack([up, fold]) / models
        for rho in (spearman_matrix(scores), pairwise_correlation(scores, 2)[0]):
            assert rho[0, 1] == 0
        board = board_of_matrix(scores, tree_of({"average_vision": {"a": None, "b": None}}))
        assert agreement(board).all_pairs.negative_share == 0
    rng = np.random.default_rng(2)
    for _ in range(200):
        scores = rng.permuted(np.tile(np.arange(7.0), (8, 1)), axis=1).T
        exact = matrix_by_exact_ranks(scores.astype(int))
        for rho in (spearman_matrix(scores), pairwise_correlation(scores, 2)[0]):
            assert ((rho < 0) == (exact < 0)).all()


def matrix_by_exact_ranks(ranks):
    """Sums of products of centred ranks, in integers: the sign of rho without rounding."""
    centred = 2 * ranks - (len(ranks) - 1)
    return centred.T @ centred


@given(boards(models=(2, 7)))
def test_summaries_of_pairs_papers_and_blocks(board):
    for found in (pairwise_agreement(board, min_overlap=2), agreement(board) if board.complete else None):
        if found is None:
            continue
        rho = matrix_by_scipy(board.scores)
        pairs = [(i, j, rho[i, j]) for i, j in itertools.combinations(range(len(board.leaves)), 2)]
        assert_summary(found.all_pairs, slow_summary([r for _, _, r in pairs]))
        papers = [paper(leaf) for leaf in board.leaves]
        between, within = {}, {}
        for i, j, r in pairs:
            if papers[i] == papers[j]:
                within.setdefault(papers[i], []).append(r)
            elif not math.isnan(r):
                between.setdefault(frozenset((papers[i], papers[j])), []).append(r)
        means = [sum(rs) / len(rs) for rs in between.values()]
        expected = sum(means) / len(means) if means else None
        assert found.paper_balanced_mean == (None if expected is None else pytest.approx(expected, abs=1e-12))
        assert found.within_paper.keys() == within.keys()
        for name, rs in within.items():
            assert_summary(found.within_paper[name], slow_summary(rs))
        neural, behavior = board.parts
        assert list(found.blocks) == [(neural, neural), (behavior, behavior), (neural, behavior)]
        for block, summary in found.blocks.items():
            inside = [
                r for i, j, r in pairs if sorted(map(str, (board.leaf_parts[i], board.leaf_parts[j]))) == sorted(block)
            ]
            assert_summary(summary, slow_summary(inside))


def test_the_paper_balanced_mean_worked_out_by_hand():
    leaves = ["Aa2020.x-m", "Aa2020.y-m", "Bb2021-m", "Cc2022-m", "nopaper"]
    tree = tree_of({"average_vision": {"neural_vision": dict.fromkeys(leaves)}})
    up, down, mixed = [0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.2, 0.1, 0.3]
    board = board_of_matrix(np.column_stack([up, down, up, up, mixed]), tree)
    found = agreement(board)
    # Aa-Bb: 1 and -1, so 0; Aa-Cc likewise; Bb-Cc: 1; nopaper with Aa: .5 and -.5, with Bb .5, with Cc .5.
    assert found.paper_balanced_mean == pytest.approx((0 + 0 + 1 + 0 + 0.5 + 0.5) / 6)
    assert found.all_pairs.mean == pytest.approx((-1 + 1 - 1 + 1 - 1 + 1 + 0.5 - 0.5 + 0.5 + 0.5) / 10)
    assert found.within_paper == {"Aa2020": PairSummary(pytest.approx(-1), pytest.approx(-1), 1.0, 1)}
    assert found.all_pairs.negative_share == pytest.approx(0.4)
    assert found.all_pairs.pairs == 10


def test_blocks_worked_out_by_hand():
    tree = tree_of(
        {
            "average_vision": {
                "neural_vision": {"V1": {"n1": None}, "IT": {"n2": None}},
                "behavior_vision": {"b1": None, "b2": None},
                "other": {"o": None},
            }
        }
    )
    up, down = [0.1, 0.2, 0.3], [0.3, 0.2, 0.1]
    found = agreement(board_of_matrix(np.column_stack([up, down, up, up, down]), tree))
    blocks = {name: (summary.mean, summary.pairs) for name, summary in found.blocks.items()}
    assert blocks == {
        ("neural_vision", "neural_vision"): (pytest.approx(-1), 1),
        ("behavior_vision", "behavior_vision"): (pytest.approx(1), 1),
        ("neural_vision", "behavior_vision"): (pytest.approx(0), 4),
    }
    assert found.all_pairs.pairs == 10


@pytest.mark.parametrize("models", [0, 1])
def test_too_few_models_have_no_correlation(models):
    board = board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]] * models)
    for found in (agreement(board), pairwise_agreement(board)):
        assert np.isnan(found.rho).all()
        assert found.all_pairs == PairSummary(None, None, None, 0)
        assert found.paper_balanced_mean is None
        assert set(found.blocks.values()) == {PairSummary(None, None, None, 0)}
        assert found.within_paper == {"Geirhos2021": PairSummary(None, None, None, 0)}


def test_one_leaf_or_none_has_no_pairs():
    board = board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.5] * 6])
    for columns in ([], [0]):
        part = board.take(columns=columns)
        for found in (agreement(part), pairwise_agreement(part, 2)):
            assert found.rho.shape == (len(columns), len(columns))
            assert found.all_pairs == PairSummary(None, None, None, 0)
            assert found.within_paper == {}
            assert found.paper_balanced_mean is None


def test_a_constant_leaf_is_left_out_of_the_summary():
    tree = tree_of({"average_vision": {"neural_vision": {"a": None, "b": None, "c": None}}})
    board = board_of_matrix([[0.1, 0.5, 0.3], [0.2, 0.5, 0.2], [0.3, 0.5, 0.1]], tree)
    for found in (agreement(board), pairwise_agreement(board, 2)):
        assert np.isnan(found.rho[1]).all()
        assert found.all_pairs == PairSummary(pytest.approx(-1), pytest.approx(-1), 1.0, 1)
        assert found.overlap[1, 0] == 3
