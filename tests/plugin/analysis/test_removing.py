"""The short ways to what a removed model changes, against every smaller board aggregated from the beginning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from brainalign_plugin.aggregation import get_scheme
from brainalign_plugin.analysis import removal
from brainalign_plugin.analysis.boards import aggregated, compared_board
from brainalign_plugin.analysis.latent_fits import leading
from brainalign_plugin.analysis.orders import order_changes
from brainalign_plugin.analysis.removal import scores_without_each
from brainalign_plugin.analysis.removing.worths import hang_together_without_each
from brainalign_plugin.analysis.stability import audit_removal
from brainalign_plugin.errors import BoardError, ConvergenceError
from tests.boards import board_of_matrix, drawn_board, halves
from tests.schemes import complete_boards, incomplete_boards

SHORT = ["BT", "PL", "SCHULZE", "PC1", "FACTOR1", "DSP_PCA", "DSP_PCA_Std", "GLS"]


def one_by_one(scheme, board, rule=None):
    """Row k: scores of the board from which model k was taken, 0 in its own place."""
    n = len(board.models)
    found = np.zeros((n, n))
    for k in range(n):
        others = [i for i in range(n) if i != k]
        found[k, others] = aggregated(scheme, board.take(rows=others), rule)
    return found


def outcome(measure):
    """What comes of it: scores with zeros in the removed models' own places, or the error."""
    try:
        found = np.array(measure())
    except (BoardError, ConvergenceError) as error:
        return type(error), str(error)
    np.fill_diagonal(found, 0.0)
    return found


# Fits from cold stop at a slope, which is a little way from the optimum.
CLOSE = dict.fromkeys(SHORT, 1e-9) | dict.fromkeys(["BT", "PL", "FACTOR1"], 1e-8)


def assert_as_one_by_one(name, board, rule=None):
    """The same scores and changes of order, or the same error. Gives whether there are scores."""
    scheme = get_scheme(name)
    found = outcome(lambda: scores_without_each(scheme, board, rule))
    expected = outcome(lambda: one_by_one(scheme, board, rule))
    if isinstance(expected, tuple):
        assert found == expected, name
        return False
    np.testing.assert_allclose(found, expected, rtol=CLOSE[name], atol=CLOSE[name], err_msg=name)
    try:
        base = aggregated(scheme, board, rule)
    except BoardError:
        return True
    one, other = (order_changes(base, rows, np.arange(len(base))) for rows in (found, expected))
    assert one.per_alteration.tolist() == other.per_alteration.tolist(), name
    assert one.fragile == other.fragile, name
    return True


@pytest.fixture
def from_cold(monkeypatch):
    """Which models' removals were aggregated from cold."""
    found, whole = [], removal._scores_without

    def spied(scheme, board, rule, k):
        found.append(k)
        return whole(scheme, board, rule, k)

    monkeypatch.setattr(removal, "_scores_without", spied)
    return found


@settings(max_examples=60)
@given(board=complete_boards(models=(3, 7)))
def test_small_boards_with_ties_and_constant_leaves(board):
    for name in SHORT:
        assert_as_one_by_one(name, board)


@settings(max_examples=60)
@given(board=incomplete_boards(models=(3, 7)), choice=st.integers(0, 4))
def test_small_boards_with_missing_cells_under_every_rule(board, choice):
    for name in SHORT:
        rules = get_scheme(name).conventions
        assert_as_one_by_one(name, board, rules[choice % len(rules)])


def altered(board, how):
    scores = np.array(board.scores)
    if how == "constant leaf":
        scores[:, 2] = 0.5
    elif how == "copy of a leaf":
        scores[:, 3] = scores[:, 1]
    elif how == "copy of a model":
        scores[4] = scores[1]
    elif how == "leaf that one model makes vary":
        scores[:, 2] = 0.5
        scores[5, 2] = 0.7
    elif how == "outlier":
        scores[3] += 0.4
    return board_of_matrix(scores, halves(scores.shape[1]))


HOW = ["constant leaf", "copy of a leaf", "copy of a model", "leaf that one model makes vary", "outlier"]


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize(
    ("models", "leaves", "digits", "missing"),
    [(9, 7, 1, 0.0), (12, 7, 2, 0.0), (14, 9, 3, 0.0), (6, 10, 2, 0.0), (10, 8, 2, 0.25)],
)
def test_larger_boards(name, models, leaves, digits, missing):
    measured = 0
    for seed in range(6):
        board = drawn_board(seed, models, leaves, digits, missing)
        for rule in get_scheme(name).conventions if missing else [None]:
            measured += assert_as_one_by_one(name, board, rule)
    assert measured


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("how", HOW)
def test_boards_on_which_something_is_special(name, how):
    for seed in range(4):
        assert_as_one_by_one(name, altered(drawn_board(seed, 11, 8, 2), how))


@pytest.mark.parametrize("name", SHORT)
def test_most_removals_need_no_board_of_their_own(name, from_cold):
    scores_without_each(get_scheme(name), drawn_board(3, 24, 12))
    assert len(from_cold) <= 4


@pytest.mark.parametrize("name", SHORT)
def test_the_real_board(name, real_snapshots, from_cold):
    board = compared_board(real_snapshots["2024-01-01"]).board
    scheme = get_scheme(name)
    base = aggregated(scheme, board)
    found = scores_without_each(scheme, board, base=base)
    assert not from_cold
    expected = one_by_one(scheme, board)
    np.fill_diagonal(found, 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    one, other = (order_changes(base, rows, np.arange(len(base))) for rows in (found, expected))
    assert one.per_alteration.tolist() == other.per_alteration.tolist()
    assert one.fragile == other.fragile


@pytest.mark.parametrize("name", ["BT", "PL"])
def test_models_that_hang_together_by_one_alone_are_named(name):
    """Models 3 and 4 beat one of the others, the third: without it they never do."""
    board = board_of_matrix([[0.9, 0.8], [0.8, 0.9], [0.1, 0.95], [0.3, 0.2], [0.2, 0.3]], halves(2))
    scheme = get_scheme(name)
    assert np.isfinite(aggregated(scheme, board)).all()
    with pytest.raises(BoardError, match=r"model2.*never beat or tied with any of the other 2 models"):
        audit_removal(scheme, board)
    assert_as_one_by_one(name, board)


@pytest.mark.parametrize("name", ["BT", "PL"])
def test_boards_that_have_worths_only_once_a_model_is_gone(name, from_cold):
    """The whole board has none, so that there is nothing to begin from."""
    board = board_of_matrix([[0.9, 0.9, 0.9], [0.5, 0.2, 0.3], [0.3, 0.4, 0.2]], halves(3))
    scheme = get_scheme(name)
    with pytest.raises(BoardError, match="no finite worths"):
        scores_without_each(scheme, board)
    assert from_cold == [0, 1]
    assert_as_one_by_one(name, board)


def test_a_scheme_that_nobody_knows_is_aggregated_for_each_model(from_cold):
    board = drawn_board(3, 6, 4)
    stranger = replace(get_scheme("BT"), combine=lambda board: board.scores.max(axis=1))
    found = outcome(lambda: scores_without_each(stranger, board))
    assert from_cold == list(range(6))
    np.testing.assert_array_equal(found, one_by_one(stranger, board))


def test_known_functions_under_another_name_refuse_what_they_refused():
    """A rule that leaves cells missing is none for components, whatever a scheme says that it supports."""
    board = drawn_board(3, 7, 6, missing=0.2)
    another = replace(get_scheme("PC1"), name="ANOTHER", conventions=("skip", "mean"))
    assert outcome(lambda: scores_without_each(another, board)) == outcome(lambda: one_by_one(another, board))
    with pytest.raises(BoardError, match="needs complete scores"):
        scores_without_each(another, board)
    found = outcome(lambda: scores_without_each(another, board, "mean"))
    np.testing.assert_allclose(found, one_by_one(another, board, "mean"), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("seed", "models", "leaves", "digits"), [(100, 12, 11, 2), (101, 7, 12, 3), (9, 26, 6, 3)]
)
def test_of_several_optima_of_a_factor_the_one_is_taken_that_the_search_from_cold_leads_to(
    seed, models, leaves, digits
):
    assert assert_as_one_by_one("FACTOR1", drawn_board(seed, models, leaves, digits))


@given(
    models=st.integers(3, 6),
    edges=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=30),
)
def test_who_hangs_together_without_each(models, edges):
    at_least = np.zeros((models, models), dtype=bool)
    for i, j in edges:
        at_least[i % models, j % models] = True
    for k, found in enumerate(hang_together_without_each(at_least)):
        others = np.delete(np.arange(models), k)
        count, _ = connected_components(at_least[np.ix_(others, others)], directed=True, connection="strong")
        assert found == (count == 1)


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 6), st.sampled_from([0.0, 1e-7, 0.1, 10.0])
)
def test_leading_vectors_are_those_of_each_matrix(seed, number, size, apart):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(size + 2, size)) + apart * random.normal(size=(number, size + 2, size))
    matrices = np.swapaxes(rows, 1, 2) @ rows
    values, vectors, sure = leading(matrices)
    for matrix, value, vector, known in zip(matrices, values, vectors, sure, strict=True):
        levels, axes = np.linalg.eigh(matrix)
        np.testing.assert_allclose(value, levels[-1], rtol=1e-12)
        if known:
            assert abs(vector @ axes[:, -1]) == pytest.approx(1.0, abs=1e-12)


def test_a_shared_eigenvalue_has_no_leading_vector():
    assert leading(np.array([np.eye(3), np.diag([1.0, 2.0, 3.0]), np.zeros((3, 3))]))[2].tolist() == [
        False,
        True,
        False,
    ]
