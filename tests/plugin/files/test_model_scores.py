from __future__ import annotations

import contextlib
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_plugin.data.board import Model
from brainalign_plugin.data.official import CellState
from brainalign_plugin.errors import CandidateError
from brainalign_plugin.files.model_scores import Cell, cells_of_model, find_model, read_scores
from tests.boards import small_tree, snapshot_of, snapshots


def written(tmp_path, text, name="scores.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def plain(found):
    return {
        name: (None if math.isnan(cell.score) else cell.score, None if math.isnan(cell.error) else cell.error)
        for name, cell in found.items()
    }


def test_a_scores_file_as_csv(tmp_path):
    path = written(
        tmp_path,
        "\ufeffBenchmark,score,error,version\r\nA-pls,0.5,0.01,2\r\n\r\n B-pls , .25,,\r\nC-pls,X,,\r\nD-pls,,,\r\n",
    )
    found = read_scores(path)
    assert plain(found) == {"A-pls": (0.5, 0.01), "B-pls": (0.25, None), "C-pls": (None, None)}
    assert [found[name].version for name in found] == [2, None, None]
    assert [found[name].state.name for name in found] == ["SCORED", "SCORED", "FAILED"]
    assert found["A-pls"].origin == f"scores file {str(path)!r}"


@pytest.mark.parametrize(
    "document",
    [
        {"A-pls": 0.5, "B-pls": {"score": 0.25, "error": 0.01}, "C-pls": "X", "D-pls": None},
        [
            {"benchmark": "A-pls", "score": 0.5},
            {"benchmark": "B-pls", "score": 0.25, "error": 0.01, "version": 1},
            {"benchmark": "C-pls", "score": "failed"},
            {"benchmark": "D-pls", "score": None, "error": None},
        ],
    ],
)
def test_a_scores_file_as_json(tmp_path, document):
    found = read_scores(written(tmp_path, json.dumps(document), "scores.JSON"))
    assert plain(found) == {"A-pls": (0.5, None), "B-pls": (0.25, 0.01), "C-pls": (None, None)}
    assert found["C-pls"].state is CellState.FAILED


def test_what_spreadsheets_write(tmp_path):
    text = '\ufeff"benchmark","score","error"\r\n"A, the first",".5",""\r"B ""b"""," x ",\n=C(1),,\n'
    found = read_scores(written(tmp_path, text))
    assert plain(found) == {"A, the first": (0.5, None), 'B "b"': (None, None)}


AS_PEOPLE_SAVE_IT = [
    "benchmark,score\nA-pls,0.5\n\u00e9,0.25\n",
    "benchmark;score\r\nA-pls;0,5\r\n\u00e9;,25\r\n",
    "benchmark\tscore\rA-pls\t0,5\r\u00e9\t0.25",
    "sep=;\nbenchmark;score\nA-pls;0.5\n\u00e9;0.25\n",
    '"# mine, of May",,\n,,\nbenchmark,score,\nA-pls,"0,5",\n\u00e9,0.25,\n,,\n',
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("text", AS_PEOPLE_SAVE_IT)
def test_scores_as_people_save_them(tmp_path, text, encoding):
    found = read_scores(written(tmp_path, text.encode(encoding)))
    assert plain(found) == {"A-pls": (0.5, None), "\u00e9": (0.25, None)}


def test_the_index_that_pandas_writes_is_no_column(tmp_path):
    assert plain(read_scores(written(tmp_path, ",benchmark,score\n0,A,.5\n1,B,\n"))) == {"A": (0.5, None)}


def test_a_version_may_end_the_name_of_its_benchmark(tmp_path):
    found = read_scores(written(tmp_path, "benchmark,score,version\nA-pls_v2,.5,\nB-pls_v1,.4,1\n"))
    assert {name: cell.version for name, cell in found.items()} == {"A-pls": 2, "B-pls": 1}


def test_a_file_without_end_is_not_read_to_it():
    with pytest.raises(CandidateError, match="is larger than 10 MB"):
        read_scores("/dev/zero")


def test_not_a_number_is_failed_in_both(tmp_path):
    assert read_scores(written(tmp_path, '{"A": NaN}', "a.json"))["A"].state is CellState.FAILED
    assert read_scores(written(tmp_path, "benchmark,score\nA,nan\n"))["A"].state is CellState.FAILED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; its first line is to be the header"),
        ("benchmark,value\nA,1\n", r"the column 'value' of .* is not known; the columns are benchmark, score, error"),
        ("A,0.5\nB,0.6\n", "begins with 'a'; its first line is to be the header benchmark,score,error"),
        ("benchmark,score,score\nA,1,1\n", "the column 'score' of .* occurs twice"),
        ("benchmark\nA\n", "has no column 'score'"),
        ("benchmark,score\nA,0.5,0.1\n", "line 2 of .* has 3 fields and the header 2"),
        ("benchmark,score\nA,0.5\nA,0.6\n", "line 3 of .* gives 'A' again, after line 2"),
        ("benchmark,score\nA,\nA,0.6\n", "gives 'A' again"),
        ("benchmark,score\n,0.5\n", "names the benchmark ''"),
        (
            "benchmark,score\nA,0.5%\n",
            r"line 2 of .* \(A\) has the score '0.5%'; give a share: divide percentages by 100",
        ),
        (
            "benchmark,score\nA,=1+1\n",
            r"line 2 of .* \(A\) has the score '=1\+1'; give a number, X for FAILED, or empty",
        ),
        ("benchmark,score\nA,0,5\n", "line 2 of .* has 3 fields and the header 2; write decimals with a point"),
        ("benchmark,score\nA\0B,0.5\n", "is binary data: it holds NUL bytes; save it as UTF-8 text"),
        ("benchmark,score\nA,0.5\n".encode("utf-16-le"), "is UTF-16 text without a byte order mark; save it as"),
        ("benchmark,score\nA,0.5\n".encode("utf-16-be"), "is UTF-16 text without a byte order mark; save it as"),
        ("benchmark,score\nA,0.5\n".encode("utf-16")[:-1], "is UTF-16 text that ends within a character"),
        (b"benchmark,score\n" + b"A" * 200_000 + b",0.5\n", "names a benchmark with 200000 characters"),
        ("benchmark,score,version\nA_v2,0.5,1\n", "line 2 of .* names version 2 of 'A' and gives '1'; keep one"),
        ("benchmark,score\nA_v2,0.5\nA_v1,0.4\n", "line 3 of .* gives 'A' again"),
        ("benchmark,score\nA,inf\n", "has the score 'inf'"),
        ("benchmark,score\nA,1_0\n", "has the score '1_0'"),
        ("benchmark,score\nA,1e999\n", "has the score"),
        ("benchmark,score\nA,54.2\n", r"has the score 54\.2; scores are ceiled .* divide percentages by 100"),
        ("benchmark,score,error\nA,0.5,-0.1\n", r"has the error -0\.1"),
        ("benchmark,score,error\nA,0.5,x\n", "has the error 'x'; give a number, or empty"),
        ("benchmark,score,version\nA,0.5,1.5\n", r"has the version '1\.5'"),
        ('benchmark,score\n"A,0.5\n', "is not CSV"),
        ("benchmark,score\né,0.5\n".encode() + b"\xff,0.5\n", "is UTF-8 text that has a damaged character at byte 23"),
        (b"\x1f\x8b\x08\x00\xff\xfe", "is gzip data"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path, text, message):
    with pytest.raises(CandidateError, match=message):
        read_scores(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("3", "' holds 3; give an object"),
        ('{"A": 1, "A": 2}', "'A' occurs twice in "),
        ('[{"benchmark": "A"}]', "entry 1 of .* give an object with benchmark and score"),
        ('[{"benchmark": "A", "score": 1, "sd": 2}]', "entry 1 of"),
        ('[{"benchmark": 3, "score": 1}]', "names the benchmark 3"),
        ("[4]", "entry 1 of"),
        ('{"A": true}', "has the score 'True'"),
        ('{"A": [0.5]}', "has the score"),
        ('{"A": Infinity}', "has the score 'inf'"),
        ('{"A": {"score": 0.5, "benchmark": "B", "more": 1}}', "entry 1"),
    ],
)
def test_json_that_cannot_be_used(tmp_path, text, message):
    with pytest.raises(CandidateError, match=message):
        read_scores(written(tmp_path, text, "scores.json"))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CandidateError, match=r"cannot read the scores file .*: No such file"):
        read_scores(tmp_path / "none.csv")
    with pytest.raises(CandidateError, match="cannot read the scores file"):
        read_scores("a\0b")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(["a.csv", "a.json"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data, name):
    path = tmp_path_factory.getbasetemp() / name
    for body in (data, b"benchmark,score\nA," + data):
        path.write_bytes(body)
        with contextlib.suppress(CandidateError):
            found = read_scores(path)
            assert all(math.isfinite(c.score) == (c.state is CellState.SCORED) for c in found.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((math.nan,), "SCORED with the score nan"),
        ((math.inf,), "SCORED with the score inf"),
        ((0.5, 0.1, CellState.FAILED), "FAILED with the score 0.5"),
        ((0.5, -0.1), "the error -0.1"),
        ((0.5, math.inf), "the error inf"),
    ],
)
def test_a_cell_cannot_contradict_itself(arguments, message):
    with pytest.raises(CandidateError, match=message):
        Cell(*arguments)


MODELS = (Model(12, "alexnet"), Model(7, "resnet50"), Model(9, "resnet50"), Model(50, "12"))


def test_models_are_found_by_name_or_id():
    assert find_model(MODELS, "alexnet", "the board") is MODELS[0]
    assert find_model(MODELS, "9", "the board") is MODELS[2]


def test_an_ambiguous_name_lists_the_ids():
    with pytest.raises(
        CandidateError, match=r"2 models of the board are called 'resnet50'; give an id instead: 7 .*, 9"
    ):
        find_model(MODELS, "resnet50", "the board")
    with pytest.raises(CandidateError, match=r"2 models of the board are called '12'.*12 \('alexnet'\), 50 \('12'\)"):
        find_model(MODELS, "12", "the board")


def test_an_unknown_model_suggests_the_nearest():
    with pytest.raises(CandidateError, match=r"no model 'resnet5' in the board; did you mean 'resnet50', "):
        find_model(MODELS, "resnet5", "the board")
    with pytest.raises(CandidateError, match="no model 'zzz' in the board; give the id or the name of one of its 4"):
        find_model(MODELS, "zzz", "the board")


def test_cells_of_a_model_on_a_snapshot():
    snapshot = snapshot_of(small_tree(), [[0.5, "X", "", 0.2, 1.3, 0.4, 0.9]])
    found = cells_of_model(snapshot, snapshot.models[0], "here")
    leaves = small_tree().leaves("average_vision")
    assert list(found) == [leaf for i, leaf in enumerate(leaves) if i != 2]
    assert found[leaves[1]].state is CellState.FAILED
    assert [found[leaves[i]].score for i in (0, 3, 4)] == [0.5, 0.2, 1.0]
    assert {cell.version for cell in found.values()} == {1}
    assert {cell.origin for cell in found.values()} == {"here"}


@given(snapshots())
def test_cells_are_those_of_the_board(snapshot):
    board = snapshot.board()
    for row, model in enumerate(snapshot.models):
        found = cells_of_model(snapshot, model, "")
        for leaf, score, state in zip(board.leaves, board.scores[row], board.states[row], strict=True):
            if state == CellState.NEVER:
                assert leaf not in found
            else:
                assert found[leaf].state == state
                np.testing.assert_equal(found[leaf].score, score)
