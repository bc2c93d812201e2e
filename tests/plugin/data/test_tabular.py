"""Any table becomes a board, or a sentence that names the cell and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainalign_plugin.data.board import Board
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import BoardError

PLAIN = pd.DataFrame(
    {"V1-pls": [0.1, 0.2, 0.3], "IT-pls": [0.4, np.nan, 0.5], "Bias2020-i2n": [0.6, 0.7, 0.8]},
    index=["alexnet", "vgg", "cornet"],
)
GROUPS = {"V1-pls": "neural/V1", "IT-pls": "neural/IT", "Bias2020-i2n": "behaviour"}


def test_a_table_with_paths_is_a_tree():
    board = Board.from_frame(PLAIN, GROUPS)
    assert board.tree.path("V1-pls") == ("average_table", "neural_table", "V1", "V1-pls")
    assert board.parts == ("neural_table", "behavior_table")
    assert board.leaf_parts == ("neural_table", "neural_table", "behavior_table")
    assert board.to_frame(names=True).loc["vgg", "V1-pls"].item() == 0.2
    assert board.states[1, 1] == CellState.NEVER
    assert repr(board) == "<Board table: 3 models × 3 benchmarks, 11 % missing>"
    assert "<table" in board._repr_html_()


def test_the_snapshot_of_a_table_has_the_same_board():
    snapshot = Snapshot.from_frame(PLAIN, GROUPS)
    pd.testing.assert_frame_equal(snapshot.board().to_frame(), Board.from_frame(PLAIN, GROUPS).to_frame())
    assert snapshot == Snapshot.from_frame(PLAIN, GROUPS)
    assert snapshot.sha256 != Snapshot.from_frame(PLAIN.fillna(0.1), GROUPS).sha256
    assert repr(snapshot) == "<Snapshot table: 3 models × 3 benchmarks, 11 % missing>"


def test_groups_of_one_name_in_two_places_stay_apart():
    board = Board.from_frame(PLAIN, {"V1-pls": "neural/x", "Bias2020-i2n": "behavior/x"})
    assert board.tree["V1-pls"].parent != board.tree["Bias2020-i2n"].parent


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (PLAIN * 100, r"'alexnet' on 'V1-pls' is 10, outside \[0, 1\]; divide per cent by 100"),
        (PLAIN - 0.5, r"'alexnet' on 'V1-pls' is -0.4, outside"),
        (PLAIN * 1e6, "rescale the benchmark"),
        (PLAIN.replace(0.2, np.inf), r"'vgg' on 'V1-pls' is inf"),
        (PLAIN.astype(object).replace(0.7, "X"), r"'vgg' on 'Bias2020-i2n' is 'X', not a number"),
        (PLAIN.astype(object).replace(0.7, "0.7"), r"is the text '0.7'; convert the column"),
        (pd.concat([PLAIN, PLAIN.iloc[:1]]), "the model 'alexnet' occurs 2 times"),
        (pd.concat([PLAIN, PLAIN[["V1-pls"]]], axis=1), "the benchmark 'V1-pls' occurs 2 times"),
        (PLAIN.reset_index(), r"column 'index' numbers the rows|set_index"),
        (PLAIN.rename_axis("model").reset_index(), r"frame.set_index\('model'\)"),
        (PLAIN.reset_index(drop=True).reset_index(), "index_col=0"),
        (PLAIN.reindex(["alexnet", "empty"]), "model 'empty' has no score at all"),
        (PLAIN.iloc[:0], r"the shape \(0, 3\)"),
    ],
)
def test_a_table_that_is_no_board_says_which_cell_and_what_to_do(frame, says):
    with pytest.raises(BoardError, match=says):
        Board.from_frame(frame)


def test_a_group_of_no_column_is_refused():
    with pytest.raises(BoardError, match="'V4-pls', which is no column"):
        Board.from_frame(PLAIN, {"V4-pls": "neural"})
