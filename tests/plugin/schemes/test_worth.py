"""Bradley-Terry and Plackett-Luce against the likelihoods written out, scipy's optimisers and choix."""

from __future__ import annotations

import choix
import numpy as np
import pytest
from hypothesis import assume, given, settings
from scipy.optimize import minimize

from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.errors import BoardError, ConvergenceError
from brainalign_plugin.scales import competition_ranks
from brainalign_plugin.schemes import choice_models, get_scheme, rank_models
from brainalign_plugin.schemes.choice_models import bradley_terry, plackett_luce
from tests.boards import board_of_matrix, score_matrices, tree_of

FITS = {"BT": bradley_terry, "PL": plackett_luce}
both = pytest.mark.parametrize("name", FITS)


def flat_board(scores):
    leaves = {f"Paper{2000 + j}-x": None for j in range(np.shape(scores)[1])}
    return board_of_matrix(scores, tree_of({"average_vision": leaves}))


def random_scores(seed, models=9, benchmarks=7, missing=0.0, values=None):
    """Scores with a common order under noise, so that worths differ; with ``values``, so few that many tie."""
    random = np.random.default_rng(seed)
    scores = random.random((models, benchmarks)) + np.linspace(0, 0.7, models)[:, None]
    if values is not None:
        scores = np.floor(scores * values) / values
    scores[random.random(scores.shape) < missing] = np.nan
    return scores


def connected(scores):
    """Whether every model is reached from every other by wins and ties: by powers of the matrix."""
    values = np.round(scores, 9)
    reach = np.array([[(x >= y).any() for y in values] for x in values]) | np.eye(len(values), dtype=bool)
    for _ in range(len(values)):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    return bool(reach.all())


def loss_of_pairs(log_worth, scores):
    total = 0.0
    for column in np.round(scores, 9).T:
        for i, x in enumerate(column):
            for j, y in enumerate(column):
                if i != j and not np.isnan(x) and not np.isnan(y):
                    won = 1.0 if x > y else 0.5 if x == y else 0.0
                    total += won * np.log1p(np.exp(log_worth[j] - log_worth[i]))
    return total


def loss_of_picks(log_worth, scores):
    total = 0.0
    for column in np.round(scores, 9).T:
        scored = [i for i, x in enumerate(column) if not np.isnan(x)]
        for value in sorted({column[i] for i in scored}):
            tied = [i for i in scored if column[i] == value]
            below = sum(np.exp(log_worth[i]) for i in scored if column[i] < value)
            group = sum(np.exp(log_worth[i]) for i in tied)
            for taken, i in enumerate(tied):
                total += np.log(below + group * (1 - taken / len(tied))) - log_worth[i]
    return total


def independent(loss, scores):
    solved = minimize(loss, np.zeros(len(scores)), args=(scores,), method="BFGS", options={"gtol": 1e-7})
    return solved.x - solved.x.mean()


@both
@pytest.mark.parametrize(("missing", "values"), [(0.0, None), (0.2, None), (0.0, 3), (0.2, 4)])
def test_no_other_worths_are_more_likely(name, missing, values):
    scores = random_scores(4, 7, 8, missing, values)
    loss = {"BT": loss_of_pairs, "PL": loss_of_picks}[name]
    found = FITS[name](scores)
    assert found == pytest.approx(independent(loss, scores), abs=2e-5)
    assert loss(found, scores) <= loss(independent(loss, scores), scores) + 1e-9
    assert found.mean() == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_plackett_luce_against_choix(seed, missing):
    scores = random_scores(seed, 12, 14, missing)
    rankings = [[i for i in np.argsort(-column).tolist() if not np.isnan(column[i])] for column in scores.T]
    theirs = choix.opt_rankings(len(scores), rankings, alpha=0.0, method="Newton-CG", tol=1e-12)
    assert plackett_luce(scores) == pytest.approx(theirs - theirs.mean(), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_bradley_terry_against_choix(seed):
    scores = random_scores(seed, 12, 9, 0.2)
    pairs = [(i, j) for column in scores.T for i, x in enumerate(column) for j, y in enumerate(column) if x > y]
    theirs = choix.opt_pairwise(len(scores), pairs, alpha=0.0, method="Newton-CG", tol=1e-12)
    assert bradley_terry(scores) == pytest.approx(theirs - theirs.mean(), abs=1e-6)


@both
def test_two_models_have_the_odds_of_their_wins(name):
    scores = np.array([[1, 1, 1, 0], [0, 0, 0, 1]], dtype=float)
    assert FITS[name](scores) == pytest.approx([np.log(3) / 2, -np.log(3) / 2], abs=1e-10)


def test_a_tie_is_half_a_win_for_each():
    scores = np.array([[1, 1, 0.5], [0, 0, 0.5]])
    assert bradley_terry(scores) == pytest.approx([np.log(5) / 2, -np.log(5) / 2], abs=1e-10)


def test_the_expected_wins_are_those_observed():
    scores = random_scores(2, 15, 6, 0.2, 5)
    found, values = bradley_terry(scores), np.round(scores, 9)
    for i, x in enumerate(values):
        rivals = [(j, (~np.isnan(x - y)).sum()) for j, y in enumerate(values) if j != i]
        expected = sum(n / (1 + np.exp(found[j] - found[i])) for j, n in rivals)
        won = sum((x > y).sum() + (x == y).sum() / 2 for j, y in enumerate(values) if j != i)
        assert expected == pytest.approx(won, abs=1e-9)


@settings(max_examples=25)
@given(score_matrices(rows=(2, 7), columns=(1, 6), missing=False))
def test_on_complete_boards_bradley_terry_has_the_order_of_mean_ranks(scores):
    assume(connected(scores))
    board = flat_board(scores)
    assert np.array_equal(rank_models(board, "BT").ranks, rank_models(board, "RANK").ranks)


@both
@settings(max_examples=25)
@given(scores=score_matrices(rows=(2, 7), columns=(1, 6)))
def test_finite_worths_are_found_where_they_exist_and_refused_where_not(name, scores):
    if connected(scores):
        assert np.isfinite(FITS[name](scores)).all()
    else:
        with pytest.raises(BoardError, match=f"{name} has no finite worths: row"):
            FITS[name](scores)


@both
@settings(max_examples=25)
@given(scores=score_matrices(rows=(2, 7), columns=(1, 6), missing=False))
def test_no_dominated_model_is_ahead(name, scores):
    assume(connected(scores))
    values = np.round(scores, 9)
    ranks = competition_ranks(FITS[name](scores))
    for i, better in enumerate(values):
        for j, worse in enumerate(values):
            if (better >= worse).all() and (better > worse).any():
                assert ranks[i] <= ranks[j]


@both
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_relabelling_models_and_reordering_benchmarks_changes_no_worth(name, missing):
    scores = random_scores(6, 14, 9, missing, 6)
    order = np.random.default_rng(0).permutation(14)
    found = FITS[name](scores)
    assert FITS[name](scores[order]) == pytest.approx(found[order], abs=1e-10)
    assert FITS[name](scores[:, ::-1]) == pytest.approx(found, abs=1e-10)
    assert FITS[name](scores).tobytes() == found.tobytes()


@both
def test_models_that_tie_everywhere_have_one_worth_to_the_last_digit(name):
    scores = random_scores(3, 10, 6, 0.2, 5)
    doubled = np.concatenate((scores, scores[::-1]))
    found = FITS[name](doubled)
    assert np.array_equal(found[:10], found[10:][::-1])


@both
def test_a_rescaled_benchmark_changes_nothing(name):
    scores = random_scores(8)
    rescaled = np.array(scores)
    rescaled[:, 1], rescaled[:, 2] = scores[:, 1] / 2, scores[:, 2] ** 3
    assert FITS[name](rescaled).tobytes() == FITS[name](scores).tobytes()


@both
def test_ties_alone_make_all_worths_equal(name):
    assert FITS[name](np.full((5, 3), 0.4)) == pytest.approx(np.zeros(5), abs=1e-12)
    assert FITS[name](np.array([[0.4, np.nan]])).tolist() == [0.0]


@both
@pytest.mark.parametrize(
    ("rows", "named", "fate"),
    [
        # The last model wins everything, or loses everything, or meets nobody.
        ([[0.1, 0.2], [0.2, 0.1], [0.9, 0.9]], [2], "never lost to or tied with any of the other 2 models"),
        ([[0.1, 0.2], [0.2, 0.1], [0.0, 0.0]], [2], "never beat or tied with any of the other 2 models"),
        (
            [[0.1, 0.2, np.nan], [0.2, 0.1, np.nan], [np.nan, np.nan, 0.5]],
            [2],
            "was never compared with any of the other 2 models",
        ),
        # Two that only lose against the three above them.
        (
            [[0.5, 0.6, 0.7], [0.6, 0.7, 0.5], [0.7, 0.5, 0.6], [0.1, 0.2, 0.1], [0.2, 0.1, 0.2]],
            [3, 4],
            "never beat or tied with any of the other 3 models",
        ),
    ],
)
def test_models_with_infinite_worth_are_named(name, rows, named, fate):
    board = flat_board(rows)
    names = ", ".join(f"model {board.models[i].id} \\({board.models[i].name!r}\\)" for i in named)
    with pytest.raises(BoardError, match=f"{name} has no finite worths: {names} {fate} .*; drop such models"):
        rank_models(board, name)


@both
def test_a_long_list_of_names_is_cut(name):
    scores = np.concatenate((random_scores(1, 6, 5), random_scores(2, 5, 5) + 10))
    with pytest.raises(BoardError, match="row 6, row 7, row 8 and 2 more never lost"):
        FITS[name](scores)


@both
def test_a_model_without_a_score_is_named_and_changes_no_other(name):
    scores = np.clip(random_scores(5, 8, 6), 0, 1)
    board = flat_board(np.insert(scores, 3, np.nan, axis=0))
    with pytest.raises(BoardError, match=f"model {board.models[3].id} .*nothing was scored"):
        rank_models(board, name)
    kept = np.delete(get_scheme(name).scores(board), 3)
    assert kept.tobytes() == FITS[name](scores).tobytes()


@both
def test_a_fit_that_does_not_converge_says_so(name, monkeypatch):
    monkeypatch.setattr(choice_models, "_MAX_ITERATIONS", 1)
    with pytest.raises(ConvergenceError, match=f"{name} stopped after 1 iterations with a gradient of"):
        FITS[name](random_scores(1, 12, 6))


@both
def test_a_step_that_does_not_help_is_no_convergence(name, monkeypatch):
    evaluations = []

    def minimum(name, evaluate, step, start, scale):
        def worse(point):
            evaluations.append(point)
            return float(len(evaluations)), np.ones(len(point))

        return find(name, worse, step, start, scale)

    find = choice_models._minimum
    monkeypatch.setattr(choice_models, "_minimum", minimum)
    with pytest.raises(ConvergenceError, match=f"{name} stopped after 0 iterations with a gradient of 1"):
        FITS[name](random_scores(1, 12, 6))


@both
def test_models_held_together_by_one_upset_are_fitted(name):
    """A chain in which each model wins all but once: worths far apart, and Newton's steps must be shortened."""
    models, benchmarks = 30, 40
    scores = np.tile(np.arange(models, dtype=float)[:, None], benchmarks)
    for j in range(models - 1):
        scores[[j, j + 1], j] = scores[[j + 1, j], j]
    found = FITS[name](scores)
    assert np.array_equal(np.argsort(found), np.arange(models))
    assert found[-1] - found[0] > 20


@both
@pytest.mark.parametrize("date", ["2023-10-01", "2024-01-01"])
def test_the_real_boards(real_snapshots, name, date):
    full = real_snapshots[date].board()
    for board in (clean(full).board, full):
        ranking = rank_models(board, name)
        assert np.isfinite(ranking.scores).all()
        assert ranking.scores.mean() == pytest.approx(0, abs=1e-12)
        by_wins = rank_models(board, "WIN_RATE")
        assert np.corrcoef(ranking.ranks, by_wins.ranks)[0, 1] > 0.9
