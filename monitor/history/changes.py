"""Changes between two snapshots: models, benchmarks, versions, scores, official ranks, and the top of each.

A score that one of two sources gives with fewer decimals is not changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.data.board import Model
from brainalign_plugin.data.snapshot import CellValue, Snapshot, cell_values
from brainalign_plugin.data.tree import Benchmark
from brainalign_plugin.errors import InputError

CellKey = tuple[int, str, int]  # Model id, type id, version
Item = TypeVar("Item", Model, Benchmark)
# Decimals of the site's exports and of its JSON; a database has all.
_PRINTED = (2, 3)
# Fewer scores may have few decimals by chance.
_ENOUGH = 20
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class RankMove:
    """A model (id) whose recomputed official rank moved."""

    model: int
    name: str
    before: int
    after: int


@dataclass(frozen=True, eq=False)
class Changes:
    """Everything by which a later snapshot differs from an earlier one."""

    earlier: Snapshot
    later: Snapshot
    models_added: tuple[Model, ...]
    models_removed: tuple[Model, ...]
    models_changed: tuple[tuple[Model, Model], ...]  # Before and after
    benchmarks_added: tuple[Benchmark, ...]
    benchmarks_removed: tuple[Benchmark, ...]
    benchmarks_changed: tuple[tuple[Benchmark, Benchmark], ...]
    cells: tuple[CellKey, ...]
    rank_moves: tuple[RankMove, ...]

    @property
    def empty(self) -> bool:
        """Return whether the two boards are equal."""
        models = (self.models_added, self.models_removed, self.models_changed)
        return not any((*models, self.benchmarks_added, self.benchmarks_removed, self.benchmarks_changed, self.cells))

    @property
    def benchmarks_started(self) -> tuple[str, ...]:
        """Leaves under the average with a first score on the later board."""
        before = _scored_leaves(self.earlier)
        return tuple(leaf for leaf in _scored_leaves(self.later) if leaf not in set(before))

    @property
    def models_renamed(self) -> tuple[tuple[int, str, str], ...]:
        """Models of another name: id, name before, name now."""
        return tuple((now.id, was.name, now.name) for was, now in self.models_changed if was.name != now.name)

    @property
    def benchmarks_moved(self) -> tuple[tuple[str, str | None, str | None], ...]:
        """Benchmarks at another place of the tree: type id, parent before, parent now."""
        moved = [(was, now) for was, now in self.benchmarks_changed if was.parent != now.parent]
        return tuple((now.type_id, was.parent, now.parent) for was, now in moved)

    @property
    def versions(self) -> tuple[tuple[str, int, int], ...]:
        """Leaves of which another version counts on the later board: type id, version before, version now."""
        # An export without its sidecar has no versions.
        known = [(was, now) for was, now in self.benchmarks_changed if now.is_leaf and was.version and now.version]
        return tuple((now.type_id, was.version, now.version) for was, now in known if was.version != now.version)


def _scored_leaves(snapshot: Snapshot) -> list[str]:
    board = snapshot.board()
    some = (~np.isnan(board.scores)).any(axis=0)
    return [leaf for leaf, scored in zip(board.leaves, some.tolist(), strict=True) if scored]


# A run compares the same two boards more than once.
@lru_cache(maxsize=4)
def snapshot_cells(snapshot: Snapshot) -> Mapping[CellKey, CellValue]:
    """Return all cells with content, by model, type and version."""
    return cell_values(snapshot, [node.type_id for node in snapshot.tree.nodes])


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
    models = [{model.id: model for model in one.models} for one in (earlier, later)]
    nodes = [{node.type_id: node for node in one.tree.nodes} for one in (earlier, later)]
    before, after = snapshot_cells(earlier), snapshot_cells(later)
    cells = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    moves = _rank_moves(earlier, aligned(earlier, later))
    return Changes(earlier, later, *_compared(*models), *_compared(*nodes), tuple(cells), moves)


def _compared(
    before: Mapping[Any, Item], after: Mapping[Any, Item]
) -> tuple[tuple[Item, ...], tuple[Item, ...], tuple[tuple[Item, Item], ...]]:
    """Return the items that came, those that went, and those that are there on both sides with another content."""
    came = tuple(now for key, now in after.items() if key not in before)
    went = tuple(was for key, was in before.items() if key not in after)
    return came, went, tuple((before[key], now) for key, now in after.items() if before.get(key, now) != now)


def official_ranks(snapshot: Snapshot) -> dict[int, int]:
    """Return the recomputed official rank by model id, of the models that have one."""
    ranks = zip(snapshot.models, snapshot.official().ranks, strict=True)
    return {model.id: rank for model, rank in ranks if rank is not None}


def _rank_moves(earlier: Snapshot, later: Snapshot) -> tuple[RankMove, ...]:
    before, names = official_ranks(earlier), {model.id: model.name for model in later.models}
    moves = [
        RankMove(model, names[model], before[model], now)
        for model, now in official_ranks(later).items()
        if before.get(model, now) != now
    ]
    return tuple(sorted(moves, key=lambda move: (-abs(move.after - move.before), move.model)))


def tolerance(before: FloatArray, after: FloatArray) -> float:
    """Return the largest difference between scores of two boards that is none.

    Where one board is coarser, that is any below its unit, 0.01 or 0.001; else nothing but the rounding of binary
    numbers. NaN does not count.
    """
    units = sorted(map(_unit, (before, after)))
    return units[1] - _ROUNDING if units[0] < units[1] else _ROUNDING


def leaf_scores(snapshot: Snapshot) -> FloatArray:
    """Return the columns of the leaves; groups may have other decimals."""
    return snapshot.scores[:, [node.is_leaf for node in snapshot.tree.nodes]]


def aligned(earlier: Snapshot, later: Snapshot) -> Snapshot:
    """Return the later snapshot with the scores of the earlier one where they differ by the precision of a source."""
    limit = tolerance(leaf_scores(earlier), leaf_scores(later))
    if limit <= _ROUNDING:
        return later
    rows = [i for i, model in enumerate(later.models) if model.id in earlier.rows]
    columns = [j for j, node in enumerate(later.tree.nodes) if node.type_id in earlier.tree.index]
    here = np.ix_(rows, columns)
    there = np.ix_(
        [earlier.rows[later.models[i].id] for i in rows],
        [earlier.tree.index[later.tree.nodes[j].type_id] for j in columns],
    )
    scores = np.array(later.scores)
    scores[here] = np.where(np.abs(scores[here] - earlier.scores[there]) <= limit, earlier.scores[there], scores[here])
    return replace(later, scores=scores)


def _unit(scores: FloatArray) -> float:
    """Return the unit of the last decimal of scores; 0 for full precision or too few scores."""
    values = scores[np.isfinite(scores)]
    if values.size >= _ENOUGH:
        for decimals in _PRINTED:
            if (np.abs(np.round(values, decimals) - values) < _ROUNDING).all():
                return float(10.0**-decimals)
    return 0.0


# Models of an official top.
TOP = 10


@dataclass(frozen=True, slots=True)
class Era:
    """A model of the top of one board, and its official rank on another; None where it has none there."""

    model: int
    name: str
    # Rank on the earlier board and today.
    then: int | None
    now: int | None
    of: str  # `then` if it was at the top of the earlier board, `now` if it is at the top today, `both`


def eras(earlier: Snapshot, today: Snapshot, top: int = TOP) -> tuple[Era, ...]:
    """Follow the models of the official top of each board, ties at its end included, to the other, today's first."""
    then, now = official_ranks(earlier), official_ranks(today)
    names = {model.id: model.name for model in (*earlier.models, *today.models)}
    found = []
    for model in sorted(names, key=lambda i: (now.get(i, len(names)), then.get(i, len(names)), i)):
        best_then, best_now = then.get(model, top + 1) <= top, now.get(model, top + 1) <= top
        if best_then or best_now:
            of = "both" if best_then and best_now else "now" if best_now else "then"
            found.append(Era(model, names[model], then.get(model), now.get(model), of))
    return tuple(found)


def eras_json(found: Mapping[date, Sequence[Era]]) -> dict[str, Any]:
    """Return the record that ``brainalign eras --json`` prints."""
    return {
        "schema": 1,
        "eras": [{"as_of": day, "models": [asdict(era) for era in models]} for day, models in found.items()],
    }
