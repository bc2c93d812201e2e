"""Tests of all pairs: against scipy, on boards of pure noise, on planted relations, with missing cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from brainalign_plugin.agreement.correlation import (
    FEWEST_MODELS,
    agreement,
    correlation_p_values,
    false_discovery_rates,
    pairwise_agreement,
    significance,
)
from brainalign_plugin.errors import InputError
from tests.boards import board_of_matrix, halves


def board(scores):
    return board_of_matrix(scores, halves(np.shape(scores)[1]))


def surely(found):
    """Return the numbers of positive and negative pairs whatever the dependence of the tests."""
    return tuple(found.counts["benjamini_yekutieli"].values())


def noise(models, leaves, seed):
    return board(np.random.default_rng(seed).uniform(size=(models, leaves)))


def planted(models=40, seed=3):
    """Leaves 0, 1, 2 say the same, leaf 3 the contrary; the others are noise."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(size=(models, 8))
    for column in (1, 2):
        scores[:, column] = np.clip(scores[:, 0] + 0.05 * rng.normal(size=models), 0, 1)
    scores[:, 3] = 1 - scores[:, 1]
    return scores


def test_p_values_are_near_those_of_scipy():
    scores = noise(80, 6, 0).scores
    p = significance(agreement(board(scores))).p
    for i in range(6):
        assert np.isnan(p[i, i])
        for j in range(i):
            expected = stats.spearmanr(scores[:, i], scores[:, j]).pvalue
            assert p[i, j] == pytest.approx(expected, rel=0.02)
            assert p[j, i] == p[i, j]


@pytest.mark.parametrize("models", [10, 15, 40])
def test_p_values_are_shares_of_orders_drawn_at_random(models):
    rng = np.random.default_rng(models)
    first = np.arange(models) - (models - 1) / 2
    orders = rng.permuted(np.broadcast_to(first, (200_000, models)), axis=1)
    rho = np.abs(orders @ first) / (first @ first)
    for quantile, within in ((0.5, 0.08), (0.9, 0.08), (0.99, 0.15), (0.999, 0.6)):
        at = np.quantile(rho, quantile)
        (p,) = correlation_p_values(np.array([at]), np.array([models]))
        share = (rho >= at - 1e-12).mean()
        assert p == pytest.approx(share, rel=within)


@given(st.floats(-1, 1), st.integers(FEWEST_MODELS, 100))
def test_a_p_value_is_a_probability_and_never_nought(rho, overlap):
    (p,) = correlation_p_values(np.array([rho]), np.array([overlap]))
    assert 0 < p <= 1


def test_pure_noise_yields_nothing():
    """The rate of false finds is held: boards of noise on which anything is found are at most as many as promised."""
    found = [significance(agreement(noise(60, 30, seed))) for seed in range(100)]
    assert all(one.tested == 435 for one in found)
    assert sum(one.related.any() for one in found) <= 10
    assert sum(any(surely(one)) for one in found) <= 3
    # Without the correction each of them would show about twenty.
    assert all(10 <= (one.p[np.triu_indices(30, 1)] < 0.05).sum() <= 40 for one in found)
    assert not found[0].related.any()


@pytest.mark.parametrize("models", [10, 20])
def test_pure_noise_of_few_models_yields_nothing_either(models):
    found = [significance(agreement(noise(models, 30, 1000 + seed))) for seed in range(100)]
    assert sum(one.related.any() for one in found) <= 10


def test_planted_relations_are_found_with_their_sign():
    found = significance(agreement(board(planted())))
    assert surely(found) == (3, 3)
    assert min(found.counts["benjamini_hochberg"].values()) >= 3
    assert found.related[:4, :4].sum() == 12


def test_adjusted_by_hand():
    """Benjamini and Hochberg by their own words: the largest k with p_(k) <= k/n · level, and all before it."""
    found = significance(agreement(noise(25, 12, 4)), level=0.4)
    upper = np.triu_indices(12, 1)
    p = np.sort(found.p[upper])
    n = len(p)
    harmonic = (1 / np.arange(1, n + 1)).sum()
    for related, level in ((found.related[upper].sum(), 0.4), (sum(surely(found)), 0.4 / harmonic)):
        fits = np.flatnonzero(p <= np.arange(1, n + 1) / n * level)
        assert related == (fits[-1] + 1 if fits.size else 0)


def test_a_missing_cell_never_makes_a_p_value_nan_in_silence():
    scores = planted()
    full = significance(agreement(board(scores)))
    scores[:3, 0] = np.nan
    scores[5, :] = np.nan
    found = significance(pairwise_agreement(board(scores)))
    assert (found.tested, found.untested) == (28, 0)
    assert np.isnan(found.p).sum() == 8
    assert found.related[0, 1]
    assert full.related[0, 1]
    # What cannot be tested is counted, and the rest is tested as if it were alone.
    scores[:, 7] = np.nan
    scores[:, 6] = 0.5
    found = significance(pairwise_agreement(board(scores)))
    assert (found.tested, found.untested) == (15, 13)
    alone = significance(pairwise_agreement(board(scores[:, :6])))
    np.testing.assert_array_equal(found.related[:6, :6], alone.related)
    assert not found.related[6:].any()


def test_too_few_models_are_not_tested():
    """Three models in line correlate perfectly, and say nothing."""
    few = board([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    found = significance(agreement(few))
    assert (found.tested, found.untested, found.counts["benjamini_hochberg"]["positive"]) == (0, 1, 0)
    with pytest.raises(InputError, match="the false discovery rate is 0"):
        significance(agreement(few), level=0)


@given(st.lists(st.sampled_from([0.0, 1e-300, 1e-5, 0.01, 0.04, 0.5, 1.0]) | st.floats(0, 1), max_size=40))
def test_false_discovery_rates_are_those_of_scipy(p):
    for dependent, method in ((False, "bh"), (True, "by")):
        expected = stats.false_discovery_control(p, method=method) if p else []
        found = false_discovery_rates(np.array(p), dependent)
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=0)
