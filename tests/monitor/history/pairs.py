"""Pairs of boards and of snapshots, an earlier and a later one, that differ in every way in which boards do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from brainalign_plugin.data.board import Board
from brainalign_plugin.data.snapshot import Snapshot
from tests.boards import SCORED, boards, snapshots


@st.composite
def board_pairs(draw: st.DrawFn) -> tuple[Board, Board]:
    """Two boards cut from one: models and leaves come and go, cells are filled, blanked and restated."""
    whole = draw(boards(models=(2, 9), max_leaves=7, missing=False))
    return draw(_cut(whole)), draw(_cut(whole))


def _some_of(count: int) -> st.SearchStrategy[list[int]]:
    everything = list(range(count))
    return st.just(everything) | st.permutations(everything).flatmap(
        lambda order: st.integers(min(count, 1), count).map(lambda size: order[:size])
    )


@st.composite
def _cut(draw: st.DrawFn, whole: Board) -> Board:
    n, m = whole.scores.shape
    rows, columns = draw(_some_of(n)), draw(_some_of(m))
    board = whole.take(rows=rows, columns=sorted(columns))
    shape = board.scores.shape
    kinds = np.frombuffer(draw(st.binary(min_size=max(n * m, 1), max_size=max(n * m, 1))), dtype=np.uint8)
    kind = kinds[: shape[0] * shape[1]].reshape(shape)
    scores = np.array(board.scores)
    # Most cells as on the other board; some without a score, some restated.
    scores[kind % 11 == 0] = np.nan
    scores[kind % 13 == 1] = 0.5
    if shape[1] and draw(st.booleans()):
        scores[:: draw(st.integers(1, 2)), draw(st.integers(0, shape[1] - 1))] = np.nan
    states = np.where(np.isnan(scores), np.where(kind % 2, 0, 1), SCORED)
    return replace(board, scores=scores, states=states)


@st.composite
def snapshot_pairs(draw: st.DrawFn) -> tuple[Snapshot, Snapshot]:
    """Two snapshots of one domain: unrelated ones, or one and an earlier state of it."""
    later = draw(snapshots())
    if draw(st.booleans()):
        return draw(snapshots()), later
    return later.as_of(later.as_of_time), later
