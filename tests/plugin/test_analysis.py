"""The analysis of a whole snapshot, and the JSON that the command line prints of it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings

from brainalign_plugin.agreement.correlation import agreement, pairwise_agreement
from brainalign_plugin.analysis import analyse
from brainalign_plugin.certainty.record import analysis_json
from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.errors import InputError
from brainalign_plugin.schemes import rank_models
from tests.boards import EPOCH, small_tree, snapshot_of, snapshots

SCHEMES = ("HIER", "HIER_attempted", "FLAT", "ZMEAN", "RANK")
PARTS = ("neural_vision", "behavior_vision")

# Copied from the description of the format, so that a field cannot go or be renamed by itself.
SHAPE = {
    "schema": {},
    "snapshot": {
        "domain",
        "as_of",
        "models",
        "benchmarks",
        "sha256",
        "states",
        "official_max_abs_diff",
        "official_rank_differences",
    },
    "cleaning": {"max_missing", "dropped_benchmarks", "models", "benchmarks"},
    "agreement": {
        "method",
        "mean",
        "median",
        "negative_share",
        "pairs",
        "paper_balanced_mean",
        "pairwise",
        "blocks",
        "within_paper",
        "significance",
        "good_models",
        "families",
    },
    "left_out": {},
    "spread": set(PARTS),
    "explained_variance": {*PARTS, "null", "shapley"},
    "weights": {},
    "dimensions": {
        "benchmarks",
        "participation_ratio",
        "participation_unrelated",
        "pc1_share",
        "parallel_analysis",
        "permutations",
        "percentile",
        "seed",
        "map",
        "eigenvalues",
        "thresholds",
    },
    "official": {},
    "schemes": set(SCHEMES),
    "certainty": {
        "schemes",
        "strata",
        "components",
        "first",
        "tiers",
        "neighbours",
        "neighbours_told_apart",
        "rank_intervals",
        "related_pairs",
        "leave_one_paper_out",
        "near_copies",
        "families",
        "effective_n",
        "intervals",
        "corrected_negative_share",
        "universe",
    },
    "panels": {},
}


def check_shape(record, snapshot):
    assert list(record) == list(SHAPE)
    for name, keys in SHAPE.items():
        if keys:
            assert set(record[name]) == keys, name
    assert record["schema"] == 1
    assert list(record["snapshot"]["states"]) == ["SCORED", "FAILED", "NEVER"]
    assert set(record["agreement"]["pairwise"]) == {"mean", "negative_share", "pairs", "min_overlap"}
    if record["left_out"]:
        assert set(record["left_out"]) == {"agreement.blocks", "spread", "explained_variance", "weights"}
        assert record["agreement"]["blocks"] == record["spread"] == record["explained_variance"] == {}
    else:
        assert list(record["agreement"]["blocks"]) == [
            "neural_vision|neural_vision",
            "behavior_vision|behavior_vision",
            "neural_vision|behavior_vision",
        ]
        for part in PARTS:
            assert set(record["spread"][part]) == {"sd", "range", "iqr"}
        assert set(record["explained_variance"]["null"]) == set(PARTS)
    assert record["official"].keys() == {str(model.id) for model in snapshot.models}
    for entry in record["official"].values():
        assert set(entry) == {"score", "rank"}
    certainty = record["certainty"]
    assert certainty["universe"]["models"].keys() == record["official"].keys()
    for entry in certainty["universe"]["models"].values():
        assert set(entry) == {"score", "sd", "rank", "interval", "units"}
        assert (entry["rank"] is None) == (entry["interval"] is None)
    assert "HIER" in certainty["schemes"]
    for entry in certainty["schemes"].values():
        assert (entry["reliability"] is None) == (entry["reason"] is not None)
    for panel in record["panels"]:
        assert set(panel) == {"max_missing", "models", "benchmarks", "mean_rho", "negative_share"}


@settings(max_examples=15)
@given(snapshots())
def test_any_snapshot_can_be_analysed(snapshot):
    record = analysis_json(analyse(snapshot, min_overlap=2), full=True)
    assert isinstance(record.pop("validity"), dict)
    assert isinstance(record.pop("validity_over_time"), list)
    assert [one["share"] for one in record.pop("good_models_curve")][::8] == [1.0, 0.25]
    structure = {name: record.pop(name) for name in ("metadata", "drivers", "clusters")}
    names = ("by_family", "intervals", "halves", "scree", "loadings", "treatments", "imagenet")
    structure |= {name: record["dimensions"].pop(name) for name in names}
    json.dumps(structure, allow_nan=False)
    assert set(structure["drivers"]) == {"all", "inside", "across"}
    for scope in structure["drivers"].values():
        assert (scope["r2"] is None) == (scope["reason"] is not None)
    for treatment in structure["treatments"].values():
        assert (treatment["pc1_share"] is None) == (treatment["reason"] is not None)
    assert (structure["clusters"]["clusters"] == []) == (structure["clusters"]["reason"] is not None)
    plain = analysis_json(analyse(snapshot, min_overlap=2))
    for name in record.keys() - plain.keys():
        json.dumps(record.pop(name), allow_nan=False)
    text = json.dumps(record, allow_nan=False)
    check_shape(json.loads(text), snapshot)
    assert json.dumps(plain) == text
    leaves = [n for n in snapshot.tree.nodes if n.is_leaf and snapshot.tree.path(n.type_id)[0] == snapshot.root]
    assert record["snapshot"]["benchmarks"] == len(leaves)
    cells = snapshot.states[:, [snapshot.tree.index[n.type_id] for n in leaves]].ravel().tolist()
    counted = {"SCORED": cells.count(2), "FAILED": cells.count(1), "NEVER": cells.count(0)}
    assert record["snapshot"]["states"] == counted
    cleaned = clean(snapshot.board()).board
    for name in SCHEMES:
        if cleaned.models and cleaned.leaves:
            assert record["schemes"][name].keys() == {str(i) for i in cleaned.ids}
            assert min(record["schemes"][name].values()) == 1
        else:
            assert record["schemes"][name] == {}


def example():
    tree = small_tree()
    rows = [
        [0.5, 0.3, 0.9, 0.2, 0.6, "", 1.4],
        [0.4, 0.1, 0.8, 0.3, 0.9, "", 0.4],
        [0.6, 0.2, 0.5, 0.9, 0.1, 0.7, 0.4],
        ["X", 0.2, 0.1, 0.9, 0.1, 0.5, ""],
        ["X"] * 7,
        [""] * 7,
    ]
    return snapshot_of(tree, rows, sha256="ab" * 32, published={"average_vision": [0.45, "", "", "", "X", ""]})


def test_the_record_says_what_was_found():
    snapshot = example()
    found = analyse(snapshot, max_missing=0.5, min_overlap=2)
    record = analysis_json(found)
    assert record["snapshot"] == {
        "domain": "vision",
        "as_of": "2024-01-09T00:00:00+00:00",
        "models": 6,
        "benchmarks": 6,
        "sha256": "ab" * 32,
        "states": {"SCORED": 21, "FAILED": 7, "NEVER": 8},
        "official_max_abs_diff": pytest.approx(0.0),
        "official_rank_differences": None,
    }
    edge = "Geirhos2021edge-error_consistency"
    cleaned = clean(snapshot.board()).board
    assert record["cleaning"] == {"max_missing": 0.5, "dropped_benchmarks": [edge], "models": 3, "benchmarks": 5}
    complete = agreement(cleaned)
    everyone = snapshot.board()
    kept = everyone.take(columns=[j for j, leaf in enumerate(everyone.leaves) if leaf != edge])
    pairwise = pairwise_agreement(kept, 2)
    # The dropped leaf has two models in common with others: it would count if it were asked for.
    assert pairwise_agreement(everyone, 2).all_pairs.pairs == 11
    assert record["agreement"] == {
        "method": "spearman",
        "mean": complete.all_pairs.mean,
        "median": complete.all_pairs.median,
        "negative_share": complete.all_pairs.negative_share,
        "pairs": 10,
        "paper_balanced_mean": complete.paper_balanced_mean,
        "pairwise": {
            "mean": pairwise.all_pairs.mean,
            "negative_share": pairwise.all_pairs.negative_share,
            "pairs": 10,
            "min_overlap": 2,
        },
        "blocks": {
            f"{one}|{other}": complete.blocks[one, other].mean
            for one, other in ((PARTS[0], PARTS[0]), (PARTS[1], PARTS[1]), PARTS)
        },
        "within_paper": {paper: summary.mean for paper, summary in complete.within_paper.items()},
        "significance": {
            "fdr": 0.05,
            "tested": 0,
            "untested": 10,
            "benjamini_hochberg": {"positive": 0, "negative": 0},
            "benjamini_yekutieli": {"positive": 0, "negative": 0},
        },
        "good_models": {
            "models": 2,
            **dict.fromkeys(("mean", "negative_share", "predicted_mean", "predicted_negative_share")),
        },
        # All three models are of one family.
        "families": {"between": None, "within": complete.all_pairs.mean, "models_within": 3, "one_vote_a_copy": None},
    }
    assert complete.all_pairs.mean != pairwise.all_pairs.mean
    neural, behavior = ([0.65, 0.525, 0.45], [0.4, 0.6, 0.5])
    for part, values in zip(PARTS, (neural, behavior), strict=True):
        quartiles = np.percentile(values, [25, 75])
        expected = {"sd": np.std(values, ddof=1), "range": np.ptp(values), "iqr": np.diff(quartiles)[0]}
        assert record["spread"][part] == pytest.approx(expected)
        average = np.mean([neural, behavior], axis=0)
        expected = np.corrcoef(values, average)[0, 1] ** 2
        assert record["explained_variance"][part] == pytest.approx(expected)
        null = np.var(values) / (np.var(neural) + np.var(behavior))
        assert record["explained_variance"]["null"][part] == pytest.approx(null)
    scores = [record["official"][str(m.id)]["score"] for m in snapshot.models]
    assert scores == [pytest.approx(x) for x in (0.45, 0.45, 0.55, 0.35)] + [None, None]
    assert [record["official"][str(m.id)]["rank"] for m in snapshot.models] == [2, 2, 1, 4, 5, None]
    for name in SCHEMES:
        ranks = rank_models(cleaned, name).by_id()
        assert record["schemes"][name] == {str(i): rank for i, rank in ranks.items()}
    assert record["schemes"]["HIER"] == dict(zip(map(str, cleaned.ids), (2, 1, 3), strict=True))


def test_parameters_are_passed_on():
    snapshot = example()
    loose = analysis_json(analyse(snapshot, max_missing=1.0, min_overlap=2))
    assert loose["cleaning"]["max_missing"] == 1.0
    assert loose["cleaning"]["dropped_benchmarks"] == []
    assert loose["cleaning"]["models"] == 1
    assert loose["agreement"]["mean"] is None
    assert loose["agreement"]["pairwise"]["min_overlap"] == 2
    assert loose["agreement"]["pairwise"]["mean"] is not None
    nothing = dict.fromkeys(PARTS)
    assert loose["explained_variance"] == {**nothing, "null": nothing, "shapley": nothing}
    for changes, message in (({"max_missing": 1.5}, "max_missing is 1.5"), ({"min_overlap": 1}, "min_overlap is 1")):
        with pytest.raises(InputError, match=re.escape(message)):
            analyse(snapshot, **changes)


def test_a_reconstructed_board_has_no_difference_to_report():
    record = analysis_json(analyse(example().as_of(EPOCH)))
    assert record["snapshot"]["official_max_abs_diff"] is None
    assert record["snapshot"]["models"] == 0
    assert record["official"] == {}
