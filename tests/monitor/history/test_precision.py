"""The same board from a finer and a coarser source is not restated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainalign_monitor.history.changelog import changes_in_words, score_changes
from brainalign_monitor.history.changes import aligned, compare, tolerance
from brainalign_monitor.history.drift import paired_differences
from brainalign_monitor.history.figures import cleaned
from brainalign_monitor.history.rank_moves import attribute_rank, rank_move_in_words
from brainalign_monitor.sources.dispatch import pull_file
from brainalign_plugin.data.official import CellState
from tests.monitor.sources.samples import RECEIVED_AT
from tests.monitor.sources.test_csv_export import board_of, scored_document


def a_board():
    """Return a board of 40 models with three decimals."""
    board = board_of(scored_document(40))
    rng = np.random.default_rng(3)
    scores = np.round(rng.uniform(0.1, 0.3, board.scores.shape), 2) + rng.integers(-4, 5, board.scores.shape) / 1000
    states = np.full(scores.shape, CellState.SCORED, dtype=np.int8)
    return replace(board, scores=np.where(states == CellState.SCORED, scores, np.nan), states=states)


@pytest.mark.parametrize("swap", [False, True])
def test_fewer_decimals_are_no_restatement(swap):
    fine = a_board()
    coarse = replace(fine, scores=np.round(fine.scores, 2))
    pair = (coarse, fine) if swap else (fine, coarse)
    changes = compare(*pair)
    assert {change.kind for change in score_changes(changes)} == {"touched"}
    assert changes_in_words(changes) == ("nothing changed",)
    assert changes.rank_moves == ()
    boards = [board.board() for board in pair]
    kept = tuple(cleaned(board, 0.5).leaves for board in boards)
    told = {rank_move_in_words(attribute_rank(*boards, model.id)) for model in fine.models}
    moved = [words for words in told if "stayed" not in words]
    assert moved
    assert all("by scores that one of the boards has with fewer decimals" in words for words in moved)
    assert {d.delta for d in paired_differences(*boards, kept, 10, 0).values()} <= {0.0, None}


def test_a_difference_of_a_whole_unit_is_one():
    fine = a_board()
    scores = np.round(fine.scores, 2)
    leaf = fine.tree.index["Ada2020.V1-pls"]
    scores[7, leaf] = np.round(fine.scores[7, leaf], 2) + 0.02
    (restated,) = [c for c in score_changes(compare(fine, replace(fine, scores=scores))) if c.kind == "restated"]
    assert (restated.model, restated.benchmark) == (fine.models[7].id, "Ada2020.V1-pls")
    later = aligned(fine, replace(fine, scores=scores))
    assert later.scores[7, leaf] == scores[7, leaf]
    assert (np.delete(later.scores, 7, axis=0) == np.delete(fine.scores, 7, axis=0)).all()


def test_sources_of_one_precision_are_compared_exactly():
    fine = a_board()
    scores = fine.scores.copy()
    scores[7, fine.tree.index["Ada2020.V1-pls"]] += 0.001
    assert [c.kind for c in score_changes(compare(fine, replace(fine, scores=scores)))] == ["restated"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (np.full(30, 0.5), np.full(30, 0.503), 0.01),
        (np.full(30, 0.503), np.full(30, 1 / 3), 0.001),
        (np.full(30, 0.5), np.full(30, 1 / 3), 0.01),
        (np.full(30, 0.5), np.full(30, 0.5), 0),
        (np.full(30, 1 / 3), np.full(30, 1 / 3), 0),
        (np.full(3, 0.5), np.full(3, 0.503), 0),
        (np.full(30, np.nan), np.full(30, 0.503), 0.001),
    ],
)
def test_the_coarser_of_two_precisions_counts(before, after, expected):
    assert tolerance(before, after) == pytest.approx(expected, abs=2e-9)


@pytest.mark.needs("shared")
@pytest.mark.parametrize(
    ("name", "export"),
    [
        ("", "leaderboard_export-vision.zip"),
        ("", "real-2025-05-old_leaderboard.csv.gz"),
        ("-language", "leaderboard_export-language.zip"),
    ],
)
def test_a_real_board_from_json_and_csv_is_the_same(shared_site, name, export):
    more = shared_site.parent / "more"
    json, csv = (
        pull_file(more / one, RECEIVED_AT).snapshot for one in (f"compare-data-2025-05-07{name}.json.gz", export)
    )
    leaves = set(json.board().leaves)
    for changes in (compare(json, csv), compare(csv, json)):
        assert {c.kind for c in score_changes(changes) if c.benchmark in leaves} == {"touched"}
        # The older CSV has averages of uncapped scores, and ranks follow what was published.
        assert changes.rank_moves == () or export.endswith(".csv.gz")
        assert changes.versions == ()
