"""Scores of a snapshot as rows, and rows as the arrays of a snapshot. No database here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brainalign_plugin.arrays import BoolArray, FloatArray, IntArray, StateArray, TimeArray
from brainalign_plugin.official import CellState
from brainalign_plugin.snapshot import NO_TIME, Snapshot, SupersededCells

# Model id, benchmark's number in the store, benchmark version.
CellKey = tuple[int, int, int]
# State, score, error, when it was scored (microseconds since 1970-01-01 UTC); None where there is none.
CellValue = tuple[int, float | None, float | None, int | None]

# States, scores, errors, times.
_Columns = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]

_NAT = int(NO_TIME.astype(np.int64))


@dataclass(frozen=True, eq=False)
class CellArrays:
    """Cells as a snapshot of ``n`` models and ``k`` nodes holds them: arrays of shape (n, k), and older versions."""

    states: StateArray
    scores: FloatArray
    errors: FloatArray
    scored_at: TimeArray
    superseded: SupersededCells


def cell_rows(snapshot: Snapshot, benchmarks: Sequence[int]) -> dict[CellKey, CellValue]:
    """Every cell that says something: of the versions in force those that are not blank, and all older ones.

    Parameters
    ----------
    snapshot : Snapshot
    benchmarks : sequence of int, length k
        The store's number of each tree node.
    """
    ids = [model.id for model in snapshot.models]
    in_force = [node.version for node in snapshot.tree.nodes]
    old = snapshot.superseded
    said: BoolArray = (
        (snapshot.states != CellState.NEVER) | ~np.isnan(snapshot.errors) | ~np.isnat(snapshot.scored_at)
    )
    rows: dict[CellKey, CellValue] = {
        (ids[i], benchmarks[j], in_force[j]): value
        for i, j, value in zip(
            *(positions.tolist() for positions in np.nonzero(said)),
            _values(
                snapshot.states[said], snapshot.scores[said], snapshot.errors[said], snapshot.scored_at[said]
            ),
            strict=True,
        )
    }
    older = zip(
        old.row.tolist(),
        old.column.tolist(),
        old.version.tolist(),
        _values(old.states, old.scores, old.errors, old.scored_at),
        strict=True,
    )
    rows.update({(ids[i], benchmarks[j], version): value for i, j, version, value in older})
    return rows


def cell_arrays(
    rows: Iterable[Sequence[Any]],
    row_of: Mapping[int, int],
    column_of: Mapping[int, int],
    in_force: Sequence[int],
    superseded_order: Sequence[int] | None,
) -> CellArrays:
    """Inverse of `cell_rows`.

    Parameters
    ----------
    rows : iterable of sequences
        Model id, benchmark's number, version, state, score, error, time.
    row_of, column_of : mapping
        Position of each model id, and of each of the store's benchmark numbers.
    in_force : sequence of int, length k
        Each node's latest version.
    superseded_order : sequence of int or None
        As `superseded_order` gave it.
    """
    columns = tuple(zip(*rows, strict=True)) or ((),) * 7
    row = np.array([row_of[model] for model in columns[0]], dtype=np.int64)
    column = np.array([column_of[number] for number in columns[1]], dtype=np.int64)
    version = np.array(columns[2], dtype=np.int64)
    cells: _Columns = (
        np.array(columns[3], dtype=np.int8),
        np.array(columns[4], dtype=np.float64),
        np.array(columns[5], dtype=np.float64),
        np.array([_NAT if time is None else time for time in columns[6]], dtype=np.int64).view(
            "datetime64[us]"
        ),
    )
    now = version == np.array(in_force, dtype=np.int64)[column]
    shape = (len(row_of), len(column_of))
    full: _Columns = (
        np.full(shape, CellState.NEVER, dtype=np.int8),
        np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.full(shape, NO_TIME),
    )
    for array, values in zip(full, cells, strict=True):
        array[row[now], column[now]] = values[now]
    older = SupersededCells(row[~now], column[~now], version[~now], *(values[~now] for values in cells))
    older = older.take(_by_key(older))
    if superseded_order is not None:
        older = older.take(np.array(superseded_order, dtype=np.int64))
    return CellArrays(*full, superseded=older)


def superseded_order(cells: SupersededCells) -> list[int] | None:
    """Order of the older cells relative to that by model, benchmark and version; None if it is that."""
    order = np.argsort(_by_key(cells), kind="stable")
    return None if bool((order == np.arange(len(cells))).all()) else [int(i) for i in order]


def _by_key(cells: SupersededCells) -> IntArray:
    order: IntArray = np.lexsort((cells.version, cells.column, cells.row))
    return order


def _values(
    states: StateArray, scores: FloatArray, errors: FloatArray, scored_at: TimeArray
) -> Iterable[CellValue]:
    return zip(
        states.tolist(),
        _known(scores.tolist(), np.isnan(scores)),
        _known(errors.tolist(), np.isnan(errors)),
        _known(scored_at.astype(np.int64).tolist(), np.isnat(scored_at)),
        strict=True,
    )


def _known(values: list[Any], absent: BoolArray) -> list[Any]:
    return [None if is_absent else value for value, is_absent in zip(values, absent.tolist(), strict=True)]
