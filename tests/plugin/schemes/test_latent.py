"""Latent schemes against brute force by the singular value decomposition, scikit-learn and known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize

from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.errors import BoardError, ConvergenceError
from brainalign_plugin.scales import z_scores
from brainalign_plugin.schemes import Claims, get_scheme, latent, rank_models, scheme_names
from brainalign_plugin.schemes.latent import (
    MIN_UNIQUENESS,
    first_component,
    least_variance_weights,
    ledoit_wolf,
    one_factor,
)
from tests.boards import board_of, board_of_matrix, score_matrices, small_tree, tree_of, turned

NAMES = ("PC1", "FACTOR1", "DSEP", "DSP_PCA", "DSP_PCA_Std", "GLS")
FILLED = ("PC1", "FACTOR1", "DSP_PCA", "DSP_PCA_Std", "GLS")
LEAVES = small_tree().leaves("average_vision")
NEURAL, BEHAVIOURAL = [0, 1, 2], [3, 4, 5]


def scores_of(name, scores, tree=None):
    return rank_models(board_of_matrix(scores, tree), name).scores


def one_common_factor(seed, models=60, loadings=(0.9, 0.8, 0.7, 0.6, 0.5, 0.4)):
    """Scores with a common factor, on scales of their own."""
    random = np.random.default_rng(seed)
    strength = np.array(loadings)
    common = random.standard_normal((models, 1))
    noise = random.standard_normal((models, len(strength)))
    latent_scores = strength * common + np.sqrt(1 - strength**2) * noise
    spread = random.uniform(0.02, 0.1, len(strength))
    return np.clip(0.5 + spread * latent_scores, 0, 1), common[:, 0]


def flat_tree(leaves):
    half = leaves // 2
    return tree_of(
        {
            "average_vision": {
                "neural_vision": dict.fromkeys(f"N{j:02}" for j in range(half)),
                "behavior_vision": dict.fromkeys(f"B{j:02}" for j in range(half, leaves)),
            }
        }
    )


def component_by_svd(matrix, like):
    """Scores on the first singular vector, turned to correlate with ``like``."""
    u, s, _ = np.linalg.svd(matrix, full_matrices=False)
    scores = u[:, 0] * s[0]
    return scores * np.sign(scores @ like)


# Principal components


@pytest.mark.parametrize(("models", "leaves"), [(40, 6), (5, 12), (83, 51), (3, 4)])
def test_pc1_is_the_first_singular_vector(models, leaves):
    scores = np.random.default_rng(models).uniform(size=(models, leaves))
    z = z_scores(scores)
    found = scores_of("PC1", scores, flat_tree(leaves))
    np.testing.assert_allclose(found, component_by_svd(z, z.mean(axis=1)), atol=1e-9)
    assert found.var(ddof=1) == pytest.approx(np.linalg.eigvalsh(np.corrcoef(scores.T))[-1])


@pytest.mark.needs("oracles")
def test_pc1_agrees_with_scikit_learn():
    from sklearn import decomposition

    scores, _ = one_common_factor(3)
    expected = decomposition.PCA(n_components=1).fit_transform(z_scores(scores))[:, 0]
    found = scores_of("PC1", scores)
    np.testing.assert_allclose(found, expected * np.sign(expected @ found), atol=1e-9)


@pytest.mark.parametrize("name", ["DSP_PCA", "DSP_PCA_Std"])
def test_components_of_the_parts_are_averaged(name):
    scores, _ = one_common_factor(4)
    components = []
    for columns in (NEURAL, BEHAVIOURAL):
        part = scores[:, columns]
        z = z_scores(part)
        if name == "DSP_PCA":
            components.append(component_by_svd(part - part.mean(axis=0), z.mean(axis=1)))
        else:
            component = component_by_svd(z, z.mean(axis=1))
            components.append(component / component.std(ddof=1))
    np.testing.assert_allclose(scores_of(name, scores), np.mean(components, axis=0), atol=1e-9)


def test_standardised_parts_weigh_the_same_whatever_their_size_and_spread():
    random = np.random.default_rng(5)
    neural, behavioural = random.standard_normal((2, 50, 1))
    small = 0.5 + 0.01 * (neural + 0.1 * random.standard_normal((50, 2)))
    large = 0.5 + 0.1 * (behavioural + 0.1 * random.standard_normal((50, 8)))
    tree = tree_of(
        {"average_vision": {"neural_vision": {"A": None, "B": None}, "behavior_vision": dict.fromkeys("CDEFGHIJ")}}
    )
    board = np.column_stack([small, large])
    for name, close in (("DSP_PCA_Std", True), ("DSP_PCA", False)):
        found = scores_of(name, board, tree)
        shares = [np.corrcoef(found, part[:, 0])[0, 1] for part in (neural, behavioural)]
        assert (abs(shares[0] - shares[1]) < 0.1) == close


def test_a_shared_eigenvalue_gives_the_direction_nearest_to_the_mean():
    # Two uncorrelated leaves: every direction is a first component.
    scores = np.array([[0.2, 0.2], [0.2, 0.6], [0.6, 0.2], [0.6, 0.6]])
    tree = flat_tree(2)
    z = z_scores(scores)
    np.testing.assert_allclose(scores_of("PC1", scores, tree), z.sum(axis=1) / np.sqrt(2), atol=1e-12)


def test_a_component_without_a_sign_follows_the_leaf_whose_id_sorts_first():
    # Opposite leaves: the flat mean of z is zero, and says nothing about the sign.
    board = board_of_matrix([[0.1, 0.9], [0.4, 0.6], [0.7, 0.3]], flat_tree(2))
    first = board.leaves.index(min(board.leaves))
    for one in (board, turned(board)):
        expected = np.sqrt(2) * z_scores(board.scores)[:, first]
        np.testing.assert_allclose(rank_models(one, "PC1").scores, expected, atol=1e-12)


def test_a_factor_without_a_sign_follows_the_leaf_whose_id_sorts_first():
    # Four leaves of which two run against the other two, so that the mean of z is zero.
    up = np.random.default_rng(1).uniform(size=(12, 1)) + [0.0, 0.05] * np.random.default_rng(2).uniform(size=(12, 2))
    board = board_of_matrix(np.column_stack([up, 2 - up]) / 2, flat_tree(4))
    first = board.leaves.index(min(board.leaves))
    for one in (board, turned(board)):
        scores = rank_models(one, "FACTOR1").scores
        assert np.corrcoef(scores, board.scores[:, first])[0, 1] > 0.9


def test_the_sign_of_an_arbitrary_direction():
    centred = np.array([[1.0, -1.0], [-1.0, 1.0]])
    like = np.zeros(2)
    assert first_component(centred, like, np.array([0, 1])) == pytest.approx([0.5**0.5, -(0.5**0.5)])
    assert first_component(centred, like, np.array([1, 0])) == pytest.approx([-(0.5**0.5), 0.5**0.5])


# The one-factor model


@given(st.lists(st.floats(0.3, 0.95), min_size=4, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_an_exact_factor_is_recovered(loadings, negative):
    truth = np.where(negative[: len(loadings)], -1, 1) * np.array(loadings)
    correlations = np.outer(truth, truth)
    np.fill_diagonal(correlations, 1.0)
    found = one_factor(correlations)
    np.testing.assert_allclose(found.loadings * np.sign(found.loadings @ truth), truth, atol=1e-9)
    np.testing.assert_allclose(found.uniquenesses, 1 - truth**2, atol=1e-9)


def negative_log_likelihood(correlations, loadings, uniquenesses):
    fitted = np.outer(loadings, loadings) + np.diag(uniquenesses)
    return np.linalg.slogdet(fitted)[1] + np.trace(np.linalg.solve(fitted, correlations))


@pytest.mark.needs("oracles")
def test_the_fit_agrees_with_scikit_learn():
    from sklearn import decomposition

    scores, _ = one_common_factor(6, models=80)
    z = z_scores(scores)
    theirs = decomposition.FactorAnalysis(n_components=1, tol=1e-12, max_iter=10_000, svd_method="lapack").fit(z)
    ours = one_factor(np.corrcoef(scores.T))
    # Their covariance has divisor n, ours n - 1.
    scale = np.sqrt(80 / 79)
    loadings = theirs.components_[0] * scale
    np.testing.assert_allclose(np.abs(ours.loadings), np.abs(loadings), atol=1e-4)
    np.testing.assert_allclose(ours.uniquenesses, theirs.noise_variance_ * scale**2, atol=1e-4)
    expected = theirs.transform(z)[:, 0]
    found = scores_of("FACTOR1", scores)
    assert abs(np.corrcoef(found, expected)[0, 1]) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize(("models", "leaves"), [(30, 6), (10, 25), (4, 12)])
def test_no_neighbour_is_more_likely(models, leaves):
    random = np.random.default_rng(leaves)
    correlations = np.corrcoef(random.uniform(size=(models, leaves)).T)
    fit = one_factor(correlations)
    best = negative_log_likelihood(correlations, fit.loadings, fit.uniquenesses)
    for step in (1e-3, 1e-2, 0.1):
        for _ in range(50):
            loadings = fit.loadings + step * random.standard_normal(leaves)
            uniquenesses = np.maximum(fit.uniquenesses * np.exp(step * random.standard_normal(leaves)), MIN_UNIQUENESS)
            assert negative_log_likelihood(correlations, loadings, uniquenesses) >= best - 1e-9


def test_factor_scores_are_the_regression_on_the_leaves():
    scores, common = one_common_factor(7, models=400)
    z = z_scores(scores)
    fit = one_factor(np.corrcoef(scores.T))
    fitted = np.outer(fit.loadings, fit.loadings) + np.diag(fit.uniquenesses)
    expected = z @ np.linalg.solve(fitted, fit.loadings)
    found = scores_of("FACTOR1", scores)
    np.testing.assert_allclose(found, expected * np.sign(fit.loadings.sum()), atol=1e-9)
    assert np.corrcoef(found, common)[0, 1] > 0.9


def test_a_heywood_case_stops_at_the_bound():
    scores, _ = one_common_factor(8)
    scores[:, 1] = scores[:, 0]
    fit = one_factor(np.corrcoef(scores.T))
    np.testing.assert_allclose(fit.uniquenesses[:2], MIN_UNIQUENESS)
    assert (fit.uniquenesses[2:] > 2 * MIN_UNIQUENESS).all()
    ranking = scores_of("FACTOR1", scores)
    assert np.corrcoef(ranking, scores[:, 0])[0, 1] > 0.999


def test_two_models_are_told_apart():
    # Every correlation is 1 or -1, and every uniqueness at its bound.
    scores = np.array([[0.1, 0.2, 0.3, 0.4, 0.9, 0.6], [0.7, 0.5, 0.8, 0.6, 0.3, 0.7]])
    assert scores_of("FACTOR1", scores)[1] > 0
    assert rank_models(board_of_matrix(scores), "FACTOR1").ranks.tolist() == [2, 1]


@pytest.mark.parametrize("leaves", [1, 2])
def test_too_few_benchmarks_identify_no_factor(leaves):
    scores = np.full((5, 6), 0.5)
    scores[:, :leaves] = np.random.default_rng(9).uniform(size=(5, leaves))
    with pytest.raises(BoardError, match=f"FACTOR1 needs three benchmarks .*, and {leaves} of 6 are such"):
        scores_of("FACTOR1", scores)


def test_a_fit_that_does_not_converge_is_an_error(monkeypatch):
    monkeypatch.setattr(latent, "_MOST_STEPS", 1)
    with pytest.raises(ConvergenceError, match=r"one-factor model of 6 benchmarks has not converged .slope .* 1 steps"):
        scores_of("FACTOR1", one_common_factor(10)[0])


def test_the_fit_is_exact_to_the_last_digits():
    """So that neither the library that does the algebra nor the order of leaves decides a near tie."""
    random = np.random.default_rng(15)
    for models, leaves in ((30, 6), (12, 20), (50, 28)):
        correlations = np.corrcoef(random.uniform(size=(models, leaves)).T)
        order = random.permutation(leaves)
        one, other = one_factor(correlations), one_factor(correlations[np.ix_(order, order)])
        np.testing.assert_allclose(other.uniquenesses, one.uniquenesses[order], atol=1e-11)


# Generalised least squares


@pytest.mark.needs("oracles")
@given(score_matrices((2, 12), (1, 8), missing=False))
def test_the_shrinkage_agrees_with_scikit_learn(scores):
    from sklearn import covariance

    centred = scores - scores.mean(axis=0)
    expected, shrinkage = covariance.ledoit_wolf(centred, assume_centered=True)
    found, share = ledoit_wolf(centred)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert 0 <= share <= 1
    if np.ptp(np.linalg.eigvalsh(expected)) > 1e-9:
        assert share == pytest.approx(shrinkage, abs=1e-9)


def test_the_shrinkage_by_its_definition():
    x = np.random.default_rng(11).standard_normal((15, 4))
    x -= x.mean(axis=0)
    sample = x.T @ x / 15
    scale = np.trace(sample) / 4
    distance = ((sample - scale * np.eye(4)) ** 2).sum()
    noise = sum(((np.outer(row, row) - sample) ** 2).sum() for row in x) / 15**2
    found, share = ledoit_wolf(x)
    assert share == pytest.approx(min(noise, distance) / distance)
    np.testing.assert_allclose(found, (1 - share) * sample + share * scale * np.eye(4))


def random_covariance(seed, leaves):
    x = np.random.default_rng(seed).standard_normal((leaves + 3, leaves))
    return ledoit_wolf(x - x.mean(axis=0))[0]


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_no_other_weights_have_less_variance(seed, leaves):
    covariance = random_covariance(seed, leaves)
    weights = least_variance_weights(covariance)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    # The conditions of Karush, Kuhn and Tucker, which for a convex problem are sufficient.
    slope = covariance @ weights
    variance = weights @ slope
    np.testing.assert_allclose(slope[weights > 0], variance, rtol=1e-6)
    assert (slope[weights == 0] >= variance * (1 - 1e-6)).all()


def test_weights_are_the_inverse_covariance_where_none_is_negative():
    found = 0
    for seed in range(40):
        covariance = random_covariance(seed, 4)
        plain = np.linalg.solve(covariance, np.ones(4))
        plain /= plain.sum()
        if (plain > 0).all():
            found += 1
            np.testing.assert_allclose(least_variance_weights(covariance), plain, rtol=1e-5)
    assert found > 5


@pytest.mark.parametrize("copies", [2, 5])
def test_copies_count_once(copies):
    covariance = np.eye(copies + 2)
    covariance[:copies, :copies] = 1.0
    weights = least_variance_weights(covariance)
    np.testing.assert_allclose(weights, [1 / 3 / copies] * copies + [1 / 3] * 2, rtol=1e-6)


def test_clones_get_together_about_the_weight_of_one():
    scores = np.random.default_rng(12).uniform(size=(200, 5))
    alone = least_variance_weights(ledoit_wolf(z_scores(scores))[0])
    cloned = least_variance_weights(ledoit_wolf(z_scores(np.column_stack([scores, scores[:, 0]])))[0])
    assert cloned[0] == pytest.approx(cloned[5])
    assert cloned[0] + cloned[5] == pytest.approx(alone[0], rel=0.1)


def test_gls_is_the_weighted_mean_of_the_z_scores():
    scores, _ = one_common_factor(13)
    z = z_scores(scores)
    weights = least_variance_weights(ledoit_wolf(z)[0])
    np.testing.assert_allclose(scores_of("GLS", scores), z @ weights, atol=1e-12)


@given(score_matrices((2, 8), (6, 6), missing=False))
def test_gls_never_ranks_a_dominated_model_above(scores):
    found = scores_of("GLS", scores)
    values = np.round(scores, 9)
    at_least = (values[:, None] >= values[None]).all(axis=2)
    assert (found[:, None] >= found[None] - 1e-8)[at_least].all()


def test_weights_that_are_not_found_are_an_error(monkeypatch):
    def gives_up(*_):
        raise RuntimeError("Maximum number of iterations reached.")

    monkeypatch.setattr(optimize, "nnls", gives_up)
    with pytest.raises(ConvergenceError, match=r"weights of 3 benchmarks have not converged .Maximum number"):
        least_variance_weights(np.eye(3))


# The parts


@given(score_matrices((1, 6), (6, 6)), st.sampled_from(["skip", "zero", "mean"]))
def test_dsep_is_the_mean_of_two_flat_means(scores, convention):
    assume((~np.isnan(scores)).any(axis=1).all())
    found = rank_models(board_of_matrix(scores), "DSEP", convention).scores
    known = [column[~np.isnan(column)] for column in scores.T]
    fill = {"skip": [np.nan] * 6, "zero": [0.0] * 6, "mean": [c.mean() if c.size else np.nan for c in known]}
    filled = np.where(np.isnan(scores), fill[convention], scores)
    for row, score in zip(filled, found, strict=True):
        parts = [part[~np.isnan(part)] for part in (row[NEURAL], row[BEHAVIOURAL])]
        assert score == pytest.approx(np.mean([part.mean() for part in parts if part.size]))


def test_dsep_leaves_out_what_is_in_neither_part():
    tree = tree_of(
        {"average_vision": {"neural_vision": {"A": None}, "behavior_vision": {"B": None}, "other": {"C": None}}}
    )
    assert scores_of("DSEP", [[0.2, 0.4, 0.9]], tree) == pytest.approx([0.3])


@pytest.mark.parametrize("name", ["DSEP", "DSP_PCA", "DSP_PCA_Std"])
def test_a_board_with_one_part_is_refused(name):
    board = board_of_matrix(np.random.default_rng(14).uniform(size=(5, 6)))
    with pytest.raises(
        BoardError,
        match=f"{name} combines neural_vision and behavior_vision, and none of the board's 3 benchmarks is under "
        "'behavior_vision'; use a scheme that does not separate them",
    ):
        rank_models(board.take(columns=NEURAL), name)


# All of them


def spread_out(seed, models=25):
    """A board without ties on which FACTOR1 has one clear optimum."""
    return one_common_factor(seed, models)[0]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_neither_the_order_of_models_nor_of_benchmarks_matters(name, seed, data):
    board = board_of_matrix(spread_out(seed))
    rows = data.draw(st.permutations(range(len(board.models))))
    columns = data.draw(st.permutations(range(6)))
    expected = rank_models(board, name).scores
    found = rank_models(board.take(rows, columns), name).scores
    np.testing.assert_allclose(found, expected[rows], atol=1e-9)


@pytest.mark.parametrize("name", [name for name in NAMES if get_scheme(name).claims.affine])
@settings(max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    slope=st.lists(st.floats(0.1, 1), min_size=6, max_size=6),
    shift=st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_units_of_a_benchmark_do_not_matter(name, seed, slope, shift):
    scores = spread_out(seed)
    found = scores_of(name, scores * slope + (1 - np.array(slope)) * shift)
    np.testing.assert_allclose(found, scores_of(name, scores), atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(5))
def test_higher_is_better(name, seed):
    scores = spread_out(seed)
    assert np.corrcoef(scores_of(name, scores), z_scores(scores).mean(axis=1))[0, 1] > 0.5


@pytest.mark.parametrize("name", [name for name in NAMES if name != "FACTOR1"])
def test_tied_models_and_single_models_share_the_first_rank(name):
    for rows in (1, 4):
        ranking = rank_models(board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]] * rows), name)
        assert ranking.ranks.tolist() == [1] * rows


@pytest.mark.parametrize("name", [name for name in FILLED if name != "DSP_PCA"])
def test_a_constant_benchmark_weighs_nothing(name):
    scores = spread_out(20)
    tree = tree_of(
        {"average_vision": {"neural_vision": dict.fromkeys("ABC"), "behavior_vision": dict.fromkeys("DEFG")}}
    )
    wider = np.column_stack([scores, np.full(len(scores), 0.1)])
    np.testing.assert_allclose(scores_of(name, wider, tree), scores_of(name, scores), atol=1e-9)


@pytest.mark.parametrize("name", FILLED)
def test_missing_cells_are_filled_by_a_rule_or_refused(name):
    scores = spread_out(21)
    scores[0, 0] = scores[3, 4] = np.nan
    board = board_of_matrix(scores)
    assert get_scheme(name).conventions == ("mean", "zero", "worst")
    filled = np.where(np.isnan(scores), np.nanmean(scores, axis=0), scores)
    assert rank_models(board, name).convention == "mean"
    np.testing.assert_array_equal(rank_models(board, name).scores, scores_of(name, filled))
    with pytest.raises(BoardError, match=f"{name} needs complete scores, and 2 cells are missing; clean the board"):
        get_scheme(name).scores(board)


def test_claims_are_those_that_are_proven():
    assert {name: get_scheme(name).claims for name in NAMES} == {
        "PC1": Claims(affine=True),
        "FACTOR1": Claims(),
        "DSEP": Claims(iia=True, monotonicity=True, pareto=True),
        "DSP_PCA": Claims(),
        "DSP_PCA_Std": Claims(affine=True),
        "GLS": Claims(affine=True, pareto=True),
    }
    assert set(NAMES) <= set(scheme_names())


def test_a_component_may_count_a_benchmark_against_a_model():
    """Why PC1 does not claim Pareto: a leaf that runs against the others has a negative weight."""
    up = np.linspace(0.2, 0.8, 7)
    scores = np.column_stack([up, up, up, up, up, 1 - up])
    better = np.array(scores)
    better[3, 5] += 0.05
    assert scores_of("PC1", better)[3] < scores_of("PC1", scores)[3] - 0.01
    assert (scores_of("GLS", better)[3] - scores_of("GLS", better)[2]) > 0


# The real boards


@pytest.mark.parametrize("date", ["2022-07-01", "2023-07-01", "2024-01-01"])
def test_on_real_boards_every_scheme_is_defined_and_points_up(real_snapshots, date):
    board = clean(real_snapshots[date].board()).board
    hier = rank_models(board, "HIER").scores
    for name in NAMES:
        for full in (board, real_snapshots[date].board()):
            assert np.isfinite(rank_models(full, name).scores).all(), name
        assert np.corrcoef(rank_models(board, name).scores, hier)[0, 1] > 0.4, name


def test_pc1_of_the_real_board_by_svd(real_snapshots):
    board = clean(real_snapshots["2024-01-01"].board()).board
    z = z_scores(board.scores)
    np.testing.assert_allclose(rank_models(board, "PC1").scores, component_by_svd(z, z.mean(axis=1)), atol=1e-8)
