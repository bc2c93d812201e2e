"""Changes between two snapshots: models, benchmarks, versions, scores, and the official ranks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from brainalign_plugin.arrays import BoolArray
from brainalign_plugin.data.board import Model
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot, SupersededCells
from brainalign_plugin.data.tree import Benchmark
from brainalign_plugin.errors import InputError

from .precision import aligned


class CellValue(NamedTuple):
    """Content of a cell: state, score, error and time (microseconds since 1970 UTC); None if there is none."""

    state: CellState
    score: float | None
    error: float | None
    scored_at: int | None


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell (model id, type id, version) that came, went or changed; None on the side where it does not exist."""

    model: int
    benchmark: str
    version: int
    before: CellValue | None
    after: CellValue | None


@dataclass(frozen=True, slots=True)
class ModelChange:
    """A model that is there on both sides under another name, submission time or published rank."""

    before: Model
    after: Model


@dataclass(frozen=True, slots=True)
class BenchmarkChange:
    """A benchmark that is there on both sides with another parent, label or versions."""

    before: Benchmark
    after: Benchmark


@dataclass(frozen=True, slots=True)
class RankMove:
    """A model (id) whose recomputed official rank moved."""

    model: int
    name: str
    before: int
    after: int


@dataclass(frozen=True, eq=False)
class Changes:
    """Everything by which a later snapshot differs from an earlier one.

    `apply_changes` makes the later snapshot from the earlier one with it.
    """

    earlier: Snapshot
    later: Snapshot
    models_added: tuple[Model, ...]
    models_removed: tuple[Model, ...]
    models_changed: tuple[ModelChange, ...]
    benchmarks_added: tuple[Benchmark, ...]
    benchmarks_removed: tuple[Benchmark, ...]
    benchmarks_changed: tuple[BenchmarkChange, ...]
    cells: tuple[CellChange, ...]
    rank_moves: tuple[RankMove, ...]

    @property
    def empty(self) -> bool:
        """Return whether the two boards are equal."""
        return not (
            self.models_added
            or self.models_removed
            or self.models_changed
            or self.benchmarks_added
            or self.benchmarks_removed
            or self.benchmarks_changed
            or self.cells
        )

    @property
    def benchmarks_started(self) -> tuple[str, ...]:
        """Leaves under the average with a first score on the later board."""
        before = _scored_leaves(self.earlier)
        return tuple(leaf for leaf in _scored_leaves(self.later) if leaf not in set(before))

    @property
    def versions(self) -> tuple[tuple[str, int, int], ...]:
        """Leaves of which another version counts on the later board: type id, version before, version now."""
        return tuple(
            (c.after.type_id, c.before.version, c.after.version)
            for c in self.benchmarks_changed
            # An export without its sidecar has no versions.
            if c.after.is_leaf
            and c.before.version != c.after.version
            and c.before.version
            and c.after.version
        )


def _scored_leaves(snapshot: Snapshot) -> list[str]:
    board = snapshot.board()
    some = (~np.isnan(board.scores)).any(axis=0)
    return [leaf for leaf, scored in zip(board.leaves, some.tolist(), strict=True) if scored]


CellKey = tuple[int, str, int]
# By their numbers: a board has ten thousands of cells, and asking the enumeration takes longer than all the rest.
_STATES = tuple(sorted(CellState))


# A run compares the same two boards more than once.
@lru_cache(maxsize=4)
def snapshot_cells(snapshot: Snapshot) -> Mapping[CellKey, CellValue]:
    """Return all cells with content, by model, type and version."""
    models = [model.id for model in snapshot.models]
    types = [node.type_id for node in snapshot.tree.nodes]
    counted = [node.version for node in snapshot.tree.nodes]
    told = (snapshot.states != CellState.NEVER) | ~np.isnat(snapshot.scored_at) | ~np.isnan(snapshot.errors)
    places = np.argwhere(told).tolist()
    keys = [(models[i], types[j], counted[j]) for i, j in places]
    found = dict(zip(keys, _values(snapshot, told), strict=True))
    old = snapshot.superseded
    keys = [
        (models[i], types[j], version)
        for i, j, version in zip(old.row.tolist(), old.column.tolist(), old.version.tolist(), strict=True)
    ]
    return found | dict(zip(keys, _values(old, slice(None)), strict=True))


def _values(cells: Snapshot | SupersededCells, at: BoolArray | slice) -> Iterator[CellValue]:
    times = cells.scored_at[at]
    told = (cells.states[at], cells.scores[at], cells.errors[at], times.astype(np.int64), np.isnat(times))
    for number, score, error, time, unknown in zip(*(values.tolist() for values in told), strict=True):
        state = _STATES[number]
        yield CellValue(
            state,
            score if state is CellState.SCORED else None,
            None if math.isnan(error) else error,
            None if unknown else time,
        )


def check_one_domain(earlier: Snapshot, later: Snapshot) -> None:
    """Refuse two snapshots of different domains with an InputError."""
    if earlier.domain != later.domain:
        raise InputError(
            f"a {earlier.domain} board cannot be compared with a {later.domain} board; take two of one domain"
        )


@lru_cache(maxsize=2)
def compare(earlier: Snapshot, later: Snapshot) -> Changes:
    """Find all changes between two snapshots of one domain; InputError if they are of different domains."""
    check_one_domain(earlier, later)
    before_models = {model.id: model for model in earlier.models}
    after_models = {model.id: model for model in later.models}
    before_nodes = {node.type_id: node for node in earlier.tree.nodes}
    after_nodes = {node.type_id: node for node in later.tree.nodes}
    before, after = snapshot_cells(earlier), snapshot_cells(later)
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return Changes(
        earlier=earlier,
        later=later,
        models_added=tuple(m for i, m in after_models.items() if i not in before_models),
        models_removed=tuple(m for i, m in before_models.items() if i not in after_models),
        models_changed=tuple(
            ModelChange(before_models[i], m) for i, m in after_models.items() if before_models.get(i, m) != m
        ),
        benchmarks_added=tuple(n for t, n in after_nodes.items() if t not in before_nodes),
        benchmarks_removed=tuple(n for t, n in before_nodes.items() if t not in after_nodes),
        benchmarks_changed=tuple(
            BenchmarkChange(before_nodes[t], n) for t, n in after_nodes.items() if before_nodes.get(t, n) != n
        ),
        cells=tuple(CellChange(*key, before.get(key), after.get(key)) for key in changed),
        rank_moves=_rank_moves(earlier, aligned(earlier, later)),
    )


def _rank_moves(earlier: Snapshot, later: Snapshot) -> tuple[RankMove, ...]:
    before = dict(zip((m.id for m in earlier.models), earlier.official().ranks, strict=True))
    moves = [
        RankMove(model.id, model.name, was, now)
        for model, now in zip(later.models, later.official().ranks, strict=True)
        if now is not None and (was := before.get(model.id)) is not None and was != now
    ]
    return tuple(sorted(moves, key=lambda move: (-abs(move.after - move.before), move.model)))


def apply_changes(earlier: Snapshot, changes: Changes) -> Snapshot:
    """Make the later snapshot from the earlier one and the changes.

    Models and benchmarks stand in the later snapshot's order; it, its source and its moment are taken from the changes.
    """
    later = changes.later
    cells = dict(snapshot_cells(earlier))
    for change in changes.cells:
        key = (change.model, change.benchmark, change.version)
        if change.after is None:
            cells.pop(key, None)
        else:
            cells[key] = change.after
    gone = {m.id for m in changes.models_removed}
    models = {m.id: m for m in earlier.models if m.id not in gone}
    models.update({m.id: m for m in changes.models_added})
    models.update({c.after.id: c.after for c in changes.models_changed})
    dropped = {n.type_id for n in changes.benchmarks_removed}
    nodes = {n.type_id: n for n in earlier.tree.nodes if n.type_id not in dropped}
    nodes.update({n.type_id: n for n in changes.benchmarks_added})
    nodes.update({c.after.type_id: c.after for c in changes.benchmarks_changed})
    order = [m.id for m in later.models]
    types = [n.type_id for n in later.tree.nodes]
    return _assembled(later, [models[i] for i in order], [nodes[t] for t in types], cells)


def _assembled(
    template: Snapshot, models: Sequence[Model], nodes: Sequence[Benchmark], cells: dict[CellKey, CellValue]
) -> Snapshot:
    shape = (len(models), len(nodes))
    states = np.zeros(shape, dtype=np.int8)
    scores, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    scored_at = np.full(shape, np.datetime64("NaT", "us"), dtype="datetime64[us]")
    row = {model.id: i for i, model in enumerate(models)}
    column = {node.type_id: j for j, node in enumerate(nodes)}
    old: list[tuple[int, int, int, CellValue]] = []
    for (model, benchmark, version), cell in cells.items():
        i, j = row[model], column[benchmark]
        if version != nodes[j].version:
            old.append((i, j, version, cell))
            continue
        states[i, j] = cell.state
        scores[i, j] = np.nan if cell.score is None else cell.score
        errors[i, j] = np.nan if cell.error is None else cell.error
        if cell.scored_at is not None:
            scored_at[i, j] = np.datetime64(cell.scored_at, "us")
    old.sort(key=lambda entry: entry[:3])
    return replace(
        template,
        models=tuple(models),
        tree=type(template.tree)(tuple(nodes)),
        states=states,
        scores=scores,
        errors=errors,
        scored_at=scored_at,
        superseded=SupersededCells(
            row=np.array([o[0] for o in old], dtype=np.int64),
            column=np.array([o[1] for o in old], dtype=np.int64),
            version=np.array([o[2] for o in old], dtype=np.int64),
            states=np.array([o[3].state for o in old], dtype=np.int8),
            scores=np.array([np.nan if o[3].score is None else o[3].score for o in old], dtype=float),
            errors=np.array([np.nan if o[3].error is None else o[3].error for o in old], dtype=float),
            scored_at=np.array(
                [np.datetime64("NaT" if o[3].scored_at is None else o[3].scored_at, "us") for o in old],
                dtype="datetime64[us]",
            ),
        ),
    )
