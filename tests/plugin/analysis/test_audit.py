"""What rules for missing cells move, against two rankings compared by pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd

from brainalign_plugin.analysis import analyse
from brainalign_plugin.audit.audit import COMPLETE
from brainalign_plugin.audit.study import moves_of_conventions
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import compared_board
from brainalign_plugin.schemes import rank_models
from tests.boards import Cell, small_tree, snapshot_of


def test_a_move_is_that_between_two_rankings():
    rng = np.random.default_rng(0)
    seen = set()
    for digits in (1, 2, 1, 2):
        rows: list[list[Cell]] = np.round(rng.random((12, 7)), digits).tolist()
        rows[int(rng.integers(12))][int(rng.integers(6))] = "X"
        rows[int(rng.integers(12))][int(rng.integers(6))] = ""
        analysis = analyse(snapshot_of(small_tree(), rows))
        full, reference = compared_board(analysis.snapshot, "full").board, given_board(analysis.snapshot)
        found = moves_of_conventions(analysis)
        assert found is not None
        for move in found.moves:
            base = rank_models(full, move.scheme, reference=reference)
            board, rule = (analysis.cleaning.board, None) if move.other == COMPLETE else (full, move.other)
            other = rank_models(board, move.scheme, rule, reference=reference)
            scores = pd.Series(np.round(base.scores, 9), index=list(base.ids)).loc[list(other.ids)]
            before = scores.rank(ascending=False, method="min")
            after = pd.Series(other.ranks, index=list(other.ids))
            shift = (after - before).abs()
            assert move.mean_shift == shift.mean()
            assert move.model == min(shift.index[shift == shift.max()])
            assert (move.rank, move.other_rank) == (before[move.model], after[move.model])
            seen.add((move.scheme, move.other))
    assert {scheme for scheme, other in seen if other == COMPLETE} > {
        "HIER",
        "RANK",
        "COPELAND",
        "REF_NORMAL",
    }


def test_one_model_is_moved_by_nothing():
    assert moves_of_conventions(analyse(snapshot_of(small_tree(), [[0.5] * 7]))) is None
