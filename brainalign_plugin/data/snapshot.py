"""Snapshot: the content of a leaderboard at one moment, the data type that the rest of the project reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray, IntArray, StateArray, TimeArray, frozen
from ..errors import SnapshotError
from .board import Board, Model
from .cells import (
    CELL_FIELDS,
    NO_TIME,
    SUPERSEDED_DTYPES,
    SupersededCells,
    check_ids_and_moments,
    check_superseded,
    check_values,
    no_superseded,
)
from .official import CellState, OfficialBoard, capped, official_board
from .tabular import parse_frame
from .tree import Benchmark, BenchmarkTree, BenchmarkVersion

if TYPE_CHECKING:
    import pandas as pd

# Moment of a table that names none.
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A leaderboard at one moment: ``n`` models, a tree of ``k`` benchmarks, and one cell for each pair.

    Attributes
    ----------
    domain : str
        ``vision`` or ``language``; the aggregate is the node ``average_<domain>``.
    as_of_time : datetime
        The moment that the board describes, with time zone.
    source, sha256 : str
        Origin of the raw body, and its hash in hexadecimal.
    models : tuple of Model, length n
        The id is the key; names repeat.
    tree : BenchmarkTree
        With ``k`` nodes, groups included.
    states : ndarray of int8, shape (n, k)
        `CellState` of each cell in the benchmark's latest version; the groups' columns are as published.
    scores, errors : ndarray of float, shape (n, k)
        Ceiled score and the published error; NaN where there is none. A cell has a score if and only if it is SCORED.
    scored_at : ndarray of datetime64[us], shape (n, k)
        When the score was made (UTC), NaT where unknown.
    superseded : SupersededCells
        Scores of older benchmark versions.
    reconstructed : bool
        True if made by `Snapshot.as_of` from a later snapshot; then nothing is published for the groups.
    simulated : bool
        True if the source marks it as a simulation.

    Raises
    ------
    SnapshotError
        If ids repeat, shapes disagree, a time has no zone, a SCORED cell has no finite score or another cell has one,
        or a superseded cell lies outside the board, occurs twice or is not of an older version.

    See Also
    --------
    Board : Its scores under the ranked average.

    Examples
    --------
    >>> import brainalign_plugin as ba
    >>> ba.example().snapshot.as_of_time.year
    2024
    """

    domain: str
    as_of_time: datetime
    source: str
    sha256: str
    models: tuple[Model, ...]
    tree: BenchmarkTree
    states: StateArray
    scores: FloatArray
    errors: FloatArray
    scored_at: TimeArray
    superseded: SupersededCells = field(default_factory=no_superseded)
    reconstructed: bool = False
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.as_of_time.tzinfo is None:
            raise SnapshotError(f"as_of_time {self.as_of_time} has no time zone; give it in UTC")
        object.__setattr__(self, "as_of_time", self.as_of_time.astimezone(UTC))
        shape = (len(self.models), len(self.tree.nodes))
        for name, (dtype, _) in CELL_FIELDS.items():
            array = frozen(getattr(self, name), dtype)
            if array.shape != shape:
                raise SnapshotError(
                    f"{name} has the shape {array.shape}; {shape[0]} models and {shape[1]} benchmarks need {shape}"
                )
            object.__setattr__(self, name, array)
        check_ids_and_moments(self.models, self.tree)
        check_values(self.states, self.scores, self.errors, self._cell_name)
        check_superseded(self.superseded, self.models, self.tree)
        if self.root not in self.tree:
            raise SnapshotError(f"the tree has no node {self.root!r}; is {self.domain!r} the right domain?")

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        groups: Mapping[str, str] | None = None,
        *,
        domain: str = "table",
        as_of: datetime | None = None,
        source: str = "a table",
    ) -> Snapshot:
        """Make a snapshot of a table: a row a model, a column a benchmark; see `tabular.parse_frame`."""
        models, leaves, scores, tree = parse_frame(frame, groups, domain)
        states = np.where(np.isnan(scores), CellState.NEVER, CellState.SCORED)
        content = repr((tuple(models), tree.nodes)).encode() + scores.tobytes()
        return cls(
            domain=domain,
            as_of_time=as_of or UNDATED,
            source=source,
            sha256=hashlib.sha256(content).hexdigest(),
            models=tuple(Model(number, name) for number, name in enumerate(models, 1)),
            tree=tree,
            **_on_leaves(tree, leaves, scores=scores, states=states),
        )

    @classmethod
    def from_board(cls, board: Board) -> Snapshot:
        """Make a snapshot of a board: its own snapshot if the board is all of it, else one of its leaves."""
        known = board.snapshot
        if known is not None and known.models == board.models and board.leaves == known.tree.leaves(known.root):
            whole = known.board()
            if _same(whole.scores, board.scores) and _same(whole.states, board.states):
                return known
        tree, root = board.tree, f"average_{board.domain}"
        if root not in tree:
            nodes = [replace(node, parent=node.parent or root) for node in tree.nodes]
            tree = BenchmarkTree((Benchmark(root, None, is_leaf=False), *nodes))
        states = np.where(np.isnan(board.scores), np.minimum(board.states, CellState.FAILED), CellState.SCORED)
        arrays = _on_leaves(tree, board.leaves, scores=board.scores, errors=board.errors, states=states)
        content = repr((board.models, tree.nodes)).encode() + arrays["scores"].tobytes() + arrays["states"].tobytes()
        return cls(
            domain=board.domain,
            as_of_time=UNDATED if known is None else known.as_of_time,
            source="a board",
            sha256=hashlib.sha256(content).hexdigest(),
            models=tuple(replace(model, published_rank=None) for model in board.models),
            tree=tree,
            **arrays,
            reconstructed=True,
        )

    @property
    def dated(self) -> bool:
        """True if the snapshot states the moment that it describes."""
        return self.as_of_time != UNDATED

    def whole_board(self) -> Board:
        """Return `board` with this snapshot in it, so that its dates stay known."""
        return replace(self.board(), snapshot=self)

    def __repr__(self) -> str:
        return repr(self.whole_board()).replace("<Board", "<Snapshot", 1)

    def _repr_html_(self) -> str:
        return self.whole_board()._repr_html_().replace("&lt;Board", "&lt;Snapshot", 1)

    def _cell_name(self, row: int, column: int) -> str:
        return f"model {self.models[row].id} on {self.tree.nodes[column].type_id!r}"

    @property
    def root(self) -> str:
        """Node that Brain-Score ranks by."""
        return f"average_{self.domain}"

    @property
    def parts(self) -> tuple[str, str]:
        """Neural and behavioural node."""
        return f"neural_{self.domain}", f"behavior_{self.domain}"

    @cached_property
    def rows(self) -> dict[int, int]:
        """Position of each model id in `models`."""
        return {model.id: i for i, model in enumerate(self.models)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Snapshot):
            return NotImplemented
        return (
            all(getattr(self, name) == getattr(other, name) for name in _PLAIN_FIELDS)
            and all(_same(getattr(self, name), getattr(other, name)) for name in CELL_FIELDS)
            and all(_same(getattr(self.superseded, n), getattr(other.superseded, n)) for n in SUPERSEDED_DTYPES)
        )

    def __hash__(self) -> int:
        return hash((self.domain, self.as_of_time, self.sha256))

    def official(self) -> OfficialBoard:
        """Recompute Brain-Score's aggregate and rank, and compare them with the published ones."""
        ranks = [model.published_rank for model in self.models]
        return official_board(self.tree, self.scores, self.states, self.root, not self.reconstructed, ranks)

    def board(self, root: str | None = None) -> Board:
        """Return the leaves under ``root`` (the ranked aggregate if None), scores capped to [0, 1], as a `Board`."""
        top = self.root if root is None else root
        leaves = self.tree.leaves(top)
        columns = [self.tree.index[leaf] for leaf in leaves]
        return Board(
            domain=self.domain,
            models=self.models,
            tree=self.tree.pruned(leaves, root=top),
            leaves=leaves,
            scores=capped(self.tree, self.scores)[:, columns],
            states=self.states[:, columns],
            errors=self.errors[:, columns],
        )

    def as_of(self, moment: date | datetime) -> Snapshot:
        """Reconstruct the board of an earlier moment (UTC without a time zone) from the times of the cells.

        A cell counts if it was scored strictly before 00:00 UTC of the date (or before the moment given). A model, and
        a leaf, is on the board once it has a cell that is SCORED or FAILED, in whatever version; a group once it holds
        such a leaf. Of a benchmark with several versions the latest one that had opened by then counts; a version opens
        when its window does, or else with its first SCORED cell. A leaf without a version is a group whose
        children are not listed; it is left out. Nothing is published for the groups of such a board.
        """
        if not self.dated:
            raise SnapshotError(
                "the board has no date, so that its past is unknown; leave the date of a past board out"
            )
        until = _utc(moment)
        if until > self.as_of_time:
            raise SnapshotError(
                f"the board as of {until:%Y-%m-%d %H:%M} UTC is later than this snapshot of "
                f"{self.as_of_time:%Y-%m-%d %H:%M} UTC; ask for an earlier date or take a newer snapshot"
            )
        limit = np.datetime64(until.replace(tzinfo=None), "us")
        nodes = list(self.tree.nodes)
        leaf = np.array([node.is_leaf and bool(node.versions) for node in nodes], dtype=bool)
        cells = self.all_cells()
        cells = cells.take((cells.scored_at < limit) & leaf[cells.column])
        for column in np.flatnonzero(leaf):
            versions = _opened(nodes[column], limit, cells.take(cells.column == column))
            nodes[column] = replace(nodes[column], versions=versions)
        in_force = np.array([node.version for node in nodes])
        cells = cells.take(cells.version <= in_force[cells.column])
        ran = cells.states != CellState.NEVER
        rows, columns = np.unique(cells.row[ran]), self._arrived(np.unique(cells.column[ran]))
        cells = cells.take(np.isin(cells.row, rows) & np.isin(cells.column, columns))
        cells = replace(cells, row=np.searchsorted(rows, cells.row), column=np.searchsorted(columns, cells.column))
        arrays, older = cells.split(len(rows), in_force[columns].tolist())
        return replace(
            self,
            as_of_time=until,
            models=tuple(replace(self.models[i], published_rank=None) for i in rows),
            tree=BenchmarkTree(tuple(nodes[j] for j in columns)),
            superseded=older,
            reconstructed=True,
            **arrays,
        )

    def all_cells(self) -> SupersededCells:
        """Return the cells of all versions that have any content, those in force first."""
        filled = (self.states != CellState.NEVER) | ~np.isnan(self.errors) | ~np.isnat(self.scored_at)
        row, column = np.nonzero(filled)
        found = {"row": row, "column": column, "version": np.array([n.version for n in self.tree.nodes])[column]}
        found |= {name: getattr(self, name)[filled] for name in CELL_FIELDS}
        old = self.superseded
        return SupersededCells(**{name: np.concatenate((found[name], getattr(old, name))) for name in found})

    def _arrived(self, with_cell: IntArray) -> IntArray:
        """Return the positions of the nodes with a cell, of the groups above them and of the root."""
        names = {self.root}
        for column in with_cell:
            names.update(self.tree.path(self.tree.nodes[column].type_id))
        return np.array([j for j, node in enumerate(self.tree.nodes) if node.type_id in names], dtype=np.int64)


_PLAIN_FIELDS = ("domain", "as_of_time", "source", "sha256", "models", "tree", "reconstructed", "simulated")


def _on_leaves(tree: BenchmarkTree, leaves: Sequence[str], **values: npt.NDArray[Any]) -> dict[str, Any]:
    """Return the arrays of a snapshot with the given values of leaves, each (n, m), and no other cells."""
    arrays, _ = no_superseded().split(len(values["scores"]), [0] * len(tree.nodes))
    for name, columns in values.items():
        arrays[name][:, [tree.index[leaf] for leaf in leaves]] = columns
    return arrays


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fM"))


def _opened(node: Benchmark, limit: np.datetime64, cells: SupersededCells) -> tuple[BenchmarkVersion, ...]:
    """Return the versions of a leaf that had opened before ``limit``, and its first one even if it had not.

    A leaf that only failed before ``limit`` is kept in its first version, because a second reconstruction needs it.
    """
    opened = []
    for version in sorted(node.versions, key=lambda v: v.version):
        times = cells.scored_at[(cells.version == version.version) & (cells.states == CellState.SCORED)]
        start = times.min() if times.size else NO_TIME
        if version.valid_from is not None:
            start = np.datetime64(_utc(version.valid_from).replace(tzinfo=None), "us")
        if start < limit:
            closes = version.valid_to
            ended = closes is not None and np.datetime64(_utc(closes).replace(tzinfo=None), "us") < limit
            opened.append(version if ended else replace(version, valid_to=None))
    first = min(node.versions, key=lambda v: v.version, default=None)
    if first is not None and first.version not in {v.version for v in opened}:
        opened.insert(0, replace(first, valid_from=None, valid_to=None))
    return tuple(opened)


def _utc(moment: date | datetime) -> datetime:
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


Key = TypeVar("Key")


class CellValue(NamedTuple):
    """Content of a cell: state, score, error and time (microseconds since 1970 UTC); None if there is none."""

    state: int
    score: float | None
    error: float | None
    scored_at: int | None


def cell_values(snapshot: Snapshot, benchmarks: Sequence[Key]) -> dict[tuple[int, Key, int], CellValue]:
    """Return all cells with content by model id, key of the benchmark (k, in the tree's order) and version."""
    cells = snapshot.all_cells()
    ids = [model.id for model in snapshot.models]
    keys = zip(
        (ids[i] for i in cells.row.tolist()),
        (benchmarks[j] for j in cells.column.tolist()),
        cells.version.tolist(),
        strict=True,
    )
    none = np.array(None)
    values = zip(
        cells.states.tolist(),
        np.where(np.isnan(cells.scores), none, cells.scores).tolist(),
        np.where(np.isnan(cells.errors), none, cells.errors).tolist(),
        np.where(np.isnat(cells.scored_at), none, cells.scored_at.astype(np.int64)).tolist(),
        strict=True,
    )
    return dict(zip(keys, map(CellValue._make, values), strict=True))
