from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from brainalign_plugin.agreement.explained_variance import Spread, node_spreads, spread
from tests.boards import board_of, boards, score_matrices


@given(score_matrices(columns=(1, 1)))
def test_spread_agrees_with_numpy_and_scipy(scores):
    column = scores[:, 0]
    known = column[~np.isnan(column)]
    found = spread(column)
    if len(known) < 2:
        assert found == Spread(None, None, None)
        return
    assert found.sd == pytest.approx(np.std(known, ddof=1), abs=1e-12)
    assert found.range == pytest.approx(np.ptp(known), abs=1e-12)
    assert found.iqr == pytest.approx(stats.iqr(known), abs=1e-12)


def test_spread_worked_out_by_hand():
    found = spread(np.array([0.4, np.nan, 0.1, 0.2, 0.3]))
    # Quartiles lie a quarter of the way: between 0.1 and 0.4 in three steps, at 0.75 and 2.25 steps.
    assert found.sd == pytest.approx(np.sqrt((0.15**2 + 0.05**2) * 2 / 3))
    assert (found.iqr, found.range) == pytest.approx((0.15, 0.3))


@settings(max_examples=30)
@given(boards(models=(0, 6), missing=False))
def test_every_node_has_the_spread_of_its_mean(board):
    found = node_spreads(board)
    assert list(found) == [node.type_id for node in board.tree.nodes]
    means = board.node_scores()
    for column, name in enumerate(found):
        assert found[name] == spread(means[:, column])
    for leaf in board.leaves:
        assert found[leaf] == spread(board.scores[:, board.leaves.index(leaf)])


def test_spread_of_a_group():
    rows = [[0.1, 0.3, 0.5, 0.5, 0.5, 0.5], [0.2, 0.6, 0.5, 0.5, 0.5, 0.5]]
    found = node_spreads(board_of(rows))
    # V1 is the mean of the first two: 0.2 and 0.4; the neural part halves that again.
    assert found["V1"].range == pytest.approx(0.2)
    assert found["V1"].sd == pytest.approx(0.1 * np.sqrt(2))
    assert found["neural_vision"].range == pytest.approx(0.1)
    assert found["average_vision"].range == pytest.approx(0.05)
    assert found["behavior_vision"].sd == 0
