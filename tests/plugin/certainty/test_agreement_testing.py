"""Agreement testing against scipy and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

from brainalign_plugin.certainty.benchmarks import agreement_testing
from brainalign_plugin.certainty.bootstrap import draw_counts
from brainalign_plugin.certainty.families import families
from brainalign_plugin.errors import InputError
from tests.boards import board_of_matrix, drawn_board, halves, unrelated


def win_rates(scores):
    """Share of the other models that each beats, a tie counting half."""
    n = len(scores)
    return (np.apply_along_axis(rankdata, 0, scores) - 1) / (n - 1)


def taus(board, rows):
    rates = win_rates(board.scores)
    return [
        kendalltau(board.scores[rows, j], np.round(np.delete(rates, j, axis=1).mean(axis=1), 12)[rows])[0]
        for j in range(len(board.leaves))
    ]


def test_every_benchmark_against_the_others():
    board = unrelated(drawn_board(1, 24, 6, digits=2))
    found = agreement_testing(board, (5, 12), subsets=8, resamples=3, seed=4)
    expected = taus(board, np.arange(24))
    assert [one.tau for one in found.benchmarks] == pytest.approx(expected)
    z = (np.array(expected) - np.mean(expected)) / np.std(expected, ddof=1)
    assert [one.z for one in found.benchmarks] == pytest.approx(z.tolist())
    random = np.random.default_rng(4)
    for k, size in enumerate((5, 12)):
        over = np.array([taus(board, random.permutation(24)[:size]) for _ in range(8)])
        means = np.nanmean(over, axis=0)
        assert [one.subsets[k].tau for one in found.benchmarks] == pytest.approx(means.tolist())
        places = (means - means.mean()) / means.std(ddof=1)
        assert [one.subsets[k].z for one in found.benchmarks] == pytest.approx(places.tolist())
        sd = np.nanstd(over, axis=0, ddof=1)
        assert [one.subsets[k].sd for one in found.benchmarks] == pytest.approx(sd.tolist())


def test_intervals_are_over_drawn_families():
    board = unrelated(drawn_board(2, 30, 5))
    found = agreement_testing(board, (5,), resamples=200, seed=2)
    counts = draw_counts(families(board).labels, 200, 2)
    drawn = [taus(board, np.repeat(np.arange(30), times)) for times in counts[:40]]
    inside = np.mean(
        [[one.interval.low <= tau <= one.interval.high for one, tau in zip(found.benchmarks, row, strict=True)]
         for row in drawn]
    )  # fmt: skip
    assert inside > 0.9
    one_family = board_of_matrix(board.scores, halves(5))
    assert all(one.interval is None for one in agreement_testing(one_family).benchmarks)


def test_constants_and_small_boards():
    scores = drawn_board(3, 12, 4).scores.copy()
    scores[:, 1] = 0.5
    found = agreement_testing(board_of_matrix(scores, halves(4)))
    flat = found.benchmarks[1]
    assert flat.tau is flat.z is flat.subsets[0].tau is None
    assert found.benchmarks[0].z is not None
    assert [one.models for one in flat.subsets] == [5, 10]
    assert "3 models on 2 are needed" in agreement_testing(board_of_matrix(scores[:2], halves(4))).reason
    for sizes, subsets in (((2,), 5), ((5,), 0)):
        with pytest.raises(InputError, match="give at least 1, of at least 3 models"):
            agreement_testing(board_of_matrix(scores, halves(4)), sizes, subsets)
