"""The command ``brainalign plot`` draws what the library draws."""

from __future__ import annotations

import json
import re

import pytest

import brainalign_plugin as ba
from tests.commands import brainalign


@pytest.fixture
def board(tmp_path):
    path = tmp_path / "board.json.gz"
    path.write_bytes(ba.snapshot_bytes(ba.example().snapshot))
    return path


@pytest.mark.parametrize("name", ["heatmap", "good-models", "bump", "intervals", "tiers", "components", "influence"])
def test_each_chart_is_drawn(name, board, tmp_path):
    target = tmp_path / "chart.svg"
    done = brainalign("plot", name, board, "--output", target, home=tmp_path).succeeded()
    assert str(target) in done.out
    assert target.read_text().startswith("<svg")


def test_the_chart_is_that_of_the_library(board, tmp_path):
    target = tmp_path / "chart.json"
    brainalign("plot", "heatmap", board, "--output", target, home=tmp_path).succeeded()
    assert json.loads(target.read_text()) == ba.agreement(board).plot.heatmap().to_dict()


def test_a_file_that_cannot_be_written_is_named(board, tmp_path):
    for target, words in (("chart.bmp", "known are .svg"), ("nowhere/chart.svg", "name another file")):
        done = brainalign("plot", "heatmap", board, "--output", tmp_path / target, home=tmp_path)
        assert done.code != 0
        assert words in done.err


TABLE = """model;reading/Rajpurkar2016-qa;reading/Joshi2017-qa;inference/Bowman2015-nli;inference/Williams2018-nli
""" + "".join(
    f"system {i};{(37 * i % 23) / 30:.3f};{(31 * i % 19) / 25:.3f};{(41 * i % 17) / 20:.3f};{(29 * i % 13) / 15:.3f}\n"
    for i in range(1, 13)
).replace(".", ",")


def test_any_table_of_scores_has_a_whole_report(tmp_path):
    table, page = tmp_path / "table.csv", tmp_path / "page.html"
    table.write_text(TABLE, encoding="utf-8")
    brainalign("report", table, "--title", "Tasks & more", "--output", page, home=tmp_path).succeeded()
    text = page.read_text(encoding="utf-8")
    assert "<title>Tasks &amp; more: do its benchmarks agree?</title>" in text
    assert "system 7" in text
    body = text.partition('<script type="application/json"')[0]
    assert "What decides the average? (it needs a neural and a behavioural part that vary)" in body
    assert "The schemes DSEP, DSP_PCA and DSP_PCA_Std (they need a neural and a behavioural part that vary)" in body
    visible = re.sub("<[^>]+>", "", body.partition("@software")[0].partition("</style>")[2])
    for word in ("Brain-Score", "fficial", "oster’s", "1970"):
        assert word not in visible
    again = tmp_path / "again.html"
    brainalign("report", table, "--title=Tasks & more", "-o", again, home=tmp_path).succeeded()
    assert again.read_bytes().replace(b"again.html", b"page.html") == page.read_bytes()


def test_what_needs_parts_is_left_out_by_name_on_a_table(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text(TABLE, encoding="utf-8")
    record = brainalign("analyze", table, "--json", home=tmp_path).succeeded().json
    assert record["snapshot"]["domain"] == "table"
    assert set(record["left_out"]) == {"agreement.blocks", "spread", "explained_variance", "weights"}
    text = brainalign("analyze", table, home=tmp_path).succeeded().out
    assert "left out explained_variance: no benchmark of the board is under neural_table" in " ".join(text.split())
    assert "neural_table)" not in text
    frozen = brainalign("reference", "freeze", "base", table, home=tmp_path).succeeded().out
    assert "1970" not in text + frozen
    past = brainalign("report", table, "--as-of", "2020-01-01", home=tmp_path)
    assert past.code == 8
    assert "the board has no date" in past.err


def test_a_cell_of_a_table_that_is_no_score_is_named(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("model,qa\na,0.5\nb,50\n", encoding="utf-8")
    done = brainalign("report", table, home=tmp_path)
    assert done.code == 8
    assert "model 'b' on 'qa' is 50, outside [0, 1]; divide per cent by 100" in done.err
