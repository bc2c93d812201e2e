"""The panel: against all panels of a size, on boards scored on the panel alone, with a planted one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from brainalign_plugin.certainty.suite import short_panel
from brainalign_plugin.certainty.variance_components import NotEstimable
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.ranking.boards import aggregated
from brainalign_plugin.schemes import get_scheme
from tests.boards import board_of_matrix, dated, drawn_board, halves, unrelated
from tests.plugin.certainty.test_variance_components import DEEP_TREE, random_board


def score(board, columns=None):
    return aggregated(get_scheme("HIER"), board.take(columns=columns))


def test_each_size_is_as_good_as_the_best_of_all_panels():
    board = unrelated(drawn_board(3, 30, 7))
    snapshot = dated(board, [0] * 7, [0] * 15 + [9] * 15)
    found = short_panel(board, snapshot)
    assert (found.chosen_on, found.later, found.reason) == (15, 15, None)
    whole = score(board)
    for one in found.curve:
        panels = itertools.combinations(range(7), one.size)
        rhos = [spearmanr(score(board, p)[:15], whole[:15])[0] for p in panels]
        own = [board.leaves.index(name) for name in one.benchmarks]
        assert len(own) == one.size
        assert one.chosen_rho == pytest.approx(spearmanr(score(board, own)[:15], whole[:15])[0])
        assert one.rho == pytest.approx(spearmanr(score(board, own)[15:], whole[15:])[0])
        # Swaps end where no single one helps, which may be short of the best panel.
        assert one.chosen_rho >= max(rhos) - 0.03
        assert one.benchmarks_saved == pytest.approx(1 - one.size / 7)
    singly = [spearmanr(score(board, [j])[:15], whole[:15])[0] for j in range(7)]
    assert found.curve[0].chosen_rho == pytest.approx(max(singly))
    assert found.curve[-1].rho == pytest.approx(1)
    assert (found.curve[-1].kappa, found.curve[-1].random_share) == (1, 1)


def test_a_deep_tree_is_pruned_to_the_panel():
    board = random_board(2, 25, DEEP_TREE)
    found = short_panel(board, dated(board, [0] * len(board.leaves), list(range(25))))
    whole = score(board)
    for one in found.curve:
        own = [board.leaves.index(name) for name in one.benchmarks]
        assert one.rho == pytest.approx(spearmanr(score(board, own)[12:], whole[12:])[0], abs=0.02)


def test_cells_that_were_run_are_counted_over_all_models():
    board = unrelated(drawn_board(4, 24, 4))
    snapshot = dated(board, [0] * 4, list(range(24)))
    column = snapshot.tree.index[board.leaves[0]]
    states, scores = snapshot.states.copy(), snapshot.scores.copy()
    states[:6, column], scores[:6, column] = 0, np.nan
    gappy = replace(snapshot, states=states, scores=scores)
    found = short_panel(board, gappy)
    one = next(one for one in found.curve if one.size == 1)
    ran = dict(zip(board.leaves, (18, 24, 24, 24), strict=True))
    assert one.cells_saved == pytest.approx(1 - ran[one.benchmarks[0]] / 90)


def test_without_dates_or_models_it_says_why():
    board = unrelated(drawn_board(5, 24, 5))
    found = short_panel(board, Snapshot.from_board(board))
    assert (found.later, found.since, found.chosen_on) == (0, None, 24)
    assert found.reason == "no score has a date, so that no model is later than another"
    assert found.smallest is not None
    assert {one.rho for one in found.curve} == {None}
    one_day = short_panel(board, dated(board, [0] * 5, [0] * 24))
    assert "no day has 10 complete models" in one_day.reason
    few = board_of_matrix(board.scores[:9], halves(5))
    assert isinstance(short_panel(few, Snapshot.from_board(few)), NotEstimable)
    flat = board_of_matrix(np.full((24, 5), 0.5), halves(5))
    assert "the same HIER" in short_panel(flat, Snapshot.from_board(flat)).reason


def test_the_panel_of_the_real_board(real_board, real_snapshot):
    found = short_panel(real_board("2024-01-01"), real_snapshot("2024-01-01"))
    assert (found.chosen_on, found.later, found.since.isoformat()) == (39, 44, "2021-09-17")
    assert (found.smallest, found.smallest_quartiles) == (3, 5)
    assert all(a.size + 1 == b.size for a, b in itertools.pairwise(found.curve))
