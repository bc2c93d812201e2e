"""External metrics: joined by id or name, never guessed, compared with the benchmarks and never in the average."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import brainalign_plugin as ba
from brainalign_plugin import external as external_of
from brainalign_plugin.analysis import analyse
from brainalign_plugin.certainty.external import external, join_metrics
from brainalign_plugin.certainty.record import analysis_json
from brainalign_plugin.data.board import Model
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import InputError
from brainalign_plugin.files.metric_table import metrics_of, model_id, read_aliases, read_metrics
from tests.boards import board_of_matrix, drawn_board, halves, unrelated


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "metrics.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


BOARD = unrelated(drawn_board(7, 30, 6))


def test_two_metrics_as_in_the_paper(file):
    """Human feature alignment and similarity judgements, as the arXiv version joined: one like the board, one not."""
    random = np.random.default_rng(0)
    like = BOARD.scores.mean(axis=1) + 0.001 * random.normal(size=30)
    own = random.normal(size=30) * 1e-12
    lines = [f"{m.id},,{a!r},{b!r}" for m, a, b in zip(BOARD.models[:15], like.tolist(), own.tolist(), strict=False)]
    lines += [f",{BOARD.models[i].name},{float(like[i])!r},{float(own[i])!r}" for i in range(15, 28)]
    table = read_metrics(file("\n".join(["id,model,feature alignment,similarity judgements", *lines])))
    found = external(BOARD, BOARD, table)
    alignment, judgements = found.metrics
    assert (found.joined.matched, alignment.models, found.joined.unmatched) == (28, 28, ())
    average = (BOARD.scores[:, :3].mean(axis=1) + BOARD.scores[:, 3:].mean(axis=1)) / 2
    assert alignment.average.rho == pytest.approx(spearmanr(like[:28], average[:28])[0])
    assert alignment.average.interval.low > 0.9
    for j, one in enumerate(judgements.benchmarks):
        # Values of any size: none of them ties.
        assert one.rho == pytest.approx(spearmanr(own[:28], BOARD.scores[:28, j])[0])
    assert judgements.metrics[0].rho == pytest.approx(spearmanr(own[:28], like[:28])[0])
    assert judgements.average.interval.low < 0 < judgements.average.interval.high
    assert found.dimensions.models == 28
    assert found.dimensions.with_metrics >= found.dimensions.without >= 1
    snapshot = Snapshot.from_board(BOARD)
    record = analysis_json(analyse(snapshot), metrics=table)
    assert set(record["external"]["metrics"]) == {"feature alignment", "similarity judgements"}
    assert "new_benchmarks" not in record
    full = analysis_json(analyse(snapshot), full=True, metrics=table)["external"]
    assert (full["drivers"]["all"]["benchmarks"], full["drivers"]["all"]["pairs"]) == (8, 28)
    plain = analysis_json(analyse(snapshot))
    assert {key: value for key, value in record.items() if key != "external"} == plain


def test_names_are_never_guessed(file):
    board = board_of_matrix(np.random.default_rng(0).random((4, 2)), halves(2))
    names = ("alexnet", "alexnet", "resnet50", "vit")
    board = replace(board, models=tuple(Model(10 + k, name) for k, name in enumerate(names)))
    lines = ("resnet_50,,1", "alexnet,,2", "label of mine,11,3", "vit,,4", ",13,5", "vit,99,6", ",,7", "Ÿ,,8")
    text = "\n".join(["model,id,x", *lines])
    joined = join_metrics(read_metrics(file(text)), board)
    assert joined.values[:, 0].tolist()[1:] == [3, pytest.approx(float("nan"), nan_ok=True), 4]
    reasons = {one.line: (one.reason, one.suggestions) for one in joined.unmatched}
    assert reasons[2] == ("no model of the board has this name; give the id", ("resnet50 (id 12)",))
    assert reasons[3][0] == "2 models of the board have this name; give the id of one"
    assert reasons[3][1] == ("alexnet (id 10)", "alexnet (id 11)")
    assert reasons[6][0] == "line 5 has the metrics of this model already"
    assert reasons[7] == ("no model of the board has this id", ("vit (id 13)",))
    assert reasons[8][0] == "the line names no model"
    assert reasons[9][1] == ()
    assert joined.matched == 2


def test_a_table_of_aliases_joins_other_names(file, tmp_path):
    one, two, three = BOARD.ids[:3]
    path = file(f"model,id,x\nmy ViT,,1\nmy CLIP,,2\nmy ViT,{three},3\nelse,,4\n")
    known = tmp_path / "aliases.csv"
    known.write_text(f"Name;ID\nmy ViT;{one}\nmy CLIP;{two}.0\nmy ViT;{one}\ngone;999999\n")
    joined = join_metrics(read_metrics(path, read_aliases(known)), BOARD)
    assert joined.values[:3, 0].tolist() == [1, 2, 3]
    assert [(left.line, left.model) for left in joined.unmatched] == [(5, "else")]
    found = ba.external(BOARD, path, aliases=known)
    assert (found.to_dict()["matched"], len(found.to_dict()["unmatched"])) == (3, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,x\na,1\n", "have the columns model, x; give them 'model' and 'id'"),
        ("model,id\na,1\nb,two\n", "line 3 .* gives 'b' the id 'two'; give each name one whole number"),
        ("model,id\na,1\n,2\n", r"line 3 .* gives .\(no name\). the id"),
        ("model,id\na,1\na,2\n", "line 3 .* gives 'a' the id '2', and '1' above"),
        ("", "cannot be read"),
    ],
)
def test_a_wrong_table_of_aliases_names_the_line(file, text, message):
    with pytest.raises(InputError, match=message):
        read_aliases(file(text))


def test_a_long_file_of_unknown_names_is_read_at_once(file):
    names = [f"{m.name}{k}" for k in range(400) for m in BOARD.models]
    joined = join_metrics(read_metrics(file("model,x\n" + "".join(f"{name},1\n" for name in names))), BOARD)
    assert len(joined.unmatched) == 12_000
    assert joined.unmatched[0].suggestions
    assert joined.unmatched[-1].suggestions == ()


def test_a_hostile_file(file):
    one, two, three, four = BOARD.ids[:4]
    text = (
        "sep=;\nID;\x1b[31mred\u202e;=cmd();empty\n"
        f"{one};0,5;1e3;\n{two};١٢;1_000;\n{three};1e999;-inf;\n{four};<b>;;\n{four};0.1;2;\n{'9' * 40};1;1;\n"
    )
    table = read_metrics(file(text))
    assert table.metrics == ("\ufffd[31mred\ufffd", "=cmd()", "empty")
    assert table.rows[0].values[:2] == (0.5, 1000.0)
    assert all(np.isnan(row.values[0]) for row in table.rows[1:4])
    assert len(table.notes) == 5
    assert all("counts as unknown" in note for note in table.notes)
    found = external(BOARD, BOARD, table)
    assert found.joined.matched == 4
    assert [one.reason for one in found.joined.unmatched] == [
        "line 6 has the metrics of this model already",
        "no model of the board has this id",
    ]
    assert all(one.reason and one.average.rho is None for one in found.metrics)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("x,y\n1,2\n", "have no column 'id' or 'model'"),
        ("id\n1\n", "no column for a metric"),
        ("id,x,x\n1,2,3\n", "the column 'x' more than once"),
        ('id,x\n"1,2\n', "cannot be read"),
        ("id,Paper2000-leaf\n1,2\n", "has the name of a benchmark"),
        ("id,neural_vision\n1,2\n", "has the name of a benchmark"),
        ("id,external_vision\n1,2\n", "has the name of a benchmark"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_do(file, text, message):
    with pytest.raises(InputError, match=message):
        external_of(BOARD, file(text))


def test_a_missing_file_and_binary_data(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_metrics(tmp_path / "none.csv")
    path = tmp_path / "binary.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError):
        read_metrics(path)


def test_a_frame_by_index_or_columns():
    ids = pd.DataFrame({"x": [0.1, 0.2]}, index=[1, 2])
    assert [row.id for row in metrics_of(ids).rows] == ["1", "2"]
    names = pd.DataFrame({"x": [0.1, None]}, index=["a", "b"])
    assert [(row.id, row.name) for row in metrics_of(names).rows] == [("", "a"), ("", "b")]
    both = pd.DataFrame({"id": [1.0, None], "name": ["a", "b"], "x": [1, 2]})
    assert [(model_id(row.id), row.name) for row in metrics_of(both).rows] == [(1, "a"), (None, "b")]
    assert "'low' is no number" in metrics_of(pd.DataFrame({"x": ["low"]}, index=["a"])).notes[0]
    assert metrics_of(pd.DataFrame({"x": [1 / 3]}, index=["=a\n;b"])).rows[0].values == (1 / 3,)
    found = external_of(BOARD, pd.DataFrame({"x": BOARD.scores[:, 0]}, index=list(BOARD.ids)))
    frame = found.to_frame().set_index("other")
    assert frame.loc[BOARD.leaves[0], "rho"] == pytest.approx(1)
    assert "0 rows" not in found.title


def test_a_constant_metric_has_a_reason():
    found = external(BOARD, BOARD, metrics_of(pd.DataFrame({"x": [5.0] * 30}, index=list(BOARD.ids))))
    assert found.metrics[0].reason == "all of these models have the same value, or average"
    assert found.dimensions.without == found.dimensions.with_metrics
