"""What schemes say of themselves, on drawn boards: fitted ones score rows, and no fact about one is untrue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.errors import BoardError, ConvergenceError, SchemeError
from brainalign_plugin.schemes import get_scheme
from tests.boards import drawn_board
from tests.schemes import SCHEMES, bound, complete_boards, incomplete_boards

EITHER_BOARD = complete_boards((2, 6)) | incomplete_boards((2, 6))


def usable(name, board, choice=0):
    """The scheme and the board with its missing cells dealt with; None where it cannot be used."""
    from brainalign_plugin.schemes.missing import fill_missing

    scheme = bound(name, board)
    resolved = fill_missing(board, scheme.conventions[choice % len(scheme.conventions)])
    try:
        scheme.scores(resolved)
    except (BoardError, ConvergenceError):
        return None
    return scheme, resolved


@settings(max_examples=15)
@given(board=EITHER_BOARD, choice=st.integers(0, 4))
def test_a_fitted_scheme_scores_the_rows_of_its_board_as_the_board(board, choice):
    for name in SCHEMES:
        if not get_scheme(name).fits or (found := usable(name, board, choice)) is None:
            continue
        scheme, resolved = found
        fitted = scheme.fit(resolved)
        expected = scheme.scores(resolved)
        np.testing.assert_allclose(fitted.score(resolved.scores), expected, atol=1e-9, err_msg=name)
        for i, row in enumerate(resolved.scores):
            np.testing.assert_allclose(fitted.score(row[None, :]), expected[[i]], atol=1e-9, err_msg=name)
        once = fitted.combination.scores(fitted.scaled, np.ones(fitted.scaled.shape))
        np.testing.assert_allclose(once, expected, atol=1e-9, err_msg=name)


@settings(max_examples=15)
@given(board=EITHER_BOARD, choice=st.integers(0, 4))
def test_a_linear_scheme_is_a_weighted_sum_of_scaled_cells(board, choice):
    for name in SCHEMES:
        if not get_scheme(name).linear or (found := usable(name, board, choice)) is None:
            continue
        scheme, resolved = found
        fitted = scheme.fit(resolved)
        weights = scheme.linear_combination(fitted.scaled, resolved).cell_weights(fitted.scaled)
        scores = scheme.scores(resolved)
        known = ~np.isnan(scores)
        np.testing.assert_allclose(
            np.nansum(weights * fitted.scaled, axis=1)[known], scores[known], atol=1e-9, err_msg=name
        )


@settings(max_examples=15)
@given(board=complete_boards((3, 6)), data=st.data())
def test_a_score_of_own_cells_does_not_see_the_other_models(board, data):
    rows = data.draw(st.lists(st.integers(0, len(board.models) - 1), min_size=1, unique=True))
    for name in SCHEMES:
        if (found := usable(name, board)) is None or not found[0].independent:
            continue
        scheme, _ = found
        np.testing.assert_allclose(
            scheme.scores(board.take(rows=rows)), scheme.scores(board)[rows], atol=1e-12, err_msg=name
        )


@settings(max_examples=15)
@given(board=complete_boards((2, 6)), data=st.data())
def test_an_order_stays_whatever_the_distances(board, data):
    leaf = data.draw(st.integers(0, len(board.leaves) - 1))
    # What ties to nine decimals ties to all of them, so that the distortion takes no tie apart.
    board = replace(board, scores=np.round(board.scores, 4))
    scores = np.array(board.scores)
    scores[:, leaf] = scores[:, leaf] / (2 - scores[:, leaf])
    for name in SCHEMES:
        if (found := usable(name, board)) is None or not found[0].order_only:
            continue
        scheme, _ = found
        bent = scheme.scores(replace(board, scores=scores))
        assert bent.tolist() == scheme.scores(board).tolist(), name


@pytest.mark.parametrize("name", [name for name in SCHEMES if get_scheme(name).unfitted])
def test_what_is_not_fitted_is_the_same_on_every_board(name):
    one, other = drawn_board(1, 9, 6), drawn_board(2, 9, 6)
    scheme = bound(name, one)
    combinations = [scheme.fitted_combination(board.scores, board) for board in (one, other)]
    first, second = (combination.scores(one.scores) for combination in combinations)
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("name", [name for name in SCHEMES if not get_scheme(name).fits])
def test_what_scores_boards_as_a_whole_cannot_be_fitted(name):
    with pytest.raises(SchemeError, match=f"{name} cannot be fitted: what a model gets depends on the others"):
        get_scheme(name).fit(drawn_board(1, 9, 6))
