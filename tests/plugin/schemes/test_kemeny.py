"""Kemeny-Young against brute force, dynamic programming, a mixed-integer program and pref_voting; its certificate."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse.csgraph import connected_components

from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.errors import BoardError
from brainalign_plugin.schemes import kemeny as solver
from brainalign_plugin.schemes import rank_models
from brainalign_plugin.schemes.kemeny import _components, improved, kemeny, reversed_weight
from brainalign_plugin.schemes.pairwise import pairwise_wins
from tests.boards import board_of_matrix, score_matrices, tree_of


def flat_board(scores):
    leaves = {f"Paper{2000 + j}-x": None for j in range(np.shape(scores)[1])}
    return board_of_matrix(scores, tree_of({"average_vision": leaves}))


def agreements(wins, order):
    return int(sum(wins[i, j] for place, i in enumerate(order) for j in order[place + 1 :]))


def best_of_all_orders(wins):
    return max(agreements(wins, order) for order in permutations(range(len(wins))))


def best_by_sets(wins):
    """Held and Karp: the best order of each set of models that stands on top of the others."""
    models = len(wins)
    best = np.zeros(1 << models, dtype=int)
    for members in range(1, 1 << models):
        rest = [j for j in range(models) if not members >> j & 1]
        last = [i for i in range(models) if members >> i & 1]
        best[members] = max(best[members ^ (1 << i)] + int(wins[i, rest].sum()) for i in last)
    return int(best[-1])


def best_by_program(wins):
    """Every pair one way, no cycle of three: all constraints at once, whole numbers."""
    models = len(wins)
    pairs = list(permutations(range(models), 2))
    at = {pair: k for k, pair in enumerate(pairs)}
    rows, low, high = [], [], []
    for i, j in pairs:
        if i < j:
            rows.append([at[i, j], at[j, i]])
            low.append(1)
            high.append(1)
    for i, j, k in permutations(range(models), 3):
        if i < j and i < k:
            rows.append([at[i, j], at[j, k], at[k, i]])
            low.append(0)
            high.append(2)
    matrix = np.zeros((len(rows), len(pairs)))
    for row, columns in enumerate(rows):
        matrix[row, columns] = 1
    gains = [-float(wins[pair]) for pair in pairs]
    solved = milp(gains, constraints=LinearConstraint(matrix, low, high), integrality=1, bounds=Bounds(0, 1))
    return round(-solved.fun)


def random_wins(seed, models, most=9):
    random = np.random.default_rng(seed)
    wins = random.integers(0, most + 1, (models, models))
    np.fill_diagonal(wins, 0)
    return wins


def fence(size, weight):
    """Grötschel, Jünger, Reinelt: no cycle of three majorities, and a relaxation that stays fractional."""
    wins = np.zeros((2 * size, 2 * size), dtype=int)
    for i in range(size):
        for j in range(size):
            if i == j:
                wins[i, size + i] = weight
            else:
                wins[size + i, j] = weight
    return wins


@pytest.fixture
def programs(monkeypatch):
    """For every linear program that is solved, whether it was for whole numbers."""
    solved, relax = [], solver._relax

    def spied(weights, cuts, settled, start, integral, steps):
        solved.append(integral)
        return relax(weights, cuts, settled, start, integral, steps)

    monkeypatch.setattr(solver, "_relax", spied)
    return solved


@given(score_matrices(rows=(1, 6), columns=(1, 6)))
def test_no_order_has_more_agreements(scores):
    wins = pairwise_wins(scores)
    result = kemeny(wins)
    assert sorted(result.order.tolist()) == list(range(len(wins)))
    assert result.objective == agreements(wins, result.order.tolist()) == best_of_all_orders(wins)
    assert result.bound == result.objective
    assert result.objective == result.bound


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 9), st.sampled_from([1, 2, 5, 100]))
def test_no_order_has_more_agreements_where_majorities_go_in_circles(seed, models, most):
    wins = random_wins(seed, models, most)
    result = kemeny(wins)
    assert result.objective == result.bound == agreements(wins, result.order.tolist()) == best_by_sets(wins)


@pytest.mark.parametrize("seed", range(4))
def test_against_a_mixed_integer_program(seed):
    wins = random_wins(seed, 11, 20)
    assert kemeny(wins).objective == kemeny(wins).bound == best_by_program(wins)


@pytest.mark.parametrize("seed", range(8))
def test_against_a_mixed_integer_program_after_many_rounds(seed):
    random = np.random.default_rng(seed)
    wins = pairwise_wins(random.random((22, 1)) + 1.2 * random.random((22, 9)))
    assert kemeny(wins).objective == kemeny(wins).bound == best_by_program(wins)


@pytest.mark.parametrize("seed", [33, 40, 72, 85, 149, 171, 196, 265, 397, 545, 630, 664])
def test_settling_pairs_saves_work_and_changes_nothing(monkeypatch, seed):
    """Boards on which a pair that is settled twice, once each way, would pass a worse ranking as optimal."""
    random = np.random.default_rng(seed)
    models, benchmarks = random.integers(20, 45), random.integers(5, 25)
    common = random.random((models, 1)) * random.choice([0, 1, 2])
    wins = pairwise_wins(common + 1.2 * random.random((models, benchmarks)))
    result = kemeny(wins)
    monkeypatch.setattr(solver, "_settle", lambda *_: None)
    assert kemeny(wins).objective == result.objective == result.bound == kemeny(wins).bound


@pytest.mark.needs("oracles")
@pytest.mark.parametrize("seed", range(6))
def test_against_pref_voting(seed):
    from pref_voting import other_methods as other
    from pref_voting.profiles import Profile

    random = np.random.default_rng(seed)
    ballots = [random.permutation(6) for _ in range(5 + seed)]
    rankings, distance = other.kemeny_young_rankings(Profile([b.tolist() for b in ballots]))
    result = kemeny(pairwise_wins(np.array([-np.argsort(b) for b in ballots], dtype=float).T))
    assert tuple(result.order.tolist()) in {tuple(r) for r in rankings}
    # Theirs counts the disagreements.
    assert result.objective == len(ballots) * 15 - distance


@pytest.mark.parametrize(("size", "weight"), [(3, 2), (3, 7), (4, 5)])
def test_a_fractional_optimum_is_branched_on(programs, size, weight):
    wins = fence(size, weight)
    result = kemeny(wins)
    assert any(programs)
    assert result.objective == result.bound
    assert result.objective == best_by_sets(wins)
    # A fence loses one majority a half: the relaxation alone would allow a fraction more.
    assert result.objective == weight * (size * size - size + 1)


def test_most_boards_need_no_branching(programs):
    for seed in range(5):
        found = kemeny(random_wins(seed, 15))
        assert found.objective == found.bound
    assert programs
    assert not any(programs)


def test_models_in_no_circle_need_no_program(programs):
    scores = np.arange(12.0)[:, None] + np.zeros(4)
    result = kemeny(pairwise_wins(scores))
    assert result.order.tolist() == list(range(11, -1, -1))
    assert result.objective == 66 * 4
    assert not programs


def test_a_tied_benchmark_agrees_with_neither_order():
    assert kemeny(pairwise_wins(np.array([[0.5, 0.5, 0.5], [0.5, 0.1, 0.9]]))).objective == 1
    nothing = kemeny(pairwise_wins(np.full((3, 2), 0.5)))
    assert (nothing.objective, nothing.bound) == (0, 0)


def test_models_with_equal_margins_share_a_place():
    scores = np.array([[0.1, 0.2], [0.9, 0.1], [0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
    ranking = rank_models(flat_board(scores), "KEMENY")
    assert ranking.ranks[1] == ranking.ranks[3]
    assert len(set(ranking.ranks.tolist())) == 4
    assert rank_models(flat_board(np.full((4, 3), 0.5)), "KEMENY").ranks.tolist() == [1, 1, 1, 1]


@settings(max_examples=20)
@given(score_matrices(rows=(2, 7), columns=(1, 5)), st.integers(0, 99))
def test_scores_give_the_order_and_equal_scores_cost_nothing(scores, seed):
    wins = pairwise_wins(scores)
    result = kemeny(wins)
    random = np.random.default_rng(seed)
    # Models that share a place may stand in any order there.
    shuffled = sorted(random.permutation(len(wins)).tolist(), key=lambda i: -result.scores[i])
    assert agreements(wins, shuffled) == result.objective
    assert np.array_equal(np.argsort(-result.scores, kind="stable"), result.order)
    assert result.scores.max() == len(wins)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_relabelling_models_relabels_the_ranking(seed, models):
    random = np.random.default_rng(seed)
    wins = pairwise_wins(random.random((models, 7)))
    margins = wins - wins.T
    keys = {(m.sum(), (m**3).sum(), (m**2).sum()) for m in margins}
    order = random.permutation(models)
    relabelled = kemeny(wins[np.ix_(order, order)])
    assert relabelled.objective == kemeny(wins).objective
    if len(keys) == models:
        # No two models look alike from afar: then even the choice among several optima is the same.
        assert np.array_equal(relabelled.scores, kemeny(wins).scores[order])


def test_the_same_input_gives_the_same_ranking():
    wins = random_wins(5, 20)
    first, second = kemeny(wins), kemeny(wins.copy(order="F"))
    assert np.array_equal(first.order, second.order)
    assert (first.objective, first.bound) == (second.objective, second.bound)


@given(score_matrices(rows=(2, 7), columns=(1, 5), missing=False), st.sampled_from([0, 200]))
def test_no_dominated_model_is_ahead_even_without_a_proof(scores, rounds):
    values, result = np.round(scores, 9), kemeny(pairwise_wins(scores), rounds)
    for i, better in enumerate(values):
        for j, worse in enumerate(values):
            if (better >= worse).all() and (better > worse).any():
                assert result.scores[i] > result.scores[j]


def test_a_beaten_set_of_models_stands_below_the_set_that_beats_it():
    """Truchon: whoever has a majority against all of a set comes before it, circles inside or not."""
    circle = np.array([[3, 1, 2], [2, 3, 1], [1, 2, 3]])
    scores = np.concatenate((circle, circle + 3, circle + 6)) / 10
    ranking = rank_models(flat_board(scores), "KEMENY")
    assert sorted(ranking.ranks[6:].tolist()) == [1, 2, 3]
    assert sorted(ranking.ranks[:3].tolist()) == [7, 8, 9]


def test_after_any_number_of_rounds_the_bound_holds():
    wins = random_wins(5, 21, 60)
    best = kemeny(wins)
    assert best.objective == best.bound
    assert not best.stopped
    bounds = []
    for rounds in range(12):
        result = kemeny(wins, rounds)
        assert result.objective <= best.objective <= result.bound
        assert (result.objective == result.bound) == (not result.stopped)
        if result.stopped:
            assert result.stopped == ("1 round" if rounds == 1 else f"{rounds} rounds")
        bounds.append(result.bound)
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > best.bound
    assert bounds[-1] == best.bound


def test_without_rounds_the_bound_is_every_majority():
    wins = random_wins(1, 12)
    result = kemeny(wins, 0)
    assert result.bound == np.maximum(wins, wins.T)[np.triu_indices(12, 1)].sum()
    assert agreements(wins, result.order.tolist()) == result.objective < result.bound
    assert result.stopped == "0 rounds"


def test_a_program_at_its_limit_leaves_what_was_proven_and_says_so(monkeypatch):
    monkeypatch.setattr(solver, "WORK", 0)
    wins = random_wins(1, 30)
    result = kemeny(wins)
    assert result.objective <= kemeny(wins).bound
    assert result.objective < result.bound
    assert result.stopped == "the limit of work"


def test_a_search_ends_where_no_move_helps():
    margins = random_wins(7, 14) - random_wins(7, 14).T
    order = improved(margins, np.arange(14)).tolist()
    cost = reversed_weight(margins, np.array(order))
    assert cost == sum(max(margins[j, i], 0) for p, i in enumerate(order) for j in order[p + 1 :])
    for model in order:
        others = [i for i in order if i != model]
        for place in range(14):
            moved = np.array([*others[:place], model, *others[place:]])
            assert reversed_weight(margins, moved) >= cost


def test_unsigned_counts_do_not_wrap():
    assert kemeny(np.array([[0, 1], [2, 0]], dtype=np.uint8)).order.tolist() == [1, 0]


def test_a_model_without_a_score_is_named():
    board = flat_board([[0.5, 0.4], [np.nan, np.nan], [0.1, 0.2]])
    with pytest.raises(BoardError, match="nothing was scored"):
        rank_models(board, "KEMENY")
    assert rank_models(board, "KEMENY", "worst").ranks.tolist() == [1, 3, 2]


@pytest.mark.parametrize(("date", "models", "best"), [("2024-01-01", 83, 114_156), ("2023-10-01", 135, 296_237)])
def test_the_real_cleaned_boards_are_proven_optimal(real_snapshots, date, models, best):
    board = clean(real_snapshots[date].board()).board
    result = kemeny(pairwise_wins(board.scores))
    assert len(result.order) == models
    assert result.objective == result.bound == best == agreements(pairwise_wins(board.scores), result.order.tolist())
    ranking = rank_models(board, "KEMENY")
    assert np.array_equal(ranking.scores, result.scores)
    wins = pairwise_wins(board.scores)
    # The order of mean ranks agrees less.
    by_wins = np.argsort(-wins.sum(axis=1), kind="stable").tolist()
    assert agreements(wins, by_wins) < result.objective


def test_the_real_full_board_has_a_small_proven_gap(real_snapshots):
    board = real_snapshots["2024-01-01"].board()
    assert not board.complete
    result = kemeny(pairwise_wins(board.scores), rounds=6)
    assert len(result.order) == 281
    assert 0 < 1 - result.objective / result.bound < 0.02
    assert result.stopped == "6 rounds"


def test_components_of_a_majority_graph_are_those_of_scipy():
    rng = np.random.default_rng(0)
    for _ in range(200):
        models = int(rng.integers(1, 12))
        # Mostly in the order of a hidden ranking, so that there are few components, or many.
        above = np.triu(rng.random((models, models)) < rng.choice([0.5, 0.8, 0.95, 1.0]), k=1)
        weights = np.triu(np.where(above, 3, -3), k=1)
        shuffled = rng.permutation(models)
        weights = (weights - weights.T)[np.ix_(shuffled, shuffled)]
        found = _components(weights)
        _, label = connected_components(weights > 0, directed=True, connection="strong")
        assert {tuple(members.tolist()) for members in found} == {
            tuple(np.flatnonzero(label == one).tolist()) for one in np.unique(label)
        }
        for i, members in enumerate(found):
            for later in found[i + 1 :]:
                assert (weights[np.ix_(members, later)] > 0).all()


def test_copies_of_real_benchmarks_are_proven_too(real_snapshots):
    """Each makes the optimum fractional, so that a program in whole numbers follows, with few open pairs."""
    board = clean(real_snapshots["2024-01-01"].board()).board
    wins = pairwise_wins(board.scores)
    for leaf in ("SanghaviMurty2020.V4-pls", "Marques2020_DeValois1982-peak_sf", "FreemanZiemba2013.V2-pls"):
        column = np.round(board.scores[:, board.leaves.index(leaf)], 9)
        result = kemeny(wins + (column[:, None] > column))
        assert (result.stopped, result.objective) == ("", result.bound), leaf
