"""What a newcomer types in a notebook works, on a real board and on a made-up one, and is typed."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import brainalign_plugin as ba
from brainalign_plugin.errors import (
    BoardError,
    CandidateError,
    InputError,
    PlotError,
    ReferenceBoardError,
    SchemeError,
    SnapshotError,
)
from tests.conftest import ROOT
from tests.plugin.api import session as written

TABLE = pd.DataFrame({"V1-pls": [0.2, 0.3, 0.5], "i2n": [0.4, 0.1, 0.3]}, index=["a", "b", "c"])
GROUPS = {"V1-pls": "neural/V1", "i2n": "behavior"}


@pytest.fixture(autouse=True)
def _no_own_scheme():
    yield
    ba.unregister("TRIMMED")


def check(results, folder):
    for result in results:
        assert len(repr(result)) < 4000, repr(result)[:200]
        assert len(repr(getattr(result, "found", None))) < 500
        assert "<table" in result._repr_html_()
        assert isinstance(result.to_frame(), pd.DataFrame)
        if not isinstance(result, ba.Board):
            json.dumps(result.to_dict(), allow_nan=False)
    assert len(list(folder.glob("*.svg"))) == 7


def test_the_session_on_a_made_up_board(tmp_path):
    path = tmp_path / "board.json.gz"
    path.write_bytes(ba.snapshot_bytes(ba.example().snapshot))
    check(written.session(path, TABLE, GROUPS, "2023-01-01", (107, 112), tmp_path), tmp_path)


@pytest.mark.needs("shared")
def test_the_session_on_a_real_board(tmp_path, shared_site):
    path = shared_site / "compare-data-2024-01-01.json.gz"
    check(written.session(path, TABLE, GROUPS, "2023-01-01", (646, 1112), tmp_path), tmp_path)


def test_the_session_is_typed():
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "tests/plugin/api/session.py"],
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_whatever_holds_a_board_is_one(tmp_path):
    board = ba.example()
    path = tmp_path / "board.json"
    path.write_bytes(ba.snapshot_bytes(board.snapshot))
    for source in (board, board.snapshot, path, str(path)):
        assert ba.agreement(source).to_frame().equals(ba.agreement(board).to_frame())
    complete = board.clean().board
    frame = complete.to_frame()
    frame.index = [model.name for model in complete.models]
    assert np.allclose(ba.agreement(frame).to_frame(), ba.agreement(board).to_frame())
    assert ba.rank(frame, "FLAT").to_frame()["model"].tolist() == ba.rank(complete, "FLAT").to_frame()["model"].tolist()


EXPORT = """# Date from 2020-01-01 to 2024-01-01
# Brain-Score
"Rank","Model","Model ID","average_vision","neural_vision","A2020.V1-pls","B2021.IT-pls","behavior_vision","C2022-i2n"
"1","one","11","0.550","0.500","0.600","0.400","0.600","0.600"
"2","two","12","0.350","0.300","0.200","0.400","0.400","0.400"
"3","three","13","0.225","0.250","0.100","0.400","0.200","0.200"
"4","four","14","0.150","0.200","0.300","0.100","0.100","0.100"
"""


def test_load_reads_csv_zips_and_any_table(tmp_path):
    plain, packed, table = tmp_path / "leaderboard.csv", tmp_path / "export.zip", tmp_path / "table.csv"
    plain.write_text(EXPORT, encoding="utf-8")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("leaderboard.csv", EXPORT)
    for path in (plain, packed):
        board = ba.load(path)
        assert repr(board) == "<Board vision 2024-01-01: 4 models × 3 benchmarks, 0 % missing>"
        assert board.ids == (11, 12, 13, 14)
    TABLE.to_csv(table)
    TABLE.to_csv(tmp_path / "table.csv.gz")
    assert ba.load(tmp_path / "table.csv.gz").leaves == ba.load(table).leaves
    assert ba.load(table).to_frame().to_numpy().tolist() == TABLE.to_numpy().tolist()
    (tmp_path / "torn.zip").write_bytes(packed.read_bytes()[:60])
    with pytest.raises(SnapshotError, match="damaged or cut off"):
        ba.load(tmp_path / "torn.zip")
    table.write_text("model,a,b\nx,0.1,60\n", encoding="utf-8")
    with pytest.raises(BoardError, match="'x' on 'b' is 60, outside"):
        ba.agreement(table)


def test_load_takes_what_is_a_board_already(tmp_path):
    board = ba.example()
    assert ba.load(board) is board
    for source in (board.snapshot, board.to_frame()):
        assert np.array_equal(ba.load(source).to_frame(), board.to_frame(), equal_nan=True)
    (tmp_path / "empty.csv").write_text("\n", encoding="utf-8")
    with pytest.raises(SnapshotError, match="is empty"):
        ba.load(tmp_path / "empty.csv")


def test_families_of_ones_own_join_models(tmp_path):
    board, table = ba.example(), tmp_path / "families.csv"
    table.write_text("model,family\nalexnet,old\n102,old\n", encoding="utf-8")
    apart = ba.certainty(board, resamples=20).found
    for given in (table, str(table), {"alexnet": "old", 102: "old"}):
        joined = ba.certainty(board, families=given, resamples=20).found
        assert joined.families.count == apart.families.count - 1
        assert not np.allclose(joined.universe.sd_widened, apart.universe.sd_widened)


def test_results_of_every_scheme_survive_a_pickle():
    board = ba.example()
    reference = ba.freeze(board, "base")
    ranked = ba.rank(board, ba.scheme_names(), reference=reference, resamples=0)
    again = pickle.loads(pickle.dumps(ranked))
    assert again.to_frame().equals(ranked.to_frame())
    for name in ranked.to_frame():
        one = pickle.loads(pickle.dumps(ranked[name]))
        assert (one.one.scheme.norms is None) == (ranked[name].one.scheme.norms is None)
        assert repr(one) == repr(ranked[name])
    for result in (ba.audit(board, ["HIER", "PC1"], ["iia"]), ba.place(112, reference), ba.certainty(board)):
        assert repr(pickle.loads(pickle.dumps(result))) == repr(result)


def test_a_changed_board_is_not_taken_for_its_snapshot():
    board = ba.example()
    best = ba.rank(board, "HIER").to_frame()["id"].iloc[0]
    without = board.take(rows=[i for i, model in enumerate(board.ids) if model != best])
    assert best not in ba.rank(without, "HIER").to_frame()["id"].tolist()
    assert best not in ba.freeze(without, "base").board.ids


def test_states_survive():
    states = ba.example().to_frame(states=True)
    assert set(np.unique(states.to_numpy())) == {"FAILED", "NEVER", "SCORED"}
    again = ba.data.snapshot.Snapshot.from_board(ba.example().take(columns=range(8))).board().to_frame(states=True)
    assert again.equals(states)


def test_a_scheme_of_ones_own_cannot_take_the_place_of_a_known_one():
    with pytest.raises(SchemeError, match="comes with a distribution"):
        ba.scheme("HIER", overwrite=True)(lambda scores: scores.mean(axis=1))
    made = ba.scheme("TRIMMED")(lambda scores: scores.mean(axis=1))
    with pytest.raises(SchemeError, match="already a scheme TRIMMED"):
        ba.scheme("trimmed")(lambda scores: scores.mean(axis=1))
    flat = ba.rank(ba.example(), ["FLAT", made], resamples=0).to_frame()
    assert flat["FLAT"].equals(flat["TRIMMED"].rename("FLAT"))
    ranked = ba.rank(ba.Board.from_frame(TABLE.rename(columns={"i2n": "i2n-b"})), [made, "DSEP"], resamples=0)
    assert ranked[made].ranking.ids == (1, 2, 3)
    assert ranked.title.endswith("; 1 note in problems")
    assert ranked.problems.to_frame()["scheme"].tolist() == ["DSEP"]


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda b: ba.agreement(b, method="tau"), InputError, "'spearman', 'kendall', 'pearson'"),
        (lambda b: ba.agreement(b).interval(95), InputError, "between 0 and 1"),
        (lambda _: ba.agreement(3), BoardError, "a board was expected, not int"),
        (lambda _: ba.load("nothing.json"), InputError, "cannot read"),
        (lambda b: ba.rank(b, "ZMAEN"), SchemeError, "did you mean"),
        (lambda b: ba.rank(b, ["HIER"])["RANK"], InputError, "was not asked for"),
        (lambda b: ba.audit(b, "HIER", ["speed"]), InputError, "no property 'speed'"),
        (
            lambda b: ba.certainty(b, resamples=9).told_apart(101, 100),
            InputError,
            "'vgg16'.* is not on the cleaned board",
        ),
        (lambda _: ba.place({"x": 0.5}, "base"), ReferenceBoardError, "cannot read the reference file"),
        (lambda b: ba.place({"x": 0.5}, b), ReferenceBoardError, r"pass reference=freeze\("),
        (lambda b: ba.place({"x": 50}, ba.freeze(b, "base")), CandidateError, "divide percentages by 100"),
        (lambda b: ba.place("vgg", ba.freeze(b, "base")), CandidateError, "did you mean"),
        (lambda b: ba.place([1, 2], ba.freeze(b, "base")), CandidateError, "give a dict or Series"),
        (lambda b: ba.timeline(b.snapshot), InputError, "needs a list of boards"),
        (lambda _: ba.timeline([]), InputError, "needs a list of boards"),
        (lambda b: ba.timeline([b, b], dates=["2023-01-01"]), InputError, "1 date for 2 boards"),
        (lambda _: ba.timeline([TABLE, TABLE]).plot.figures(), InputError, r"pass dates="),
        (lambda b: b.as_of("yesterday"), InputError, "write it as '2023-01-01'"),
        (lambda _: ba.Board.from_frame(TABLE).as_of("2023-01-01"), BoardError, "its past is unknown"),
        (lambda b: ba.rank(b, 5), SchemeError, "a scheme was expected, not 5"),
        (lambda b: ba.audit(b, 5), SchemeError, "a scheme was expected, not 5"),
        (lambda b: ba.rank(b, "HIER", n_jobs=0), InputError, "n_jobs is 0"),
        (lambda b: ba.rank(b, "HIER", missing="x"), SchemeError, "no rule 'x'.*known are zero"),
        (lambda b: ba.rank(b, "HIER", seed=-1), InputError, "the seed is -1; pass seed=0"),
        (lambda b: ba.certainty(b, seed=1.5), InputError, "the seed is 1.5"),
        (lambda b: ba.agreement(b).interval(seed=-1), InputError, "the seed is -1"),
        (lambda _: ba.load(None), SnapshotError, "a path was expected, not NoneType"),
        (lambda _: ba.load("https://site.example/data.json"), SnapshotError, "download it, then load it"),
        (lambda b: ba.certainty(b, resamples="x"), InputError, "'x' resamples were asked for"),
        (lambda b: ba.certainty(b, families={"vgg": "own"}), InputError, "the model 'vgg', which is not on the board"),
        (lambda b: ba.certainty(b, families=5), InputError, "give a dict from model to family"),
        (lambda b: b.as_of(5), InputError, "5 is no date"),
        (lambda _: ba.timeline(5), InputError, "needs a list of boards"),
        (lambda b: ba.agreement(b.take(columns=[0])).plot.good_models(), BoardError, "at least 2 papers"),
        (lambda b: ba.agreement(b).plot.heatmap().save("/no/such/x.svg"), PlotError, "cannot write"),
        (lambda b: ba.agreement(b).plot.heatmap().save("chart.bmp"), PlotError, "known are .svg"),
        (lambda b: b.clean(max_missing=50), InputError, "between 0 and 1"),
    ],
)
def test_errors_speak_python(ask, error, words):
    with pytest.raises(error, match=words) as caught:
        ask(ba.example())
    assert "--" not in str(caught.value)
    assert "`brainalign" not in str(caught.value)


def test_what_a_notebook_shows_of_parts_is_short():
    board = ba.example()
    reference = ba.freeze(board, "base")
    ranked = ba.rank(board, "HIER", resamples=0)
    assert repr(reference).startswith("<Reference 'base': <Snapshot vision 2024-01-01: 16 models")
    assert repr(ranked.one.scheme) == f"<Scheme HIER: {ranked.one.scheme.combination}>"
    assert "&lt;Snapshot vision" in board.snapshot._repr_html_()
    assert "<table" in board.clean()._repr_html_()
    assert "&lt;Reference &#x27;base&#x27;" in reference._repr_html_()
    for part in (board.tree, board.snapshot.official(), ranked.one, ranked.ranking, ranked.compared):
        assert len(repr(part)) < 300
    chart = ba.timeline([board.as_of("2023-01-01"), board]).plot.figures("mean_rho")
    assert chart.title == "Mean rank correlation of two benchmarks, 2 boards"


def test_a_timeline_of_tables_takes_its_dates():
    found = ba.timeline([TABLE, TABLE], dates=["2023-01-01", "2024-01-01"])
    assert found.to_frame().index.year.tolist() == [2023, 2024]
    assert found.changes[0].to_frame()["change"].dropna().eq(0).all()


def test_importing_takes_no_longer_than_numpy():
    clock = "time.perf_counter()"
    program = f"import numpy, time; begin = {clock}; import brainalign_plugin; print({clock} - begin)"
    times = [
        float(
            subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        )
        for _ in range(3)
    ]
    assert min(times) < 0.1


def test_the_verbs_are_not_hidden_by_their_rooms():
    program = (
        "import brainalign_plugin.agreement.correlation, brainalign_plugin.audit.audit, brainalign_plugin as ba\n"
        "assert callable(ba.agreement) and callable(ba.audit) and callable(ba.certainty)"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(Path(ROOT))}
    )
