"""Cleaning by the poster's rules: drop sparse benchmarks, then incomplete models, with a reason for each.

Source: Ahlert, Klein, Wichmann, Geirhos, *How aligned are different alignment metrics?*, arXiv 2407.07530.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import BoolArray
from ..errors import InputError
from ..results import Rows
from ..scales import rounded
from ..text import counted, first_few
from .board import Board
from .official import CellState


@dataclass(frozen=True, slots=True)
class DroppedBenchmark:
    """A leaf whose share of missing scores exceeds the threshold; counts are of models."""

    type_id: str
    failed: int
    never: int
    models: int

    @property
    def missing_share(self) -> float:
        """Share of models without a score."""
        return (self.failed + self.never) / self.models

    @property
    def reason(self) -> str:
        """Reason for dropping it, in words."""
        return (
            f"{self.missing_share:.1%} of {self.models} models have no score "
            f"({self.failed} FAILED, {self.never} NEVER run)"
        )


@dataclass(frozen=True, slots=True)
class DroppedModel:
    """A model that lacks a score on at least one kept leaf."""

    id: int
    name: str
    failed: tuple[str, ...]
    never: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Reason for dropping it, in words; names up to three benchmarks of each kind."""
        kinds = (("FAILED on", self.failed), ("NEVER run on", self.never))
        return "; ".join(f"{word} {first_few(names)}" for word, names in kinds if names)


@dataclass(frozen=True, eq=False, repr=False)
class Cleaning:
    """Cleaned board and the log of dropped benchmarks and models.

    Attributes
    ----------
    board : Board
        Complete: no score is missing. Its tree is pruned to the kept leaves.
    considered : Board
        The board before cleaning.
    max_missing : float
        Largest share of missing scores with which a leaf is kept.
    dropped_benchmarks, dropped_models : tuple
        The audit log, in the order of the board.
    constant : tuple of str
        Kept leaves on which all kept models have the same score (nine decimals): no rank correlation exists for them.

    See Also
    --------
    Board.clean : Make it.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> ba.example().clean().log.title
    '0 benchmarks and 5 models dropped'
    """

    board: Board
    considered: Board
    max_missing: float
    dropped_benchmarks: tuple[DroppedBenchmark, ...]
    dropped_models: tuple[DroppedModel, ...]
    constant: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Cleaning: {self.board!r} kept of {self.considered!r}>"

    def _repr_html_(self) -> str:
        return self.log._repr_html_()

    @property
    def log(self) -> Rows:
        """Each dropped benchmark and model with its counts and the reason."""
        import pandas as pd

        rows = [
            ("benchmark", None, one.type_id, one.failed, one.never, one.reason) for one in self.dropped_benchmarks
        ] + [("model", one.id, one.name, len(one.failed), len(one.never), one.reason) for one in self.dropped_models]
        frame = pd.DataFrame(rows, columns=["kind", "id", "name", "failed", "never", "reason"])
        frame["id"] = frame["id"].astype("Int64")
        return Rows(
            f"{counted(len(self.dropped_benchmarks), 'benchmark')} and "
            f"{counted(len(self.dropped_models), 'model')} dropped",
            frame,
        )


def clean(board: Board, max_missing: float = 0.5) -> Cleaning:
    """Drop leaves with a share of missing scores (FAILED, NEVER) above ``max_missing``, then incomplete models."""
    keep_row, keep_column = _kept(board, max_missing)
    cleaned = _cut(board, keep_row, keep_column)
    values = rounded(cleaned.scores)
    constant = (values == values[:1]).all(axis=0) & bool(cleaned.models)
    failed, never = board.states == CellState.FAILED, board.states == CellState.NEVER
    names = np.array(board.leaves, dtype=object)
    return Cleaning(
        board=cleaned,
        considered=board,
        max_missing=max_missing,
        dropped_benchmarks=tuple(
            DroppedBenchmark(board.leaves[j], int(failed[:, j].sum()), int(never[:, j].sum()), len(board.models))
            for j in np.flatnonzero(~keep_column)
        ),
        dropped_models=tuple(
            DroppedModel(model.id, model.name, *(tuple(names[of[i] & keep_column]) for of in (failed, never)))
            for i, model in enumerate(board.models)
            if not keep_row[i]
        ),
        constant=tuple(np.array(cleaned.leaves, dtype=object)[constant]),
    )


def complete_board(board: Board, max_missing: float = 0.5) -> Board:
    """Return the board of `clean`, without its log."""
    return _cut(board, *_kept(board, max_missing))


def _kept(board: Board, max_missing: float) -> tuple[BoolArray, BoolArray]:
    """Mark the models and the leaves that are kept."""
    if not 0 <= max_missing <= 1:
        raise InputError(f"max_missing is {max_missing}; it is a share, so give a number between 0 and 1")
    missing = np.isnan(board.scores)
    # A quotient, because products round otherwise: 0.29 * 100 < 29, but 29 / 100 is 0.29.
    keep_column: BoolArray = missing.sum(axis=0) / max(len(board.models), 1) <= max_missing
    keep_row: BoolArray = ~missing[:, keep_column].any(axis=1)
    return keep_row, keep_column


def _cut(board: Board, keep_row: BoolArray, keep_column: BoolArray) -> Board:
    return board.take(np.flatnonzero(keep_row).tolist(), np.flatnonzero(keep_column).tolist())
