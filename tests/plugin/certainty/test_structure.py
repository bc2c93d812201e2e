"""Drivers, dimensions and clusters of whole boards: what was planted, what is known of the real one, small boards."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from brainalign_plugin import load
from brainalign_plugin.analysis import analyse
from brainalign_plugin.certainty.families import families
from brainalign_plugin.certainty.record import analysis_json
from brainalign_plugin.certainty.structure import board_clusters, board_dimensions, board_drivers
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.files.metadata import described
from tests.boards import SMALL_TREE_SPEC, board_of_matrix, snapshot_of, tree_of, unrelated

TREE = tree_of(
    {
        "average_vision": {
            "neural_vision": {
                region: {f"{paper}.{region}-{metric}": None for paper, metric in papers}
                for region, papers in {
                    "V1": [("Freeman2013", "pls"), ("Cadena2017", "rdm"), ("Li2026", "pls")],
                    "V4": [("Majaj2015", "pls"), ("Sanghavi2020", "rdm"), ("Li2026", "rdm")],
                    "IT": [("Majaj2015", "rdm"), ("Sanghavi2020", "pls"), ("Kar2019", "ost")],
                }.items()
            }
        }
    }
)


def board(seed=0, models=60):
    """Benchmarks of one region have a factor in common."""
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.normal(size=(models, 3)), 3, axis=1) + 0.7 * rng.normal(size=(models, 9))
    return unrelated(board_of_matrix(1 / (1 + np.exp(-x)), TREE))


def test_the_planted_region_is_the_driver_and_each_region_a_cluster():
    one = board()
    grouped = families(one)
    found = board_drivers(one, grouped, described(one), resamples=60)
    for scope in ("all", "across"):
        first = found.scopes[scope].drivers[0]
        assert first.properties == ("region",)
        assert first.p < 0.01
        ends = found.coefficient[scope, ("region",)]
        assert ends.low < first.coefficient < ends.high
        assert 0 <= found.r2[scope].low < found.r2[scope].value < found.r2[scope].high <= 1
    clusters = board_clusters(one, grouped, resamples=60)
    assert clusters.found.count == 3
    assert (clusters.stability > 0.9).all()
    for mean, ends in clusters.mean_rho:
        assert ends.low < mean < ends.high


def test_the_planted_factors_are_counted_with_their_intervals():
    one = board(models=120)
    found = board_dimensions(one, families(one), one, resamples=60)
    assert found.found.parallel_analysis == found.by_family == 3
    count = found.intervals["by_family"]
    assert (count.low, count.high) == (3, 3)
    assert found.halves.components == (3, 3, 3)
    assert found.halves.congruence[0] <= found.halves.congruence[1] <= found.halves.congruence[2] <= 1
    assert found.loadings.shape == (9, 3)
    low, high = found.loading_intervals[..., 0], found.loading_intervals[..., 1]
    assert (low < high).all()
    assert ((low <= found.loadings) & (found.loadings <= high)).mean() > 0.9
    eigenvalues = found.found.eigenvalues
    assert (found.scree[:3, 0] > found.scree[:3, 3]).all()
    assert (eigenvalues[3:] < found.scree[3:, 3]).all()
    assert found.outside is None


def test_with_few_families_there_is_no_interval():
    one = replace(board(), models=tuple(replace(model, name="net") for model in board().models))
    grouped = families(one)
    found = board_drivers(one, grouped, described(one))
    assert set(found.r2.values()) == set(found.coefficient.values()) == {None}
    dims = board_dimensions(one, grouped, one)
    assert dims.halves is None
    assert set(dims.intervals.values()) == {None}
    assert np.isnan(dims.loading_intervals).all()
    assert np.isnan(board_clusters(one, grouped).stability).all()


def test_the_first_component_against_imagenet():
    rng = np.random.default_rng(4)
    tree = tree_of(SMALL_TREE_SPEC)
    general = rng.normal(size=(80, 1))
    x = general * [1, 1, 1, -1, 1, -1, 1] + 0.4 * rng.normal(size=(80, 7))
    scores = 1 / (1 + np.exp(-x))
    rows = [[float(v) for v in row] for row in scores]
    rows[0][-1] = ""
    snapshot = snapshot_of(tree, rows)
    names = [chr(97 + i % 26) + chr(97 + i // 26) + "net" for i in range(80)]
    snapshot = replace(
        snapshot, models=tuple(replace(m, name=name) for m, name in zip(snapshot.models, names, strict=True))
    )
    one = snapshot.board()
    found = board_dimensions(one, families(one), one, snapshot, resamples=60).outside
    assert (found.benchmark, found.models) == ("ImageNet-top1", 79)
    assert found.rho > 0.8
    assert found.interval.low < found.rho < found.interval.high
    assert (found.positive.benchmarks, found.negative.benchmarks) == (4, 2)
    assert found.positive.mean_rho > 0.6
    assert found.negative.mean_rho < -0.6


def test_the_record_of_the_real_board(real_snapshot):
    record = analysis_json(analyse(real_snapshot("2024-01-01")), full=True)
    json.dumps(record, allow_nan=False)
    shares = {name: round(one["pc1_share"], 3) for name, one in record["dimensions"]["treatments"].items()}
    assert shares["complete"] == round(record["dimensions"]["pc1_share"], 3) == 0.304
    assert shares["zero"] == 0.479
    assert record["dimensions"]["treatments"]["zero"]["congruence"] < 0.8
    across = record["drivers"]["across"]["properties"]
    assert across[0]["properties"] == ["region"]
    assert across[0]["p"] < 0.01
    geirhos = max(record["clusters"]["clusters"], key=lambda one: len(one["benchmarks"]))
    assert len(geirhos["benchmarks"]) == 16
    assert geirhos["stability"] > 0.8
    assert [b for one in record["clusters"]["clusters"] for b in one["benchmarks"]] == record["clusters"]["order"]
    assert record["dimensions"]["imagenet"]["models"] == 72


@pytest.mark.parametrize("scores", [np.zeros((0, 6)), np.full((3, 6), 0.5), np.eye(6)[:2], np.full((12, 6), 0.5)])
def test_boards_too_small_or_constant_have_reasons(scores):
    snapshot = Snapshot.from_board(board_of_matrix(scores))
    record = analysis_json(analyse(snapshot), full=True)
    json.dumps(record, allow_nan=False)
    assert record["clusters"]["reason"] == "clusters need at least 4 models and 4 benchmarks that vary"
    assert {scope["r2"] for scope in record["drivers"].values()} == {None}
    assert all(one["reason"] for one in record["dimensions"]["treatments"].values())


def test_a_language_board_has_answers_or_reasons(shared_site):
    board = load(shared_site.parent / "more/compare-data-2025-05-07-language.json.gz")
    record = analysis_json(analyse(board.snapshot), full=True)
    json.dumps(record, allow_nan=False)
    assert {one["acquisition"] for one in record["metadata"]["benchmarks"].values()} == {"fMRI", "ECoG", "behavior"}
    assert record["metadata"]["gaps"]["region"] == [leaf for leaf in board.leaves if "Futrell" not in leaf]
    assert record["drivers"]["inside"]["reason"] == "too few pairs of benchmarks have a correlation"
    assert record["drivers"]["all"]["pairs"] == 6
    assert record["dimensions"]["imagenet"] is None
    assert record["dimensions"]["parallel_analysis"] == 1


def test_benchmarks_of_one_paper_without_metadata():
    tree = tree_of({"average_vision": {"neural_vision": {f"Some2020-x{k}": None for k in range(6)}}})
    rng = np.random.default_rng(2)
    scores = 1 / (1 + np.exp(-rng.normal(size=(40, 1)) - rng.normal(size=(40, 6))))
    scores[:, 5] = 0.5  # constant
    record = analysis_json(analyse(Snapshot.from_board(unrelated(board_of_matrix(scores, tree)))), full=True)
    json.dumps(record, allow_nan=False)
    everything = record["drivers"]["all"]
    assert everything["reason"] == "no property tells pairs apart"
    assert {tuple(one["properties"]): one["reason"] for one in everything["properties"]} == {
        **dict.fromkeys((("metric",), ("region",), ("species",), ("acquisition",)), "no two benchmarks share it"),
        ("paper",): "all pairs share it",
    }
    assert record["drivers"]["across"]["pairs"] == 0
    assert record["dimensions"]["benchmarks"] == 5
    assert record["dimensions"]["treatments"]["complete"]["benchmarks"] == 5
