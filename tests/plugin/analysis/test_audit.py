"""What rules for missing cells move, measured with and without what is known already."""

from __future__ import annotations

import numpy as np

from brainalign_plugin.aggregation import rank_models
from brainalign_plugin.analysis.audit import COMPLETE, convention_moves
from brainalign_plugin.analysis.boards import compared_board
from brainalign_plugin.analysis.record import analyse
from brainalign_plugin.analysis.study import study_schemes
from brainalign_plugin.cleaning import clean
from brainalign_plugin.errors import BoardError
from brainalign_plugin.references import given_board
from tests.boards import Cell, small_tree, snapshot_of


def test_rankings_that_are_known_need_not_be_made_again():
    rng = np.random.default_rng(0)
    for digits in (1, 2, 1, 2):
        rows: list[list[Cell]] = np.round(rng.random((12, 7)), digits).tolist()
        rows[int(rng.integers(12))][int(rng.integers(6))] = "X"
        rows[int(rng.integers(12))][int(rng.integers(6))] = ""
        snapshot = snapshot_of(small_tree(), rows)
        full, cleaned = compared_board(snapshot, "full").board, clean(snapshot.board()).board
        names = ("HIER", "RANK", "COPELAND", "PC1", "PL", "REF_NORMAL")
        reference = given_board(snapshot)
        plain = convention_moves(full, reference, names, cleaned)
        assert any(move.other == COMPLETE for move in plain.moves)
        ranked = {}
        for name in names:
            try:
                ranked[name] = rank_models(cleaned, name, reference=reference)
            except BoardError:
                continue
        assert convention_moves(full, reference, names, cleaned, ranked=ranked) == plain
        study = study_schemes(analyse(snapshot))
        assert study is not None
        assert study.conventions == convention_moves(full, reference, cleaned=cleaned)
