"""The universe score: the real figures, a dense computation of the same likelihood, and simulated truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.certainty.board_certainty import universe
from brainalign_plugin.certainty.variance_components import NotEstimable
from brainalign_plugin.errors import BoardError
from brainalign_plugin.schemes.units import paper_variances, units_of
from brainalign_plugin.schemes.universe import fit_board
from brainalign_plugin.schemes.universe_fit import fit_universe
from tests.boards import board_of_matrix, tree_of
from tests.plugin.certainty import independent
from tests.plugin.certainty.test_variance_components import DEEP_TREE, random_board

CVT, VIT = "cvt_cvt-w24-384-in22k_finetuned-in1k_4", "vision_transformer_vit_large_patch16_224"
EFF = "effnetb1_cutmixpatch"
# date: models, reliability, median sd, negative log likelihood, the first ones
COMPLETE = {
    "2024-01-01": (83, 0.8382, 0.0168, -3108.41, [f"{EFF}_SAM", f"{EFF}_augmix", "resnext101_32x8d_wsl"]),
    "2025-05-07": (229, 0.8827, 0.0240, -7595.79, [CVT]),
}
ALL = {
    "2024-01-01": (281, 0.8852, 0.0259, -8250.54, [CVT, VIT, "effnetv2m_custom384"]),
    "2025-05-07": (441, 0.8792, 0.0277, -12511.94, []),
}


@pytest.mark.parametrize("date", COMPLETE)
def test_the_real_figures_of_complete_cases(real_board, date):
    check_figures(real_board(date), *COMPLETE[date])


@pytest.mark.parametrize("date", ALL)
def test_the_real_figures_of_all_models(real_snapshot, date):
    check_figures(real_snapshot(date).board(), *ALL[date])


def check_figures(board, models, reliability, sd, likelihood, first):
    found = universe(board)
    assert found.fit.fit.models == models == int((found.scored.units > 0).sum())
    assert found.scored.reliability == pytest.approx(reliability, abs=0.001)
    assert round(float(np.nanmedian(found.scored.sd)), 4) == sd
    assert found.fit.fit.negative_log_likelihood == pytest.approx(likelihood, abs=0.02)
    by_rank = [board.models[i].name for i in np.argsort(np.where(found.ranks > 0, found.ranks, 9999), kind="stable")]
    assert all(name.startswith(start) for name, start in zip(by_rank, first, strict=False))


def test_a_model_of_one_part_alone_has_a_score_and_no_rank(real_snapshot):
    board = real_snapshot("2025-05-07").board()
    found = universe(board)
    i = next(i for i, model in enumerate(board.models) if model.name == "resnet_152_v2" and found.scored.units[i] == 2)
    assert np.isfinite(found.scored.scores[i])
    assert (found.ranks[i], found.low[i], found.high[i], found.first[i]) == (0, 0, 0, 0)
    ranked = found.ranks > 0
    assert (found.scored.weight[ranked] > 0.5).all()
    assert (found.low[ranked] <= found.ranks[ranked]).all()
    assert (found.ranks[ranked] <= found.high[ranked]).all()
    assert found.first.sum() == pytest.approx(1)
    nothing = found.scored.units == 0
    assert nothing.sum() == 15
    assert np.isnan(found.scored.scores[nothing]).all()


def dense(means, units, fit):
    """Likelihood and scores by the covariance of the units, model by model."""
    p = len(units.names)
    member = np.eye(len(units.strata))[units.stratum]
    whole = member @ fit.covariance @ member.T + np.diag(fit.paper_variances[units.stratum])
    average = sum(units.weights[r] * fit.means[units.stratum == r].mean() for r in range(len(units.strata)))
    total, scores, sd = 0.0, [], []
    for row in means:
        has = [j for j in range(p) if row[j] == row[j]]
        if not has:
            scores.append(np.nan), sd.append(np.nan)
            continue
        v, d = whole[np.ix_(has, has)], row[has] - fit.means[has]
        total += 0.5 * (np.linalg.slogdet(v)[1] + d @ np.linalg.solve(v, d))
        cross = (fit.covariance @ member.T)[:, has]
        scores.append(average + units.weights @ cross @ np.linalg.solve(v, d))
        left = fit.covariance - cross @ np.linalg.solve(v, cross.T)
        sd.append(np.sqrt(units.weights @ left @ units.weights))
    return total, np.array(scores), np.array(sd)


def gappy(seed, models=40):
    board = random_board(seed, models)
    scores, random = np.array(board.scores), np.random.default_rng(seed + 1)
    scores[random.random(scores.shape) < 0.25] = np.nan
    scores[:12] = board.scores[:12]
    scores[-1] = np.nan
    return board_of_matrix(scores, DEEP_TREE)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_a_dense_computation_agrees(seed):
    board = gappy(seed)
    fit = fit_board(board.scores, board).fit
    kept = fit_board(board.scores, board)
    means = kept.unit_means(board.scores)
    weights = [independent.nominal(board.tree, leaf) for leaf in board.leaves]
    if kept.kept.all():
        groups = independent.units(board, weights)
        columns = [c for papers in groups.values() for c in papers.values()]
        expected = [independent.unit_means(board.scores.tolist(), weights, c) for c in columns]
        assert pytest.approx(means, nan_ok=True) == np.array(expected, dtype=float).T
    likelihood, scores, sd = dense(means, fit.units, fit)
    found = fit.scores(means)
    assert fit.negative_log_likelihood == pytest.approx(likelihood, abs=1e-6)
    assert found.scores == pytest.approx(scores, nan_ok=True, abs=1e-9)
    assert found.sd == pytest.approx(sd, nan_ok=True, abs=1e-9)
    known = found.units > 0
    assert found.reliability == pytest.approx(max(0, 1 - np.mean(sd[known] ** 2) / fit.variance))
    assert np.isnan(found.scores[-1])
    alone = fit.units.counts == 1
    ratio = fit.paper_variances / (fit.paper_variances + np.diag(fit.covariance))
    assert ratio[alone] == pytest.approx(np.full(alone.sum(), np.clip(kept.pooled, 1e-4, 1 - 1e-4)), abs=1e-3)


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_no_parameters_nearby_are_likelier(seed):
    board = gappy(seed)
    kept = fit_board(board.scores, board)
    fit, means = kept.fit, kept.unit_means(board.scores)
    random = np.random.default_rng(seed)
    alone = fit.units.counts == 1
    odds = np.clip(kept.pooled, 1e-4, 1 - 1e-4)
    odds = odds / (1 - odds)
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(6):
            root = np.linalg.cholesky(fit.covariance + 1e-12 * np.eye(len(fit.covariance)))
            root = root + size * 0.05 * np.tril(random.normal(size=root.shape))
            covariance = root @ root.T
            variances = fit.paper_variances * np.exp(size * random.normal(size=len(alone)))
            variances = np.where(alone, odds * np.diag(covariance), variances)
            moved = replace(
                fit,
                covariance=covariance,
                paper_variances=variances,
                means=fit.means + size * 0.05 * random.normal(size=len(fit.means)),
            )
            assert dense(means, fit.units, moved)[0] > fit.negative_log_likelihood - 1e-4


def test_a_score_is_a_function_of_the_models_own_cells():
    board = gappy(3)
    kept = fit_board(board.scores, board)
    together = kept.fit.scores(kept.unit_means(board.scores)).scores
    singly = [kept.fit.scores(kept.unit_means(row[None, :])).scores[0] for row in board.scores]
    assert np.array_equal(together, singly, equal_nan=True)


def test_planted_truth_is_met():
    random = np.random.default_rng(8)
    n = 300
    board = random_board(0, n)
    weights = board.tree.nominal_weights(board.leaves, board.tree.roots[0])
    units = units_of(board.tree, board.leaves, weights)
    covariance = 0.01 * (0.1 * np.eye(3) + 0.9)
    true = random.multivariate_normal(np.zeros(3), covariance, size=n)
    own = random.normal(size=(n, 5)) * np.sqrt([0.004, 0.004, 0.003, 0.006, 0.006])
    means = 0.3 + true[:, units.stratum] + own
    missing = random.random(means.shape) < 0.3
    means[missing & (np.arange(n)[:, None] > 60)] = np.nan
    fit = fit_universe(means, units, paper_variances(means[:60], units).pooled)
    found = fit.scores(means)
    wanted = true @ units.weights
    known = found.units > 0
    error = (found.scores - wanted)[known] - (found.scores - wanted)[known].mean()
    assert np.mean(np.abs(error) < 1.96 * found.sd[known]) == pytest.approx(0.95, abs=0.03)
    assert fit.covariance == pytest.approx(covariance, abs=0.003)
    complete = known & ~np.isnan(means).any(axis=1)
    plain = np.corrcoef((means[complete] * units.unit_weights).sum(axis=1), wanted[complete])[0, 1]
    assert np.corrcoef(found.scores[complete], wanted[complete])[0, 1] > plain


def test_the_same_board_gives_the_same_scores():
    board = gappy(4)
    one, other = universe(board), universe(board)
    assert np.array_equal(one.scored.scores, other.scored.scores, equal_nan=True)
    assert np.array_equal(one.low, other.low)
    order = np.random.default_rng(0).permutation(len(board.models))
    shuffled = universe(board.take(rows=order.tolist()))
    assert shuffled.scored.scores == pytest.approx(one.scored.scores[order], nan_ok=True, abs=1e-6)


def test_why_there_is_no_universe_score():
    single = tree_of({"average_vision": {"neural_vision": {"Aa2001-x": None}, "behavior_vision": {"Bb2002-x": None}}})
    found = universe(random_board(1, tree=single))
    assert isinstance(found, NotEstimable)
    assert "no part of the tree was measured by two papers" in found.reason
    empty = universe(board_of_matrix(np.full((4, 8), np.nan), DEEP_TREE))
    assert isinstance(empty, NotEstimable)
    assert "no benchmark of 8" in empty.reason
    alone = universe(random_board(1, models=1))
    assert isinstance(alone, NotEstimable)
    with pytest.raises(BoardError, match="1 model"):
        fit_universe(np.ones((1, 5)), fit_board(random_board(1).scores, random_board(1)).fit.units, 0.5)
