"""External metrics: other measurements of the models, compared with the benchmarks and never in their average."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

import numpy as np

from ..agreement.dimensionality import dimensions
from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..data.official import CellState
from ..data.tree import Benchmark, BenchmarkTree
from ..errors import InputError
from ..files.metric_table import MetricRow, MetricTable, model_id
from ..text import visible
from .bootstrap import RESAMPLES, Interval, fewer, labels_among, rank_correlation
from .families import FamilyTable, families
from .figures import OFFICIAL
from .variance_components import linear_form

# Fewest common models for a correlation.
MIN_OVERLAP = 20
# Names suggested for a row, and rows for which names are looked up.
_SUGGESTED, _LOOKED_UP = 3, 50


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A row of the file that is joined to no model, and why."""

    line: int
    model: str  # The id or name that it gives
    reason: str
    suggestions: tuple[str, ...]  # Names on the board that resemble it, with their ids


@dataclass(frozen=True, eq=False)
class Joined:
    """External metrics of the ``n`` models of a board."""

    metrics: tuple[str, ...]  # Length k
    values: FloatArray  # Shape (n, k); NaN where unknown
    matched: int  # Rows of the file that are joined
    unmatched: tuple[Unmatched, ...]
    notes: tuple[str, ...]  # Cells that hold no number


@dataclass(frozen=True, slots=True)
class MetricAgreement:
    """Rank correlation of an external metric with a benchmark, or another metric; None where it has none."""

    name: str
    models: int  # With both
    rho: float | None
    interval: Interval | None  # Over families of models


@dataclass(frozen=True, slots=True)
class ExternalMetric:
    """An external metric against the benchmarks of a board."""

    metric: str
    models: int  # On the board with a value
    reason: str | None  # Why there is no correlation with the average
    average: MetricAgreement  # With the official average of the cleaned board
    benchmarks: tuple[MetricAgreement, ...]  # In the order of the board
    metrics: tuple[MetricAgreement, ...]  # With the other external metrics


@dataclass(frozen=True, slots=True)
class ExternalDimensions:
    """Dimensions of the models that are complete on benchmarks and metrics, without and with the metrics."""

    models: int
    reason: str | None  # Why there are none
    without: int | None = None  # By parallel analysis
    with_metrics: int | None = None
    pc1_without: float | None = None  # Share of the first component
    pc1_with: float | None = None


@dataclass(frozen=True, eq=False)
class External:
    """External metrics joined to a board, and what they have in common with its benchmarks."""

    joined: Joined = field(repr=False)
    metrics: tuple[ExternalMetric, ...]
    dimensions: ExternalDimensions
    board: Board | None = field(repr=False)  # Complete models, the metrics as leaves; None where they are too few


def join_metrics(table: MetricTable, board: Board) -> Joined:
    """Join a table of metrics to the models of a board: by id, or without one by a name that is on the board once.

    A name that is not on the board is joined to nothing; the names that resemble it are suggested, and an ``id`` in the
    file says which is meant. Raises InputError if a metric has the name of a benchmark.
    """
    for metric in table.metrics:
        if metric in board.tree or metric == _root(board):
            raise InputError(f"the metric {metric!r} has the name of a benchmark of the board; rename the column")
    names: dict[str, list[int]] = {}
    for i, model in enumerate(board.models):
        names.setdefault(model.name.strip(), []).append(i)
    values = np.full((len(board.models), len(table.metrics)), np.nan)
    unmatched: list[Unmatched] = []
    lines: dict[int, int] = {}
    for row in table.rows:
        place, reason, near = _place(row, board, names, len(unmatched) < _LOOKED_UP)
        if place is not None and place in lines:
            reason = f"line {lines[place]} has the metrics of this model already"
            place = None
        if place is None:
            label = visible(row.id or row.name)
            known = tuple(f"{visible(board.models[i].name)} (id {board.ids[i]})" for i in near[:_SUGGESTED])
            unmatched.append(Unmatched(row.line, label, reason, known))
        else:
            lines[place] = row.line
            values[place] = row.values
    return Joined(table.metrics, values, len(lines), tuple(unmatched), table.notes)


def _place(
    row: MetricRow, board: Board, names: dict[str, list[int]], suggest: bool
) -> tuple[int | None, str, list[int]]:
    """Return the position of a row's model, or why it has none, and the models that resemble it."""
    if row.id:
        number = model_id(row.id)
        if number in board.ids:
            return board.ids.index(number), "", []
        return None, "no model of the board has this id", names.get(row.name, [])
    if not row.name:
        return None, "the line names no model", []
    found = names.get(row.name, [])
    if len(found) == 1:
        return found[0], "", []
    if found:
        return (None, f"{len(found)} models of the board have this name; give the id of one", found[:_SUGGESTED])
    close = difflib.get_close_matches(row.name[:200], names, _SUGGESTED) if suggest else []
    return None, "no model of the board has this name; give the id", [i for one in close for i in names[one]]


def external(
    board: Board, cleaned: Board, table: MetricTable, named: FamilyTable = (), resamples: int = RESAMPLES, seed: int = 0
) -> External:
    """Correlate external metrics with benchmarks, the official average and each other, over the models with both."""
    joined = join_metrics(table, board)
    labels = families(board, named).labels
    rows = np.flatnonzero(np.isin(board.ids, cleaned.ids)).tolist()
    average = np.full(len(board.models), np.nan)
    form = linear_form(OFFICIAL, cleaned) if cleaned.models and cleaned.leaves else None
    if form is not None:
        average[rows] = form.scores
    found, scaled = [], _scaled(joined.values)
    for k, metric in enumerate(joined.metrics):
        own = scaled[:, k]
        others = [j for j in range(len(joined.metrics)) if j != k]
        whole = np.column_stack([average, board.scores, scaled[:, others]])
        names = (OFFICIAL, *board.leaves, *(joined.metrics[j] for j in others))
        pairs = zip(names, whole.T, strict=True)
        first, *agreed = [_agreement(name, own, column, labels, resamples, seed) for name, column in pairs]
        cut = len(board.leaves)
        reason = None
        if first.rho is None:
            few = f"complete models with it: {first.models}; {MIN_OVERLAP} are needed"
            reason = few if first.models < MIN_OVERLAP else "all of these models have the same value, or average"
        known = int((~np.isnan(own)).sum())
        found.append(ExternalMetric(metric, known, reason, first, tuple(agreed[:cut]), tuple(agreed[cut:])))
    return External(joined, tuple(found), *_dimensions(cleaned, scaled[rows], joined.metrics))


def _scaled(values: FloatArray) -> FloatArray:
    """Return metrics of any units between 0 and 1, so that ties at nine decimals are ties."""
    known = ~np.isnan(values)
    largest = np.abs(values).max(axis=0, where=known, initial=0.0)
    plain = values / np.where(largest > 0, largest, 1.0)
    low = plain.min(axis=0, where=known, initial=1.0)
    reach = plain.max(axis=0, where=known, initial=-1.0) - low
    return (plain - low) / np.where(reach > 0, reach, 1.0)


def _agreement(
    name: str, own: FloatArray, other: FloatArray, labels: IntArray, resamples: int, seed: int
) -> MetricAgreement:
    both = np.flatnonzero(~np.isnan(own) & ~np.isnan(other))
    if len(both) < MIN_OVERLAP:
        return MetricAgreement(name, len(both), None, None)
    times = fewer(resamples, len(both))
    return MetricAgreement(
        name, len(both), *rank_correlation(own[both], other[both], labels_among(labels, both), times, seed)
    )


def _dimensions(
    cleaned: Board, values: FloatArray, metrics: tuple[str, ...]
) -> tuple[ExternalDimensions, Board | None]:
    rows = np.flatnonzero(~np.isnan(values).any(axis=1)).tolist()
    if len(rows) < MIN_OVERLAP or not cleaned.leaves:
        few = f"complete models with all metrics: {len(rows)}; {MIN_OVERLAP} are needed"
        return ExternalDimensions(len(rows), few), None
    kept = cleaned.take(rows=rows)
    board = with_metrics(kept, values[rows], metrics)
    one, both = dimensions(kept), dimensions(board)
    counts = one.parallel_analysis, both.parallel_analysis, one.pc1_share, both.pc1_share
    return ExternalDimensions(len(rows), None, *counts), board


def _root(board: Board) -> str:
    return f"external_{board.domain}"


def with_metrics(board: Board, values: FloatArray, metrics: tuple[str, ...]) -> Board:
    """Return the board with metrics as engineering leaves, which have no cap, of a tree outside the average."""
    root = _root(board)
    nodes = [Benchmark(root, None, is_leaf=False, is_engineering=True)]
    nodes += [Benchmark(metric, root, is_leaf=True, is_engineering=True) for metric in metrics]
    states = np.where(np.isnan(values), CellState.NEVER, CellState.SCORED)
    return Board(
        domain=board.domain,
        models=board.models,
        tree=BenchmarkTree((*board.tree.nodes, *nodes)),
        leaves=(*board.leaves, *metrics),
        scores=np.column_stack([board.scores, values]),
        states=np.column_stack([board.states, states]),
        errors=np.column_stack([board.errors, np.full(values.shape, np.nan)]),
    )
