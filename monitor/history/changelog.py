"""The changes between two snapshots: as records, in JSON, and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import CellValue, Snapshot
from brainalign_plugin.text import counted, first_few

from ..base.files import fields_of
from .changes import Changes, leaf_scores, snapshot_cells, tolerance

SCHEMA = 2

# Raise it when the wording of `changes_in_words` changes, because its words are cached.
WORDS_VERSION = 4


class InForce(NamedTuple):
    """Content of a model's cell on a leaf, in the version in force."""

    version: int
    value: CellValue


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """A change of a model on a leaf; None where it was never run, or model or leaf are not on the board."""

    model: int
    benchmark: str
    before: InForce | None
    after: InForce | None
    tolerance: float = 0.0

    @property
    def kind(self) -> str:
        """Kind of a change.

        ``scored`` or ``failed`` (there was nothing before), ``removed`` (there is nothing any more), ``rerun`` (by
        another version of the benchmark), ``restated`` (by the same version), ``touched`` (another error or time, the
        same score but for the decimals of the coarser source).
        """
        never = CellState.NEVER
        was, now = (never if side is None else side.value.state for side in (self.before, self.after))
        if self.after is None or now == never:
            return "touched" if was == never else "removed"
        if self.before is None or was == never:
            return "scored" if now == CellState.SCORED else "failed"
        before, after = self.before.value, self.after.value
        versions = {self.before.version, self.after.version}
        # A source that does not know the version says 0.
        if len(versions) == 2 and 0 not in versions:
            return "rerun"
        same = before.score == after.score
        if before.score is not None and after.score is not None:
            same = same or abs(before.score - after.score) <= self.tolerance
        return "touched" if same and was == now else "restated"


# A run and its report describe the same two boards.
@lru_cache(maxsize=2)
def score_changes(changes: Changes) -> tuple[ScoreChange, ...]:
    """Return all differences of scores in force on leaves, by model and leaf.

    Values of versions that no longer count are left out: a superseded score is published with more digits than before.
    """
    before, after = _in_force(changes.earlier), _in_force(changes.later)
    limit = tolerance(leaf_scores(changes.earlier), leaf_scores(changes.later))
    keys = sorted(before.keys() | after.keys())
    changed = (key for key in keys if before.get(key) != after.get(key))
    return tuple(ScoreChange(*key, before.get(key), after.get(key), limit) for key in changed)


def _in_force(snapshot: Snapshot) -> dict[tuple[int, str], InForce]:
    leaves = {(node.type_id, node.version): node for node in snapshot.tree.nodes if node.is_leaf}
    found = {}
    for (model, leaf, version), value in snapshot_cells(snapshot).items():
        if (node := leaves.get((leaf, version))) is not None:
            # The site printed scores uncapped until 2026; what counts was capped ever since.
            capped = value.score is not None and not node.is_engineering
            score = min(max(value.score or 0.0, 0.0), 1.0) if capped else value.score
            found[model, leaf] = InForce(version, value._replace(score=score))
    return found


def changes_json(changes: Changes) -> dict[str, Any]:
    """Return the record of a changelog."""
    scores = score_changes(changes)
    return {
        "schema": SCHEMA,
        "from": changes.earlier.as_of_time.isoformat(),
        "to": changes.later.as_of_time.isoformat(),
        "models": {
            "added": [fields_of(model, "id", "name") for model in changes.models_added],
            "removed": [fields_of(model, "id", "name") for model in changes.models_removed],
            "renamed": [{"id": i, "from": before, "to": after} for i, before, after in changes.models_renamed],
        },
        "benchmarks": {
            "added": [n.type_id for n in changes.benchmarks_added],
            "removed": [n.type_id for n in changes.benchmarks_removed],
            "started": list(changes.benchmarks_started),
            "versions": [
                {"benchmark": benchmark, "from": before, "to": after} for benchmark, before, after in changes.versions
            ],
            "moved": [
                {"benchmark": leaf, "from": before, "to": after} for leaf, before, after in changes.benchmarks_moved
            ],
        },
        "cells": [
            {**fields_of(c, "model", "benchmark", "kind"), "from": _value_json(c.before), "to": _value_json(c.after)}
            for c in scores
        ],
        "official_rank": [{"model": m.model, "from": m.before, "to": m.after} for m in changes.rank_moves],
        "words": list(changes_in_words(changes)),
    }


def _value_json(side: InForce | None) -> dict[str, Any] | None:
    if side is None:
        return None
    state = CellState(side.value.state).name
    return {"version": side.version, "state": state, **fields_of(side.value, "score", "error")}


# Names in a sentence.
_MOST = 5
_WHAT = (
    ("scored", "score", "came"),
    ("failed", "run", "failed"),
    ("restated", "score", "restated"),
    ("removed", "score", "went"),
)


def changes_in_words(changes: Changes) -> tuple[str, ...]:
    """Return the changes as sentences; long lists name the first few."""
    scores = score_changes(changes)
    lines = [*_models_in_words(changes), *_benchmarks_in_words(changes, scores)]
    known = {m.id for m in changes.earlier.models}
    for kind, noun, verb in _WHAT:
        told = [c for c in scores if c.kind == kind]
        if told:
            old = sum(c.model in known for c in told)
            were = f"{'was' if len(told) == 1 else 'were'} restated" if verb == "restated" else verb
            whose = "" if kind in ("restated", "removed") else f", {old} of models that were there before"
            counts = Counter(c.benchmark for c in told)
            leaves = sorted(counts, key=lambda leaf: (-counts[leaf], leaf))
            lines.append(f"{counted(len(told), noun)} {were}{whose}: on {first_few(leaves, _MOST)}")
    if moves := changes.rank_moves:
        furthest = ", ".join(f"{m.name} ({m.model}) from {m.before} to {m.after}" for m in moves[:_MOST])
        lines.append(f"{counted(len(moves), 'model')} moved in the official ranking, furthest {furthest}")
    return tuple(lines) or ("nothing changed",)


def _models_in_words(changes: Changes) -> list[str]:
    lines = [
        f"{counted(len(models), 'model')} {verb}: {first_few([f'{one.name} ({one.id})' for one in models], _MOST)}"
        for models, verb in ((changes.models_added, "came"), (changes.models_removed, "went"))
        if models
    ]
    return lines + [f"model {i} was {before} and is now {after}" for i, before, after in changes.models_renamed]


def _benchmarks_in_words(changes: Changes, scores: Sequence[ScoreChange]) -> list[str]:
    lines = []
    if started := changes.benchmarks_started:
        lines.append(f"{counted(len(started), 'benchmark')} got a first score: {first_few(started, _MOST)}")
    gone = [n.type_id for n in changes.benchmarks_removed if n.is_leaf]
    if gone:
        lines.append(f"{counted(len(gone), 'benchmark')} removed: {first_few(gone, _MOST)}")
    for benchmark, before, after in changes.versions:
        again = sum(c.benchmark == benchmark and c.kind == "rerun" for c in scores)
        lost = sum(c.benchmark == benchmark and c.kind == "removed" for c in scores)
        lines.append(
            f"{benchmark} went from version {before} to {after}: {counted(again, 'model')} run again, {lost} not"
        )
    return lines + [f"{node} moved from {before} to {after}" for node, before, after in changes.benchmarks_moved]
