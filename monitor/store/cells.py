"""Scores of a snapshot as rows, and rows as the arrays of a snapshot. No database here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from brainalign_plugin.arrays import BoolArray, FloatArray, IntArray, StateArray, TimeArray
from brainalign_plugin.data.cells import SupersededCells
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import NO_TIME, Snapshot

# Model id, benchmark's number in the store, benchmark version.
CellKey = tuple[int, int, int]
# State, score, error, when it was scored (microseconds since 1970-01-01 UTC); None where there is none.
CellValue = tuple[int, float | None, float | None, int | None]

# States, scores, errors, times.
_Columns = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]

_NAT = int(NO_TIME.astype(np.int64))


def cell_rows(snapshot: Snapshot, benchmarks: Sequence[int]) -> dict[CellKey, CellValue]:
    """Return all cells with content: of the versions in force those that are not blank, and all older ones.

    ``benchmarks`` are the store's numbers of the k tree nodes.
    """
    ids = [model.id for model in snapshot.models]
    in_force = [node.version for node in snapshot.tree.nodes]
    old = snapshot.superseded
    said: BoolArray = (snapshot.states != CellState.NEVER) | ~np.isnan(snapshot.errors) | ~np.isnat(snapshot.scored_at)
    rows: dict[CellKey, CellValue] = {
        (ids[i], benchmarks[j], in_force[j]): value
        for i, j, value in zip(
            *(positions.tolist() for positions in np.nonzero(said)),
            _values(snapshot.states[said], snapshot.scores[said], snapshot.errors[said], snapshot.scored_at[said]),
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


@dataclass(frozen=True, eq=False)
class CellColumns:
    """Rows of cells, column by column: arrays of shape (r,)."""

    model: IntArray
    benchmark: IntArray
    version: IntArray
    states: StateArray
    scores: FloatArray
    errors: FloatArray
    scored_at: TimeArray

    def take(self, which: BoolArray) -> CellColumns:
        """Return some of the rows."""
        return CellColumns(*(getattr(self, one.name)[which] for one in fields(self)))


def cell_columns(columns: Sequence[Sequence[Any]]) -> CellColumns:
    """Return the columns as a database gives them: model id, benchmark's number, version, state, score, error, time."""
    model, benchmark, version = (np.array(column, dtype=np.int64) for column in columns[:3])
    times = [_NAT if time is None else time for time in columns[6]]
    return CellColumns(
        model,
        benchmark,
        version,
        np.array(columns[3], dtype=np.int8),
        np.array(columns[4], dtype=np.float64),
        np.array(columns[5], dtype=np.float64),
        np.array(times, dtype=np.int64).view("datetime64[us]"),
    )


def cell_arrays(
    found: CellColumns,
    models: Sequence[int],
    benchmarks: Sequence[int],
    in_force: Sequence[int],
    superseded_order: Sequence[int] | None,
) -> dict[str, Any]:
    """Return a snapshot's arrays of cells, shape (n, k), by field, and the older versions: the inverse of `cell_rows`.

    ``models`` are the ids of the n models, ``benchmarks`` the store's numbers of the k nodes.
    ``in_force`` are the nodes' latest versions. Raises KeyError if a cell is of another model or benchmark.
    """
    row, column = _positions(found.model, models), _positions(found.benchmark, benchmarks)
    version = found.version
    cells: _Columns = (found.states, found.scores, found.errors, found.scored_at)
    now = version == np.array(in_force, dtype=np.int64)[column]
    shape = (len(models), len(benchmarks))
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
    fields = ("states", "scores", "errors", "scored_at")
    return {**dict(zip(fields, full, strict=True)), "superseded": older}


def superseded_order(cells: SupersededCells) -> list[int] | None:
    """Return the order of the older cells relative to that by model, benchmark and version; None if it is that."""
    order = np.argsort(_by_key(cells), kind="stable")
    return None if bool((order == np.arange(len(cells))).all()) else [int(i) for i in order]


def _positions(wanted: IntArray, known: Sequence[int]) -> IntArray:
    """Return the position of each wanted number among the known ones."""
    numbers = np.array(known, dtype=np.int64)
    order = np.argsort(numbers)
    where = np.searchsorted(numbers, wanted, sorter=order)
    strange = np.ones(len(wanted), dtype=bool)
    within = where < len(numbers)
    found: IntArray = np.zeros(len(wanted), dtype=np.int64)
    found[within] = order[where[within]]
    strange[within] = numbers[found[within]] != wanted[within]
    if strange.any():
        raise KeyError(int(wanted[strange][0]))
    return found


def _by_key(cells: SupersededCells) -> IntArray:
    order: IntArray = np.lexsort((cells.version, cells.column, cells.row))
    return order


def _values(states: StateArray, scores: FloatArray, errors: FloatArray, scored_at: TimeArray) -> Iterable[CellValue]:
    return zip(
        states.tolist(),
        _known(scores.tolist(), np.isnan(scores)),
        _known(errors.tolist(), np.isnan(errors)),
        _known(scored_at.astype(np.int64).tolist(), np.isnat(scored_at)),
        strict=True,
    )


def _known(values: list[Any], absent: BoolArray) -> list[Any]:
    return [None if is_absent else value for value, is_absent in zip(values, absent.tolist(), strict=True)]
