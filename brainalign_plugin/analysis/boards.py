"""The board that schemes are compared on: the cleaned one, or the full one with its missing cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..board import Board, Model
from ..cleaning import clean
from ..errors import BoardError, InputError
from ..snapshot import Snapshot

BoardKind = Literal["cleaned", "full"]


@dataclass(frozen=True, eq=False)
class ComparedBoard:
    """A board for comparing schemes, and the models that it leaves out.

    Attributes
    ----------
    kind : str
    board : Board
        ``cleaned``: complete. ``full``: every benchmark that has a score and every model that has one.
    left_out : tuple of Model
        Models of the snapshot that are not on it.
    """

    kind: BoardKind
    board: Board
    left_out: tuple[Model, ...]


def compared_board(
    snapshot: Snapshot, kind: BoardKind = "cleaned", max_missing: float = 0.5
) -> ComparedBoard:
    """Take the board of a snapshot on which schemes are ranked or audited.

    Raises
    ------
    InputError
        If the kind is unknown or the threshold out of range.
    BoardError
        If fewer than two models or no benchmark is left.
    """
    if kind not in get_args(BoardKind):
        raise InputError(f"the board is {kind!r}; known are {' and '.join(get_args(BoardKind))}")
    whole = snapshot.board()
    if kind == "cleaned":
        board = clean(whole, max_missing).board
    else:
        scored = ~np.isnan(whole.scores)
        board = whole.take(
            np.flatnonzero(scored.any(axis=1)).tolist(), np.flatnonzero(scored.any(axis=0)).tolist()
        )
    if len(board.models) < 2 or not board.leaves:
        raise BoardError(
            f"the {kind} board has {len(board.models)} models on {len(board.leaves)} benchmarks, too few to compare; "
            "take another snapshot, a larger --max-missing, or --board full"
        )
    kept = set(board.ids)
    return ComparedBoard(kind, board, tuple(model for model in snapshot.models if model.id not in kept))
