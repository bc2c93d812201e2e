"""Schemes against each other: coefficients against scipy, scikit-learn and their definitions written out."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from brainalign_plugin.agreement.correlation import kendall_tau_b
from brainalign_plugin.errors import InputError
from brainalign_plugin.ranking.compare import TOP, cohen_kappas, compare_schemes, kendall_w, quartiles
from brainalign_plugin.scales import competition_ranks
from brainalign_plugin.schemes import rank_models
from brainalign_plugin.schemes.registry import Ranking
from tests.boards import board_of_matrix, halves

# Coarse, so that ties are frequent; two steps lie within 1e-9 and tie as well.
COARSE = st.sampled_from([0.1, 0.1 + 2e-10, 0.2, 0.3, 0.4, 0.5])


def columns(models=(1, 14), count=(2, 2)):
    return st.integers(*models).flatmap(
        lambda n: st.lists(st.lists(COARSE, min_size=n, max_size=n), min_size=count[0], max_size=count[1])
    )


def compared(*scores):
    models = len(scores[0])
    board = board_of_matrix(np.random.default_rng(0).uniform(size=(models, 4)), halves(4))
    rankings = [
        Ranking(f"S{k}", "complete", board.ids, np.asarray(s, float), competition_ranks(np.asarray(s, float)))
        for k, s in enumerate(scores)
    ]
    return compare_schemes(board, rankings)


def tau_b(x, y):
    """Concordant less discordant pairs over the geometric mean of the pairs untied in each."""
    signs = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in itertools.combinations(range(len(x)), 2)]
    untied = math.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs))
    return sum(a * b for a, b in signs) / untied


@given(columns())
def test_a_pair_of_schemes(scores):
    one, other = np.round(scores, 9)
    (pair,) = compared(*scores).pairs
    assert (pair.one, pair.other) == ("S0", "S1")
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        assert pair.spearman is None
        assert pair.tau_b is None
    else:
        assert pair.spearman == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)
        assert pair.tau_b == pytest.approx(tau_b(one, other), abs=1e-12)
    best = [{i for i in range(len(s)) if (s > s[i]).sum() < TOP} for s in (one, other)]
    assert pair.top_overlap == len(best[0] & best[1]) / max(map(len, best))


@pytest.mark.needs("oracles")
@given(columns(models=(4, 14)))
def test_kappa_agrees_with_scikit_learn(scores):
    from sklearn.metrics import cohen_kappa_score

    one, other = (quartiles(competition_ranks(np.array(s))) for s in scores)
    found = cohen_kappas(np.array([one, other]))[0, 1]
    if np.isnan(found):
        assert (one == other).all()
        assert len(set(one.tolist())) == 1
    else:
        assert found == pytest.approx(cohen_kappa_score(one, other))


def test_kappa_by_hand():
    # 6 of 8 agree; by chance 2/8·3/8 + 2/8·2/8 + 2/8·2/8 + 2/8·1/8 = 16/64.
    one, other = np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 0, 1, 1, 2, 2, 3, 0])
    other[3] = 1
    expected = 16 / 64
    kappa = (7 / 8 - expected) / (1 - expected)
    np.testing.assert_allclose(cohen_kappas(np.array([one, other])), [[1, kappa], [kappa, 1]])
    assert np.isnan(cohen_kappas(np.zeros((2, 3), int))).all()
    assert np.isnan(cohen_kappas(np.zeros((2, 0), int))).all()


@given(columns(models=(2, 14), count=(1, 5)))
def test_all_pairs_have_the_tau_of_scipy(scores):
    places = np.round(scores, 9)
    found = kendall_tau_b(places)
    for i, j in itertools.product(range(len(places)), repeat=2):
        expected = stats.kendalltau(places[i], places[j], variant="b").statistic
        assert found[i, j] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_quartiles():
    assert quartiles(np.arange(1, 9)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    # Equal ranks share a quartile, the better one.
    assert quartiles(np.array([1, 2, 2, 2, 2, 6, 7, 8])).tolist() == [0, 0, 0, 0, 0, 2, 3, 3]
    assert quartiles(np.array([1])).tolist() == [0]


@given(columns(models=(2, 10), count=(1, 5)))
def test_w_is_friedmans_statistic_over_its_largest_value(scores):
    scores = np.round(scores, 9)
    found = kendall_w(scores)
    if all(np.ptp(row) == 0 for row in scores):
        assert found is None
        return
    k, n = scores.shape
    assert 0 <= found <= 1 + 1e-12
    if k >= 3 and n >= 3:
        assert found == pytest.approx(stats.friedmanchisquare(*scores.T).statistic / (k * (n - 1)), abs=1e-9)


def test_w_follows_from_the_mean_spearman_without_ties():
    rng = np.random.default_rng(2)
    scores = rng.permuted(np.broadcast_to(np.arange(12.0), (6, 12)), axis=1)
    mean = np.mean([stats.spearmanr(scores[i], scores[j]).statistic for i, j in itertools.combinations(range(6), 2)])
    assert kendall_w(scores) == pytest.approx((mean * 5 + 1) / 6)
    assert kendall_w(np.array([[1.0, 2.0, 3.0]] * 4)) == 1


def test_contested_models_the_front_and_who_is_always_on_top():
    rng = np.random.default_rng(4)
    board = board_of_matrix(rng.uniform(size=(30, 6)).round(1), halves(6))
    rankings = [rank_models(board, name) for name in ("HIER", "RANK", "GEOMETRIC", "COPELAND")]
    found = compare_schemes(board, rankings)
    assert len(found.pairs) == 6
    for model in found.models:
        places = {one.scheme: one.by_id()[model.id] for one in rankings}
        assert (model.best, model.worst) == (min(places.values()), max(places.values()))
        assert places[model.best_scheme] == model.best
        assert places[model.worst_scheme] == model.worst
    distances = [model.worst - model.best for model in found.models]
    assert distances == sorted(distances, reverse=True)
    front = [
        i
        for i, row in zip(board.ids, board.scores, strict=True)
        if not any((other >= row).all() and (other > row).any() for other in board.scores)
    ]
    assert list(found.pareto_front) == front
    always = [i for i in board.ids if all(one.by_id()[i] <= TOP for one in rankings)]
    assert list(found.always_top) == always
    with pytest.raises(InputError, match="FLAT ranks other models than the board has"):
        compare_schemes(board, [rank_models(board.take(rows=range(5)), "FLAT")])
    with pytest.raises(InputError, match="no ranking was given to compare"):
        compare_schemes(board, [])


def test_schemes_that_order_all_models_alike_are_one_ranking():
    board = board_of_matrix(np.random.default_rng(0).random((9, 6)))
    flat, again = rank_models(board, "FLAT"), rank_models(board, "COPELAND")
    borda = (rank_models(board, "BORDA"), rank_models(board, "RANK"))
    assert compare_schemes(board, (flat, flat, again)).distinct == 2
    assert compare_schemes(board, borda).distinct == 1


def test_one_score_of_zero_does_not_decide_the_geometric_mean():
    board = board_of_matrix([[0.9, 0.9, 0.9, 0.9, 0.9, 0.0], [0.01] * 6, [0.9, 0.9, 0.9, 0.9, 0.9, 0.0004]])
    found = rank_models(board, "GEOMETRIC")
    assert found.ranks.tolist() == [1, 3, 1]
    assert found.scores[0] == pytest.approx((0.9**5 * 0.0005) ** (1 / 6))


def test_gls_decides_no_headline_contrast():
    board = board_of_matrix(np.random.default_rng(3).uniform(size=(30, 6)), halves(6))
    usual = [rank_models(board, name) for name in ("HIER", "RANK", "COPELAND")]
    extreme = replace(usual[0], scheme="GLS", scores=-usual[0].scores, ranks=competition_ranks(-usual[0].scores))
    found, without = compare_schemes(board, [*usual, extreme]), compare_schemes(board, usual)
    assert (found.models, found.always_top) == (without.models, without.always_top)
    assert found.least_alike == without.least_alike
    assert (len(found.pairs), found.distinct) == (6, without.distinct + 1)
    (only,) = compare_schemes(board, [usual[0], extreme]).least_alike
    assert only.spearman == pytest.approx(-1)
    assert compare_schemes(board, [extreme]).models[0].best_scheme == "GLS"
