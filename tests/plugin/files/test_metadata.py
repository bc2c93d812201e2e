"""Metadata of benchmarks and models: the page, folders, the user's table, and the identifier where these are silent."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from brainalign_plugin.errors import InputError
from brainalign_plugin.files.metadata import (
    FIELDS,
    METRICS,
    PAPERS,
    Metadata,
    absent,
    described,
    page,
    read_metadata,
    table,
)
from tests.boards import snapshot_of, tree_of

V1, V2, EDGE = "FreemanZiemba2013.V1-pls", "FreemanZiemba2013.V2-pls", "Geirhos2021edge-error_consistency"
TREE = tree_of(
    {
        "average_vision": {
            "neural_vision": {
                "V1": {V1: None, "Marques2020_Ringach2002-max_dc": None},
                "V2": {V2: None},
                "IT": {"Kar2019-ost": None, "Islam2021-shape_v1_dimensionality": None},
            },
            "behavior_vision": {EDGE: None, "Scialom2024_rgbBehavioralAccuracyDistance": None, "Own-x": None},
        }
    }
)
BOARD = snapshot_of(TREE, [[0.5] * 8, [0.4] * 8]).board()


def html(benchmarks=(), models=None, bibtex=None, **more):
    blocks = {"benchmark_metadata": list(benchmarks), "model_metadata_map": models or {}}
    blocks |= {"benchmark_bibtex_map": bibtex or {}, **more}
    inside = "".join(f"\n    {name}: {json.dumps(value)}," for name, value in blocks.items())
    return f"<p>benchmark_metadata: none</p><script>\n  window.DJANGO_DATA = {{{inside}\n  }};</script>"


def test_the_page_says_human_and_the_papers_macaque():
    one = page(html([{"identifier": f"{V1}_v2", "region": "V1", "species": "human", "task": None}]), "page.html")
    found = described(BOARD, [one])
    assert found.benchmarks[V1]["species"] == "human"
    assert found.origins[V1] == {
        "region": "page.html",
        "species": "page.html",
        **dict.fromkeys(("acquisition", "metric", "paper", "bibtex"), "identifier"),
    }
    assert [str(one) for one in found.contradictions] == [f"{V1}: species is human in page.html; macaque in identifier"]
    # The user's table comes first and settles it, for a paper at once.
    own = table('[benchmarks.FreemanZiemba2013]\nspecies = "macaque"', "mine.toml")
    settled = described(BOARD, [own, one])
    assert settled.benchmarks[V1]["species"] == settled.benchmarks[V2]["species"] == "macaque"
    assert settled.contradictions[0].values[0] == ("mine.toml", "macaque")


def test_the_page_says_how_benchmarks_were_recorded_and_compared():
    data, metrics = {f"{EDGE}_v1": {"datatype": "behavioral"}, "x": 3}, {f"{V1}_v2": {"type": "PLS"}, EDGE: {"type": 3}}
    found = page(html(benchmarkDataMetaMap=data, benchmarkMetricMetaMap=metrics), "page.html")
    assert found.benchmarks == {EDGE: {"acquisition": "behavior"}, V1: {"metric": "pls"}}


def test_a_block_that_is_torn_is_a_problem_and_the_others_are_read():
    text = html([{"identifier": f"{V1}_v2", "species": "human"}]).replace(
        "model_metadata_map: {}", "model_metadata_map: {,"
    )
    for one in (text, text.replace("benchmark_metadata:", '"benchmark_metadata":')):
        found = page(one, "page.html")
        assert found.benchmarks == {V1: {"species": "human"}}
        assert [problem.partition(":")[0] for problem in found.problems] == [
            "model_metadata_map of page.html cannot be read"
        ]
    assert described(BOARD, [found]).problems == found.problems


def test_identifiers_say_what_the_table_has():
    found = described(BOARD).benchmarks
    assert [found[leaf]["region"] for leaf in BOARD.leaves] == ["V1", "V1", "V2", "IT", "V1", *["behavior"] * 3]
    assert [found[leaf]["metric"] for leaf in BOARD.leaves] == [
        *("pls", "ks_similarity", "pls", "ost", "shape_v1_dimensionality"),
        *("error_consistency", "accuracy_distance", "x"),
    ]
    assert [found[leaf]["acquisition"] for leaf in BOARD.leaves[-3:]] == ["behavior"] * 3
    assert found["Own-x"] == {**dict.fromkeys(FIELDS), "region": "behavior", "acquisition": "behavior", "metric": "x"}
    assert described(BOARD).gaps["species"] == ("Islam2021-shape_v1_dimensionality", "Own-x")


def test_the_documented_table_is_that_of_the_code():
    text = (Path(__file__).parents[3] / "docs/methods.md").read_text(encoding="utf-8")
    for name, (species, acquisition) in PAPERS.items():
        row = next(line for line in text.splitlines() if f"{name}" in line and line.startswith("| "))
        assert species in row
        assert acquisition in row
    for end, metric in METRICS.items():
        assert f"`{end}` is {metric}" in text


def test_models_have_families_and_the_first_source_counts():
    name = BOARD.models[0].name
    first = Metadata("one", {}, {name: {"family": "resnet"}})
    second = Metadata("two", {}, {name: {"family": "vit", "architecture": "DCNN"}, "never seen": {"family": "x"}})
    found = described(BOARD, [first, second])
    assert found.models[BOARD.ids[0]] == {"architecture": "DCNN", "family": "resnet", "dataset": None}
    assert (str(BOARD.ids[0]), "resnet") in found.families
    assert [one.name for one in found.contradictions] == [name]
    assert absent(second, BOARD) == ("never seen",)


def test_a_page_may_be_gzipped_and_one_without_data_is_named(tmp_path):
    text = html(
        [{"identifier": f"{EDGE}_v1"}, "no row"],
        {"alexnet": {"model_family": "alexnet", "training_dataset": ["a", "b"], "architecture": 3}, "x": None},
        {f"{EDGE}_v1": {"bibtex": "@article{a}", "benchmark_type_id": EDGE}},
    )
    (tmp_path / "page.html.gz").write_bytes(gzip.compress(text.encode()))
    found = read_metadata(tmp_path / "page.html.gz")
    assert found.models == {"alexnet": {"family": "alexnet", "dataset": "a, b"}}
    assert found.benchmarks == {EDGE: {"bibtex": "@article{a}"}}
    (tmp_path / "other.html").write_text("<html></html>")
    (tmp_path / "torn.html").write_text("benchmark_metadata: [{")
    for name in ("other.html", "torn.html"):
        with pytest.raises(InputError, match=f"{name} has no benchmark_metadata") as raised:
            read_metadata(tmp_path / name)
        assert ("cannot be read" in str(raised.value)) == (name == "torn.html")
    with pytest.raises(InputError, match=r"absent.html' cannot be read"):
        read_metadata(tmp_path / "absent.html")
    (tmp_path / "cut.html.gz").write_bytes(gzip.compress(text.encode())[:40])
    with pytest.raises(InputError, match="cannot be read"):
        read_metadata(tmp_path / "cut.html.gz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[benchmark.x]\nspecies='y'", "did you mean 'benchmarks'"),
        ("[benchmarks.x]\nspecie='y'", "did you mean 'species'"),
        ("[models.x]\ndataset=3", "dataset of 'x'.* is 3"),
        ("[benchmarks]\nx = 'macaque'", "'x' among the benchmarks"),
        ("benchmarks = 3", "among the benchmarks"),
        ("[", "is no TOML"),
    ],
)
def test_a_wrong_table_names_the_error(text, message):
    with pytest.raises(InputError, match=message):
        table(text, "mine.toml")


def test_a_folder_is_read_and_a_bad_file_stops_no_other(tmp_path):
    pytest.importorskip("yaml")
    for name, text in {
        "benchmarks/kar2019/metadata.yml": "benchmarks:\n  Kar2019-ost:\n    data: {region: IT, species: Macaque, "
        "datatype: spikes, task: null}\n    metric: {type: custom}\n",
        "benchmarks/odd/metadata.yaml": "benchmarks: [",
        "benchmarks/list/metadata.yaml": "- a\n- b\n",
        "models/new/metadata.yaml": "models:\n  new:\n    legacy: {architecture: DCNN, model_family: null}\n",
        "models/old/metadata.yml": "models:\n  old: {model_family: vgg}\n  none:\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    found = read_metadata(tmp_path)
    assert found.benchmarks == {
        "Kar2019-ost": {"region": "IT", "species": "macaque", "acquisition": "electrophysiology"}
    }
    assert found.models == {"new": {"architecture": "DCNN"}, "old": {"family": "vgg"}}
    assert [problem.split()[0] for problem in found.problems] == ["list/metadata.yaml", "odd/metadata.yaml"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no benchmarks/\*/metadata.yml"):
        read_metadata(tmp_path / "empty")


def test_the_installed_package_is_read_or_named():
    try:
        found = read_metadata("installed")
    except InputError as cause:
        assert "brainscore_vision is not installed" in str(cause)  # noqa: PT017
        return
    assert found.problems == ()
    assert found.benchmarks["MajajHong2015.IT-pls"] == {"region": "IT", "metric": "pls"}
    assert found.benchmarks[V1]["species"] == "human"
    assert len(found.models) > 100


def test_the_page_of_the_site(shared_site, real_snapshots):
    found = read_metadata(shared_site / "leaderboard-content-2024-01-01.html.gz")
    board = real_snapshots["2024-01-01"].board()
    known = described(board, [found])
    assert {one.name for one in known.contradictions} == {V1, V2}
    assert len(known.families) == 24
    assert known.gaps["region"] == known.gaps["species"] == known.gaps["metric"] == ()
    assert found.benchmarks["Geirhos2021edge-error_consistency"]["metric"] == "error_consistency"
    assert known.benchmarks["Sanghavi2020.V4-pls"]["bibtex"].startswith("@article{Sanghavi2020")
