"""The split of a change along the path of boards: sums, an independent computation, reasons, the real boards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_monitor.history.attribution import STEPS, attribute, attribution_in_words, change_in_words, reasons_of
from brainalign_monitor.history.figures import FIGURES, headline_figures
from brainalign_monitor.sources.dispatch import pull_file
from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.cleaning import clean
from tests.boards import board_of, board_of_matrix, tree_of
from tests.monitor.history.oracle import Published, attribution
from tests.monitor.history.pairs import board_pairs
from tests.monitor.history.planted import PLANTED, boards_around, largest_part

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def as_published(board: Board) -> Published:
    """What the second computation takes."""
    parents = {node.type_id: node.parent for node in board.tree.nodes}
    return Published(board.to_frame(), parents)


@given(board_pairs(), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
@settings(max_examples=20)
def test_parts_sum_to_the_change_of_every_figure(pair, max_missing):
    found = attribute(*pair, max_missing)
    assert set(found.later) == set(found.earlier) == set(found.parts) == set(FIGURES)
    for figure, parts in found.parts.items():
        before, after = found.earlier[figure], found.later[figure]
        if parts is None:
            assert "cannot be split" in reasons_of(found, figure)[0]
            continue
        assert tuple(parts) == STEPS
        assert before is not None
        assert after is not None
        assert sum(parts.values()) == pytest.approx(after - before, abs=1e-12)
    assert found.parts["models"] is not None, "a count exists on every board"


@given(board_pairs(), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
@settings(max_examples=20)
def test_both_ends_are_the_figures_of_the_cleaned_boards(pair, max_missing):
    found = attribute(*pair, max_missing)
    for figures, board in zip((found.earlier, found.later), pair, strict=True):
        expected = headline_figures(clean(board, max_missing).board)
        assert figures.keys() == expected.keys()
        for name, value in expected.items():
            assert figures[name] == (None if value is None else pytest.approx(value, abs=1e-9)), name


@given(board_pairs())
@settings(max_examples=20, deadline=None)
def test_parts_are_those_of_a_second_computation(pair):
    found = attribute(*pair).parts
    for figure, parts in attribution(*map(as_published, pair)).items():
        assert found[figure] == (None if parts is None else pytest.approx(parts, abs=1e-9)), figure


@given(board_pairs(), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
@settings(max_examples=20)
def test_every_model_and_benchmark_of_one_board_alone_has_one_reason(pair, max_missing):
    found = attribute(*pair, max_missing)
    first, last = (clean(board, max_missing).board for board in pair)
    for step, noun, alone in (
        ("models_left", "model", set(first.ids) - set(last.ids)),
        ("models_joined", "model", set(last.ids) - set(first.ids)),
        ("benchmarks_dropped", "benchmark", set(first.leaves) - set(last.leaves)),
        ("benchmarks_added", "benchmark", set(last.leaves) - set(first.leaves)),
    ):
        reasons = found.reasons[step]
        assert {reason.noun for reason in reasons} <= {noun}
        assert sum(reason.count for reason in reasons) == len(alone), step
        named = {name for reason in reasons for name in reason.names}
        known = {m.id: m for m in (*first.models, *last.models)}
        assert named <= {f"{known[i].name} ({i})" for i in alone if i in known}, "on neither board"


# --- the real boards -------------------------------------------------------------------------------------------------


def real(folder: Path, day: str) -> Board:
    path = folder / f"compare-data-{day}.json.gz"
    return pull_file(str(path), received_at=NOW, max_bytes=10**9).snapshot.board()


@pytest.mark.parametrize(
    ("days", "figure", "change", "parts"),
    [
        (("2022-01-01", "2022-07-01"), "mean_rho", -0.1155, (-0.0930, 0, 0, -0.0225, 0)),
        (("2022-07-01", "2023-01-01"), "mean_rho", -0.0368, (0, 0.0070, 0, 0, -0.0438)),
        (("2023-10-01", "2024-01-01"), "mean_rho", 0.0144, (0.0124, 0, 0, 0.0020, 0)),
        (("2023-10-01", "2024-01-01"), "r2_neural", 0.2100, (0.1798, 0, 0, 0.0303, 0)),
        (("2023-10-01", "2024-01-01"), "models", -52, (-52, 0, 0, 0, 0)),
    ],
)
def test_parts_on_the_real_boards(shared_site, days, figure, change, parts):
    found = attribute(*(real(shared_site, day) for day in days))
    assert found.later[figure] - found.earlier[figure] == pytest.approx(change, abs=6e-5)
    assert list(found.parts[figure].values()) == pytest.approx(parts, abs=6e-5)


def test_the_loss_of_complete_cases_on_the_real_board_has_one_reason(shared_site):
    found = attribute(*(real(shared_site, day) for day in ("2023-10-01", "2024-01-01")))
    assert reasons_of(found, "models") == ["52 models left: never run on Igustibagus2024-ridge"]
    assert reasons_of(found, "r2_neural") == [
        "52 models left: never run on Igustibagus2024-ridge",
        "1 benchmark added: Igustibagus2024-ridge, first scores",
    ]
    assert attribution_in_words(found, "models") == (
        "models went from 135 to 83: −52 as 52 models left (never run on Igustibagus2024-ridge)"
    )


# --- reasons that are known ------------------------------------------------------------------------------------------


def changed(board: Board, rows: list[list[float | str]], **fields: object) -> Board:
    """The board with other cells, and with other models or another tree."""
    return replace(board_of(rows, fields.pop("tree", None)), **fields)


FULL = [[0.1 * (i + 1)] * 5 + [0.9 - 0.1 * i] for i in range(6)]


def lines(earlier: Board, later: Board, step: str) -> list[str]:
    return [reason.text for reason in attribute(earlier, later).reasons[step]]


def test_models_leave_and_join_for_four_reasons():
    before = board_of([*FULL, [0.5] * 5 + [""]])
    names = [f"{model.name} ({model.id})" for model in before.models]
    leaf = before.leaves[-1]
    rows = [list(row) for row in FULL]
    rows[1][0] = "X"
    after = changed(before, [*rows[1:], [0.5] * 6], models=before.models[1:])
    assert lines(before, after, "models_left") == [
        f"1 model left: removed from the leaderboard ({names[0]})",
        f"1 model left: no longer scored on {before.leaves[0]} ({names[1]})",
    ]
    assert lines(before, after, "models_joined") == [f"1 model joined: now scored on {leaf} ({names[6]})"]
    # Backwards all of it is told the other way around.
    assert lines(after, before, "models_joined")[0] == f"1 model joined: new to the leaderboard ({names[0]})"


def test_a_leaf_that_was_not_kept_before_takes_those_that_never_ran_it_and_those_that_failed():
    sparse = [[*row[:5], "" if i else row[5]] for i, row in enumerate(FULL)]
    filled = [[*row[:5], {3: "", 4: "", 5: "X"}.get(i, row[5])] for i, row in enumerate(FULL)]
    before, after = board_of(sparse), board_of(filled)
    leaf = before.leaves[5]
    assert lines(before, after, "benchmarks_added") == [f"1 benchmark added: {leaf}, too few models had a score before"]
    assert [line.split(" (")[0] for line in lines(before, after, "models_left")] == [
        f"2 models left: never run on {leaf}",
        f"1 model left: failed on {leaf}",
    ]
    assert [line.split(" (")[0] for line in lines(after, before, "models_joined")] == [
        f"3 models joined: no longer need a score on {leaf}"
    ]
    assert lines(after, before, "benchmarks_dropped") == [
        f"1 benchmark dropped: {leaf}, too few models have a score now"
    ]


def test_a_model_without_a_name_is_named_by_its_id():
    before = board_of(FULL)
    nameless = replace(before, models=(Model(7, "  "), *before.models[1:]))
    after = nameless.take(rows=[1, 2, 3, 4, 5])
    assert lines(nameless, after, "models_left") == ["1 model left: removed from the leaderboard (model 7)"]


def test_a_leaf_that_becomes_a_group_goes_and_its_leaves_come():
    spec = {
        "average_vision": {
            "neural_vision": {"V1": {"A2010-a": None, "B2011-b": None}, "V4": {"C2012-c": None}},
            "behavior_vision": {"D2013-d": None, "E2014-e": None},
        }
    }
    grown = {
        "average_vision": {
            "neural_vision": {"V1": {"A2010-a": None, "B2011-b": {"B2011-b1": None}}, "V4": {"C2012-c": None}},
            "behavior_vision": {"D2013-d": None, "E2014-e": None},
        }
    }
    rows = np.random.default_rng(1).random((8, 5)).tolist()
    before, after = board_of(rows, tree_of(spec)), board_of(rows, tree_of(grown))
    found = attribute(before, after)
    assert found.parts["benchmarks"] == dict(zip(STEPS, (0, -1, 0, 1, 0), strict=True))
    assert found.parts["mean_rho"] is not None
    assert lines(before, after, "benchmarks_dropped") == ["1 benchmark dropped: B2011-b, now a group"]
    assert lines(after, before, "benchmarks_added") == ["1 benchmark added: B2011-b, a group before"]


def test_restated_scores_are_always_told_and_rounded_ones_are_no_restatement():
    rng = np.random.default_rng(4)
    scores = np.round(rng.random((30, 6)), 3)
    restated, rounded = scores.copy(), np.round(scores, 2)
    # It moves nothing that shows at three decimals.
    restated[4, 2] += 0.002
    before, after, coarse = map(board_of_matrix, (scores, restated, rounded))
    assert lines(before, after, "restated") == [f"1 score restated: on {before.leaves[2]}"]
    words = attribution_in_words(attribute(before, after), "sd_neural")
    assert "1 score was restated" in words
    told = lines(before, coarse, "restated")
    assert len(told) == 1
    assert "scores rounded otherwise" in told[0]


def test_a_leaf_of_another_place_in_the_tree_weighs_otherwise():
    spec = {"V1": {"A2010-a": None, "B2011-b": None}, "V4": {"C2012-c": None}}
    moved = {"V1": {"A2010-a": None}, "V4": {"C2012-c": None, "B2011-b": None}}
    behavior = {"D2013-d": None, "E2014-e": None}
    rows = np.random.default_rng(1).random((8, 5))
    before = board_of_matrix(rows, tree_of({"average_vision": {"neural_vision": spec, "behavior_vision": behavior}}))
    after = board_of_matrix(
        rows[:, [0, 2, 1, 3, 4]], tree_of({"average_vision": {"neural_vision": moved, "behavior_vision": behavior}})
    )
    assert lines(before, after, "restated") == ["1 benchmark moved in the tree: B2011-b"]
    parts = attribute(before, after).parts
    assert parts["mean_rho"] == dict.fromkeys(STEPS, 0)
    assert parts["sd_neural"]["restated"] != 0


def test_a_figure_that_a_board_between_lacks_has_no_parts():
    # Both models are replaced: the boards have no model in common.
    rows = np.random.default_rng(1).random((4, 6))
    earlier, later = board_of_matrix(rows), board_of_matrix(1 - rows)
    later = replace(later, models=tuple(Model(model.id + 5000, "new") for model in later.models))
    found = attribute(earlier, later)
    assert found.parts["mean_rho"] is None
    assert found.parts["models"] == dict(zip(STEPS, (-4, 0, 0, 0, 4), strict=True))
    assert "cannot be split" in attribution_in_words(found, "mean_rho")
    assert "0 models × 6 benchmarks that both boards have" in reasons_of(found, "mean_rho")[0]


def test_nothing_changed_is_no_part():
    board = board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.6, 0.5, "X", 0.3, 0.2, 0.1], [0.3] * 6])
    found = attribute(board, board)
    assert found.parts["models"] == dict.fromkeys(STEPS, 0.0)
    assert attribution_in_words(found, "models") == "models stayed at 2"
    assert reasons_of(found, "models") == []


def test_planted_causes_get_the_largest_part():
    """A sample; `make causes` counts over 200 seeds for each cause."""
    causes = list(PLANTED)
    found = {seed: largest_part(causes[seed % len(causes)], seed) for seed in range(15)}
    assert found == {seed: causes[seed % len(causes)] for seed in found}


def test_the_board_before_a_planted_cause_is_the_one_after_without_it():
    for cause in PLANTED:
        earlier, later = boards_around(cause, seed=3)
        assert earlier.models != later.models or earlier.scores.tobytes() != later.scores.tobytes()


def test_values_that_round_alike_did_not_go_from_one_to_the_other():
    assert change_in_words("mean_rho", 0.19802, 0.19797) == "mean_rho hardly moved from 0.198"
    assert change_in_words("mean_rho", 0.198, 0.198) == "mean_rho stayed at 0.198"
    assert change_in_words("mean_rho", 0.198, 0.171) == "mean_rho went from 0.198 to 0.171"
    assert change_in_words("mean_rho", None, 0.171) == "mean_rho does not exist on the earlier board"
