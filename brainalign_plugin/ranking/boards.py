"""Board that schemes are compared on: the cleaned one, or the full one under a rule for missing cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board, Model
from ..data.cleaning import complete_board
from ..data.snapshot import Snapshot
from ..errors import BoardError, ConvergenceError, InputError
from ..scales import competition_ranks, rounded
from ..schemes import Convention, Scheme
from ..schemes.missing import fill_missing
from ..schemes.registry import rule_for
from ..text import brief, counted

BoardKind = Literal["cleaned", "full"]


@dataclass(frozen=True, eq=False)
class ComparedBoard:
    """Board for comparing schemes, and the models that it leaves out."""

    __repr__ = brief

    kind: BoardKind
    # ``cleaned``: complete. ``full``: every model that has a score, and every benchmark of the snapshot, because
    # benchmarks without any score count in Brain-Score's own aggregate too. On it HIER is that aggregate.
    board: Board
    left_out: tuple[Model, ...]  # Models of the snapshot that are not on it

    @property
    def size(self) -> str:
        """Number of models and benchmarks, in words."""
        return f"{counted(len(self.board.models), 'model')} × {counted(len(self.board.leaves), 'benchmark')}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings about comparisons on this board: a single benchmark, constant ones, ties of all models."""
        scored = self.board.scored_leaves
        leaves = [leaf for leaf, some in zip(self.board.leaves, scored.tolist(), strict=True) if some]
        scores = rounded(self.board.scores[:, scored])
        found = []
        if len(leaves) == 1:
            found.append(
                f"{leaves[0]!r} is the only benchmark: there is nothing to aggregate, and no interval over benchmarks"
            )
        flat = [leaf for leaf, column in zip(leaves, scores.T, strict=True) if np.nanmin(column) == np.nanmax(column)]
        if len(flat) == len(leaves):
            found.append("all models tie on every benchmark, so that no scheme can distinguish them")
        elif flat:
            found.append(
                f"all models have the same score on {', '.join(map(repr, flat))}, which does not distinguish them"
            )
        return tuple(found)


def compared_board(snapshot: Snapshot, kind: BoardKind = "cleaned", max_missing: float = 0.5) -> ComparedBoard:
    """Take the board of a snapshot on which schemes are compared, of at least two models and one benchmark."""
    if kind not in get_args(BoardKind):
        raise InputError(f"the board is {kind!r}; known are {' and '.join(get_args(BoardKind))}")
    whole = snapshot.board()
    if kind == "cleaned":
        board = complete_board(whole, max_missing)
    else:
        board = whole.take(np.flatnonzero(~np.isnan(whole.scores).all(axis=1)).tolist())
    if len(board.models) < 2 or not board.leaves:
        other = ", a larger max_missing, or the full board" if kind == "cleaned" else ""
        raise BoardError(
            f"the {kind} board has {counted(len(board.models), 'model')} on {counted(len(board.leaves), 'benchmark')}, "
            f"too few to compare; take another snapshot{other}"
        )
    kept = set(board.ids)
    return ComparedBoard(kind, board, tuple(model for model in snapshot.models if model.id not in kept))


def without(board: Board, columns: Iterable[int]) -> Board:
    """Return a board without some of its leaves, by position."""
    return board.take(columns=np.setdiff1d(range(len(board.leaves)), list(columns)).tolist())


def resolved_board(scheme: Scheme, board: Board, convention: Convention | None = None) -> Board:
    """Fill a board's missing cells by the scheme's rule (or another that it supports)."""
    rule = rule_for(scheme, convention)
    return board if board.complete else fill_missing(board, rule)


def aggregated(scheme: Scheme, board: Board, convention: Convention | None = None) -> FloatArray:
    """Score a board under a scheme after filling its missing cells, shape (n,); NaN for a model without any."""
    return scheme.scores(resolved_board(scheme, board, convention))


def aggregated_or_none(scheme: Scheme, board: Board, convention: Convention | None = None) -> FloatArray | None:
    """Score a board as `aggregated` does; None where the scheme cannot be used on it."""
    try:
        return aggregated(scheme, board, convention)
    except (BoardError, ConvergenceError):
        return None


def ranks_of_all(scores: FloatArray) -> IntArray:
    """Compute competition ranks (1, 2, 2, 4; highest score first); models without a score share the last."""
    return competition_ranks(np.where(np.isnan(scores), -np.inf, scores))
