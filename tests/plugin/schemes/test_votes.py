"""Condorcet schemes against their definitions written out, pref_voting, and a published election."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.errors import BoardError
from brainalign_plugin.scales import competition_ranks
from brainalign_plugin.schemes import get_scheme, rank_models
from brainalign_plugin.schemes.pairwise import pairwise_compared, pairwise_wins
from brainalign_plugin.schemes.voting import copeland_scores, schulze_scores, simpson_scores, widest_paths
from tests.boards import board_of_matrix, score_matrices, tree_of

NAMES = ("COPELAND", "SIMPSON", "SCHULZE")
SCORES = {"COPELAND": copeland_scores, "SIMPSON": simpson_scores, "SCHULZE": schulze_scores}

# Schulze (2011), example 1: 45 voters, five candidates.
ELECTION = {"ACBED": 5, "ADECB": 5, "BEDAC": 8, "CABED": 3, "CAEBD": 7, "CBADE": 2, "DCEBA": 7, "EBADC": 8}


def flat_board(scores):
    leaves = {f"Paper{2000 + j}-x": None for j in range(np.shape(scores)[1])}
    return board_of_matrix(scores, tree_of({"average_vision": leaves}))


def profile(ballots):
    """Scores of the candidates A, B, C, ..., a column a voter."""
    columns = [[-ballot.index(c) for c in sorted(ballot)] for ballot, n in ballots.items() for _ in range(n)]
    return np.array(columns, dtype=float).T


def random_profile(seed, models, benchmarks, values=None):
    random = np.random.default_rng(seed)
    if values is None:
        return np.array([random.permutation(models) for _ in range(benchmarks)]).T.astype(float)
    return random.integers(0, values, (models, benchmarks)).astype(float)


def naive_wins(scores):
    values = np.round(scores, 9)
    return np.array([[sum(x > y for x, y in zip(a, b, strict=True)) for b in values] for a in values])


def strongest_path(margins, start, end):
    """Over all simple paths, written out."""
    others = [k for k in range(len(margins)) if k not in (start, end)]
    best = 0
    for length in range(len(others) + 1):
        for between in permutations(others, length):
            path = (start, *between, end)
            best = max(best, min(margins[a, b] for a, b in pairwise(path)))
    return best


@given(score_matrices(rows=(1, 8)))
def test_wins_are_counted_where_both_are_present(scores):
    wins = pairwise_wins(scores)
    assert wins.dtype == np.int64
    assert np.array_equal(wins, naive_wins(scores).reshape(wins.shape))


@given(score_matrices(rows=(1, 8)))
def test_wins_losses_and_ties_make_up_the_comparisons(scores):
    values, wins, compared = np.round(scores, 9), pairwise_wins(scores), pairwise_compared(scores)
    ties = np.array([[(x == y).sum() for y in values] for x in values])
    assert np.array_equal(wins + wins.T + ties, compared)
    margins = wins - wins.T
    assert np.array_equal(margins, -margins.T)


@pytest.mark.parametrize("benchmarks", [255, 256, 300])
def test_counts_do_not_overflow(benchmarks):
    scores = np.tile([[0.2], [0.1]], benchmarks)
    assert pairwise_wins(scores).tolist() == [[0, benchmarks], [0, 0]]
    assert widest_paths(pairwise_wins(scores) - pairwise_wins(scores).T)[0, 1] == benchmarks


@pytest.mark.parametrize("models", [254, 255, 256, 300])
def test_more_models_than_a_block_and_than_a_byte(models):
    random = np.random.default_rng(models)
    scores = random.random((models, 3))
    scores[:, 1:][random.random((models, 2)) < 0.2] = np.nan
    expected = sum((column[:, None] > column).astype(int) for column in scores.T)
    assert np.array_equal(pairwise_wins(scores), expected)


def test_what_is_missing_decides_no_pair():
    nan = np.nan
    wins = pairwise_wins(np.array([[0.9, nan, 0.1], [nan, 0.1, 0.2], [0.5, 0.2, nan]]))
    assert wins.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


@given(score_matrices(rows=(1, 7)))
def test_copeland_and_simpson_by_definition(scores):
    wins = naive_wins(scores).reshape(len(scores), len(scores))
    for i in range(len(wins)):
        margins = [int(wins[i, j] - wins[j, i]) for j in range(len(wins)) if j != i]
        assert copeland_scores(wins)[i] == sum(x > 0 for x in margins) + sum(x == 0 for x in margins) / 2
        assert simpson_scores(wins)[i] == min(margins, default=0)


@given(score_matrices(rows=(1, 5)))
def test_schulze_by_all_paths(scores):
    wins = pairwise_wins(scores)
    margins, models = wins - wins.T, range(len(wins))
    strength = np.array([[0 if i == j else strongest_path(margins, i, j) for j in models] for i in models])
    assert np.array_equal(widest_paths(margins), strength)
    beats = strength > strength.T
    expected = beats.sum(axis=1) + ((~beats & ~beats.T).sum(axis=1) - 1) / 2
    assert np.array_equal(schulze_scores(wins), expected)
    for i, j in np.argwhere(beats):
        assert schulze_scores(wins)[i] > schulze_scores(wins)[j]


def test_models_in_a_circle_tie():
    margins = np.array([[0, 1, -3], [-1, 0, 2], [3, -2, 0]])
    # From each to each the widest way is as wide as its narrowest majority; nobody needs a way to himself.
    assert widest_paths(margins).tolist() == [[0, 1, 1], [2, 0, 2], [3, 1, 0]]
    circle = np.array([[3, 1, 2], [2, 3, 1], [1, 2, 3]], dtype=float)
    assert schulze_scores(pairwise_wins(circle)).tolist() == [1, 1, 1]


def test_the_published_election():
    wins = pairwise_wins(profile(ELECTION))
    assert wins.tolist() == [
        [0, 20, 26, 30, 22],
        [25, 0, 16, 33, 18],
        [19, 29, 0, 17, 24],
        [15, 12, 28, 0, 14],
        [23, 27, 21, 31, 0],
    ]
    order = np.argsort(-schulze_scores(wins))
    assert "".join("ABCDE"[i] for i in order) == "EACBD"
    assert len(set(schulze_scores(wins))) == 5


@pytest.mark.needs("oracles")
@pytest.mark.parametrize("seed", range(12))
def test_against_pref_voting(seed):
    from pref_voting import voting_methods as methods
    from pref_voting.weighted_majority_graphs import MarginGraph

    scores = random_profile(seed, 7, 5 + seed, None if seed % 2 else 4)
    wins = pairwise_wins(scores)
    margins = wins - wins.T
    edges = [(i, j, int(margins[i, j])) for i, j in np.argwhere(margins > 0).tolist()]
    graph = MarginGraph(list(range(7)), edges)
    # Theirs count a loss as -1, ours a tie as a half: one is twice the other, shifted.
    theirs = graph.copeland_scores()
    assert [2 * x - 6 for x in copeland_scores(wins)] == [theirs[i] for i in range(7)]
    minimax = methods.minimax_scores(graph)
    # Without a defeat theirs is 0; ours goes on to the narrowest win.
    assert [min(x, 0) for x in simpson_scores(wins)] == [minimax[i] for i in range(7)]
    paths = widest_paths(margins)
    winners = np.flatnonzero((paths >= paths.T).all(axis=1)).tolist()
    assert winners == sorted(methods.beat_path(graph))
    defeats = methods.beat_path_defeat(graph)
    assert sorted(defeats.edges) == [tuple(x) for x in np.argwhere(paths > paths.T).tolist()]


@pytest.mark.parametrize("name", NAMES)
@given(scores=score_matrices(rows=(2, 8), columns=(1, 5)), seed=st.integers(0, 99))
def test_relabelling_models_relabels_the_scores(name, scores, seed):
    order = np.random.default_rng(seed).permutation(len(scores))
    assert np.array_equal(SCORES[name](pairwise_wins(scores[order])), SCORES[name](pairwise_wins(scores))[order])


@pytest.mark.parametrize("name", NAMES)
@given(scores=score_matrices(rows=(2, 7), columns=(1, 5), missing=False))
def test_no_dominated_model_is_ahead(name, scores):
    values = np.round(scores, 9)
    result = SCORES[name](pairwise_wins(scores))
    for i, better in enumerate(values):
        for j, worse in enumerate(values):
            if (better >= worse).all() and (better > worse).any():
                assert result[i] >= result[j]


@pytest.mark.parametrize("name", ["COPELAND", "SIMPSON"])
@given(scores=score_matrices(rows=(2, 7), columns=(1, 5), missing=False), data=st.data())
def test_a_raised_score_lowers_no_rank(name, scores, data):
    i = data.draw(st.integers(0, len(scores) - 1))
    j = data.draw(st.integers(0, scores.shape[1] - 1))
    raised = np.array(scores)
    raised[i, j] = data.draw(st.floats(scores[i, j], 1.0))
    before = competition_ranks(SCORES[name](pairwise_wins(scores)))[i]
    assert competition_ranks(SCORES[name](pairwise_wins(raised)))[i] <= before


def test_schulze_claims_no_monotonicity_because_a_raised_score_can_cost_a_rank():
    """A raised score wins its model no defeat, but opens paths through it on which another overtakes."""
    scores = np.array(
        [[0, 1, 5, 4, 3, 2], [2, 4, 3, 0, 1, 5], [2, 5, 4, 0, 1, 3], [3, 2, 1, 0, 5, 4], [5, 4, 1, 3, 2, 0]]
    ).T.astype(float)
    raised = np.array(scores)
    raised[5, 0] = 3.0
    before, after = (schulze_scores(pairwise_wins(x)) for x in (scores, raised))
    assert (competition_ranks(before)[5], competition_ranks(after)[5]) == (1, 2)
    assert not get_scheme("SCHULZE").claims.monotonicity


@pytest.mark.parametrize("name", NAMES)
def test_a_rescaled_benchmark_changes_nothing(name):
    scores = np.random.default_rng(3).random((9, 5))
    rescaled = np.array(scores)
    rescaled[:, 2], rescaled[:, 4] = rescaled[:, 2] / 2, rescaled[:, 4] ** 2
    assert np.array_equal(rank_models(flat_board(scores), name).scores, rank_models(flat_board(rescaled), name).scores)


@pytest.mark.parametrize("name", NAMES)
def test_one_model_and_all_ties(name):
    assert rank_models(flat_board([[0.5, 0.5]]), name).ranks.tolist() == [1]
    assert rank_models(flat_board(np.full((4, 3), 0.5)), name).ranks.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_without_a_score_is_named_and_does_not_tie_with_all(name):
    board = flat_board([[0.5, 0.4], [np.nan, np.nan], [0.1, 0.2]])
    with pytest.raises(BoardError, match=f"{board.models[1].id} .*nothing was scored"):
        rank_models(board, name)
    assert rank_models(board, name, "worst").ranks[1] > 1


@pytest.mark.parametrize("name", NAMES)
def test_the_rule_for_missing_cells_matters(name):
    board = flat_board([[0.5, np.nan, np.nan], [0.4, 0.9, 0.9], [0.3, 0.8, 0.8]])
    assert rank_models(board, name, "skip").ranks[0] == 1
    assert rank_models(board, name, "zero").ranks[0] > 1


def test_the_condorcet_winner_of_the_real_board_is_first(real_snapshots):
    board = clean(real_snapshots["2024-01-01"].board()).board
    wins = pairwise_wins(board.scores)
    unbeaten = np.flatnonzero((wins > wins.T).sum(axis=1) == len(wins) - 1)
    assert len(unbeaten) == 1
    for name in NAMES:
        assert rank_models(board, name).ranks[unbeaten[0]] == 1


def test_the_real_full_board_is_ranked_by_what_is_there(real_snapshots):
    board = real_snapshots["2024-01-01"].board()
    wins, compared = pairwise_wins(board.scores), pairwise_compared(board.scores)
    assert (wins + wins.T <= compared).all()
    for name in NAMES:
        ranking = rank_models(board, name)
        assert ranking.convention == "skip"
        assert np.array_equal(ranking.scores, SCORES[name](wins))
