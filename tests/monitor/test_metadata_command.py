"""``brainalign metadata``, the setting, and what the other commands make of them."""

from __future__ import annotations

import gzip
import json

import pytest

from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.boards import small_tree, snapshot_of
from tests.commands import brainalign
from tests.local_site import site_server

LEAF = "FreemanZiemba2013.V1-pls"
PAGE = (
    "<script>window.DJANGO_DATA = {\n    benchmark_metadata: "
    + json.dumps([{"identifier": f"{LEAF}_v2", "species": "human"}])
    + ',\n    model_metadata_map: {"model0": {"model_family": "resnet"}}\n};</script>'
)


@pytest.fixture
def board(tmp_path):
    rows = [[0.1 * i, 0.2, 0.3, 0.4, 0.05 * i, 0.5, 0.6] for i in range(1, 6)]
    path = tmp_path / "board.snapshot.json.gz"
    path.write_bytes(snapshot_bytes(snapshot_of(small_tree(), rows)))
    return path


def test_the_page_is_pulled_once_and_contradicts(board, tmp_path):
    folder = tmp_path / "site/vision/leaderboard/content"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    home, saved = tmp_path / "home", tmp_path / "page.html.gz"
    with site_server(tmp_path / "site") as address:
        done = brainalign("metadata", board, "--save", saved, home=home, base_url=address)
    assert done.code == 0
    assert f"contradiction: {LEAF}: species is human in page.html.gz; macaque in identifier" in done.out
    assert "family: 2 of 5 models" in done.out
    assert gzip.decompress(saved.read_bytes()).decode() == PAGE
    own = tmp_path / "own.toml"
    own.write_text('[benchmarks.FreemanZiemba2013]\nspecies = "macaque"\n[benchmarks.nothing]\nspecies = "mouse"\n')
    found = brainalign("metadata", board, "--source", saved, "--source", own, "--json", home=home).succeeded()
    assert found.json["benchmarks"][LEAF]["species"] == "macaque"
    assert found.json["benchmarks"][LEAF]["sources"]["species"] == "own.toml"
    told = brainalign("metadata", board, "--source", own, home=home)
    assert "own.toml names nothing, which this board lacks" in told.err


def test_the_setting_reaches_the_record_and_the_families(board, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "page.html").write_text(PAGE)
    (home / "brainalign.toml").write_text('metadata = ["page.html"]\n')
    assert "metadata of page.html: 1 benchmark, 1 model" in brainalign("config", "check", home=home).succeeded().out
    full = brainalign("analyze", board, "--json", "--full", home=home).succeeded()
    assert full.err == ""
    assert full.json["metadata"]["benchmarks"][LEAF]["species"] == "human"
    assert (
        list(full.json["metadata"]["models"].values())
        == [{"architecture": None, "family": "resnet", "dataset": None}] * 2
    )
    assert "metadata" not in brainalign("analyze", board, "--json", home=home).succeeded().json


def test_a_source_that_cannot_be_read_is_named(board, tmp_path):
    home = tmp_path / "home"
    done = brainalign("metadata", board, "--source", tmp_path / "absent.html", home=home)
    assert done.code == 8
    assert "absent.html' cannot be read" in done.err
