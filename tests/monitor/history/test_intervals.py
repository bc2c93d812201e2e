"""Intervals of the headline figures are drawn over families of models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainalign_monitor.history.figures import COUNTS, FIGURES, family_draws, figure_intervals, headline_figures
from brainalign_monitor.history.series import HistoryOptions, panel_figures
from brainalign_plugin.certainty.bootstrap import MIN_FAMILIES
from brainalign_plugin.certainty.figures import headline
from brainalign_plugin.data.board import Board, Model
from tests.boards import board_of_matrix, drawn_rows

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def of_families(families: int, each: int, seed: int = 5) -> Board:
    """Models of several families that resemble each other, named after them."""
    random = np.random.default_rng(seed)
    own = np.repeat(0.1 * random.normal(size=(families, 6)), each, axis=0)
    board = board_of_matrix(np.clip(0.5 + own + 0.03 * random.normal(size=own.shape), 0, 1))
    names = [f"{LETTERS[k // 26]}{LETTERS[k % 26]}net{i}" for k in range(families) for i in range(each)]
    return replace(board, models=tuple(Model(i, name) for i, name in enumerate(names)))


def test_the_figures_of_a_draw_are_those_of_the_drawn_rows():
    board = of_families(10, 3)
    counts, _ = family_draws(board, 5, 1)
    drawn = headline(board, counts).values
    assert set(drawn) == FIGURES.keys() - COUNTS
    for k, row in enumerate(counts):
        expected = headline_figures(drawn_rows(board, np.repeat(np.arange(len(row)), row).tolist()))
        for name, values in drawn.items():
            assert values[k] == pytest.approx(expected[name], abs=1e-9), name


def test_families_come_with_all_their_members_and_the_same_seed_draws_the_same():
    board = of_families(10, 3)
    counts = family_draws(board, 50, 1)[0]
    assert (counts.reshape(50, 10, 3) == counts.reshape(50, 10, 3)[:, :, :1]).all()
    assert (counts == family_draws(board, 50, 1)[0]).all()
    assert (counts != family_draws(board, 50, 2)[0]).any()


def test_intervals_narrow_with_more_families_and_not_with_more_members():
    widths = {}
    for families, each in ((20, 1), (20, 8), (320, 1)):
        board = of_families(families, each)
        found = figure_intervals(board, headline_figures(board))
        assert found["models"] == (families * each, families * each)
        low, high = found["sd_behavior"]
        widths[families, each] = high - low
    assert widths[320, 1] < widths[20, 1] / 2
    assert widths[20, 8] > widths[320, 1] * 1.5, "160 models of 20 families are no 160 models"


def test_a_few_families_say_nothing_of_others():
    board = of_families(MIN_FAMILIES - 1, 10)
    found = figure_intervals(board, headline_figures(board))
    assert {name for name, interval in found.items() if interval is not None} == COUNTS
    assert family_draws(board, 10, 0) is None


def test_an_unknown_figure_has_no_interval():
    board = of_families(8, 1).take(columns=[0])
    values = headline_figures(board)
    assert values["mean_rho"] is None
    assert figure_intervals(board, values)["mean_rho"] is None


def test_the_users_table_joins_families_in_every_interval():
    board = of_families(30, 1)
    table = tuple((model.name, f"own{i // 2}") for i, model in enumerate(board.models))
    counts = family_draws(board, 20, 1, table)[0].reshape(20, 15, 2)
    assert (counts == counts[:, :, :1]).all()
    values = headline_figures(board)
    assert figure_intervals(board, values, 50, 1, table) != figure_intervals(board, values, 50, 1)
    halves = tuple((model.name, f"own{i % 4}") for i, model in enumerate(board.models))
    assert figure_intervals(board, values, 50, 1, halves)["mean_rho"] is None
    options = HistoryOptions(resamples=50, families=table)
    assert panel_figures(board, options) != panel_figures(board, HistoryOptions(resamples=50))
    # Results that were kept without a table are not taken for those with one.
    assert options.drawn != HistoryOptions(resamples=50).drawn
