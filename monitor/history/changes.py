"""What came, went or changed between two snapshots: models, benchmarks, versions, scores, and the official ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brainalign_plugin.board import Model
from brainalign_plugin.errors import InputError
from brainalign_plugin.official import CellState
from brainalign_plugin.snapshot import Snapshot, SupersededCells
from brainalign_plugin.tree import Benchmark

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class CellValue:
    """What a cell says: state, score, error and time (microseconds since 1970 UTC); None where there is none."""

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

    @property
    def kind(self) -> str:
        """``scored``, ``failed``, ``removed``, ``restated`` or ``touched`` (another error or time, the same score)."""
        before = CellState.NEVER if self.before is None else self.before.state
        after = CellState.NEVER if self.after is None else self.after.state
        if after == CellState.NEVER:
            return "removed" if before != CellState.NEVER else "touched"
        if before == CellState.NEVER:
            return "scored" if after == CellState.SCORED else "failed"
        if before != after:
            return "restated"
        old = None if self.before is None else self.before.score
        new = None if self.after is None else self.after.score
        return "touched" if old == new else "restated"


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
        """Whether the two boards say the same."""
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


def _scored_leaves(snapshot: Snapshot) -> list[str]:
    board = snapshot.board()
    some = (~np.isnan(board.scores)).any(axis=0)
    return [leaf for leaf, scored in zip(board.leaves, some.tolist(), strict=True) if scored]


_Key = tuple[int, str, int]


def _cells(snapshot: Snapshot) -> dict[_Key, CellValue]:
    found: dict[_Key, CellValue] = {}
    times = snapshot.scored_at.astype(np.int64)
    unknown = np.isnat(snapshot.scored_at)
    told = (snapshot.states != CellState.NEVER) | ~unknown | ~np.isnan(snapshot.errors)
    for i, j in np.argwhere(told).tolist():
        node = snapshot.tree.nodes[j]
        found[snapshot.models[i].id, node.type_id, node.version] = _value(
            int(snapshot.states[i, j]),
            float(snapshot.scores[i, j]),
            float(snapshot.errors[i, j]),
            None if unknown[i, j] else int(times[i, j]),
        )
    old = snapshot.superseded
    old_times, old_unknown = old.scored_at.astype(np.int64), np.isnat(old.scored_at)
    for c in range(len(old)):
        key = (
            snapshot.models[int(old.row[c])].id,
            snapshot.tree.nodes[int(old.column[c])].type_id,
            int(old.version[c]),
        )
        found[key] = _value(
            int(old.states[c]),
            float(old.scores[c]),
            float(old.errors[c]),
            None if old_unknown[c] else int(old_times[c]),
        )
    return found


def _value(state: int, score: float, error: float, scored_at: int | None) -> CellValue:
    known = CellState(state)
    return CellValue(
        known, score if known is CellState.SCORED else None, None if np.isnan(error) else error, scored_at
    )


def check_one_domain(earlier: Snapshot, later: Snapshot) -> None:
    """Refuse two snapshots of different domains with an InputError."""
    if earlier.domain != later.domain:
        raise InputError(
            f"a {earlier.domain} board cannot be compared with a {later.domain} board; take two of one domain"
        )


def compare(earlier: Snapshot, later: Snapshot) -> Changes:
    """Find all changes between two snapshots of one domain.

    Raises
    ------
    InputError
        If they are of different domains.
    """
    check_one_domain(earlier, later)
    before_models = {model.id: model for model in earlier.models}
    after_models = {model.id: model for model in later.models}
    before_nodes = {node.type_id: node for node in earlier.tree.nodes}
    after_nodes = {node.type_id: node for node in later.tree.nodes}
    before, after = _cells(earlier), _cells(later)
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
        rank_moves=_rank_moves(earlier, later),
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
    cells = _cells(earlier)
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
    template: Snapshot, models: Sequence[Model], nodes: Sequence[Benchmark], cells: dict[_Key, CellValue]
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


def changes_json(changes: Changes) -> dict[str, Any]:
    """The record that ``brainalign diff --json`` prints."""
    return {
        "schema": SCHEMA,
        "from": changes.earlier.as_of_time.isoformat(),
        "to": changes.later.as_of_time.isoformat(),
        "models": {
            "added": [{"id": m.id, "name": m.name} for m in changes.models_added],
            "removed": [{"id": m.id, "name": m.name} for m in changes.models_removed],
            "renamed": [
                {"id": c.after.id, "from": c.before.name, "to": c.after.name}
                for c in changes.models_changed
                if c.before.name != c.after.name
            ],
        },
        "benchmarks": {
            "added": [n.type_id for n in changes.benchmarks_added],
            "removed": [n.type_id for n in changes.benchmarks_removed],
            "started": list(changes.benchmarks_started),
            "versions": [
                {"benchmark": c.after.type_id, "from": c.before.version, "to": c.after.version}
                for c in changes.benchmarks_changed
                if c.before.version != c.after.version
            ],
            "moved": [
                {"benchmark": c.after.type_id, "from": c.before.parent, "to": c.after.parent}
                for c in changes.benchmarks_changed
                if c.before.parent != c.after.parent
            ],
        },
        "cells": [
            {
                "model": c.model,
                "benchmark": c.benchmark,
                "version": c.version,
                "kind": c.kind,
                "from": _value_json(c.before),
                "to": _value_json(c.after),
            }
            for c in changes.cells
        ],
        "official_rank": [{"model": m.model, "from": m.before, "to": m.after} for m in changes.rank_moves],
    }


def _value_json(value: CellValue | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"state": value.state.name, "score": value.score, "error": value.error}


def changes_in_words(changes: Changes, most: int = 5) -> tuple[str, ...]:
    """The changes as sentences; long lists name the first few."""
    lines = []
    if changes.models_added:
        lines.append(
            f"{_count(len(changes.models_added), 'model')} came: {_names(changes.models_added, most)}"
        )
    if changes.models_removed:
        lines.append(
            f"{_count(len(changes.models_removed), 'model')} went: {_names(changes.models_removed, most)}"
        )
    lines += [
        f"model {c.after.id} was {c.before.name} and is now {c.after.name}"
        for c in changes.models_changed
        if c.before.name != c.after.name
    ]
    if started := changes.benchmarks_started:
        lines.append(f"{_count(len(started), 'benchmark')} got a first score: {_listed(started, most)}")
    if changes.benchmarks_removed:
        gone = [n.type_id for n in changes.benchmarks_removed]
        lines.append(f"{_count(len(gone), 'benchmark')} went: {_listed(gone, most)}")
    lines += [
        f"{c.after.type_id} went from version {c.before.version} to {c.after.version}"
        for c in changes.benchmarks_changed
        if c.before.version != c.after.version
    ]
    leaves = {n.type_id for n in (*changes.earlier.tree.nodes, *changes.later.tree.nodes) if n.is_leaf}
    known = {m.id for m in changes.earlier.models}
    for kind, words in (
        ("scored", "scores came"),
        ("failed", "cells failed"),
        ("restated", "scores were restated"),
        ("removed", "scores went"),
    ):
        cells = [c for c in changes.cells if c.kind == kind and c.benchmark in leaves]
        if cells:
            old = sum(c.model in known for c in cells)
            lines.append(f"{len(cells)} {words}, {old} of them of models that were there before")
    if changes.rank_moves:
        first = changes.rank_moves[0]
        lines.append(
            f"{_count(len(changes.rank_moves), 'model')} moved in the official ranking; "
            f"{first.name} ({first.model}) most, from {first.before} to {first.after}"
        )
    return tuple(lines) or ("nothing changed",)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _names(models: Sequence[Model], most: int) -> str:
    return _listed([f"{model.name} ({model.id})" for model in models], most)


def _listed(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
