"""Intervals of ranks: the posterior where there is one, else boards without a paper, aggregated one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainalign_plugin.certainty.rank import Resampling, rank_schemes, rank_uncertainty
from brainalign_plugin.certainty.variance_components import certainty_of
from brainalign_plugin.data.tree import paper
from brainalign_plugin.errors import BoardError, InputError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import ComparedBoard, aggregated, compared_board, ranks_of_all
from brainalign_plugin.schemes import get_scheme
from tests.boards import board_of_matrix, tree_of
from tests.schemes import reference_of

TREE = tree_of(
    {
        "average_vision": {
            "neural_vision": {"Ada2020.V1-pls": None, "Bob2021.V1-pls": None, "Cyd2022.V1-pls": None},
            "behavior_vision": {"Dan2020-i2n": None, "Eve2021-i2n": None},
        }
    }
)


def random_board(models=12, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    scores = (0.4 + 0.2 * rng.uniform(size=(models, 1)) + 0.2 * rng.uniform(size=(models, 5))).round(3)
    scores[rng.uniform(size=scores.shape) < missing] = np.nan
    return board_of_matrix(scores, TREE)


@pytest.mark.parametrize("name", ["HIER", "ZMEAN", "HIER_NORMAL"])
def test_a_weighted_mean_of_a_complete_board_has_the_intervals_of_its_posterior(name):
    board = random_board()
    found = rank_uncertainty(get_scheme(name), board, None, Resampling(0.9, 300, 4))
    known = certainty_of(name, board).posterior
    expected = known.ranks(300, 4, 0.9)
    assert (found.kind, found.level, found.reason) == ("posterior", 0.9, "")
    assert (found.low.tolist(), found.high.tolist()) == (expected.low.tolist(), expected.high.tolist())
    assert found.first.tolist() == known.first().tolist()
    assert found.top_ten.tolist() == expected.top_ten.tolist()


@pytest.mark.parametrize(
    ("name", "missing", "convention", "words"),
    [
        ("MEDIAN_RANK", 0.0, None, "no weighted mean"),
        ("COPELAND", 0.0, None, "no weighted mean"),
        ("HIER", 0.2, None, "scores of the board are missing"),
        ("ZMEAN", 0.2, "mean", "scores of the board are missing"),
    ],
)
def test_any_other_has_its_range_over_boards_without_a_paper(name, missing, convention, words):
    board, scheme = random_board(missing=missing), get_scheme(name)
    found = rank_uncertainty(scheme, board, convention)
    rows = [ranks_of_all(aggregated(scheme, board, convention))]
    for left_out in {paper(leaf) for leaf in board.leaves}:
        kept = [j for j, leaf in enumerate(board.leaves) if paper(leaf) != left_out]
        rows.append(ranks_of_all(aggregated(scheme, board.take(columns=kept), convention)))
    assert (found.kind, found.level, found.first, found.papers, found.failed) == ("papers", None, None, 5, 0)
    assert (found.low.tolist(), found.high.tolist()) == (np.min(rows, 0).tolist(), np.max(rows, 0).tolist())
    assert words in found.reason


def test_a_board_of_one_paper_has_neither():
    tree = tree_of({"average_vision": {"neural_vision": {"Ada2020.V1-pls": None, "Ada2020.V4-pls": None}}})
    board = board_of_matrix([[0.1, 0.2], [0.3, 0.1], [0.5, 0.6]], tree)
    for name in ("MEDIAN_RANK", "HIER"):
        with pytest.raises(BoardError, match="of 1 paper none can be left out"):
            rank_uncertainty(get_scheme(name), board)
        (one,) = rank_schemes(ComparedBoard("cleaned", board, ()), reference_of(board), [name], None, Resampling())
        assert one.ranking is not None
        assert one.uncertainty is None
        assert "has no interval of ranks" in one.problem


def test_a_paper_that_a_scheme_cannot_do_without_is_counted():
    def combine(scaled, board):
        if "Dan2020-i2n" not in board.leaves:
            raise BoardError("no fit")
        return scaled.mean(axis=1)

    scheme = replace(get_scheme("FLAT"), name="FLAKY", weights=None, combine=combine)
    found = rank_uncertainty(scheme, random_board())
    assert (found.papers, found.failed) == (5, 1)


def test_processes_change_nothing_and_bad_numbers_are_named():
    board = random_board(missing=0.1)
    one, two = (rank_uncertainty(get_scheme("HIER"), board, None, Resampling(jobs=jobs)) for jobs in (1, 2))
    assert one.low.tolist() == two.low.tolist()
    assert one.high.tolist() == two.high.tolist()
    for options, message in (({"resamples": 0}, "0 draws"), ({"level": 1.0}, "a number between 0 and 1")):
        with pytest.raises(InputError, match=message):
            Resampling(**options)
    with pytest.raises(InputError, match="give at least 1 draw and a level between 0 and 1"):
        certainty_of("HIER", random_board()).posterior.ranks(0)


def test_what_takes_long_has_intervals_only_when_asked(real_snapshots):
    snapshot = real_snapshots["2024-01-01"]
    compared, reference = compared_board(snapshot), given_board(snapshot)
    found = rank_schemes(compared, reference, ("HIER", "COPELAND", "BT"), None, Resampling(resamples=50))
    kinds = [None if one.uncertainty is None else one.uncertainty.kind for one in found]
    assert kinds == ["posterior", "papers", None]
    # Resampled leaves claimed 84 % for the first model, where 31 % is what papers support.
    assert found[0].uncertainty.first.max() == pytest.approx(0.31, abs=0.02)
