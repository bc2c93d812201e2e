"""The record of a real board says how sure its figures are."""

from __future__ import annotations

import itertools
import json

import pytest

from brainalign_plugin import agreement
from brainalign_plugin.analysis import analyse
from brainalign_plugin.certainty.record import analysis_json


@pytest.fixture(scope="module")
def record(real_snapshot):
    return json.loads(json.dumps(analysis_json(analyse(real_snapshot("2024-01-01"))), allow_nan=False))


def test_the_record_of_the_last_payload(record, real_snapshot):
    found = record["certainty"]
    assert round(found["schemes"]["HIER"]["reliability"], 4) == 0.6737
    assert round(found["schemes"]["HIER_ZMEAN"]["reliability"], 4) == 0.7683
    assert round(found["schemes"]["HIER"]["told_apart_from"], 4) == 0.0948
    assert {name: stratum["papers"] for name, stratum in found["strata"].items()} == {
        "V1": 2,
        "V2": 1,
        "V4": 4,
        "IT": 5,
        "behavior_vision": 2,
    }
    assert sum(found["components"].values()) == pytest.approx(100)
    assert round(max(found["first"].values()), 2) == 0.31
    assert sorted(model for tier in found["tiers"] for model in tier) == sorted(map(int, record["schemes"]["HIER"]))
    assert len(found["leave_one_paper_out"]) == 9
    assert [len(group) for group in found["near_copies"]] == [7]
    assert found["families"] == 23
    assert 15 < found["effective_n"] < 35
    tests = record["agreement"]["significance"]
    assert tests["benjamini_hochberg"] == {"positive": 381, "negative": 20}
    related = found["related_pairs"]["benjamini_hochberg"]
    assert 100 < related["positive"] < 200
    assert related["negative"] < 5
    low, high = found["intervals"]["mean_rho"]
    assert low < record["agreement"]["mean"] < high
    assert "validity" not in record


def test_the_universe_scores_of_all_models(record, real_snapshot):
    universe = record["certainty"]["universe"]
    assert universe["reliability"] == pytest.approx(0.8852, abs=0.001)
    assert len(universe["models"]) == 281
    best = next(model for model, entry in universe["models"].items() if entry["rank"] == 1)
    names = {str(model.id): model.name for model in real_snapshot("2024-01-01").models}
    assert names[best] == "cvt_cvt-w24-384-in22k_finetuned-in1k_4"
    assert record["official"][best]["rank"] == 1
    assert universe["models"][best]["interval"][0] == 1


def test_neighbours_told_apart(record):
    scores = {model: entry["score"] for model, entry in record["official"].items()}
    (order,) = [[model for tier in record["certainty"]["tiers"] for model in tier]]
    gaps = [scores[str(one)] - scores[str(other)] for one, other in itertools.pairwise(order)]
    least = record["certainty"]["schemes"]["HIER"]["told_apart_from"]
    assert record["certainty"]["neighbours"] == len(gaps) == 82
    assert record["certainty"]["neighbours_told_apart"] == sum(gap >= least for gap in gaps)


def test_agreement_of_the_best_models_and_of_families_in_python(real_snapshot, record):
    found = agreement(real_snapshot("2024-01-01"))
    curve = found.good_models.to_frame().set_index("share")
    assert curve["models"].tolist() == [83, 75, 67, 59, 50, 42, 34, 25, 21]
    assert curve["mean"][1.0] == pytest.approx(record["agreement"]["mean"])
    assert curve["mean"][0.5] == pytest.approx(record["agreement"]["good_models"]["mean"])
    by_family = found.model_families.to_frame().set_index("agreement")
    for name in ("within", "between"):
        assert by_family["mean"][name] == pytest.approx(record["agreement"]["families"][name])
    assert record["agreement"]["families"]["one_vote_a_copy"] == pytest.approx(0.1903, abs=5e-5)
    assert by_family["count"].tolist() == [record["agreement"]["families"]["models_within"], 23]
    pairwise = agreement(real_snapshot("2024-01-01"), pairwise=True)
    assert pairwise.good_models.to_frame()["models"].tolist() == curve["models"].tolist()


def test_good_models_and_panels(record):
    assert round(record["agreement"]["good_models"]["mean"], 3) == 0.107
    poster = next(panel for panel in record["panels"] if (panel["models"], panel["benchmarks"]) == (83, 51))
    assert poster["mean_rho"] == pytest.approx(record["agreement"]["mean"])


def test_a_function_may_have_the_name_of_its_folder():
    import brainalign_plugin
    from brainalign_plugin.certainty import families

    assert families.__name__ == "brainalign_plugin.certainty.families"
    assert brainalign_plugin.certainty.__name__ == "certainty"
    assert callable(brainalign_plugin.certainty)
