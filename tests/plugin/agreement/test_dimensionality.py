"""Dimensions against boards of known dimension, textbook formulas written out, and the definitions' own limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from brainalign_plugin.agreement.dimensionality import (
    average_partials,
    dimensions,
    kept_components,
    participation_ratio,
    shuffled_eigenvalues,
)
from brainalign_plugin.errors import InputError
from brainalign_plugin.scales import z_scores
from tests.boards import board_of_matrix, halves
from tests.schemes import complete_boards


def board_with_factors(factors, models=200, leaves_each=6, noise=0.5, seed=0):
    """Each leaf is one of several independent factors and noise of its own."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(models, factors))
    columns = np.repeat(latent, leaves_each, axis=1) + noise * rng.normal(size=(models, factors * leaves_each))
    scores = 1 / (1 + np.exp(-columns))
    return board_of_matrix(scores, halves(scores.shape[1]))


@pytest.mark.parametrize("factors", [1, 2, 4])
def test_planted_dimensions_are_counted(factors):
    found = dimensions(board_with_factors(factors), permutations=200)
    assert found.parallel_analysis == factors
    assert found.map == factors
    assert found.pc1_share == pytest.approx(0.8 / factors + 0.2 / (6 * factors), rel=0.25)
    assert factors <= found.participation_ratio <= 2 * factors


def test_noise_has_no_dimension_that_parallel_analysis_keeps():
    kept = []
    for seed in range(20):
        scores = np.random.default_rng(seed).uniform(size=(60, 12))
        kept.append(dimensions(board_of_matrix(scores, halves(12)), permutations=200, seed=seed).parallel_analysis)
    # The first eigenvalue of a board of noise exceeds the 95th percentile once in twenty boards.
    assert sum(k > 0 for k in kept) <= 3


def partials_by_inverse(correlations, components):
    """Velicer's mean squared partial correlation: residuals of regressions on the component scores, correlated."""
    vectors = np.linalg.eigh(correlations)[1]
    m = len(correlations)
    if components:
        top = vectors[:, -components:]
        # Covariance of what the components leave: C - C V (V'CV)^-1 V'C.
        shared = correlations @ top
        rest = correlations - shared @ np.linalg.inv(top.T @ shared) @ shared.T
    else:
        rest = correlations
    partial = rest / np.sqrt(np.outer(np.diag(rest), np.diag(rest)))
    off = ~np.eye(m, dtype=bool)
    return float((partial[off] ** 2).mean())


@settings(max_examples=15)
@given(complete_boards((4, 9), max_leaves=6))
def test_dimensions_against_formulas_written_out(board):
    found = dimensions(board, permutations=20)
    varied = [j for j in range(len(board.leaves)) if np.ptp(np.round(board.scores[:, j], 9)) > 0]
    assert found.leaves == tuple(board.leaves[j] for j in varied)
    if not varied:
        assert found.participation_ratio is None
        assert found.participation_unrelated is None
        assert found.pc1_share is None
        assert found.parallel_analysis is None
        assert found.map is None
        return
    correlations = np.atleast_2d(np.corrcoef(board.scores[:, varied].T))
    m = len(varied)
    np.testing.assert_allclose(found.eigenvalues.sum(), m, atol=1e-8)
    # The trace of C'C is the sum of squares of its entries.
    assert found.participation_ratio == pytest.approx(m**2 / (correlations**2).sum())
    assert found.pc1_share == pytest.approx(np.linalg.norm(correlations, 2) / m)
    partials = average_partials(correlations)
    for components, value in enumerate(partials):
        if components < np.linalg.matrix_rank(correlations, tol=1e-6):
            assert value == pytest.approx(partials_by_inverse(correlations, components), abs=1e-5)
    if m > 1:
        assert found.map == int(np.argmin(partials))
    else:
        assert found.map is None
        assert found.parallel_analysis is None


def test_limits_of_the_participation_ratio():
    assert participation_ratio(np.array([5.0, 0.0, 0.0])) == 1
    assert participation_ratio(np.array([1.0, 1.0, 1.0])) == pytest.approx(3)


def test_the_count_stops_at_the_first_eigenvalue_that_fails():
    thresholds = np.array([2.0, 1.5, 1.0, 0.5])
    assert kept_components(np.array([3.0, 1.6, 0.9, 0.6]), thresholds) == 2
    assert kept_components(np.array([2.0, 1.6, 1.1, 0.6]), thresholds) == 0
    assert kept_components(np.array([3.0, 2.0, 1.1, 0.6]), thresholds) == 4


def test_thresholds_are_percentiles_of_leaves_shuffled_by_themselves():
    z = z_scores(board_with_factors(2, models=40).scores)
    rng = np.random.default_rng(1)
    values = []
    for _ in range(400):
        shuffled = np.column_stack([rng.permutation(column) for column in z.T])
        values.append(np.sort(np.linalg.eigvalsh(np.corrcoef(shuffled.T)))[::-1])
    expected = np.percentile(values, 95, axis=0)
    found = np.percentile(shuffled_eigenvalues(z, 400, seed=2), 95, axis=0)
    np.testing.assert_allclose(found, expected, rtol=0.04)
    # The same seed gives the same numbers.
    np.testing.assert_array_equal(shuffled_eigenvalues(z, 5, seed=3), shuffled_eigenvalues(z, 5, seed=3))
    assert (shuffled_eigenvalues(z, 5, seed=3) != shuffled_eigenvalues(z, 5, seed=4)).any()
    with pytest.raises(InputError, match="asked for 0 permutations"):
        shuffled_eigenvalues(z, 0, seed=0)


def test_copies_end_the_average_partials():
    """Two copies are one dimension, and once it is taken out nothing is left to correlate."""
    correlations = np.ones((3, 3))
    assert average_partials(correlations).tolist() == [1.0]
