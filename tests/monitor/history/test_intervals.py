"""All resamples at once are what one resample after the other gives."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_monitor.history import intervals
from brainalign_monitor.history.figures import COUNTS, FIGURES, cleaned, headline_figures
from brainalign_monitor.history.intervals import (
    draw_counts,
    figure_intervals,
    percentile_interval,
    resampled_figures,
)
from brainalign_monitor.sources import pull_file
from brainalign_plugin.board import Board
from tests.boards import board_of_matrix, boards, tree_of


def one_by_one(board: Board, counts: np.ndarray) -> list[dict[str, float | None]]:
    return [headline_figures(board.take(rows=np.repeat(np.arange(len(row)), row).tolist())) for row in counts]


def assert_same(board: Board, counts: np.ndarray) -> None:
    quick, slow = resampled_figures(board, counts), one_by_one(board, counts)
    assert list(quick) == list(FIGURES)
    for name, values in quick.items():
        expected = [np.nan if figures[name] is None else figures[name] for figures in slow]
        assert values == pytest.approx(np.array(expected, dtype=float), abs=1e-9, nan_ok=True), name
    # Not a matter of rounding.
    shares = [figures["negative_share"] for figures in slow]
    assert [None if np.isnan(x) else x for x in quick["negative_share"]] == shares


@given(boards(models=(0, 9), missing=False), st.integers(0, 5))
@settings(max_examples=40)
def test_resampled_figures_are_those_of_the_drawn_rows(board, seed):
    assert_same(board, draw_counts(len(board.models), 6, seed))


def test_also_on_the_real_board_and_in_blocks(shared_site, monkeypatch):
    path = shared_site / "compare-data-2023-07-01.json.gz"
    snapshot = pull_file(str(path), received_at=datetime(2026, 1, 1, tzinfo=UTC), max_bytes=10**9).snapshot
    board = cleaned(snapshot.board(), 0.5)
    monkeypatch.setattr(intervals, "_BLOCK", 3 * board.scores.size)
    assert_same(board, draw_counts(len(board.models), 8, 3))


def test_the_same_seed_draws_the_same():
    assert (draw_counts(7, 5, 1) == draw_counts(7, 5, 1)).all()
    assert (draw_counts(7, 5, 1) != draw_counts(7, 5, 2)).any()
    assert (draw_counts(7, 5, 1).sum(axis=1) == 7).all()


def test_intervals_hold_the_middle_of_the_resamples():
    assert percentile_interval(0.5, np.arange(201) / 200) == pytest.approx((0.025, 0.975))
    assert percentile_interval(None, np.arange(201.0)) is None
    mostly_unknown = np.where(np.arange(100) < 20, np.nan, 1.0)
    assert percentile_interval(1.0, mostly_unknown) is None


def test_intervals_narrow_with_more_models_and_counts_have_no_width():
    random = np.random.default_rng(5)
    widths = []
    for models in (20, 320):
        board = board_of_matrix(np.clip(0.5 + 0.1 * random.normal(size=(models, 6)), 0, 1))
        values = headline_figures(board)
        found = figure_intervals(board, values)
        assert found["models"] == (models, models)
        for name in FIGURES.keys() - COUNTS:
            low, high = found[name]
            assert low < high
        low, high = found["sd_behavior"]
        assert low < values["sd_behavior"] < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize("models", [255, 256])
def test_ranks_are_exact_in_either_precision(models):
    # Two leaves of one order apart from ties, and one of the opposite order: the largest sums that there can be.
    rng = np.random.default_rng(0)
    even = np.linspace(0, 1, models)
    scores = np.column_stack([even, np.floor(even * 9) / 9, 1 - even, rng.random(models)])
    tree = tree_of(
        {
            "average_vision": {
                "neural_vision": {"A2020-x": None, "B2021-x": None},
                "behavior_vision": {"C2022-x": None, "D2023-x": None},
            }
        }
    )
    counts = draw_counts(models, 4, 0)
    # All draws on the two ends.
    counts[0] = 0
    counts[0, [0, -1]] = models // 2, models - models // 2
    assert_same(board_of_matrix(scores, tree), counts)
    assert resampled_figures(board_of_matrix(scores, tree), counts)["neural_rho"][0] == 1.0
