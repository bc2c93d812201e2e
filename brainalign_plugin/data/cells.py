"""Cells of a snapshot: those of superseded versions of benchmarks, and the checks of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray, IntArray, StateArray, TimeArray, frozen
from ..errors import SnapshotError
from .board import Model
from .official import CellState
from .tree import BenchmarkTree

NO_TIME = np.datetime64("NaT", "us")
# Fields of a cell, each with its type and with its value where there is no cell.
CELL_FIELDS: dict[str, tuple[npt.DTypeLike, Any]] = {
    "states": (np.int8, CellState.NEVER),
    "scores": (np.float64, np.nan),
    "errors": (np.float64, np.nan),
    "scored_at": ("datetime64[us]", NO_TIME),
}
SUPERSEDED_DTYPES: dict[str, npt.DTypeLike] = {
    **dict.fromkeys(("row", "column", "version"), np.int64),
    **{name: dtype for name, (dtype, _) in CELL_FIELDS.items()},
}


@dataclass(frozen=True, eq=False)
class SupersededCells:
    """Scores of versions that no longer count, arrays (c,); ``row`` and ``column`` are positions on the board."""

    row: IntArray
    column: IntArray
    version: IntArray
    states: StateArray
    scores: FloatArray
    errors: FloatArray
    scored_at: TimeArray

    def __post_init__(self) -> None:
        for name, dtype in SUPERSEDED_DTYPES.items():
            array = frozen(getattr(self, name), dtype)
            object.__setattr__(self, name, array)
            if array.shape != (len(self.row),):
                raise SnapshotError(
                    f"superseded cells: {name} has {array.size} entries and row has {len(self.row)}; one entry a cell"
                )

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: npt.NDArray[np.bool_] | IntArray) -> SupersededCells:
        """Select entries by mask or position."""
        return SupersededCells(*(getattr(self, name)[which] for name in SUPERSEDED_DTYPES))

    def split(self, models: int, in_force: Sequence[int]) -> tuple[dict[str, Any], SupersededCells]:
        """Separate cells of all versions: arrays (n, k) of those in force, by field, and the others.

        `models`: their number n. `in_force`: the latest version of each of the k benchmarks.
        """
        now = self.version == np.array(in_force, dtype=np.int64)[self.column]
        arrays = {}
        for name, (dtype, none) in CELL_FIELDS.items():
            arrays[name] = np.full((models, len(in_force)), none, dtype=dtype)
            arrays[name][self.row[now], self.column[now]] = getattr(self, name)[now]
        return arrays, self.take(~now)


def no_superseded() -> SupersededCells:
    """Return an empty table, for a board on which every benchmark has one version."""
    return SupersededCells(*(np.empty(0, dtype=dtype) for dtype in SUPERSEDED_DTYPES.values()))


def check_ids_and_moments(models: tuple[Model, ...], tree: BenchmarkTree) -> None:
    """Check that ids of models are unique and all moments have a time zone; else SnapshotError."""
    seen: set[int] = set()
    for model in models:
        if model.id in seen:
            raise SnapshotError(f"model id {model.id} occurs twice; the id is the key of a model")
        seen.add(model.id)
        if model.submitted_at is not None and model.submitted_at.tzinfo is None:
            raise SnapshotError(
                f"model {model.id} was submitted at {model.submitted_at}, without a time zone; give it in UTC"
            )
    for node in tree.nodes:
        for v in node.versions:
            if any(moment is not None and moment.tzinfo is None for moment in (v.valid_from, v.valid_to)):
                raise SnapshotError(
                    f"version {v.version} of {node.type_id!r} counted from {v.valid_from} to {v.valid_to}, "
                    "without a time zone; give both in UTC"
                )


def check_values(states: StateArray, scores: FloatArray, errors: FloatArray, name: Callable[..., str]) -> None:
    """Check states, scores and errors of cells, which ``name`` names by position; else SnapshotError."""
    unknown = np.argwhere(~np.isin(states, list(CellState)))
    if len(unknown):
        at = tuple(unknown[0])
        raise SnapshotError(f"{name(*at)} has the state {int(states[at])}; known are {[int(s) for s in CellState]}")
    wrong = np.argwhere(((states == CellState.SCORED) != np.isfinite(scores)) | np.isinf(scores))
    if len(wrong):
        at = tuple(wrong[0])
        raise SnapshotError(
            f"{name(*at)} is {CellState(int(states[at])).name} with the score {scores[at]}; "
            "only SCORED cells have a score, and it is finite"
        )
    infinite = np.argwhere(np.isinf(errors))
    if len(infinite):
        at = tuple(infinite[0])
        raise SnapshotError(f"{name(*at)} has the error {errors[at]}; an error is finite, or NaN where there is none")


def check_superseded(old: SupersededCells, models: tuple[Model, ...], tree: BenchmarkTree) -> None:
    """Check that superseded cells lie on the board, once each, in older versions; else SnapshotError."""
    for what, positions, count in (("model", old.row, len(models)), ("benchmark", old.column, len(tree.nodes))):
        outside = positions[(positions < 0) | (positions >= count)]
        if len(outside):
            raise SnapshotError(f"a superseded cell is of {what} number {outside[0]}; there are {count}, from 0")

    def name(i: int) -> str:
        return f"model {models[old.row[i]].id} on version {old.version[i]} of {tree.nodes[old.column[i]].type_id!r}"

    latest = np.array([node.version for node in tree.nodes], dtype=np.int64)[old.column]
    late = np.flatnonzero(old.version >= latest)
    if len(late):
        raise SnapshotError(f"{name(late[0])} is a superseded cell, but the latest version is {latest[late[0]]}")
    order = np.lexsort((old.version, old.column, old.row))
    keys = np.stack((old.row, old.column, old.version))[:, order]
    twice = np.flatnonzero((keys[:, 1:] == keys[:, :-1]).all(axis=0))
    if len(twice):
        raise SnapshotError(f"{name(order[twice[0]])} occurs twice among the superseded cells; one cell a version")
    check_values(old.states, old.scores, old.errors, name)
