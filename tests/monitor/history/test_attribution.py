"""The split of a change into its causes: sums, an independent computation, planted causes, the real trap."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainalign_monitor.history.attribution import PLAYERS, attribute
from brainalign_monitor.history.attribution_words import attribution_in_words
from brainalign_monitor.history.figures import FIGURES, cleaned, headline_figures
from brainalign_monitor.sources import pull_file
from brainalign_plugin.board import Board, Model
from brainalign_plugin.cleaning import clean
from brainalign_plugin.snapshot import Snapshot
from brainalign_plugin.tree import BenchmarkTree
from tests.boards import board_of, board_of_matrix
from tests.monitor.history.pairs import board_pairs
from tests.monitor.history.planted import PLANTED, boards_around, largest_part

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(board_pairs(), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
@settings(max_examples=40)
def test_parts_sum_to_the_change_of_every_figure(pair, max_missing):
    found = attribute(*pair, max_missing)
    assert set(found.later) == set(found.earlier) == set(found.parts) == set(FIGURES)
    for figure, parts in found.parts.items():
        before, after = found.earlier[figure], found.later[figure]
        if parts is None:
            continue
        assert set(parts) == set(PLAYERS)
        assert before is not None
        assert after is not None
        assert sum(parts.values()) == pytest.approx(after - before, abs=1e-9)
    assert found.parts["models"] is not None, "a count exists on every board"


@given(board_pairs(), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
@settings(max_examples=40)
def test_both_ends_are_the_figures_of_the_cleaned_boards(pair, max_missing):
    found = attribute(*pair, max_missing)
    for figures, board in zip((found.earlier, found.later), pair, strict=True):
        expected = headline_figures(clean(board, max_missing).board)
        assert figures.keys() == expected.keys()
        for name, value in expected.items():
            assert figures[name] == (None if value is None else pytest.approx(value, abs=1e-9)), name


# --- the definition again, cell by cell and order by order -----------------------------------------------------------


def between(earlier: Board, later: Board, changes: frozenset[str], max_missing: float) -> Board:
    """The cleaned board with the changes of a set of causes, written from the definition."""
    old, new = ({m.id: m for m in board.models} for board in (earlier, later))
    first, last = (
        {
            (model.id, leaf): float(board.scores[i, j])
            for i, model in enumerate(board.models)
            for j, leaf in enumerate(board.leaves)
        }
        for board in (earlier, later)
    )
    scored_before = {leaf for (_, leaf), score in first.items() if not np.isnan(score)}
    kept_first, kept_last = (set(cleaned(board, max_missing).leaves) for board in (earlier, later))
    models = {
        i
        for i in {**old, **new}
        if (i in old and (i in new or "restated" not in changes))
        or (i in new and i not in old and "new_models" in changes)
    }
    leaves = []
    for leaf in {*earlier.leaves, *later.leaves}:
        if leaf not in scored_before:
            if leaf in kept_last and "new_benchmarks" in changes:
                leaves.append(leaf)
        elif leaf not in later.leaves:
            if leaf in kept_first and "restated" not in changes:
                leaves.append(leaf)
        elif leaf in (kept_last if "cleaning" in changes else kept_first):
            leaves.append(leaf)

    def score(model: int, leaf: str) -> float:
        is_new = leaf not in scored_before or model not in old
        gone = model not in new or leaf not in later.leaves
        side = last if (is_new or "restated" in changes) and not gone else first
        return side.get((model, leaf), np.nan)

    complete = sorted(i for i in models if not any(np.isnan(score(i, leaf)) for leaf in leaves))
    leaves.sort()
    nodes = {node.type_id: node for node in (*earlier.tree.nodes, *later.tree.nodes)}
    scores = np.array([[score(i, leaf) for leaf in leaves] for i in complete]).reshape(
        len(complete), len(leaves)
    )
    return Board(
        domain="vision",
        models=tuple(Model(i, "") for i in complete),
        tree=BenchmarkTree(tuple(nodes.values())).pruned(leaves),
        leaves=tuple(leaves),
        scores=scores,
        states=np.full(scores.shape, 2),
        errors=np.full(scores.shape, np.nan),
    )


@given(board_pairs(), st.sampled_from([0.3, 0.5, 0.9]))
@settings(max_examples=25)
def test_parts_are_those_of_the_definition(pair, max_missing):
    found = attribute(*pair, max_missing)
    value = {
        frozenset(some): headline_figures(between(*pair, frozenset(some), max_missing))
        for size in range(5)
        for some in itertools.combinations(PLAYERS, size)
    }
    for figure in FIGURES:
        numbers = {some: figures[figure] for some, figures in value.items()}
        if any(number is None for number in numbers.values()):
            assert found.parts[figure] is None
            continue
        parts = dict.fromkeys(PLAYERS, 0.0)
        orders = list(itertools.permutations(PLAYERS))
        for order in orders:
            for place, player in enumerate(order):
                step = numbers[frozenset(order[: place + 1])] - numbers[frozenset(order[:place])]
                parts[player] += step / len(orders)
        assert found.parts[figure] == pytest.approx(parts, abs=1e-9), figure


def test_a_figure_that_a_board_between_lacks_has_no_parts():
    # Both models are replaced: with the new ones not yet there and the old ones gone, nobody is left to correlate.
    rows = np.random.default_rng(1).random((4, 6))
    earlier, later = board_of_matrix(rows), board_of_matrix(1 - rows)
    strangers = tuple(Model(model.id + 5000, "new") for model in later.models)
    later = Board("vision", strangers, later.tree, later.leaves, later.scores, later.states, later.errors)
    found = attribute(earlier, later)
    assert found.parts["mean_rho"] is None
    assert found.parts["models"] == {"new_benchmarks": 0, "new_models": 4, "restated": -4, "cleaning": 0}
    assert "cannot be split" in attribution_in_words(found, "mean_rho")


def test_nothing_changed_is_nobodys_part():
    board = board_of([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.6, 0.5, "X", 0.3, 0.2, 0.1], [0.3] * 6])
    found = attribute(board, board)
    assert found.parts["models"] == dict.fromkeys(PLAYERS, 0.0)
    assert attribution_in_words(found, "models") == "models stayed at 2"


# --- causes that are known -------------------------------------------------------------------------------------------


def real(folder: Path, day: str) -> Snapshot:
    path = folder / f"compare-data-{day}.json.gz"
    return pull_file(str(path), received_at=NOW, max_bytes=10**9).snapshot


def test_the_loss_of_complete_cases_on_the_real_board_is_put_down_to_one_benchmark(shared_site):
    earlier, later = (real(shared_site, day) for day in ("2023-10-01", "2024-01-01"))
    found = attribute(earlier.board(), later.board())
    assert (found.earlier["models"], found.later["models"]) == (135, 83)
    parts = found.parts["models"]
    assert parts is not None
    cause = min(parts, key=lambda name: parts[name])
    assert parts[cause] == pytest.approx(-53)
    assert found.actors.new_benchmarks + found.actors.flipped == ("Igustibagus2024-ridge",)
    words = attribution_in_words(found, "models")
    assert words.startswith("models went from 135 to 83: −53 by")
    assert "Igustibagus2024-ridge" in words


def test_planted_causes_get_the_largest_part():
    """A sample; `make causes` counts over 200 seeds for each cause."""
    causes = list(PLANTED)
    found = {seed: largest_part(causes[seed % len(causes)], seed) for seed in range(15)}
    assert found == {seed: causes[seed % len(causes)] for seed in found}


def test_the_board_before_a_planted_cause_is_the_one_after_without_it():
    for cause in PLANTED:
        earlier, later = boards_around(cause, seed=3)
        assert earlier.models != later.models or earlier.scores.tobytes() != later.scores.tobytes()
