"""The command ``brainalign plot`` draws what the library draws."""

from __future__ import annotations

import json

import pytest

import brainalign_plugin as ba
from tests.commands import brainalign


@pytest.fixture
def board(tmp_path):
    path = tmp_path / "board.json.gz"
    path.write_bytes(ba.snapshot_bytes(ba.example().snapshot))
    return path


@pytest.mark.parametrize("name", ["heatmap", "bump", "intervals", "tiers", "components", "influence"])
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
