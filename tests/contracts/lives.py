"""Lives of small boards: what a leaderboard does between two pulls, drawn by hypothesis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from brainalign_plugin.data.board import Model
from brainalign_plugin.data.cells import NO_TIME, SupersededCells
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.data.tree import BenchmarkTree, BenchmarkVersion
from tests.boards import FAILED, LAST_DAY, NAMES, NEVER, SCORED, as_time, day, reordered, snapshots

CELLS = ("states", "scores", "errors", "scored_at")


@st.composite
def lives(draw: st.DrawFn, steps: int = 5) -> list[Snapshot]:
    """Boards of one domain, each a change of the one before or something else altogether, a day apart."""
    found = [draw(snapshots(max_models=4, max_leaves=4))]
    for _ in range(draw(st.integers(1, steps - 1))):
        change = draw(st.sampled_from(CHANGES))
        found.append(change(draw, found[-1]))
    return [replace(board, as_of_time=day(LAST_DAY + i)) for i, board in enumerate(found)]


def unchanged(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    return replace(board, source=draw(NAMES))


def another(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    return draw(snapshots(max_models=4, max_leaves=4))


def shuffled(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    return reordered(board, draw(st.permutations(range(len(board.models)))))


def renamed(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    models = tuple(
        replace(model, name=draw(NAMES), published_rank=draw(st.none() | st.integers(1, 9))) for model in board.models
    )
    return replace(board, models=models)


def removed(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    """Without one of its models."""
    if not board.models:
        return board
    gone = draw(st.integers(0, len(board.models) - 1))
    kept = [i for i in range(len(board.models)) if i != gone]
    old = board.superseded.take(board.superseded.row != gone)
    return replace(
        board,
        models=tuple(board.models[i] for i in kept),
        superseded=replace(old, row=old.row - (old.row > gone)),
        **{name: getattr(board, name)[kept] for name in CELLS},
    )


def joined(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    """With one model more, which has a name that is there already."""
    name = board.models[0].name if board.models else "resnet50"
    new = Model(max((m.id for m in board.models if m.id < 2**62), default=0) + 1, name, day(1), 1)
    blank: dict[str, Any] = {"states": NEVER, "scores": np.nan, "errors": np.nan, "scored_at": NO_TIME}
    rows = {
        field: np.vstack([getattr(board, field), np.full(len(board.tree.nodes), value)])
        for field, value in blank.items()
    }
    return replace(board, models=(*board.models, new), **rows)


def rescored(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    """One cell in another state, with another score, error and time."""
    if not board.states.size:
        return board
    row, column = (draw(st.integers(0, size - 1)) for size in board.states.shape)
    cells = {name: np.array(getattr(board, name)) for name in CELLS}
    state = draw(st.sampled_from([SCORED, FAILED, NEVER]))
    cells["states"][row, column] = state
    cells["scores"][row, column] = draw(st.floats(-1, 2)) if state == SCORED else np.nan
    cells["errors"][row, column] = draw(st.just(np.nan) | st.floats(allow_nan=False, allow_infinity=False))
    cells["scored_at"][row, column] = draw(st.sampled_from([NO_TIME, as_time(day(2))]))
    return replace(board, **cells)


def new_version(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    """A leaf gets a version more: what counted until now is superseded, and every model starts again."""
    columns = [j for j, node in enumerate(board.tree.nodes) if node.is_leaf]
    column = draw(st.sampled_from(columns))
    node = board.tree.nodes[column]
    version = BenchmarkVersion(node.version + 1, f"{node.type_id}_v{node.version + 1}", day(3))
    nodes = list(board.tree.nodes)
    nodes[column] = replace(node, versions=(*node.versions, version))
    old, rows = board.superseded, np.flatnonzero(board.states[:, column] != NEVER)
    cells = {name: np.array(getattr(board, name)) for name in CELLS}
    superseded = SupersededCells(
        np.append(old.row, rows),
        np.append(old.column, np.full(len(rows), column)),
        np.append(old.version, np.full(len(rows), node.version)),
        *(np.append(getattr(old, name), cells[name][rows, column]) for name in CELLS),
    )
    for name, value in zip(CELLS, (NEVER, np.nan, np.nan, NO_TIME), strict=True):
        cells[name][:, column] = value
    return replace(board, tree=BenchmarkTree(tuple(nodes)), superseded=superseded, **cells)


def regrouped(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    """A leaf moves to another group and is called otherwise."""
    groups = [node.type_id for node in board.tree.nodes if not node.is_leaf]
    nodes = list(board.tree.nodes)
    column = draw(st.sampled_from([j for j, node in enumerate(nodes) if node.is_leaf]))
    nodes[column] = replace(nodes[column], parent=draw(st.sampled_from(groups)), label=draw(NAMES))
    return replace(board, tree=BenchmarkTree(tuple(nodes)))


def closed(draw: st.DrawFn, board: Snapshot) -> Snapshot:
    """A leaf disappears from the tree."""
    leaves = [j for j, node in enumerate(board.tree.nodes) if node.is_leaf]
    if len(leaves) < 2:
        return board
    gone = draw(st.sampled_from(leaves))
    kept = [j for j in range(len(board.tree.nodes)) if j != gone]
    old = board.superseded.take(board.superseded.column != gone)
    return replace(
        board,
        tree=BenchmarkTree(tuple(board.tree.nodes[j] for j in kept)),
        superseded=replace(old, column=old.column - (old.column > gone)),
        **{name: getattr(board, name)[:, kept] for name in CELLS},
    )


CHANGES = [unchanged, another, shuffled, renamed, removed, joined, rescored, rescored, new_version, regrouped, closed]
