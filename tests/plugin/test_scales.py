"""Scales, column by column against scipy.stats."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from brainalign_plugin import scales
from brainalign_plugin.schemes.scaling import MIN_MAX, NORMAL_SCORE, RANK_SCALE, ROBUST_Z
from tests.boards import score_matrices, scores_in


def of_board(scale):
    """A scale of schemes, fitted on the scores that it scales."""
    return lambda scores: scale.fit(scores)(scores)


SCALES = {
    "ranks_from_bottom": scales.ranks_from_bottom,
    "z_scores": scales.z_scores,
    "robust_z": of_board(ROBUST_Z),
    "min_max": of_board(MIN_MAX),
    "normal_score": of_board(NORMAL_SCORE),
    "rank": of_board(RANK_SCALE),
    "logits": scales.logits,
}
every_scale = pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES.keys())


def by_column(scores, expected):
    """Apply ``expected`` to the known values of each column; missing ones stay NaN."""
    found = np.full(scores.shape, np.nan)
    for j in range(scores.shape[1]):
        known = ~np.isnan(scores[:, j])
        if known.any():
            found[known, j] = expected(scores[known, j])
    return found


def constant(column):
    return len(set(np.round(column, 9).tolist())) == 1


def assert_same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(score_matrices())
def test_ranks_are_average_ranks_of_values_rounded_to_nine_decimals(scores):
    expected = by_column(scores, lambda x: stats.rankdata(np.round(x, 9), method="average"))
    np.testing.assert_array_equal(scales.ranks_from_bottom(scores), expected)


@given(score_matrices())
def test_z_uses_n_minus_one(scores):
    def z(column):
        return np.zeros(len(column)) if constant(column) else stats.zscore(column, ddof=1)

    assert_same(scales.z_scores(scores), by_column(scores, z))


@given(score_matrices())
def test_robust_z_is_in_median_absolute_deviations(scores):
    def robust(column):
        mad = stats.median_abs_deviation(column, scale="normal")
        return np.zeros(len(column)) if np.round(mad, 9) == 0 else (column - np.median(column)) / mad

    assert_same(of_board(ROBUST_Z)(scores), by_column(scores, robust))


@given(score_matrices())
def test_min_max_runs_from_zero_to_one(scores):
    def placed(column):
        span = column.max() - column.min()
        return np.full(len(column), 0.5) if constant(column) else (column - column.min()) / span

    assert_same(of_board(MIN_MAX)(scores), by_column(scores, placed))


@given(score_matrices())
def test_normal_scores_are_van_der_waerdens(scores):
    def normal(column):
        return stats.norm.ppf(stats.rankdata(np.round(column, 9)) / (len(column) + 1))

    assert_same(of_board(NORMAL_SCORE)(scores), by_column(scores, normal))


@given(score_matrices(), st.sampled_from([0.001, 0.05, 0.49]))
def test_logits_are_clipped_log_odds(scores, clip):
    def logit(column):
        return [math.log(p / (1 - p)) for p in np.minimum(np.maximum(column, clip), 1 - clip).tolist()]

    assert_same(scales.logits(scores, clip), by_column(scores, logit))
    default = by_column(scores, lambda x: np.log(np.clip(x, 0.001, 0.999) / (1 - np.clip(x, 0.001, 0.999))))
    assert_same(scales.logits(scores), default)


@every_scale
@settings(max_examples=30)
@given(scores=score_matrices())
def test_a_scale_keeps_what_is_missing_the_shape_and_the_order(scale, scores):
    before = np.array(scores)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled = scale(scores)
    np.testing.assert_array_equal(scores, before)
    assert scaled.shape == scores.shape
    assert scaled.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(scores))
    assert not np.isinf(scaled).any()
    for j in range(scores.shape[1]):
        known = ~np.isnan(scores[:, j])
        order = np.argsort(scores[known, j], kind="stable")
        assert (np.diff(scaled[known, j][order]) >= -1e-9).all()


@every_scale
@settings(max_examples=30)
@given(scores=score_matrices(), data=st.data())
def test_each_column_is_scaled_by_itself(scale, scores, data):
    whole = scale(scores)
    for j in range(scores.shape[1]):
        np.testing.assert_allclose(whole[:, j : j + 1], scale(scores[:, j : j + 1]), rtol=1e-12, atol=1e-12)
    order = data.draw(st.permutations(range(scores.shape[0])))
    np.testing.assert_allclose(scale(scores[order]), whole[order], rtol=1e-9, atol=1e-9)


@every_scale
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_scales_of_nothing(scale, shape):
    assert scale(np.empty(shape)).shape == shape


@every_scale
def test_scales_of_a_column_without_scores(scale):
    assert np.isnan(scale(np.full((3, 2), np.nan))).all()


@pytest.mark.parametrize("missing", [[], [np.nan]])
@pytest.mark.parametrize(
    ("scale", "value"),
    [("z_scores", 0), ("robust_z", 0), ("min_max", 0.5), ("normal_score", 0), ("ranks_from_bottom", 2)],
)
def test_scales_of_a_constant_column(scale, value, missing):
    # 0.1 + 0.2 and 0.3 differ in the last bit; the mean of three times 0.1 is not 0.1.
    for column in ([0.3, 0.1 + 0.2, 0.3], [0.1, 0.1, 0.1], [0.7, 0.7 + 4e-10, 0.7]):
        scaled = SCALES[scale](np.array([*column, *missing])[:, None])[:, 0]
        assert scaled[:3].tolist() == [value] * 3
        assert np.isnan(scaled[3:]).all()


def test_ties_are_at_nine_decimals():
    apart = np.array([[0.5, 0.5 + 4e-10], [0.5, 0.5 + 6e-10]])
    assert scales.ranks_from_bottom(apart.T).T.tolist() == [[1.5, 1.5], [1, 2]]
    assert scales.competition_ranks(apart[0]).tolist() == [1, 1]
    assert scales.competition_ranks(apart[1]).tolist() == [2, 1]
    assert scales.ranks_from_bottom(np.array([[-0.0], [0.0], [1e-10], [-1e-10]])).tolist() == [[2.5]] * 4


def test_z_worked_out_by_hand():
    # Mean 2, squared distances 4 + 0 + 4, over n - 1 = 2: sd 2.
    assert scales.z_scores(np.array([[0.0], [2.0], [4.0]])).ravel().tolist() == [-1, 0, 1]


def test_normal_scores_worked_out_by_hand():
    quartiles = of_board(NORMAL_SCORE)(np.array([[0.9], [0.1], [0.5]])).ravel()
    assert quartiles == pytest.approx([0.6744897501960817, -0.6744897501960817, 0])


@pytest.mark.parametrize(
    ("scores", "ranks"),
    [
        ([0.9, 0.5, 0.5, 0.1], [1, 2, 2, 4]),
        ([0.1, 0.5, 0.9, 0.5], [4, 2, 1, 2]),
        ([0.5, 0.5, 0.5], [1, 1, 1]),
        ([-1.0, -2.0], [1, 2]),
        ([0.3, 0.1 + 0.2], [1, 1]),
        ([0.5], [1]),
        ([], []),
    ],
)
def test_competition_ranks(scores, ranks):
    found = scales.competition_ranks(np.array(scores, dtype=float))
    assert found.tolist() == ranks
    assert found.dtype == np.int64


@given(st.lists(scores_in(-1, 1)))
def test_a_competition_rank_counts_the_better_ones(scores):
    keys = np.round(scores, 9).tolist()
    expected = [1 + sum(other > key for other in keys) for key in keys]
    assert scales.competition_ranks(np.array(scores, dtype=float)).tolist() == expected


@given(st.lists(scores_in(-1, 1)))
def test_rounding_is_to_nine_decimals_without_a_negative_zero(values):
    given_values = np.array(values, dtype=float)
    found = scales.rounded(given_values)
    assert (np.abs(found - given_values) <= 0.500001e-9).all()
    np.testing.assert_allclose(found * 1e9, np.rint(found * 1e9), atol=1e-6)
    assert not np.signbit(found[found == 0]).any()
