"""Small snapshots and boards for tests: built by hand, or drawn by hypothesis.

By hand, a cell is written as the site prints it (a number, ``"X"`` FAILED, ``""`` NEVER) and a tree as nested
mappings, a leaf being None or the tuple of its version numbers::

    tree = tree_of({"average_vision": {"neural_vision": {"A2020.V1-pls": None}, "B2021-i2n": (1, 2)}})
    snapshot = snapshot_of(tree, [[0.5, "X"], ["", 0.25]])  # a row a model, cells as in tree.leaves()
    board = board_of([[0.5, "X"], ["", 0.25]], tree)

Drawn: `trees`, `snapshots` and `boards` are strategies; `score_matrices` draws what the numeric layers take.
All favour what goes wrong: ties, constants, empty groups, leaves without an instance, whole rows and columns
missing, repeated names, superseded versions, cells without a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.cells import NO_TIME, SupersededCells
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.data.tree import Benchmark, BenchmarkTree, BenchmarkVersion

Cell = float | str
Nested = Mapping[str, Any]

NEVER, FAILED, SCORED = CellState.NEVER, CellState.FAILED, CellState.SCORED

# Day 0 of the boards drawn here; days are small integers, so that times collide with the dates tests ask for.
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
LAST_DAY = 8

PAPERS = ("FreemanZiemba2013", "MajajHong2015", "Marques2020", "Geirhos2021", "Rajalingham2018")

# Two regions of different size, a deep behavioural group, and an engineering root: the site's shape in small.
SMALL_TREE_SPEC: Nested = {
    "average_vision": {
        "neural_vision": {
            "V1": {"FreemanZiemba2013.V1-pls": None, "Marques2020-size": None},
            "IT": {"MajajHong2015.IT-pls": None},
        },
        "behavior_vision": {
            "Rajalingham2018-i2n": None,
            "Geirhos2021-error_consistency": {
                "Geirhos2021colour-error_consistency": None,
                "Geirhos2021edge-error_consistency": None,
            },
        },
    },
    "engineering_vision": {"ImageNet-top1": None},
}


def day(number: float) -> datetime:
    """The moment ``number`` days after `EPOCH`."""
    return EPOCH + timedelta(days=number)


def as_time(moment: datetime) -> np.datetime64:
    """The moment as a snapshot's arrays hold it."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def tree_of(spec: Nested) -> BenchmarkTree:
    """Tree from nested mappings; what lies below a root that begins with ``engineering`` is engineering."""
    nodes: list[Benchmark] = []

    def add(name: str, below: Any, parent: str | None, engineering: bool) -> None:
        if isinstance(below, Mapping):
            nodes.append(Benchmark(name, parent, is_leaf=False, is_engineering=engineering))
            for child, grandchildren in below.items():
                add(child, grandchildren, name, engineering)
            return
        numbers = (1,) if below is None else below
        versions = tuple(BenchmarkVersion(v, f"{name}_v{v}") for v in numbers)
        nodes.append(Benchmark(name, parent, is_leaf=True, is_engineering=engineering, versions=versions))

    for root, below in spec.items():
        add(root, below, None, root.startswith("engineering"))
    return BenchmarkTree(tuple(nodes))


def small_tree() -> BenchmarkTree:
    """The tree of `SMALL_TREE_SPEC`: six leaves under ``average_vision``, one of engineering."""
    return tree_of(SMALL_TREE_SPEC)


def cells(rows: Sequence[Sequence[Cell]], columns: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """States and scores of cells written as the site prints them, each of shape (rows, columns)."""
    states = np.full((len(rows), columns), NEVER, dtype=np.int8)
    scores = np.full((len(rows), columns), np.nan)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if cell == "X":
                states[i, j] = FAILED
            elif cell != "":
                states[i, j], scores[i, j] = SCORED, float(cell)
    return states, scores


def models_of(count: int) -> tuple[Model, ...]:
    """Models with ids that are not positions, in no order, and names that repeat."""
    return tuple(Model(id=100 + 613 * i % 997 + 1000 * (i // 997), name=f"model{i // 2}") for i in range(count))


def snapshot_of(
    tree: BenchmarkTree,
    rows: Sequence[Sequence[Cell]],
    *,
    published: Mapping[str, Sequence[Cell]] | None = None,
    **changes: Any,
) -> Snapshot:
    """Snapshot of day `LAST_DAY`.

    Parameters
    ----------
    tree : BenchmarkTree
    rows : sequence of sequences of cells
        A row a model; its cells in the order of ``tree.leaves()``.
    published : mapping of str to cells, optional
        The published column of each group that has one; the other groups are NEVER.
    changes
        Any other field of `Snapshot`.
    """
    leaf_states, leaf_scores = cells(rows, len(tree.leaves()))
    shape = (len(rows), len(tree.nodes))
    states, scores = np.full(shape, NEVER, dtype=np.int8), np.full(shape, np.nan)
    at = [tree.index[leaf] for leaf in tree.leaves()]
    states[:, at], scores[:, at] = leaf_states, leaf_scores
    for group, column in (published or {}).items():
        group_states, group_scores = cells([[cell] for cell in column], 1)
        states[:, tree.index[group]], scores[:, tree.index[group]] = group_states[:, 0], group_scores[:, 0]
    fields: dict[str, Any] = {
        "domain": "vision",
        "as_of_time": day(LAST_DAY),
        "source": "by hand",
        "sha256": "0" * 64,
        "models": models_of(len(rows)),
        "tree": tree,
        "states": states,
        "scores": scores,
        "errors": np.full(shape, np.nan),
        "scored_at": np.full(shape, NO_TIME, dtype="datetime64[us]"),
    }
    return Snapshot(**(fields | changes))


def board_of(rows: Sequence[Sequence[Cell]], tree: BenchmarkTree | None = None) -> Board:
    """Board of the leaves under ``average_vision``, ordered as in the tree (default: `small_tree`)."""
    whole = small_tree() if tree is None else tree
    leaves = whole.leaves("average_vision")
    states, scores = cells(rows, len(leaves))
    return Board(
        domain="vision",
        models=models_of(len(rows)),
        tree=whole.pruned(leaves, root="average_vision"),
        leaves=leaves,
        scores=scores,
        states=states,
        errors=np.full(scores.shape, np.nan),
    )


def board_of_matrix(scores: npt.ArrayLike, tree: BenchmarkTree | None = None) -> Board:
    """Board from a score matrix; what is NaN is NEVER."""
    rows = [["" if np.isnan(x) else x for x in row] for row in np.asarray(scores, dtype=float).tolist()]
    return board_of(rows, tree)


def unrelated(board: Board) -> Board:
    """The board with names of which no two are of one family."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [f"{letters[i // 26 % 26]}{letters[i % 26]}net" for i in range(len(board.models))]
    return replace(board, models=tuple(Model(m.id, name) for m, name in zip(board.models, names, strict=True)))


def halves(leaves: int) -> BenchmarkTree:
    """A tree of any number of leaves, each of a paper of its own: the first half neural, the others behavioural."""
    names = [f"Paper{2000 + j}-leaf" for j in range(leaves)]
    neural, behavior = names[: (leaves + 1) // 2], names[(leaves + 1) // 2 :]
    parts = {"neural_vision": dict.fromkeys(neural), "behavior_vision": dict.fromkeys(behavior)}
    return tree_of({"average_vision": {part: below for part, below in parts.items() if below}})


def drawn_board(seed: int, models: int, leaves: int, digits: int = 3, missing: float = 0.0) -> Board:
    """Leaves with something in common, coarse enough for a raised score to overtake others."""
    random = np.random.default_rng(seed)
    common = random.random((models, 1)) * random.choice([0.1, 0.3])
    scores = np.round(0.2 + common + 0.15 * random.random((models, leaves)), digits)
    gaps = random.random(scores.shape) < missing
    gaps[:, gaps.all(axis=0)] = False
    gaps[gaps.all(axis=1)] = False
    return board_of_matrix(np.where(gaps, np.nan, scores), halves(leaves))


def drawn_rows(board: Board, rows: Sequence[int]) -> Board:
    """The board of models that may be drawn several times, each under an id of its own."""
    models = tuple(replace(board.models[i], id=k) for k, i in enumerate(rows))
    cells = {field: getattr(board, field)[list(rows)] for field in ("scores", "states", "errors")}
    return replace(board, models=models, **cells)


def turned(board: Board) -> Board:
    """The board of a payload that lists its tree from behind."""
    tree = BenchmarkTree(board.tree.nodes[::-1])
    columns = [board.leaves.index(leaf) for leaf in tree.leaves()]
    cells = {field: getattr(board, field)[:, columns] for field in ("scores", "states", "errors")}
    return replace(board, tree=tree, leaves=tree.leaves(), **cells)


def reordered(snapshot: Snapshot, order: Sequence[int]) -> Snapshot:
    """The same snapshot with its models in another order."""
    old = snapshot.superseded
    new_row = np.argsort(np.asarray(order, dtype=np.int64))
    return replace(
        snapshot,
        models=tuple(snapshot.models[i] for i in order),
        **{name: getattr(snapshot, name)[list(order)] for name in ("states", "scores", "errors", "scored_at")},
        superseded=replace(old, row=new_row[old.row]),
    )


def scores_in(low: float, high: float) -> st.SearchStrategy[float]:
    """Scores of which many tie: on a coarse grid, within 1e-10 of it, or anywhere."""
    grid = [low + (high - low) * k / 10 for k in range(11)]
    near = [min(x + 1e-10, high) for x in grid]
    return st.sampled_from(grid + near) | st.floats(low, high, allow_nan=False)


@st.composite
def _filled(
    draw: st.DrawFn, shape: tuple[int, ...], values: st.SearchStrategy[Any], dtype: npt.DTypeLike = float
) -> npt.NDArray[Any]:
    # A palette and a byte for each cell: quicker than a draw for each cell, and rich in ties.
    palette = np.array(draw(st.lists(values, min_size=3, max_size=8)), dtype=dtype)
    count = int(np.prod(shape))
    which = np.frombuffer(draw(st.binary(min_size=count, max_size=count)), dtype=np.uint8)
    filled: npt.NDArray[Any] = palette[which % len(palette)].reshape(shape)
    return filled


@st.composite
def score_matrices(
    draw: st.DrawFn, rows: tuple[int, int] = (0, 8), columns: tuple[int, int] = (0, 5), missing: bool = True
) -> npt.NDArray[np.float64]:
    """Score matrices in [0, 1], some with a constant column; NaN where missing, be it a column or all."""
    shape = draw(st.tuples(st.integers(*rows), st.integers(*columns)))
    scores = draw(_filled(shape, scores_in(0, 1)))
    if scores.size and draw(st.booleans()):
        scores[:, draw(st.integers(0, shape[1] - 1))] = draw(scores_in(0, 1))
    if missing and scores.size:
        scores[draw(_filled(shape, st.booleans(), bool))] = np.nan
        if draw(st.booleans()):
            scores[:, draw(st.integers(0, shape[1] - 1))] = np.nan
    return scores


@st.composite
def trees(draw: st.DrawFn, domain: str = "vision", max_leaves: int = 6) -> BenchmarkTree:
    """Trees up to six levels deep, nodes in any order; groups may be empty, leaves have 0 to 3 versions."""
    parts = [f"neural_{domain}", f"behavior_{domain}"]
    parents = {f"average_{domain}": None, f"engineering_{domain}": None} | dict.fromkeys(parts, f"average_{domain}")
    for i in range(draw(st.integers(0, 3))):
        parents[f"group{i}"] = draw(st.sampled_from(sorted(parents)))
    groups = sorted(parents)
    engineering = {f"engineering_{domain}"}
    while more := {name for name, parent in parents.items() if parent in engineering} - engineering:
        engineering |= more
    # On the site groups have versions as well.
    group_versions = [tuple(BenchmarkVersion(v, f"group_v{v}") for v in range(count)) for count in range(3)]
    nodes = [
        Benchmark(name, parent, False, name in engineering, versions=draw(st.sampled_from(group_versions)))
        for name, parent in parents.items()
    ]
    for i in range(draw(st.integers(1, max_leaves) | st.just(max_leaves))):
        # Every other leaf tends to one part, because little can be said of a board without the other.
        parent = draw(st.sampled_from([*groups, *[parts[i % 2]] * len(groups)]))
        name = f"{draw(st.sampled_from(PAPERS))}.{i}-metric"
        numbers = draw(st.sets(st.integers(1, 4), max_size=3))
        versions = tuple(
            BenchmarkVersion(v, f"{name}_v{v}", draw(_MOMENTS), draw(_MOMENTS))
            for v in draw(st.permutations(sorted(numbers)))
        )
        nodes.append(Benchmark(name, parent, True, parent in engineering, f"label of {name}", "", versions))
    return BenchmarkTree(tuple(draw(st.permutations(nodes))))


_MOMENTS = st.sampled_from([None, *(day(number) for number in range(LAST_DAY + 1))])


def _times(shape: tuple[int, ...]) -> st.SearchStrategy[npt.NDArray[np.datetime64]]:
    return _filled(shape, _MOMENTS.map(lambda m: NO_TIME if m is None else as_time(m)), "datetime64[us]")


def _states(shape: tuple[int, ...]) -> st.SearchStrategy[npt.NDArray[np.int8]]:
    return _filled(shape, st.sampled_from([int(SCORED), int(SCORED), int(FAILED), int(NEVER)]), np.int8)


def _errors(shape: tuple[int, ...]) -> st.SearchStrategy[npt.NDArray[np.float64]]:
    return _filled(shape, st.just(np.nan) | scores_in(-1, 1))


NAMES = st.sampled_from(["resnet50", "alexnet"]) | st.text(st.characters(exclude_categories=()), max_size=8)


@st.composite
def snapshots(draw: st.DrawFn, max_models: int = 5, max_leaves: int = 6) -> Snapshot:
    """Snapshots whose leaves have every mix of states, values and times; scores may lie outside [0, 1]."""
    tree = draw(trees(max_leaves=max_leaves))
    count = draw(st.integers(0, max_models) | st.just(max_models))
    some_ids = st.integers(0, 2**63 - 1) | st.integers(0, 20)
    ids = draw(st.lists(some_ids, min_size=count, max_size=count, unique=True))
    shape = (len(ids), len(tree.nodes))
    states = draw(_states(shape))
    if states.size and draw(st.booleans()):
        states[draw(st.integers(0, shape[0] - 1))] = draw(st.sampled_from([FAILED, NEVER]))
    if states.size and draw(st.booleans()):
        states[:, draw(st.integers(0, shape[1] - 1))] = draw(st.sampled_from([FAILED, NEVER]))
    scores = draw(_filled(shape, scores_in(-1, 2)))
    return Snapshot(
        domain="vision",
        as_of_time=day(LAST_DAY),
        source=draw(NAMES),
        sha256=draw(st.sampled_from(["", "ab" * 32])),
        models=tuple(Model(i, draw(NAMES), draw(_MOMENTS), draw(st.none() | st.integers(1, 400))) for i in ids),
        tree=tree,
        states=states,
        scores=np.where(states == SCORED, scores, np.nan),
        errors=draw(_errors(shape)),
        scored_at=draw(_times(shape)),
        superseded=draw(_superseded(tree, len(ids))),
        simulated=draw(st.booleans()),
    )


@st.composite
def _superseded(draw: st.DrawFn, tree: BenchmarkTree, models: int) -> SupersededCells:
    # Also versions that the tree does not list: nothing says that a payload lists them all.
    places = [(i, j, v) for j, node in enumerate(tree.nodes) for i in range(models) for v in range(node.version)]
    chosen = draw(st.lists(st.sampled_from(places), max_size=12, unique=True)) if places else []
    count = len(chosen)
    states = draw(_states((count,)))
    scores = draw(_filled((count,), scores_in(-1, 2)))
    return SupersededCells(
        row=np.array([i for i, _, _ in chosen], dtype=np.int64),
        column=np.array([j for _, j, _ in chosen], dtype=np.int64),
        version=np.array([v for _, _, v in chosen], dtype=np.int64),
        states=states,
        scores=np.where(states == SCORED, scores, np.nan),
        errors=draw(_errors((count,))),
        scored_at=draw(_times((count,))),
    )


@st.composite
def boards(draw: st.DrawFn, models: tuple[int, int] = (0, 7), max_leaves: int = 6, missing: bool = True) -> Board:
    """Boards of the leaves under ``average_vision``, capped to [0, 1]; complete if ``missing`` is False."""
    tree = draw(trees(max_leaves=max_leaves))
    leaves = tree.leaves("average_vision")
    count = draw(st.integers(*models) | st.just(models[1]))
    scores = draw(score_matrices((count, count), (len(leaves), len(leaves)), missing))
    failed = draw(_filled(scores.shape, st.booleans(), bool))
    return Board(
        domain="vision",
        models=models_of(count),
        tree=tree.pruned(leaves, root="average_vision"),
        leaves=leaves,
        scores=scores,
        states=np.where(np.isnan(scores), np.where(failed, FAILED, NEVER), SCORED),
        errors=np.full(scores.shape, np.nan),
    )


def dated(board: Board, leaf_days: Sequence[int], model_days: Sequence[int]) -> Snapshot:
    """Snapshot of a board whose cells were scored once both their leaf and their model were there."""
    snapshot = Snapshot.from_board(board)
    days = np.full(len(snapshot.tree.nodes), 0)
    for leaf, number in zip(board.leaves, leaf_days, strict=True):
        days[snapshot.tree.index[leaf]] = number
    at = np.maximum(days[None, :], np.array(model_days)[:, None]) * np.timedelta64(1, "D") + as_time(EPOCH)
    scored = np.where(snapshot.states == SCORED, at, NO_TIME).astype("datetime64[us]")
    end = day(int(max([*leaf_days, *model_days, 0])) + 1)
    return replace(snapshot, as_of_time=end, scored_at=scored, reconstructed=False)
