"""Simultaneous rank sets: against a plain reading of the method, and by simulation with a known truth."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from brainalign_plugin.aggregation import get_scheme
from brainalign_plugin.analysis import rank_sets as module
from brainalign_plugin.analysis.boards import ranks_of_all
from brainalign_plugin.analysis.rank_sets import rank_sets, scheme_rank_sets
from brainalign_plugin.analysis.resampling import blocks
from brainalign_plugin.errors import BoardError, InputError
from tests.boards import board_of, board_of_matrix, score_matrices


def by_the_book(contributions, resamples, seed, level):
    """The stepdown with loops over pairs: each resample studentised by its own standard errors."""
    n, m = contributions.shape

    def moments(x, i, k):
        difference = x[i] - x[k]
        return difference.mean(), difference.std() / np.sqrt(m - 1)

    draws = []
    for block in blocks(resamples, seed):
        rng = np.random.default_rng(block.seed)
        draws.extend(rng.multinomial(m, np.full(m, 1 / m), size=block.size))
    pairs = [(i, k) for i in range(n) for k in range(n) if i != k]
    observed, bootstrapped = {}, {}
    for i, k in pairs:
        mean, error = moments(contributions, i, k)
        if error**2 <= 1e-18:
            observed[i, k], bootstrapped[i, k] = 0.0, np.zeros(resamples)
            continue
        observed[i, k] = mean / error
        values = []
        for counts in draws:
            again = np.repeat(contributions, counts, axis=1)
            mean_again, error_again = moments(again, i, k)
            values.append((mean_again - mean) / max(error_again, np.sqrt(0.1) * error))
        bootstrapped[i, k] = np.array(values)
    open_pairs, above = list(pairs), set()
    critical = 0.0
    while open_pairs:
        largest = np.sort(np.max([bootstrapped[pair] for pair in open_pairs], axis=0))
        critical = largest[int(np.ceil(level * (resamples - 1)))]
        found = {pair for pair in open_pairs if observed[pair] > critical}
        if not found:
            break
        above |= found
        open_pairs = [pair for pair in open_pairs if pair not in found]
    low = [1 + sum((k, i) in above for k in range(n)) for i in range(n)]
    high = [n - sum((i, k) in above for k in range(n)) for i in range(n)]
    return low, high, critical


@settings(max_examples=25)
@given(scores=score_matrices((2, 5), (2, 12), missing=False), spread=st.sampled_from([0.0, 0.3, 2.0]))
def test_the_sets_are_those_of_a_loop_over_pairs(scores, spread):
    contributions = np.round(scores, 3) + spread * np.arange(len(scores))[:, None]
    found = rank_sets(contributions, 40, seed=2, level=0.9)
    low, high, critical = by_the_book(contributions, 40, 2, 0.9)
    assert (found.low.tolist(), found.high.tolist()) == (low, high)
    assert found.critical == pytest.approx(critical, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("cells", [1, 700, 100_000])
def test_the_size_of_the_blocks_changes_nothing(monkeypatch, cells, level):
    """What is below the floor that is known so far is passed over, be the floor of few pairs or of many."""
    rng = np.random.default_rng(4)
    contributions = np.linspace(0, 3, 9)[:, None] + rng.exponential(size=(9, 14)) * np.arange(1, 10)[:, None]
    contributions[7], contributions[3] = contributions[2], contributions[2] + 0.25
    low, high, critical = by_the_book(contributions, 150, 5, level)
    monkeypatch.setattr(module, "_CELLS", cells)
    found = rank_sets(contributions, 150, 5, level)
    assert (found.low.tolist(), found.high.tolist()) == (low, high)
    assert found.critical == pytest.approx(critical, rel=1e-12)


def test_a_large_number_on_all_models_takes_no_digits_away():
    rng = np.random.default_rng(6)
    contributions = np.linspace(0, 2, 6)[:, None] + rng.normal(size=(6, 20))
    found, shifted = (
        rank_sets(contributions, 200),
        rank_sets(contributions + 2.0**20 * rng.integers(9, size=20), 200),
    )
    assert shifted.differ.tolist() == found.differ.tolist()
    assert shifted.critical == pytest.approx(found.critical, rel=1e-8)


def test_later_steps_find_more_and_never_less():
    rng = np.random.default_rng(8)
    means = np.repeat([0.0, 0.6, 4.0], 4)
    contributions = means[:, None] + rng.normal(size=(12, 60))
    steps, single = (rank_sets(contributions, 300, stepwise=s) for s in (True, False))
    assert (steps.differ | ~single.differ).all()
    assert steps.differ.sum() > single.differ.sum()
    assert steps.critical < single.critical
    assert (steps.low >= single.low).all()
    assert (steps.high <= single.high).all()


def covered(means, draw, boards, resamples=250, level=0.95, sets=rank_sets):
    """Share of boards on which all sets hold every rank that the truth allows; ties share ranks."""
    best = 1 + (means > means[:, None]).sum(axis=1)
    worst = len(means) - (means < means[:, None]).sum(axis=1)
    hits = 0
    for seed in range(boards):
        rng = np.random.default_rng(seed)
        found = sets(means[:, None] + draw(rng), resamples, seed, level)
        hits += bool(((found.low <= best) & (worst <= found.high)).all())
    return hits / boards


def sets_of_observed_errors(contributions, resamples, seed, level):
    """One step, with the standard errors of the board in all resamples."""
    n, m = contributions.shape
    differences = contributions[:, None] - contributions
    mean = differences.mean(axis=2)
    error = differences.std(axis=2) / np.sqrt(m - 1)
    np.fill_diagonal(error, 1.0)
    drawn = np.random.default_rng(seed).multinomial(m, np.full(m, 1 / m), size=resamples)
    again = (np.tensordot(drawn, differences, (1, 2)) / m - mean) / error
    above = mean / error > np.quantile(again.max(axis=(1, 2)), level)
    return SimpleNamespace(low=1 + above.sum(axis=0), high=n - above.sum(axis=1))


SHAPE = (12, 40)
NOISE = {
    "normal": lambda rng: rng.normal(size=SHAPE),
    "skewed": lambda rng: rng.exponential(size=SHAPE),
    "ranks": lambda rng: stats.rankdata(rng.normal(size=SHAPE), axis=0),
    "in common": lambda rng: rng.normal(size=SHAPE) + 5 * rng.normal(size=SHAPE[1]),
    "uneven weights": lambda rng: rng.normal(size=SHAPE) * rng.choice([0.2, 1, 3], SHAPE[1]),
}


@pytest.mark.parametrize("kind", NOISE)
def test_equal_models_are_told_apart_on_few_boards(kind):
    """All are first and last at once; 0.95 is promised for all sets together."""
    share = covered(np.zeros(SHAPE[0]), NOISE[kind], boards=150)
    # Four standard errors below, so that chance fails this once in thirty thousand runs of another seed.
    assert share > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 150)


def test_spread_and_tied_models_are_covered():
    spread, groups = np.linspace(0, 2.5, SHAPE[0]), np.repeat([0.0, 1.2, 1.2], 4)
    for means in (spread, groups):
        assert covered(means, NOISE["normal"], boards=100) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)


def test_the_observed_errors_alone_would_cover_too_seldom():
    """Why each resample has its own: this is what the simulation above is able to notice."""
    share = covered(
        np.zeros(12), lambda rng: rng.normal(size=(12, 12)), boards=100, sets=sets_of_observed_errors
    )
    assert share < 0.85


def test_far_models_have_their_rank_and_equal_ones_share_them():
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.normal(size=(5, 30))
    means = np.array([3.0, 1.0, 1.0, 2.0, 0.0])
    noise[2] = noise[1]
    found = rank_sets(means[:, None] + noise, 200)
    assert found.low.tolist() == [1, 3, 3, 2, 5]
    assert found.high.tolist() == [1, 4, 4, 2, 5]
    assert found.differ.sum() == 9


def test_two_benchmarks_that_disagree_say_nothing_but_say_it():
    found = rank_sets(np.array([[0.9, 0.5], [0.1, 0.4], [0.5, 0.4]]), 100)
    assert (found.low.tolist(), found.high.tolist()) == ([1, 1, 1], [3, 3, 3])


def test_what_cannot_be_is_refused():
    with pytest.raises(BoardError, match="at least two benchmarks; this board has 1"):
        rank_sets(np.array([[0.5], [0.4]]))
    with pytest.raises(InputError, match=r"level of the rank sets is 95"):
        rank_sets(np.ones((2, 2)), level=95)
    with pytest.raises(InputError, match="0 resamples"):
        rank_sets(np.ones((2, 2)), resamples=0)


def test_schemes_have_sets_where_they_are_means_of_benchmarks():
    rng = np.random.default_rng(1)
    board = board_of(rng.uniform(size=(5, 6)).round(3).tolist())
    for name in ("HIER", "ZMEAN", "RANK", "NORMAL"):
        scheme = get_scheme(name)
        found = scheme_rank_sets(scheme, board, 60)
        ranks = ranks_of_all(scheme.scores(board))
        assert ((found.low <= ranks) & (ranks <= found.high)).all()
    assert scheme_rank_sets(get_scheme("COPELAND"), board) is None
    assert scheme_rank_sets(get_scheme("FLAT"), board.take(columns=[0])) is None
    missing = np.array(board.scores)
    missing[0, 0] = np.nan
    assert scheme_rank_sets(get_scheme("FLAT"), board_of_matrix(missing)) is None


def test_the_means_of_the_contributions_are_the_scores():
    """Else the sets would be about something else than the ranks beside them."""
    rng = np.random.default_rng(2)
    board = board_of(rng.uniform(size=(5, 6)).round(3).tolist())
    seen = []
    original = module.rank_sets
    try:
        module.rank_sets = lambda contributions, *_: seen.append(contributions.mean(axis=1))
        for name in ("HIER", "HIER_ZMEAN", "FLAT"):
            scheme_rank_sets(get_scheme(name), board)
            np.testing.assert_allclose(seen[-1], get_scheme(name).scores(board), atol=1e-12)
    finally:
        module.rank_sets = original
