"""Works to cite: found by the identifiers of benchmarks."""

from __future__ import annotations

import pytest

from brainalign_plugin.citations import BRAIN_SCORE, BRAINALIGN, POSTER, benchmark_citation


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("MajajHong2015.IT-pls", "Najib J. Majaj, Ha Hong"),
        ("Hermann2020cueconflict-shape_bias", "The origins and prevalence of texture bias"),
        ("Igustibagus2024-ridge", "Primate inferotemporal cortex neurons"),
        ("tong.Coggan2024_fMRI.V1-rdm", "amodal completion"),
        ("Coggan2024_behavior-ConditionWiseAccuracySimilarity", "occluded objects"),
        ("Pereira2018.243sentences-linear", "universal decoder"),
    ],
)
def test_a_benchmark_is_cited_by_its_identifier(identifier, words):
    work = benchmark_citation(identifier)
    assert words in str(work)
    assert work.bibtex.startswith("@")
    assert work.bibtex.count("{") == work.bibtex.count("}")


def test_what_no_source_publishes_has_no_citation():
    assert benchmark_citation("BMD2024.texture_1Behavioral-accuracy_distance") is None
    assert benchmark_citation("ImageNet-top1") is None


def test_the_software_its_poster_and_brain_score_are_cited():
    assert [work.fields["year"] for work in (BRAINALIGN, POSTER, BRAIN_SCORE)] == ["2026", "2024", "2020"]
    assert "Metrics?. " not in str(POSTER)
