"""Predictive validity: the real table, and the definition paper by paper."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from brainalign_plugin.certainty.families import Families, families
from brainalign_plugin.certainty.validity import validity, validity_over_time
from brainalign_plugin.data.cleaning import clean
from brainalign_plugin.errors import BoardError, InputError, SchemeError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.schemes import get_scheme
from tests.boards import board_of_matrix
from tests.plugin.certainty import independent
from tests.plugin.certainty.test_variance_components import DEEP_TREE, random_board

NAMES = ("UNIVERSE", "HIER_ZMEAN", "HIER", "RANK", "ZMEAN", "FLAT")
TABLE = {
    "2024-01-01": (9, (0.4793, 0.4301, 0.4110, 0.3948, 0.3806, 0.3352)),
    "2025-05-07": (8, (0.4569, 0.4658, 0.4339, 0.4021, 0.3749, 0.3426)),
}


@pytest.mark.parametrize("date", TABLE)
def test_the_real_table(real_board, date):
    found = validity(real_board(date), NAMES, resamples=50)
    papers, expected = TABLE[date]
    assert len(found.papers) == papers
    for name, value in zip(NAMES, expected, strict=True):
        # The universe score is an optimum, and equal flat means may tie or differ by rounding in the table.
        exact = name not in ("UNIVERSE", "FLAT")
        assert found.schemes[name].mean == pytest.approx(value, abs=0.00005 if exact else 0.00015), name
    assert [one.mean for one in found.schemes.values()] == sorted(
        (one.mean for one in found.schemes.values()), reverse=True
    )


@pytest.mark.parametrize("name", ["HIER", "ZMEAN", "COPELAND", "MEDIAN_RANK"])
def test_each_paper_is_predicted_by_the_others(name):
    board = random_board(6, models=14)
    alone = Families(board.ids, np.arange(14), ())
    found = validity(board, [name], grouped=alone, resamples=100).schemes[name]
    expected = {}
    for paper in dict.fromkeys(map(independent.paper_of, board.leaves)):
        own = [j for j, leaf in enumerate(board.leaves) if independent.paper_of(leaf) == paper]
        rest = [j for j in range(len(board.leaves)) if j not in own]
        target = rankdata(board.scores[:, own], axis=0).mean(axis=1)
        expected[paper] = spearmanr(get_scheme(name).scores(board.take(columns=rest)).round(9), target)[0]
    assert found.papers == pytest.approx(expected)
    assert found.mean == pytest.approx(np.mean(list(expected.values())))
    assert found.interval.low < found.mean < found.interval.high
    assert validity(board, [name], resamples=20).schemes[name].interval is None


def test_resamples_redraw_families_and_differences_are_paired(real_board):
    board = real_board("2024-01-01")
    found = validity(board, ("HIER", "HIER_ZMEAN", "FLAT"), resamples=200, seed=3)
    assert found.families == families(board).count == 23
    again = validity(board, ("HIER", "HIER_ZMEAN", "FLAT"), resamples=200, seed=3)
    assert found.schemes["HIER"].interval == again.schemes["HIER"].interval
    difference = found.difference("HIER_ZMEAN", "FLAT")
    assert difference.value == pytest.approx(0.4301 - 0.3351, abs=0.0002)
    assert difference.low < difference.value < difference.high
    widths = [i.high - i.low for i in (difference, found.schemes["HIER"].interval)]
    assert widths[0] < widths[1]
    assert found.difference("HIER", "HIER").high == 0
    with pytest.raises(InputError, match="'BORDA' was not compared"):
        found.difference("HIER", "BORDA")


def test_every_scheme_is_asked(real_snapshot):
    board = random_board(2, models=20)
    found = validity(board, resamples=10)
    assert {"UNIVERSE", "NORMAL_UNIVERSE", "KEMENY", "PL", "HIER"} <= set(found.schemes)
    assert not {"REF_ZMEAN"} & set(found.schemes)
    frozen = validity(random_board(2, models=5), ["hier_ref_normal"], _reference(), resamples=5)
    assert list(frozen.schemes) == ["HIER_REF_NORMAL"]
    with pytest.raises(SchemeError, match="NOPE"):
        validity(board, ["NOPE"])


def _reference():
    from tests.boards import snapshot_of

    rows = random_board(2, models=5).scores.tolist()
    return given_board(snapshot_of(DEEP_TREE, rows))


def test_a_scheme_that_cannot_be_used_without_a_paper_says_nothing_of_it():
    board = random_board(3, models=10)
    rest = board.take(columns=[0, 1, 2, 5])
    found = validity(rest, ["DSEP", "HIER"], resamples=20)
    assert found.schemes["DSEP"].papers["Cc2003"] is None
    assert found.schemes["HIER"].papers["Cc2003"] is not None
    assert found.schemes["DSEP"].mean is not None
    assert found.difference("DSEP", "HIER") is None
    alone = validity(board.take(columns=[6, 7]), ["HIER"], resamples=20)
    assert alone.schemes["HIER"].mean is None
    assert alone.schemes["HIER"].interval is None


def test_boards_without_an_answer():
    board = random_board(3)
    with pytest.raises(BoardError, match="2 complete models"):
        validity(board.take(rows=[0, 1]))
    with pytest.raises(BoardError, match="0 benchmarks"):
        validity(board_of_matrix(np.full((4, 8), np.nan), DEEP_TREE))


def test_a_board_with_gaps_is_cleaned_first(real_snapshot, real_board):
    whole = validity(real_snapshot("2024-01-01").board(), ["HIER"], resamples=5)
    assert (
        whole.schemes["HIER"].papers == validity(real_board("2024-01-01"), ["HIER"], resamples=5).schemes["HIER"].papers
    )


def test_a_benchmark_is_predicted_from_the_board_before_it(real_snapshot):
    snapshot = real_snapshot("2024-01-01")
    found = {arrival.benchmark: arrival for arrival in validity_over_time(snapshot, ["HIER", "FLAT"])}
    arrival = found["Igustibagus2024-ridge"]
    assert arrival.day == date(2023, 12, 20)
    earlier = clean(snapshot.as_of(arrival.day).board()).board
    assert arrival.benchmark not in earlier.leaves
    now = snapshot.board()
    target = now.scores[[now.ids.index(model) for model in earlier.ids], now.leaves.index(arrival.benchmark)]
    has = ~np.isnan(target)
    assert arrival.models == has.sum()
    expected = spearmanr(get_scheme("HIER").scores(earlier)[has].round(9), target[has])[0]
    assert arrival.rho["HIER"] == pytest.approx(expected)
    days = [arrival.day for arrival in found.values()]
    assert days == sorted(days)
    assert all(arrival.models >= 20 for arrival in found.values())
