"""Boards that fell apart: just a third may go, one more is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brainalign_monitor.base.errors import ShrunkenBoardError
from brainalign_monitor.sources.payload import Pull, check_not_shrunken
from brainalign_plugin.data.snapshot import Snapshot
from tests.boards import NEVER, halves, snapshot_of

MODELS, LEAVES = 9, 6


def board(**changes: object) -> Snapshot:
    scores = np.random.default_rng(1).uniform(0.1, 0.9, (MODELS, LEAVES)).round(3).tolist()
    return replace(snapshot_of(halves(LEAVES), scores), **changes)


def with_models(kept: list[int]) -> Snapshot:
    whole = board()
    cells = {name: getattr(whole, name)[kept] for name in ("states", "scores", "errors", "scored_at")}
    return replace(whole, models=tuple(whole.models[i] for i in kept), **cells)


def without_cells(lost: list[tuple[int, int]]) -> Snapshot:
    whole = board()
    leaves = [whole.tree.index[leaf] for leaf in whole.tree.leaves()]
    states, scores = np.array(whole.states), np.array(whole.scores)
    for row, leaf in lost:
        states[row, leaves[leaf]], scores[row, leaves[leaf]] = NEVER, np.nan
    return replace(whole, states=states, scores=scores)


def renamed(count: int) -> Snapshot:
    models = board().models
    return board(models=tuple(replace(m, name=f"{m.name} {'b' * (i < count)}") for i, m in enumerate(models)))


def named_alike() -> Snapshot:
    return renamed(0)


def cells(count: int) -> list[tuple[int, int]]:
    """Cells of all rows and columns in turn, so that neither a model nor a leaf loses all of its own."""
    return [(i % MODELS, (i // MODELS + i) % LEAVES) for i in range(count)]


def column(leaves: int) -> list[tuple[int, int]]:
    return [(row, leaf) for leaf in range(leaves) for row in range(MODELS)]


CASES = {
    "models": (board, lambda n: with_models(list(range(MODELS - n))), 3, "lost {} of the 9 models"),
    "scores": (board, lambda n: without_cells(cells(n)), 18, "lost {} of the 54 scores"),
    "benchmarks": (board, lambda n: without_cells(column(n)), 2, "lost {} of the 6 benchmarks with scores"),
    "names": (named_alike, renamed, 3, "gave other names to {} of the 9 model ids"),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_third_may_go_and_no_more(kind):
    before, changed, most, said = CASES[kind]
    check_not_shrunken(Pull(b"body", changed(most)), before())
    with pytest.raises(ShrunkenBoardError) as caught:
        check_not_shrunken(Pull(b"body", changed(most + 1)), before())
    assert said.format(most + 1) in str(caught.value)
    assert caught.value.body == b"body"
    assert "--accept-shrunken" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_what_is_refused_says_all_that_went():
    with pytest.raises(ShrunkenBoardError) as caught:
        check_not_shrunken(Pull(b"body", with_models([0, 1])), board())
    some = ", ".join(str(number) for number in sorted(model.id for model in board().models[2:])[:5])
    assert f"lost 7 of the 9 models ({some}, …); it lost 42 of the 54 scores (" in str(caught.value)


def test_what_came_and_what_was_never_scored_is_not_missed():
    check_not_shrunken(Pull(b"body", board()), with_models([0]))
    check_not_shrunken(Pull(b"body", board()), None)
    empty = without_cells(column(LEAVES))
    check_not_shrunken(Pull(b"body", empty), empty)
    superseded = renamed(MODELS)
    check_not_shrunken(Pull(b"body", superseded), superseded)
