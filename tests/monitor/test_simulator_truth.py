"""The analysis of a simulated board can recover its truth, and the default board has the real one's figures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from brainalign_monitor.simulator import DEFAULT_PAPERS, NEVER, Life, Paper, SimulationParameters, payload, simulate
from tests.simulated import correlation, covariance, expected_figures, expected_spearman, moments

END = date(2024, 1, 1)
Payload = dict[str, Any]


@pytest.fixture(scope="module")
def population() -> Life:
    """Many models, each run on everything, so that samples come close to the truth."""
    papers = tuple(replace(paper, first_run=1.0, rerun=1.0, failure=0.0) for paper in DEFAULT_PAPERS)
    return simulate(3, SimulationParameters(models=3000, papers=papers, delay_spread=0.5))


@pytest.fixture(scope="module")
def census(population: Life) -> Payload:
    return payload(population, END)


def leaves(document: Payload, under: str = "average_vision") -> list[str]:
    parent = {node["id"]: node["parent_id"] for node in document["benchmarks"]}

    def root(node: str) -> str:
        return node if parent[node] is None else root(parent[node])

    return [n["type_id"] for n in document["benchmarks"] if n["is_leaf"] and root(n["id"]) == f"{under}_v0"]


def matrix(document: Payload) -> tuple[list[str], np.ndarray]:
    names = leaves(document)
    rows = [[model["scores"][name][-1]["value"] for name in names] for model in document["models"]]
    return names, np.array([[float(text) if text not in ("", "X") else np.nan for text in row] for row in rows])


def cleaned(document: Payload) -> tuple[list[str], np.ndarray]:
    """The poster's cleaning."""
    names, scores = matrix(document)
    keep = np.isnan(scores).mean(axis=0) <= 0.5
    scores = scores[:, keep]
    return [name for name, kept in zip(names, keep, strict=True) if kept], scores[~np.isnan(scores).any(axis=1)]


def spearman(scores: np.ndarray) -> np.ndarray:
    return np.corrcoef(np.argsort(np.argsort(scores, axis=0), axis=0).T)


def part_means(document: Payload, names: list[str], scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the neural and the behavioural part over the tree pruned to the named leaves."""
    children = defaultdict(list)
    for node in document["benchmarks"]:
        children[node["parent_id"]].append(node)

    def mean(node: Payload) -> np.ndarray | None:
        if node["is_leaf"]:
            return scores[:, names.index(node["type_id"])] if node["type_id"] in names else None
        below = [value for child in children[node["id"]] if (value := mean(child)) is not None]
        return np.mean(below, axis=0) if below else None

    parts = [mean(node) for node in children["average_vision_v0"]]
    assert parts[0] is not None
    assert parts[1] is not None
    return parts[0], parts[1]


def r2(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1] ** 2)


# The sample recovers the truth


def test_moments_of_noise_free_scores_are_those_of_the_truth(population: Life) -> None:
    scores, (mean, sd) = population.noise_free, moments(population.truth)
    assert (np.abs(scores.mean(axis=0) - mean) < 4.5 * sd / len(scores) ** 0.5).all()
    np.testing.assert_allclose(scores.std(axis=0, ddof=1), sd, rtol=0.05)


def test_correlations_of_scores_are_those_of_the_truth(population: Life) -> None:
    difference = np.abs(spearman(population.scores) - expected_spearman(population.truth))
    # About 1,900 correlations over 3,000 models, whose standard error is 0.018 and less.
    assert difference.max() < 0.08
    assert difference.mean() < 0.02
    assert np.ptp(expected_spearman(population.truth)[np.triu_indices_from(difference, 1)]) > 0.8


def test_covariances_of_scores_are_those_of_the_truth(population: Life) -> None:
    sample = np.cov(population.noise_free.T)
    unit = np.outer(*[moments(population.truth)[1]] * 2)
    np.testing.assert_allclose(sample / unit, covariance(population.truth) / unit, atol=0.09)


def test_truth_is_a_valid_correlation_matrix_of_known_rank(population: Life, census: Payload) -> None:
    truth = population.truth
    common = correlation(truth) - np.diag(
        1.0 - np.einsum("ij,jk,ik->i", truth.loadings, truth.factor_correlation, truth.loadings)
    )
    average = [truth.leaves.index(leaf) for leaf in leaves(census)]
    eigenvalues = np.linalg.eigvalsh(common[np.ix_(average, average)])
    assert np.linalg.eigvalsh(correlation(truth)).min() > 0.0
    assert int((eigenvalues > 1e-9).sum()) == expected_figures(population).dimensions == 7


def test_reliabilities_are_recovered_from_published_errors(population: Life, census: Payload) -> None:
    under_average = set(leaves(census))
    variance = moments(population.truth)[1] ** 2
    expected = variance / (variance + population.truth.error_sd**2)
    for column, leaf in enumerate(population.truth.leaves):
        published = [model["scores"][leaf][0] for model in census["models"]]
        if leaf not in under_average:
            assert all(cell["error"] is None for cell in published)
            continue
        errors = np.array([cell["error"] for cell in published])
        scores = np.array([float(cell["value"]) for cell in published])
        reliability = 1.0 - np.mean(errors**2) / scores.var(ddof=1)
        assert reliability == pytest.approx(expected[column], abs=0.05), leaf


def test_explained_variance_is_recovered(population: Life, census: Payload) -> None:
    names, scores = cleaned(census)
    neural, behavior = part_means(census, names, scores)
    expected = expected_figures(population, names)
    average = (neural + behavior) / 2
    assert len(scores) > 2900
    assert r2(neural, average) == pytest.approx(expected.r2_neural, abs=0.04)
    assert r2(behavior, average) == pytest.approx(expected.r2_behavior, abs=0.01)
    assert neural.std(ddof=1) == pytest.approx(expected.sd_neural, rel=0.06)
    assert behavior.std(ddof=1) == pytest.approx(expected.sd_behavior, rel=0.06)
    assert np.corrcoef(neural, behavior)[0, 1] == pytest.approx(expected.correlation, abs=0.04)
    rho = spearman(scores)[np.triu_indices(len(names), 1)]
    assert rho.mean() == pytest.approx(expected.rho_mean, abs=0.015)


def test_shares_of_runs_are_those_asked_for(population: Life) -> None:
    mean_square = (population.errors**2).mean(axis=0)
    np.testing.assert_allclose(mean_square, population.truth.error_sd**2, rtol=0.05)
    paper = Paper(
        "Novella2021", "neural", ("IT/Novella2021-pls",), date(2022, 1, 1), rerun=0.3, first_run=0.8, failure=0.2
    )
    asked = simulate(5, SimulationParameters(models=6000, papers=(*DEFAULT_PAPERS[:1], paper)))
    older = asked.submitted < np.datetime64("2022-01-01", "us").astype(np.int64)
    run = asked.times[:, -1] != NEVER
    assert run[older].mean() == pytest.approx(0.3, abs=0.03)
    assert run[~older].mean() == pytest.approx(0.8, abs=0.03)
    assert asked.failed[run, -1].mean() == pytest.approx(0.2, abs=0.03)


# The default board is in the image of the real one


def test_default_board_has_the_real_boards_figures() -> None:
    figures = []
    for seed in range(8):
        document = payload(simulate(seed), END)
        names, scores = cleaned(document)
        neural, behavior = part_means(document, names, scores)
        average = (neural + behavior) / 2
        rho = spearman(scores)[np.triu_indices(len(names), 1)]
        texts = [model["scores"][leaf][-1]["value"] for model in document["models"] for leaf in leaves(document)]
        assert len(document["models"]) == 281
        assert len(leaves(document)) == 51
        assert set(leaves(document)) - set(names) == {"Reverie2019-ost", "Mirage2020.IT-pls"}
        assert 60 <= len(scores) <= 130
        agreement = [rho.mean(), (rho < 0).mean(), r2(behavior, average), r2(neural, average)]
        states = [texts.count("X") / len(texts), texts.count("") / len(texts)]
        figures.append([*agreement, neural.std(), behavior.std(), *states])
    mean, negative, behavior_r2, neural_r2, sd_neural, sd_behavior, failed, never = np.median(figures, axis=0)
    assert 0.15 < mean < 0.22
    assert 0.17 < negative < 0.30
    assert 0.93 < behavior_r2 < 0.97
    assert 0.28 < neural_r2 < 0.50
    assert 0.02 < sd_neural < 0.03
    assert 0.07 < sd_behavior < 0.11
    assert 0.01 < failed < 0.03
    assert 0.23 < never < 0.32


def test_failures_cluster_in_models() -> None:
    frail = simulate(2, SimulationParameters(models=2000, failure_correlation=0.8)).failed.sum(axis=1)
    even = simulate(2, SimulationParameters(models=2000, failure_correlation=0.0)).failed.sum(axis=1)
    assert frail.var() > 2 * even.var()
