"""Rows of stored cells become the arrays of a snapshot. No database here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brainalign_plugin.arrays import IntArray
from brainalign_plugin.data.cells import NO_TIME, SupersededCells

_NAT = int(NO_TIME.astype(np.int64))


def cell_columns(columns: Sequence[Sequence[Any]]) -> tuple[npt.NDArray[Any], ...]:
    """Return stored cells as arrays: model id, benchmark's number, version, state, score, error, time."""
    times = [_NAT if time is None else time for time in columns[6]]
    return (
        *(np.array(column, dtype=np.int64) for column in columns[:3]),
        np.array(columns[3], dtype=np.int8),
        *(np.array(column, dtype=np.float64) for column in columns[4:6]),
        np.array(times, dtype=np.int64).view("datetime64[us]"),
    )


def cell_arrays(
    found: Sequence[npt.NDArray[Any]],
    models: Sequence[int],
    benchmarks: Sequence[int],
    in_force: Sequence[int],
    superseded_order: Sequence[int] | None,
) -> dict[str, Any]:
    """Return a snapshot's arrays of cells, shape (n, k), by field, and the older versions; inverts `cell_values`.

    ``found`` are the cells (`cell_columns`), ``models`` the ids of the n models, ``benchmarks`` the store's numbers of
    the k nodes, ``in_force`` their latest versions. Raises KeyError if a cell is of another model or benchmark.
    """
    model, benchmark, version, *cells = found
    row, column = _positions(model, models), _positions(benchmark, benchmarks)
    arrays, older = SupersededCells(row, column, version, *cells).split(len(models), in_force)
    older = older.take(_by_key(older))
    if superseded_order is not None:
        older = older.take(np.array(superseded_order, dtype=np.int64))
    return {**arrays, "superseded": older}


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
