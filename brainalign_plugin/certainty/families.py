"""Near-copies and families of models: who has one vote in common with whom.

Models that share weights or an architecture agree on every benchmark, so that counting them one by one makes intervals
too narrow. Near-copies also show how far a score repeats itself, among scores that repeat at all: what differs by more
than 0.01 is not among them, and the sampling of neurons, stimuli and subjects is the same for all models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import InputError, TextError
from ..files.csv_table import read_table
from ..files.decoding import decode
from ..scales import rounded
from .variance_components import NotEstimable

MIN_COMMON = 10
EQUAL = 0.0005
EQUAL_SHARE = 0.5
FARTHEST = 0.01
# Pairs of a model, by id or name, and a family that it belongs to.
FamilyTable = tuple[tuple[str, str], ...]
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, eq=False)
class Families:
    """The families of ``n`` models."""

    ids: tuple[int, ...]  # Length n
    labels: IntArray  # Shape (n,); family of each model, numbered from 0 in the order of their first member
    near_copies: tuple[tuple[int, ...], ...]  # Ids of each group of near-copies, largest group first

    @property
    def count(self) -> int:
        """Number of families."""
        return int(self.labels.max(initial=-1)) + 1

    @property
    def copy_labels(self) -> IntArray:
        """Group of near-copies of each model, a group of its own for a model without any; shape (n,)."""
        return _labels(len(self.ids), [[self.ids.index(i) for i in group] for group in self.near_copies])


def near_copies(scores: FloatArray) -> tuple[tuple[int, ...], ...]:
    """Find groups of models that are the same but for rounding and small changes, the largest first, by position.

    Two models are near-copies if they have at least 10 cells in common, agree to three decimals (difference below
    0.0005) on at least half of these and differ by more than 0.01 on none. Groups are connected.
    """
    first, second = np.triu_indices(len(scores), k=1)
    common, equal = np.zeros(len(first), dtype=np.int64), np.zeros(len(first), dtype=np.int64)
    # Leaf by leaf, the most complete first: pairs that differ anywhere are dropped at once.
    for j in np.argsort(np.isnan(scores).sum(axis=0), kind="stable"):
        distance = rounded(np.abs(scores[first, j] - scores[second, j]))
        near = ~(distance > FARTHEST)
        first, second, common, equal = first[near], second[near], common[near], equal[near]
        common += ~np.isnan(distance[near])
        equal += distance[near] < EQUAL
    copies = (common >= MIN_COMMON) & (equal >= EQUAL_SHARE * common)
    pairs = zip(first[copies].tolist(), second[copies].tolist(), strict=True)
    labels = _labels(len(scores), pairs)
    groups = [tuple(np.flatnonzero(labels == g).tolist()) for g in np.flatnonzero(np.bincount(labels) > 1)]
    return tuple(sorted(groups, key=lambda group: (-len(group), group)))


def name_run(name: str) -> str:
    """Return the run of letters that a model's name begins with, lower case; empty if it begins with none."""
    found = _LETTERS.match(name.lower())
    return found.group() if found else ""


def families(board: Board, named: FamilyTable = ()) -> Families:
    """Group the models of a board into families.

    A family is a group of near-copies, joined with all models whose names begin with the same run of letters, and with
    all for which the user's table, by id or name, names the same family.
    """
    copies = near_copies(board.scores)
    groups: dict[tuple[str, str], list[int]] = {}
    wanted: dict[str, list[str]] = {}
    for model_name, family in named:
        wanted.setdefault(model_name, []).append(family.strip().lower())
    for i, model in enumerate(board.models):
        if run := name_run(model.name):
            groups.setdefault(("name", run), []).append(i)
        for family in {*wanted.get(model.name, ()), *wanted.get(str(model.id), ())}:
            groups.setdefault(("named", family), []).append(i)
    return Families(
        board.ids,
        _labels(len(board.models), [*copies, *groups.values()]),
        tuple(tuple(board.ids[i] for i in group) for group in copies),
    )


def read_families(path: Path) -> FamilyTable:
    """Read the user's table of families: a CSV file with the columns ``model`` (an id or a name) and ``family``."""
    try:
        table = read_table(decode(path.read_bytes(), ansi=True))
    except (OSError, TextError, ValueError) as cause:
        raise InputError(
            f"the table of families {path} cannot be read ({cause}); give a CSV file with the columns model,family"
        ) from cause
    columns = [field.text.strip().lower() for field in table.header.fields]
    if "model" not in columns or "family" not in columns:
        raise InputError(
            f"the table of families {path} has the columns {', '.join(columns)}; its first line must be model,family"
        )
    places = columns.index("model"), columns.index("family")
    found = []
    for row in table.rows:
        name, family = (row.fields[k].text.strip() if k < len(row.fields) else "" for k in places)
        if not name or not family:
            raise InputError(
                f"line {row.line} of the table of families {path} reads {name!r}, {family!r}; give a model and a family"
            )
        found.append((name, family))
    return tuple(found)


def unknown_models(table: FamilyTable, board: Board) -> tuple[str, ...]:
    """Return the models of the user's table that a board lacks, each once."""
    known = {model.name for model in board.models} | {str(model.id) for model in board.models}
    return tuple(dict.fromkeys(name for name, _ in table if name not in known))


@dataclass(frozen=True, eq=False)
class Replicates:
    """Rerun reliability of each leaf of a board."""

    groups: tuple[tuple[int, ...], ...]  # Ids of the near-copies that it rests on
    reliability: dict[str, float | None]  # 1 - variance within groups / over all models; None where there is neither


def rerun_reliability(board: Board, families: Families) -> Replicates | NotEstimable:
    """Estimate the rerun reliability of each leaf from near-copies."""
    if not families.near_copies:
        return NotEstimable("rerun", f"no two of the {len(board.models)} models are near-copies of each other")
    scores, labels = board.scores, families.copy_labels
    within, freedom = np.zeros(len(board.leaves)), np.zeros(len(board.leaves))
    for group in np.flatnonzero(np.bincount(labels) > 1):
        rows = scores[labels == group]
        present = ~np.isnan(rows)
        count = present.sum(axis=0)
        centred = np.where(present, rows - np.where(present, rows, 0).sum(axis=0) / np.maximum(count, 1), 0.0)
        within += (centred**2).sum(axis=0)
        freedom += np.maximum(count - 1, 0)
    found: dict[str, float | None] = {}
    for j, leaf in enumerate(board.leaves):
        known = scores[~np.isnan(scores[:, j]), j]
        total = float(known.var(ddof=1)) if len(known) > 1 and np.ptp(known) > 1e-9 else 0.0
        found[leaf] = 1 - within[j] / freedom[j] / total if total > 0 and freedom[j] > 0 else None
    return Replicates(families.near_copies, found)


def _labels(count: int, groups: Iterable[Sequence[int]]) -> IntArray:
    """Return the numbers of connected groups of positions in the order of their first member, shape (count,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.array([(group[0], other) for group in groups for other in group[1:]], dtype=np.int64).reshape(-1, 2)
    edges = coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count))
    return connected_components(edges, directed=False)[1].astype(np.int64)
