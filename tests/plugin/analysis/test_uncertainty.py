"""Uncertainty of ranks: against ranks of boards drawn one by one, and where the answer is known."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_plugin.agreement.measurement import measured_leaves
from brainalign_plugin.errors import BoardError, ConvergenceError, InputError
from brainalign_plugin.files.reference import given_board
from brainalign_plugin.ranking.boards import ComparedBoard, compared_board, ranks_of_all, resolved_board
from brainalign_plugin.ranking.rank import Resampling, rank_schemes, ranking_json
from brainalign_plugin.ranking.resampling import BLOCK, blocks, draw_counts, repeated, strata
from brainalign_plugin.ranking.uncertainty import Resampled, probability_above, rank_uncertainty
from brainalign_plugin.schemes import get_scheme
from tests.boards import board_of, board_of_matrix, tree_of
from tests.schemes import bound, complete_boards, incomplete_boards, reference_of

EITHER_BOARD = complete_boards((1, 6)) | incomplete_boards((1, 6))
UNEVEN = tree_of(
    {
        "average_vision": {
            "neural_vision": {"Marques2020_A-size": None, "Marques2020_B-size": None, "C2020-pls": None},
            "behavior_vision": {"D2021-i2n": None, "E2021-i2n": None},
        }
    }
)


def random_board(models=7, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(size=(models, 5)).round(2)
    scores[rng.uniform(size=scores.shape) < missing] = np.nan
    return board_of_matrix(scores, UNEVEN)


def ranks_one_by_one(what, resamples, seed):
    """Ranks in each resample, from whole boards: shape (resamples, n)."""
    board, rows = what.resolved, []
    for block in blocks(resamples, seed):
        rng = np.random.default_rng(block.seed)
        groups = strata(board.tree, board.leaves)
        drawn = draw_counts(groups, len(board.leaves), block.size, rng).astype(np.int64)
        rows.extend(ranks_of_all(what.scheme.scores(repeated(board, counts))) for counts in drawn)
    return np.array(rows)


@settings(max_examples=30)
@given(
    board=EITHER_BOARD,
    name=st.sampled_from(["HIER", "ZMEAN", "HIER_NORMAL", "GEOMETRIC", "BORDA", "WIN_RATE", "COPELAND"]),
    resamples=st.sampled_from([1, 3, 20, 40, 41]),
    level=st.sampled_from([0.5, 0.8, 0.9, 0.95]),
    seed=st.integers(0, 3),
)
def test_intervals_and_shares_are_those_of_the_sorted_ranks(board, name, resamples, level, seed):
    what = Resampled(bound(name, board), board)
    found = rank_uncertainty(what, resamples, seed, level)
    ranks = np.sort(ranks_one_by_one(what, resamples, seed), axis=0)
    # 20 at 90 % lose one on either side, not two: 0.05 · 20 is 1.
    cut = int(resamples * (1 - level) / 2 + 1e-9)
    assert found.low.tolist() == ranks[cut].tolist()
    assert found.high.tolist() == ranks[resamples - 1 - cut].tolist()
    inside = ((ranks >= found.low) & (ranks <= found.high)).mean(axis=0)
    assert (inside >= level - 1e-12).all()
    assert found.first.tolist() == (ranks == 1).mean(axis=0).tolist()
    assert found.top_ten.tolist() == (ranks <= 10).mean(axis=0).tolist()
    assert found.counts.sum(axis=1).tolist() == [resamples] * len(board.models)
    assert (found.resamples, found.failed, found.kind, found.level) == (resamples, 0, "benchmarks", level)


def test_top_ten_is_ten():
    board = random_board(models=14)
    found = rank_uncertainty(Resampled(get_scheme("FLAT"), board), 200)
    assert found.top_ten.tolist() == found.counts[:, :10].sum(axis=1).__truediv__(200).tolist()
    # Without ties ten places are shared out.
    assert found.top_ten.sum() == pytest.approx(10, abs=0.5)
    assert 0 < found.top_ten.min() < found.top_ten.max() <= 1


@pytest.mark.parametrize("kind", ["benchmarks", "measurement", "both"])
@pytest.mark.parametrize("name", ["HIER_ZMEAN", "BORDA"])
def test_the_seed_decides_and_the_processes_do_not(name, kind):
    board = random_board(missing=0.1)
    board = replace(board, errors=np.full(board.scores.shape, 0.1))
    what = Resampled(get_scheme(name), board, None, kind, measured_leaves(board))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joblib's own about resources of short-lived processes
        one, again, two = (rank_uncertainty(what, BLOCK + 20, 1, jobs=jobs) for jobs in (1, 1, 2))
    assert one.counts.tolist() == again.counts.tolist() == two.counts.tolist()
    other = rank_uncertainty(what, BLOCK + 20, 2)
    assert other.counts.tolist() != one.counts.tolist()


def test_the_same_bytes_for_the_same_seed():
    board = replace(random_board(missing=0.1), errors=np.full((7, 5), 0.05))
    compared = ComparedBoard("full", board, ())
    reference = reference_of(board)
    texts = set()
    for jobs in (1, 2, 1):
        resampling = Resampling(0.9, 60, 10, 4, "both", jobs, above=((board.ids[0], board.ids[1]),))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = rank_schemes(
                compared, reference, ("ZMEAN", "BORDA", "KEMENY", "REF_NORMAL"), None, resampling
            )
        schemes = ranking_json(compared, reference, found, resampling)["schemes"]
        assert schemes["KEMENY"]["intervals"] is not None
        texts.add(json.dumps(schemes, allow_nan=False))
    assert len(texts) == 1


def test_all_ties_are_all_first():
    board = board_of([[0.5] * 5] * 4, UNEVEN)
    for name in ("HIER", "ZMEAN", "RANK", "COPELAND"):
        found = rank_uncertainty(Resampled(get_scheme(name), board), 30)
        assert (found.low.tolist(), found.high.tolist()) == ([1] * 4, [1] * 4)
        assert found.first.tolist() == found.top_ten.tolist() == [1.0] * 4


def test_benchmarks_alone_in_their_groups_leave_the_interval_at_the_rank():
    tree = tree_of(
        {
            "average_vision": {
                "neural_vision": {"V1": {"A2020-pls": None}, "V4": {"B2020-pls": None}},
                "behavior_vision": {"C2020-i2n": None},
            }
        }
    )
    board = board_of([[0.9, 0.1, 0.4], [0.3, 0.8, 0.2], [0.5, 0.5, 0.9]], tree)
    for name in ("HIER", "ZMEAN", "BORDA"):
        scheme = get_scheme(name)
        found = rank_uncertainty(Resampled(scheme, board), 50)
        ranks = ranks_of_all(scheme.scores(board)).tolist()
        assert (found.low.tolist(), found.high.tolist()) == (ranks, ranks)


def test_only_leaves_with_a_measurement_error_are_perturbed():
    """Of the five leaves two are Marques2020's; the others' errors are something else, whatever their size."""
    board = random_board()
    errors = np.full(board.scores.shape, 0.3)
    errors[:, :2] = np.nan
    board = replace(board, errors=errors)
    measured = measured_leaves(board)
    assert measured.tolist() == [True, True, False, False, False]
    scheme = get_scheme("HIER")
    ranks = ranks_of_all(scheme.scores(board)).tolist()
    still = rank_uncertainty(Resampled(scheme, board, None, "measurement", measured), 60)
    assert (still.low.tolist(), still.high.tolist()) == (ranks, ranks)
    middle = ranks.index(4)
    errors[middle, :2] = 0.5
    moved = rank_uncertainty(
        Resampled(scheme, replace(board, errors=errors), None, "measurement", measured), 60
    )
    assert moved.low[middle] < moved.high[middle]


def test_error_moves_ranks_as_the_normal_distribution_says():
    """Two models 0.1 apart, each with an error of 0.1: above with probability Φ(0.1 / (0.1·√2)) = 0.760."""
    tree = tree_of({"average_vision": {"neural_vision": {"Marques2020_A-size": None}}})
    board = replace(board_of([[0.55], [0.45]], tree), errors=np.full((2, 1), 0.1))
    what = Resampled(get_scheme("FLAT"), board, None, "measurement", np.array([True]))
    one, other = board.ids
    assert probability_above(what, one, other, 4000, seed=1) == pytest.approx(0.760, abs=0.02)
    found = rank_uncertainty(what, 4000, seed=1)
    assert found.first[0] == pytest.approx(0.760, abs=0.02)
    assert probability_above(what, one, other, 4000, seed=1) == found.first[0]


def test_a_worst_rank_stays_the_worst_when_scores_are_perturbed():
    """A missing score counts as just below the lowest, also of the perturbed scores, and is not capped back to 0."""
    tree = tree_of({"average_vision": {"neural_vision": {"Marques2020_A-size": None, "C2020-pls": None}}})
    board = board_of_matrix([[0.0, 0.5], [0.01, 0.5], [np.nan, 0.5]], tree)
    board = replace(board, errors=np.array([[0.2, np.nan], [0.2, np.nan], [np.nan, np.nan]]))
    what = Resampled(get_scheme("RANK"), board, "worst", "measurement", measured_leaves(board))
    found = rank_uncertainty(what, 300)
    assert (found.low[2], found.high[2]) == (3, 3)


@settings(max_examples=30)
@given(board=EITHER_BOARD, name=st.sampled_from(["HIER", "RANK", "WIN_RATE", "COPELAND"]), data=st.data())
def test_above_and_below_are_certain_together(board, name, data):
    one, other = (data.draw(st.sampled_from(board.ids)) for _ in range(2))
    what = Resampled(bound(name, board), board)
    above, below = probability_above(what, one, other, 25), probability_above(what, other, one, 25)
    assert above + below == pytest.approx(1)
    assert 0 <= above <= 1
    if one == other:
        assert above == 0.5
    ranks = ranks_one_by_one(what, 25, 0)
    i, k = board.ids.index(one), board.ids.index(other)
    expected = (ranks[:, i] < ranks[:, k]).mean() + 0.5 * (ranks[:, i] == ranks[:, k]).mean()
    assert above == pytest.approx(expected)


def test_a_model_without_a_score_is_last_and_below_all():
    """Its only benchmark is not drawn in some resamples."""
    board = board_of_matrix([[0.9, np.nan, np.nan, np.nan, np.nan], *[[0.5] * 5] * 2], UNEVEN)
    what = Resampled(get_scheme("FLAT"), board)
    gone = (1 - 1 / 3) ** 3
    assert probability_above(what, board.ids[0], board.ids[1], 2000) == pytest.approx(1 - gone, abs=0.04)
    assert rank_uncertainty(what, 2000).counts[0, 2] / 2000 == pytest.approx(gone, abs=0.04)


def flaky(share):
    """A scheme that cannot be used in a share of resamples."""

    def combine(scaled, board):
        # The first leaf is absent in (2/3)³ of the resamples, the last twice there in a quarter.
        if len(set(board.leaves) & {"Marques2020_A-size"}) == 0 and share == "often":
            raise ConvergenceError("no fit")
        if "E2021-i2n" not in board.leaves and "Marques2020_A-size#3" in board.leaves and share == "seldom":
            raise BoardError("no fit")
        return scaled.mean(axis=1)

    return replace(get_scheme("FLAT"), name="FLAKY", weights=None, combine=combine)


def test_resamples_that_fail_are_counted_and_too_many_are_an_error():
    board = random_board()
    found = rank_uncertainty(Resampled(flaky("seldom"), board), 400)
    # Three draws of the first leaf (1/27) and none of the last (1/4).
    assert 0 < found.failed < 20
    assert found.resamples == 400 - found.failed
    assert found.counts.sum(axis=1).tolist() == [found.resamples] * 7
    with pytest.raises(ConvergenceError, match=r"FLAKY could not be used in \d+ of 400 resamples"):
        rank_uncertainty(Resampled(flaky("often"), board), 400)


def test_a_ranking_stands_without_its_intervals():
    board = random_board()
    scheme = flaky("often")
    compared = ComparedBoard("cleaned", board, ())
    from brainalign_plugin.ranking import rank

    found = rank._ranked(compared, scheme, None, Resampling(resamples=40))
    assert found.ranking is not None
    assert found.uncertainty is None
    assert found.problem.startswith("no intervals: FLAKY could not be used in")


def test_what_is_out_of_range_is_named():
    board = random_board()
    scheme = get_scheme("FLAT")
    with pytest.raises(InputError, match=r"level of the intervals is 1\.5"):
        rank_uncertainty(Resampled(scheme, board), level=1.5)
    with pytest.raises(InputError, match="level of the intervals is 0;"):
        Resampling(level=0)
    with pytest.raises(InputError, match="kind of uncertainty is 'weather'; known are benchmarks"):
        Resampled(scheme, board, None, "weather")
    with pytest.raises(InputError, match="no leaf is named whose error"):
        Resampled(scheme, board, None, "both")
    with pytest.raises(InputError, match="there is no model 5 on this board of 7"):
        probability_above(Resampled(scheme, board), board.ids[0], 5)
    with pytest.raises(InputError, match="0 resamples"):
        rank_uncertainty(Resampled(scheme, board), 0)


def test_dear_schemes_have_intervals_only_when_asked(real_snapshots):
    snapshot = real_snapshots["2024-01-01"]
    compared, reference = compared_board(snapshot), given_board(snapshot)
    dear = ("COPELAND", "SIMPSON", "SCHULZE", "KEMENY")
    assert all(get_scheme(name).costly for name in dear)
    found = rank_schemes(compared, reference, dear, None, Resampling(resamples=50))
    assert [one.uncertainty for one in found] == [None] * 4
    found = rank_schemes(compared, reference, dear[:2], None, Resampling(resamples=50, costly_resamples=12))
    assert [one.uncertainty.resamples for one in found] == [12, 12]


def test_the_real_board_has_intervals_around_its_ranks(real_snapshots):
    snapshot = real_snapshots["2024-01-01"]
    compared, reference = compared_board(snapshot), given_board(snapshot)
    widths = {}
    for kind in ("benchmarks", "measurement", "both"):
        (one,) = rank_schemes(compared, reference, ("HIER",), None, Resampling(resamples=400, kind=kind))
        sure = one.uncertainty
        inside = (sure.low <= one.ranking.ranks) & (one.ranking.ranks <= sure.high)
        assert inside.mean() > 0.9
        assert sure.low.min() == 1
        assert sure.high.max() >= 80
        assert sure.first.sum() >= 1
        widths[kind] = (sure.high - sure.low).mean()
    # Which benchmarks there are matters more than how well they were measured.
    assert 1 < widths["measurement"] < widths["benchmarks"] < widths["both"] < 20


def test_a_rule_is_applied_once_to_the_board_that_is_resampled():
    board = random_board(missing=0.3, seed=3)
    what = Resampled(get_scheme("RANK"), board, "mean")
    assert what.resolved.complete
    np.testing.assert_array_equal(
        what.resolved.scores, resolved_board(get_scheme("RANK"), board, "mean").scores
    )
