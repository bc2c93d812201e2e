"""Pages of single benchmarks: figures equal to an independent computation, and names that cannot break out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from brainalign_monitor.report.benchmark_board import benchmark_paths
from brainalign_monitor.report.model_board import ModelBoard
from brainalign_monitor.store import open_store
from brainalign_plugin.analysis import Analysis, analyse
from brainalign_plugin.certainty.benchmarks import new_benchmarks
from brainalign_plugin.certainty.suite import short_panel
from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.files.snapshot_file import snapshot_bytes
from tests.charts import opened
from tests.commands import brainalign
from tests.local_site import site_server
from tests.monitor.delivery.conftest import told_home
from tests.monitor.delivery.test_model_pages import HOSTILE
from tests.plugin.certainty.test_new_benchmarks import arrived


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks")
    told_home(folder, HOSTILE)
    brainalign("publish", "--output", folder / "site", home=folder).succeeded()
    return folder


@pytest.fixture(scope="module")
def site(home) -> Path:
    return home / "site/current"


@pytest.fixture(scope="module")
def boards(home) -> list[Snapshot]:
    with open_store(home / "brainalign.sqlite", home / "bodies") as store:
        return [store.snapshot(info.id) for info in store.snapshots("vision")]


@pytest.fixture(scope="module")
def analysis(boards) -> Analysis:
    return analyse(boards[-1])


def record_of(site: Path, leaf: str) -> dict:
    return json.loads((site / f"benchmarks/{leaf}.json").read_text())


def test_every_benchmark_has_a_page_and_is_in_the_list(site, analysis):
    listed = (site / "benchmarks.html").read_text(encoding="utf-8")
    for leaf in analysis.snapshot.board().leaves:
        assert f'href="benchmarks/{leaf}.html"' in listed
        rows = list(csv.DictReader(io.StringIO((site / f"benchmarks/{leaf}.csv").read_bytes().decode())))
        assert [int(row["id"]) for row in rows] == list(analysis.snapshot.board().ids)


def test_agreement_is_spearmans_and_its_mean_is_over_the_others(site, analysis):
    board = analysis.cleaning.board
    for j, leaf in enumerate(board.leaves):
        found = record_of(site, leaf)
        by_leaf = {row["benchmark"]: row for row in found["agreement"]}
        rho = [spearmanr(board.scores[:, j], board.scores[:, k]).statistic for k in range(len(board.leaves))]
        for k, other in enumerate(board.leaves):
            if k != j:
                assert by_leaf[other]["rho"] == pytest.approx(rho[k])
                # On a complete board all models have both.
                assert by_leaf[other]["pairwise"] == pytest.approx(rho[k])
        assert found["history"][-1]["rho"] == pytest.approx(np.mean(np.delete(rho, j)))
        good = [row["good"] for row in found["agreement"] if row["good"] is not None]
        assert found["history"][-1]["good"] == pytest.approx(np.mean(good))


def test_coverage_is_that_of_every_board(site, boards):
    for leaf in boards[-1].board().leaves:
        for point, snapshot in zip(record_of(site, leaf)["history"], boards, strict=True):
            column = snapshot.scores[:, snapshot.tree.index[leaf]]
            assert (point["scored"], point["models"]) == (int((~np.isnan(column)).sum()), len(column))


def test_ranks_without_a_benchmark_are_those_of_the_rest(analysis):
    models = ModelBoard(analysis)
    board = models.board
    for j in range(len(board.leaves)):
        rest = [k for k in range(len(board.leaves)) if k != j]
        tree = board.tree.pruned([board.leaves[k] for k in rest])
        weights = tree.nominal_weights([board.leaves[k] for k in rest], tree.roots[0])
        average = board.scores[:, rest] @ weights
        ranks = {i: 1 + int((average > own + 1e-9).sum()) for i, own in zip(board.ids, average, strict=True)}
        assert models.ranks_without([j]) == ranks


def test_a_benchmark_that_arrived_has_its_verdict_or_the_reason_for_none(tmp_path):
    snapshot = arrived(models=60)
    (tmp_path / "board.json").write_bytes(snapshot_bytes(snapshot))
    brainalign("run", "--source", tmp_path / "board.json", home=tmp_path / "home").succeeded()
    brainalign("publish", "--output", tmp_path / "site", home=tmp_path / "home").succeeded()
    site, found = tmp_path / "site/current", new_benchmarks(snapshot, resamples=200).found
    sizes = short_panel(clean(snapshot.board()).board, snapshot)
    panel = sizes.curve[sizes.smallest - 1].benchmarks
    assert panel
    assert {one.verdict for one in found} >= {"confirmatory", "opposed"}
    for one in found:
        record = record_of(site, one.benchmark)["arrival"]
        assert (record["verdict"], record["rho"]) == (one.verdict, pytest.approx(one.rho))
        page = (site / f"benchmarks/{one.benchmark}.html").read_text("utf-8")
        assert ("whose average ranks the models as that of all does" in page) == (one.benchmark in panel)
        assert f"{(one.verdict or 'No verdict').capitalize()}" in page
        assert f"Nearest older benchmark: {one.nearest}" in page
    others = set(snapshot.board().leaves) - {one.benchmark for one in found}
    assert all(record_of(site, leaf)["arrival"] is None for leaf in others)


@pytest.mark.parametrize("name", ["../../x", "a/b", "<b>", "", ".hidden", "ü", "A" * 200, "con\x00", "a\ud800"])
def test_no_name_of_a_benchmark_is_a_path(name):
    paths = benchmark_paths([name, "Kar2019-ost", "MajajHong2015.V4-pls"])
    assert paths["Kar2019-ost"] == "benchmarks/Kar2019-ost.html"
    assert paths[name].startswith("benchmarks/benchmark-")
    assert paths[name].count("/") == 1


def test_names_that_differ_in_case_alone_have_two_pages():
    assert len({path.lower() for path in benchmark_paths(["A2020-x", "a2020-X"]).values()}) == 2


@pytest.mark.needs("browser")
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_opens_without_overflow(browser, site, analysis, width):
    with site_server(site) as served:
        for leaf in analysis.snapshot.board().leaves[:3]:
            assert opened(browser, f"{served}benchmarks/{leaf}.html", width) == []
            wide, room, charts = browser.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth,"
                " document.querySelectorAll('.chart svg').length]"
            )
            assert wide <= room
            assert charts == 3
