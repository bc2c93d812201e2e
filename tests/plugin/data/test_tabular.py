"""Any table becomes a board, or a sentence that names the cell and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainalign_plugin.data.board import Board
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import BoardError, InputError
from brainalign_plugin.files.snapshot_file import table_snapshot

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
    assert snapshot.sha256 != Snapshot.from_frame(PLAIN).sha256
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
        (PLAIN.assign(rank=[1, 2, 3]), r"column 'rank' numbers the rows"),
        (PLAIN.reset_index(drop=True).assign(name=["a", "b", "c"]), r"frame.set_index\('name'\)"),
        (PLAIN.assign(q=["50%", "40%", "1%"]), r"'alexnet' on 'q' is the text '50%'.*/ 100"),
        (PLAIN.assign(q=[0.5, 1 + 1e-7, 0]), r"'vgg' on 'q' is 1.0000001, .*clip\(0, 1\)"),
        (PLAIN.assign(q=[1 + 2j, 0, 0]), r"is \(1\+2j\), not a number"),
        (PLAIN.set_axis(["a", None, "b"]), "row 2 of the table names no model"),
        (PLAIN.set_axis(["a", "b", "average_table"], axis=1), "has the name of the average"),
        (PLAIN.to_dict(), "a DataFrame was expected, not dict"),
    ],
)
def test_a_table_that_is_no_board_says_which_cell_and_what_to_do(frame, says):
    with pytest.raises(BoardError, match=says):
        Board.from_frame(frame)


def test_a_group_of_no_column_is_refused():
    with pytest.raises(BoardError, match="'V4-pls', which is no column"):
        Board.from_frame(PLAIN, {"V4-pls": "neural"})
    with pytest.raises(BoardError, match="the group of 'V1-pls' is 5"):
        Board.from_frame(PLAIN, {"V1-pls": 5})
    with pytest.raises(BoardError, match="give a dict from benchmark to path"):
        Board.from_frame(PLAIN, ["neural"])
    with pytest.raises(BoardError, match="the domain is 'My board'"):
        Board.from_frame(PLAIN, domain="My board")


def test_columns_that_are_paths_make_the_tree():
    paths = PLAIN.set_axis(["neural/V1/pls", "neural/IT/pls", "behavior/i2n"], axis=1)
    levels = PLAIN.set_axis([("neural", "V1", "a"), ("neural", "IT", "b"), ("behavior", "", "c")], axis=1)
    levels.columns = pd.MultiIndex.from_tuples(levels.columns)
    board = Board.from_frame(paths)
    assert board.leaves == ("neural/V1/pls", "neural/IT/pls", "i2n")
    assert board.tree.path("i2n") == ("average_table", "behavior_table", "i2n")
    assert Board.from_frame(levels).tree.path("a") == ("average_table", "neural_table", "V1", "a")
    assert Board.from_frame(PLAIN.set_axis(["a/b", "a", "c"], axis=1)).leaves == ("b", "a", "c")
    assert Board.from_frame(PLAIN.assign(q=[pd.NA, 0.5, None])).states[2, 3] == CellState.NEVER


def test_a_table_is_read_from_the_csv_of_any_spreadsheet():
    found = table_snapshot("sep=;\nmodel;reading/qa;reading/nli\na;0,5;n/a\n\nb;0.7;1\n", "t.csv").board()
    assert found.to_frame().to_numpy().tolist() == [[0.5, pytest.approx(np.nan, nan_ok=True)], [0.7, 1.0]]
    assert found.tree.path("qa") == ("average_table", "reading", "qa")
    for text, words in (
        ("model,a\nx,0.5,0.6\n", "a further field '0.6' in line 2"),
        ("model,a,a\nx,0.5,0.6\n", "the benchmark 'a' occurs 2 times"),
        ("model,a\n,0.5\n", "row 1 of the table names no model"),
        ('model,"a', "neither a snapshot nor a table"),
    ):
        with pytest.raises(InputError, match=words):
            table_snapshot(text, "t.csv")
