"""Treatments of missing scores against loops, and dimensions of resamples against boards made of the counted rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy.linalg import orthogonal_procrustes

from brainalign_plugin.agreement.dimensionality import (
    chosen_penalty,
    congruence,
    dimensions,
    half_counts,
    pairwise_pearson,
    resampled_dimensions,
    soft_impute,
    treatments,
)
from brainalign_plugin.errors import InputError
from brainalign_plugin.scales import z_scores
from tests.boards import score_matrices

NAMES = ("complete", "pairwise", "soft_impute", "zero")


def board(factors=2, models=120, each=5, missing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.normal(size=(models, factors)), each, axis=1)
    scores = 5 + x + 0.6 * rng.normal(size=x.shape)
    scores[rng.random(scores.shape) < missing] = np.nan
    return scores


def leaves_of(scores):
    return tuple(f"leaf{j}" for j in range(scores.shape[1]))


def treated(scores, **options):
    return treatments(scores, leaves_of(scores), **options)


def test_without_missing_scores_all_treatments_are_one():
    found = treated(board())
    shares = [found[name].pc1_share for name in NAMES]
    np.testing.assert_allclose(shares, np.linalg.eigvalsh(np.corrcoef(board().T))[-1] / 10)
    assert [found[name].parallel_analysis for name in NAMES] == [2] * 4
    assert [found[name].congruence for name in NAMES[1:]] == pytest.approx([1] * 3)
    assert [found[name].correlation for name in NAMES[1:]] == pytest.approx([1] * 3)


def test_missing_at_random_leaves_the_dimensions_and_zeros_add_one():
    scores = board(missing=0.02, models=300)
    # Models that were never run on the last benchmarks: as zeros these are one more dimension.
    scores[:100, 5:] = np.nan
    found = treated(scores)
    assert [found[name].parallel_analysis for name in ("pairwise", "soft_impute")] == [2, 2]
    assert found["complete"].models == int((~np.isnan(scores)).all(axis=1).sum())
    assert found["zero"].filled == found["soft_impute"].filled == pytest.approx(np.isnan(scores).mean())
    assert found["pairwise"].filled == 0
    assert found["zero"].pc1_share > found["pairwise"].pc1_share + 0.05


@given(score_matrices(rows=(2, 9), columns=(1, 5)))
def test_pairwise_correlations_are_those_of_pandas(scores):
    expected = pd.DataFrame(scores).corr(min_periods=2).to_numpy(copy=True)
    varies = np.array([[pair_varies(scores, i, j) for j in range(scores.shape[1])] for i in range(scores.shape[1])])
    found = pairwise_pearson(scores)
    np.testing.assert_allclose(found[varies], expected[varies], atol=1e-6)
    assert ((np.abs(found) <= 1) & ~np.isnan(found)).all()


def pair_varies(scores, i, j):
    both = scores[~np.isnan(scores[:, [i, j]]).any(axis=1)][:, [i, j]]
    return len(both) > 1 and bool((both.std(axis=0) > 1e-3).all())


def test_soft_impute_is_the_fixed_point_of_the_shrunken_decomposition():
    z = z_scores(board(models=60))
    z[np.random.default_rng(1).random(z.shape) < 0.2] = np.nan
    found = soft_impute(z, 3.0)
    left, sizes, right = np.linalg.svd(found, full_matrices=False)
    low = left @ np.diag(np.maximum(sizes - 3.0, 0)) @ right
    missing = np.isnan(z)
    np.testing.assert_allclose(found[missing], low[missing], atol=0.02)
    np.testing.assert_array_equal(found[~missing], z[~missing])


def test_soft_impute_predicts_better_than_the_mean():
    truth = z_scores(board(models=200))
    z = truth.copy()
    gone = np.random.default_rng(2).random(z.shape) < 0.2
    z[gone] = np.nan
    error = np.mean((soft_impute(z, chosen_penalty(z))[gone] - truth[gone]) ** 2)
    assert error < 0.6 * np.mean(truth[gone] ** 2)


def test_benchmarks_without_common_models_are_left_out():
    scores = board(models=60)
    scores[:30, 0] = scores[30:, 1] = np.nan
    found = treated(scores, min_overlap=20)
    assert len(found["pairwise"].leaves) == 9
    assert found["complete"].reason == "fewer than 3 models or 2 benchmarks that vary are left"
    assert found["pairwise"].congruence is None


@settings(max_examples=40)
@given(score_matrices())
def test_any_board_has_an_answer_or_a_reason(scores):
    for one in treated(scores, min_overlap=2, permutations=5).values():
        assert (one.reason is None) == (one.pc1_share is not None)
        if one.pc1_share is not None:
            assert not np.isnan(one.loadings).any()
            assert len(one.loadings) == len(one.leaves)


def test_resamples_are_boards_of_the_counted_models():
    scores = board(factors=3)
    z = z_scores(scores)
    values, vectors = np.linalg.eigh(np.corrcoef(scores.T))
    loadings = vectors[:, ::-1][:, :3] * np.sqrt(values[::-1][:3])
    counts = np.random.default_rng(0).multinomial(120, [1 / 120] * 120, size=6)
    found = resampled_dimensions(z, counts, loadings, np.arange(120))
    for times, eigenvalues, turned in zip(counts, found.eigenvalues, found.loadings, strict=True):
        own, axes = np.linalg.eigh(np.corrcoef(np.repeat(scores, times, axis=0).T))
        np.testing.assert_allclose(eigenvalues, own[::-1])
        raw = axes[:, ::-1][:, :3] * np.sqrt(own[::-1][:3])
        np.testing.assert_allclose(turned, raw @ orthogonal_procrustes(raw, loadings)[0])
    assert found.components.tolist() == [3] * 6


def test_every_model_once_is_the_board_itself():
    scores = board(factors=3)
    found = resampled_dimensions(z_scores(scores), np.ones((40, 120), dtype=int), np.ones((15, 1)), np.arange(120))
    from tests.boards import board_of_matrix, halves

    whole = dimensions(board_of_matrix(scores / 20, halves(15)))
    np.testing.assert_allclose(found.eigenvalues[0], whole.eigenvalues)
    assert set(found.components.tolist()) == {whole.parallel_analysis}


def test_members_of_a_family_add_no_dimension():
    # Benchmarks have nothing in common, but models of one family are alike on each.
    labels = np.repeat(np.arange(12), 10)
    rng = np.random.default_rng(7)
    z = z_scores(rng.normal(size=(12, 15))[labels] + 0.5 * rng.normal(size=(120, 15)))
    once = np.ones((60, 120), dtype=int)
    assert resampled_dimensions(z, once, np.ones((15, 1)), np.arange(120)).components[0] >= 3
    assert resampled_dimensions(z, once, np.ones((15, 1)), labels).components[0] <= 1


def test_no_family_is_in_both_halves():
    labels = np.repeat(np.arange(9), [9, 1, 4, 4, 2, 2, 3, 1, 6])
    counts = half_counts(labels, 20, seed=1)
    np.testing.assert_array_equal(counts[::2] + counts[1::2], 1)
    for row in counts:
        assert all(len(set(row[labels == family])) == 1 for family in range(9))
        assert 9 <= row.sum() <= 23
    assert len({tuple(row) for row in counts}) > 20


def test_congruence_ignores_the_sign():
    assert congruence(np.array([1.0, 2.0]), np.array([-2.0, -4.0])) == pytest.approx(1)
    assert congruence(np.zeros(2), np.ones(2)) is None


def test_no_permutation():
    with pytest.raises(InputError, match="0 permutations"):
        treated(board(), permutations=0)
