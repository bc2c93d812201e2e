"""Scores after each removal: the closed forms against aggregating the smaller boards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.audit.perturb import Case, has_closed_form, scores_without_each
from brainalign_plugin.audit.properties import audit_removal, order_changes
from brainalign_plugin.errors import BoardError, ConvergenceError, SchemeError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import compared_board
from brainalign_plugin.scales import ranks_from_bottom
from brainalign_plugin.schemes import Claims, Scale, Scheme, get_scheme
from brainalign_plugin.schemes.missing import fill_missing
from tests.boards import board_of, board_of_matrix, score_matrices
from tests.schemes import SCHEMES, bound, by_turns, complete_boards, incomplete_boards

# Everything else is aggregated again: components, factors, paths, optima and fits depend on all models at once.
WITHOUT_CLOSED_FORM = {
    *("PC1", "FACTOR1", "DSP_PCA", "DSP_PCA_Std", "GLS"),
    *("SCHULZE", "KEMENY", "BT", "PL"),
    *("UNIVERSE", "Z_UNIVERSE", "NORMAL_UNIVERSE"),
}
# Frozen, but without a fit where no two papers measured the same part.
FITTED = ("REF_UNIVERSE", "REF_NORMAL_UNIVERSE")
CLOSED = [name for name in SCHEMES if name not in WITHOUT_CLOSED_FORM]


def without_each(scheme, board, rule=None):
    """Row k: scores of the board from which model k was taken, NaN in its own place."""
    n = len(board.models)
    found = np.full((n, n), np.nan)
    for k in range(n):
        others = [i for i in range(n) if i != k]
        smaller = board.take(rows=others)
        if others:
            found[k, others] = scheme.scores(smaller if rule is None else fill_missing(smaller, rule))
    return found


def own_places_out(scores):
    scores = np.array(scores)
    np.fill_diagonal(scores, np.nan)
    return scores


def assert_same_changes(name, base, found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=name)
    removed = np.arange(len(base))
    one, other = (order_changes(base, rows, removed) for rows in (found, expected))
    assert one.per_alteration.tolist() == other.per_alteration.tolist(), name
    assert one.fragile == other.fragile, name


@settings(max_examples=25)
@given(board=complete_boards())
def test_a_closed_form_is_aggregating_again(board):
    for name in CLOSED:
        if name == "DSEP" and not set(board.leaf_parts) >= set(board.parts):
            continue
        scheme = bound(name, board)
        if name in FITTED and not _scored(scheme, board):
            continue
        found = own_places_out(scores_without_each(Case(scheme, board)))
        assert_same_changes(name, scheme.scores(board), found, without_each(scheme, board))


def _scored(scheme, board):
    try:
        scheme.scores(board)
    except BoardError:
        return False
    return True


@pytest.mark.parametrize("name", SCHEMES)
def test_boards_of_two_and_three_models_and_of_one_benchmark(name):
    rows = [[0.1] * 6, [0.9, 0.8, 0.3, 0.4, 0.1, 0.7], [0.5] * 6]
    boards = [board_of(rows[:2]), board_of(rows), board_of([rows[0]] * 3), board_of(rows).take(columns=[0])]
    for board in boards:
        scheme = bound(name, board)
        try:
            expected = without_each(scheme, board)
        except BoardError:
            with pytest.raises(BoardError):
                scores_without_each(Case(scheme, board))
            continue
        np.testing.assert_allclose(own_places_out(scores_without_each(Case(scheme, board))), expected, atol=1e-9)


@pytest.mark.parametrize("name", ["ZMEAN", "MINMAX", "ROBUST_Z", "HIER_ZMEAN"])
def test_a_cluster_that_an_outlier_hid_keeps_its_digits(name):
    """Without the outlier the spread is a ten-millionth of what it was: sums of squares must not be subtracted."""
    column = np.array([1.0, 0.5, 0.5 + 1e-7, 0.5 + 3e-7, 0.5 + 7e-7])
    board = board_of(np.column_stack([column, *[column[::-1]] * 5]).tolist())
    scheme = get_scheme(name)
    expected = without_each(scheme, board)
    found = own_places_out(scores_without_each(Case(scheme, board)))
    np.testing.assert_allclose(found, expected, atol=2e-8)


@pytest.mark.parametrize("name", CLOSED)
def test_the_closed_form_on_the_real_board(name, real_snapshots):
    snapshot = real_snapshots["2024-01-01"]
    board = compared_board(snapshot).board
    assert board.scores.shape == (83, 51)
    scheme = get_scheme(name)
    scheme = scheme.bind(given_board(snapshot))
    found = own_places_out(scores_without_each(Case(scheme, board)))
    assert_same_changes(name, scheme.scores(board), found, without_each(scheme, board))


@settings(max_examples=12)
@given(board=incomplete_boards(), choice=st.integers(0, 4))
def test_missing_cells_are_dealt_with_after_the_removal(board, choice):
    for name in by_turns(choice):
        scheme = bound(name, board)
        rule = scheme.conventions[choice % len(scheme.conventions)]
        try:
            expected = without_each(scheme, board, rule)
        except (BoardError, ConvergenceError):
            continue
        found = own_places_out(scores_without_each(Case(scheme, board, rule)))
        # Fits from cold stop a little way from the optimum.
        close = 1e-8 if name in ("BT", "PL", "FACTOR1") else 1e-9
        np.testing.assert_allclose(found, expected, rtol=close, atol=close, err_msg=f"{name} {rule}")


def test_a_mean_that_fills_a_cell_moves_with_the_models():
    """Model 3 stands in for the mean of its rivals: without the best of them it falls behind the one it was above."""
    board = board_of_matrix([[0.9, 0.4], [0.1, 0.4], [0.3, 0.4], [np.nan, 0.4]], _two_leaves())
    found = audit_removal(Case(get_scheme("FLAT"), board, "mean"))
    # The mean is 0.43 above 0.3; without 0.9 it is 0.2, and without 0.1 or 0.3 it stays above.
    assert found.changes.tolist() == [1, 0, 0, 0]
    assert found.worst_spoiler == board.ids[0]
    assert audit_removal(Case(get_scheme("FLAT"), board, "skip")).rate == 0


def _two_leaves():
    from tests.boards import tree_of

    return tree_of({"average_vision": {"neural_vision": {"A2020-pls": None}, "behavior_vision": {"B2020-i2n": None}}})


def test_a_benchmark_that_loses_its_last_score_leaves_its_models_last():
    """Without model 0 nobody beats model 1 on the only benchmark that it has: its win rate does not exist."""
    board = board_of_matrix([[0.9, 0.4], [0.8, np.nan], [np.nan, 0.3], [np.nan, 0.2]], _two_leaves())
    scheme = get_scheme("WIN_RATE")
    assert np.isnan(scores_without_each(Case(scheme, board))[0, 1])
    found = audit_removal(Case(scheme, board))
    # Model 1 tied with the last one before and was below model 2; now it is below both.
    assert found.changes[0] == 1


def test_an_unsupported_rule_is_named():
    board = board_of_matrix([[0.9, 0.4], [0.8, np.nan], [0.1, 0.3]], _two_leaves())
    with pytest.raises(SchemeError, match=r"REF_ZMEAN does not support 'worst'.*skip, zero, attempted"):
        scores_without_each(Case(bound("REF_ZMEAN", board), board, "worst"))


@pytest.mark.parametrize(
    "scheme",
    [
        # Each is a liar: the name of a scale that has a closed form, a claim, and a family.
        replace(get_scheme("ZMEAN"), name="A", scale=Scale.fixed("rank", "square", np.square)),
        replace(
            get_scheme("FLAT"), name="B", scale=Scale("z", "to the best", lambda x: lambda rows: rows / x.max(axis=0))
        ),
        Scheme(
            name="COPELAND",
            family="ordinal",
            scale=Scale.fixed("none", "as it is", lambda x: x),
            combination="distance from the best",
            source="nobody",
            conventions=("skip",),
            claims=Claims(iia=True),
            combine=lambda scaled, _: np.sqrt(scaled / scaled.max(axis=0)).mean(axis=1),
        ),
    ],
    ids=["scale by another name", "scale named z", "claims and name"],
)
@given(scores=score_matrices((2, 6), (6, 6), missing=False))
def test_neither_name_nor_claim_nor_family_stands_for_a_measurement(scheme, scores):
    board = board_of_matrix(np.round(scores, 3) * 0.9 + 0.001)
    np.testing.assert_allclose(
        own_places_out(scores_without_each(Case(scheme, board))), without_each(scheme, board), atol=1e-12
    )


def test_ranks_are_those_of_the_scales():
    """The closed form counts on average ranks from 1 at the bottom."""
    assert ranks_from_bottom(np.array([[0.1], [0.5], [0.1]]))[:, 0].tolist() == [1.5, 3.0, 1.5]


@pytest.mark.parametrize("name", ["PC1", "GLS", "KEMENY"])
def test_two_processes_give_the_same_numbers(name):
    scores = np.random.default_rng(3).uniform(size=(9, 6)).round(3)
    scores[4] = scores[2]
    board = board_of(scores.tolist())
    scheme = get_scheme(name)
    one, two = (scores_without_each(Case(scheme, board), jobs) for jobs in (1, 2))
    assert one.tolist() == two.tolist()


def test_a_scale_without_a_closed_form_is_fitted_on_each_smaller_board():
    board = board_of([[0.1 * i] * 5 + [0.9 - 0.2 * i] for i in range(4)])
    zmean = get_scheme("ZMEAN")
    scheme = replace(zmean, scale=replace(zmean.scale, without_each=None))
    assert has_closed_form(zmean)
    assert not has_closed_form(scheme)
    np.testing.assert_allclose(
        own_places_out(scores_without_each(Case(scheme, board))), without_each(scheme, board), atol=1e-12
    )
