"""What single papers, benchmarks and models decide, other panels, and agreement among good models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from brainalign_plugin.agreement.correlation import agreement
from brainalign_plugin.certainty.families import families
from brainalign_plugin.certainty.figures import largest_benchmarks, panels
from brainalign_plugin.certainty.good_models import agreement_curve, family_agreement, good_agreement
from brainalign_plugin.certainty.influence import influence, leave_one_paper_out
from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.schemes import rank_models
from tests.boards import board_of_matrix, drawn_board, halves
from tests.plugin.certainty import independent
from tests.plugin.certainty.test_variance_components import DEEP_TREE, random_board


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), scheme=st.sampled_from(["HIER", "HIER_ZMEAN"]))
def test_a_paper_left_out_is_that_of_a_smaller_board(seed, scheme):
    board = random_board(seed, models=8)
    whole, mean = rank_models(board, scheme), agreement(board).all_pairs.mean
    found = leave_one_paper_out(board, scheme)
    assert [left.name for left in found] == list(dict.fromkeys(map(independent.paper_of, board.leaves)))
    for left in found:
        rest = board.take(columns=[j for j, leaf in enumerate(board.leaves) if independent.paper_of(leaf) != left.name])
        ranking = rank_models(rest, scheme)
        assert left.figures["mean_rho"] == pytest.approx(agreement(rest).all_pairs.mean)
        assert left.figures["negative_share"] == pytest.approx(agreement(rest).all_pairs.negative_share)
        assert left.changes["mean_rho"] == pytest.approx(left.figures["mean_rho"] - mean)
        assert left.mean_shift == pytest.approx(np.abs(ranking.ranks - whole.ranks).mean())
        assert left.rho == pytest.approx(spearmanr(ranking.scores.round(9), whole.scores.round(9))[0])
        assert ranking.by_id()[left.winner] == 1


@settings(max_examples=5)
@given(seed=st.integers(0, 1000))
def test_influences_are_those_of_smaller_boards(seed):
    board = random_board(seed, models=8)
    whole, found = rank_models(board, "HIER"), influence(board)
    all_ranks = [whole.ranks]
    for left in found.left_out:
        if left.kind == "model":
            keep = {"rows": [i for i, model in enumerate(board.ids) if str(model) != left.name]}
        else:
            named = independent.paper_of if left.kind == "paper" else str
            keep = {"columns": [j for j, leaf in enumerate(board.leaves) if named(leaf) != left.name]}
        rest = board.take(**keep)
        ranking, mean = rank_models(rest, "HIER"), agreement(rest).all_pairs.mean
        assert left.figures["mean_rho"] == pytest.approx(mean)
        assert left.claims["conflict"] == ("holds" if mean < 0.3 else "weaker" if mean < 0.5 else "fails")
        assert ranking.by_id()[left.winner] == 1
        if left.kind == "paper":
            all_ranks.append(ranking.ranks)
    assert found.ranks == {model: (min(ranks), max(ranks)) for model, *ranks in zip(board.ids, *all_ranks, strict=True)}
    assert {left.name for left in found.of("benchmark")} == set(board.leaves)
    assert {left.name for left in found.of("model")} == set(map(str, board.ids))
    sizes = [abs(left.changes["mean_rho"]) for left in found.left_out]
    assert sizes == sorted(sizes, reverse=True)


def test_two_models_moved_the_real_mean(real_board):
    found = influence(real_board("2023-07-01"))
    assert found.of("paper")[0].name == "Marques2020"
    assert found.of("paper")[0].claims["conflict"] == "weaker"
    assert abs(found.of("model")[0].changes["mean_rho"]) > 0.004


def test_a_paper_moved_the_real_mean_most(real_board):
    found = leave_one_paper_out(real_board("2023-07-01"))
    assert max(found, key=lambda left: abs(left.changes["mean_rho"])).name == "Marques2020"


def test_a_board_of_one_paper():
    one = board_of_matrix(random_board(0).scores[:, 1:4], DEEP_TREE.pruned(DEEP_TREE.leaves("V1")[1:]))
    (left,) = leave_one_paper_out(one)
    assert (left.winner, left.mean_shift, left.rho, left.figures["mean_rho"]) == (None, None, None, None)


def test_the_real_panels(real_snapshot):
    found = panels(real_snapshot("2025-05-07").board())
    by_size = {(len(panel.ids), len(panel.leaves)): panel for panel in found}
    poster, widest = by_size[229, 50], by_size[98, 80]
    assert round(poster.figures["mean_rho"], 4) == 0.1975
    assert round(poster.figures["negative_share"], 4) == 0.2310
    assert round(widest.figures["mean_rho"], 4) == 0.1280
    assert round(widest.figures["negative_share"], 3) == 0.336
    assert largest_benchmarks(found) is widest
    assert len(set(widest.leaves) - set(poster.leaves)) == 30


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_panels_are_all_boards_that_cleaning_gives(seed):
    board = drawn_board(seed, models=8, leaves=6, missing=0.3)
    expected = {}
    for step in range(17):
        cleaned = clean(board, step / 16).board
        if cleaned.models and cleaned.leaves:
            expected[cleaned.ids, cleaned.leaves] = agreement(cleaned).all_pairs.mean
    found = panels(board)
    assert {(panel.ids, panel.leaves) for panel in found} == set(expected)
    for panel in found:
        again = clean(board, panel.max_missing).board
        assert (again.ids, again.leaves) == (panel.ids, panel.leaves)
        assert panel.figures["mean_rho"] == pytest.approx(expected[panel.ids, panel.leaves])
    assert panels(board.take(rows=[])) == ()
    assert largest_benchmarks(()) is None


def good_by_hand(board, share=0.5):
    weights = [independent.nominal(board.tree, leaf) for leaf in board.leaves]
    papers = [independent.paper_of(leaf) for leaf in board.leaves]
    found = []
    for a in range(len(papers)):
        for b in range(a):
            others = [j for j in range(len(papers)) if papers[j] not in (papers[a], papers[b])]
            average = [round(sum(weights[j] * row[j] for j in others), 9) for row in board.scores]
            keep = sorted(range(len(average)), key=lambda i: -average[i])[: int(np.ceil(share * len(average)))]
            if others:
                found.append(spearmanr(board.scores[keep, a], board.scores[keep, b])[0])
    found = [rho for rho in found if np.isfinite(rho)]
    return np.mean(found), np.mean([rho < 0 for rho in found])


def test_agreement_among_the_better_half(real_board):
    board = real_board("2024-01-01")
    found = good_agreement(board)
    assert found.models == 42
    assert round(found.mean, 3) == 0.107
    assert round(found.negative_share, 2) == 0.43
    assert (found.mean, found.negative_share) == pytest.approx(good_by_hand(board))
    assert found.mean < found.predicted_mean < agreement(board).all_pairs.mean


def test_the_curve_begins_with_all_models():
    board = drawn_board(5, models=24, leaves=8)
    curve = agreement_curve(board)
    everything = agreement(board).all_pairs
    assert (curve[0].mean, curve[0].negative_share) == pytest.approx((everything.mean, everything.negative_share))
    assert curve[0].predicted_mean == pytest.approx(everything.mean)
    assert [one.models for one in curve] == [24, 22, 20, 17, 15, 12, 10, 8, 6]
    quarter = good_by_hand(board, 0.25)
    assert (curve[-1].mean, curve[-1].negative_share) == pytest.approx(quarter)
    few = good_agreement(drawn_board(5, models=4, leaves=8))
    assert (few.mean, few.pairs) == (None, 0)
    two_papers = good_agreement(drawn_board(5, models=9, leaves=2))
    assert two_papers.mean is None


def test_a_gaussian_copula_is_predicted():
    random = np.random.default_rng(2)
    n = 6000
    latent = random.normal(size=(n, 1))
    scores = 0.5 + 0.1 * (0.7 * latent + 0.7 * random.normal(size=(n, 6)))
    board = board_of_matrix(np.clip(scores, 0, 1), halves(6)) if n <= 997 else _large(scores)
    found = good_agreement(board)
    assert found.mean == pytest.approx(found.predicted_mean, abs=0.02)
    assert found.predicted_mean < agreement(board).all_pairs.mean - 0.05


def _large(scores):
    from dataclasses import replace

    from brainalign_plugin.data.board import Model

    small = board_of_matrix(np.full((1, 6), 0.5), halves(6))
    many = np.clip(scores, 0, 1)
    models = tuple(Model(i + 1, f"m{i}") for i in range(len(many)))
    states = np.ones(many.shape, dtype=np.int8) * small.states[0, 0]
    return replace(small, models=models, scores=many, states=states, errors=np.full(many.shape, np.nan))


def test_agreement_within_and_between_families(real_board):
    board = real_board("2024-01-01")
    found = family_agreement(board, families(board))
    assert (found.families, found.models_within) == (23, 70)
    labels = families(board).labels
    means = np.array([board.scores[labels == f].mean(axis=0) for f in range(23)])
    rho = spearmanr(means.round(9))[0][np.triu_indices(51, k=1)]
    assert found.between == pytest.approx(rho.mean(), abs=1e-6)
    assert 0 < found.within < found.between
