"""Leaderboards from tables: models in rows, benchmarks in columns, groups by path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import FloatArray
from ..errors import BoardError
from ..text import visible
from .tree import Benchmark, BenchmarkTree

if TYPE_CHECKING:
    import pandas as pd

_PARTS = {
    "neural": "neural",
    "behavior": "behavior",
    "behaviour": "behavior",
    "behavioral": "behavior",
    "behavioural": "behavior",
}
_NUMBERED = frozenset({"", "index", "unnamed: 0"})


@dataclass(frozen=True, eq=False)
class ParsedTable:
    """A table of scores, checked."""

    models: tuple[str, ...]
    leaves: tuple[str, ...]
    scores: FloatArray  # Shape (n, m); in [0, 1]; NaN where missing
    tree: BenchmarkTree  # Its root is ``average_<domain>``


def parse_frame(frame: pd.DataFrame, groups: Mapping[str, str] | None, domain: str) -> ParsedTable:
    """Check a table of scores and make the tree of its benchmarks.

    Parameters
    ----------
    frame : DataFrame, shape (n, m)
        Scores in [0, 1], a row a model (named by the index), a column a benchmark; NaN where a benchmark was not run.
    groups : dict of str to str or None
        Group of each benchmark as a path below the average: ``"neural"``, or ``"neural/V1/Paper2020"`` for a tree.
        Those that are not named lie directly below the average. ``neural`` and ``behavior`` at the top are the two
        parts that the poster compares.
    domain : str
        Name of the leaderboard.

    Raises
    ------
    BoardError
        On text, infinities, scores outside [0, 1], repeated names, empty rows, or a group of an unknown benchmark;
        the message names the cell and the next step.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"V1-pls": [.2, .3], "Rajalingham2018-i2n": [.4, None]}, index=["alexnet", "vgg"])
    >>> parsed = parse_frame(frame, {"V1-pls": "neural/V1"}, "table")
    >>> parsed.tree.path("V1-pls")
    ('average_table', 'neural_table', 'V1', 'V1-pls')
    """
    names, benchmarks = _names(frame)
    scores = _numbers(frame, names, benchmarks)
    tree = _tree(_paths(groups or {}, benchmarks, domain), domain)
    return ParsedTable(tuple(names), tuple(benchmarks), scores, tree)


def _names(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    benchmarks = [str(column) for column in frame.columns]
    if not benchmarks or not len(frame):
        raise BoardError(
            f"the table has the shape {frame.shape}; give a row a model and a column a benchmark"
        )
    for column in benchmarks:
        if column.strip().lower() in _NUMBERED:
            raise BoardError(
                f"column {column!r} numbers the rows; read the table with index_col=0, or drop that column"
            )
    texts = [name for name in benchmarks if _is_text(frame, benchmarks.index(name))]
    if texts and frame.index.dtype.kind in "iu" and texts[0] == benchmarks[0]:
        raise BoardError(f"column {texts[0]!r} holds names; make it the index: frame.set_index({texts[0]!r})")
    names = [str(name) for name in frame.index]
    for what, found in (("model", names), ("benchmark", benchmarks)):
        twice = next((name for name in found if found.count(name) > 1), None)
        if twice is not None:
            raise BoardError(
                f"the {what} {visible(twice)!r} occurs {found.count(twice)} times; rename or drop the others"
            )
    return names, benchmarks


def _is_text(frame: pd.DataFrame, position: int) -> bool:
    column = frame.iloc[:, position]
    return not column.isna().all() and all(isinstance(cell, str) for cell in column.dropna())


def _numbers(frame: pd.DataFrame, names: list[str], benchmarks: list[str]) -> FloatArray:
    scores = np.full(frame.shape, np.nan)
    for j, benchmark in enumerate(benchmarks):
        for i, cell in enumerate(frame.iloc[:, j].tolist()):
            where = f"model {visible(names[i])!r} on {visible(benchmark)!r}"
            if cell is None or cell != cell:  # noqa: PLR0124 -- NaN of any type
                continue
            try:
                score = float(cell)
            except (TypeError, ValueError):
                raise BoardError(
                    f"{where} is {cell!r}, not a number; leave missing scores empty (NaN), or use "
                    "pd.to_numeric(column, errors='coerce')"
                ) from None
            if np.isnan(score):
                continue
            if isinstance(cell, str):
                raise BoardError(f"{where} is the text {cell!r}; convert the column: frame.astype(float)")
            if np.isinf(score):
                raise BoardError(f"{where} is {score}; scores are finite: replace it with NaN or a number")
            if not 0 <= score <= 1:
                fix = "divide per cent by 100" if 1 < score <= 100 else "rescale the benchmark"
                raise BoardError(f"{where} is {score:g}, outside [0, 1]; {fix}")
            scores[i, j] = score
    empty = np.flatnonzero(np.isnan(scores).all(axis=1))
    if len(empty):
        raise BoardError(
            f"model {visible(names[empty[0]])!r} has no score at all; drop empty rows: frame.dropna(how='all')"
        )
    return scores


def _paths(groups: Mapping[str, str], benchmarks: list[str], domain: str) -> dict[str, tuple[str, ...]]:
    unknown = [name for name in groups if name not in benchmarks]
    if unknown:
        raise BoardError(
            f"groups name the benchmark {visible(str(unknown[0]))!r}, which is no column; known are "
            f"{', '.join(map(visible, benchmarks[:5]))}{' …' if len(benchmarks) > 5 else ''}"
        )
    paths = {}
    for name in benchmarks:
        parts = tuple(part.strip() for part in str(groups.get(name, "")).split("/") if part.strip())
        if parts and parts[0].lower() in _PARTS:
            parts = (f"{_PARTS[parts[0].lower()]}_{domain}", *parts[1:])
        paths[name] = parts
    return paths


def _tree(paths: Mapping[str, tuple[str, ...]], domain: str) -> BenchmarkTree:
    root = f"average_{domain}"
    nodes: dict[tuple[str, ...], Benchmark] = {(): Benchmark(root, None, is_leaf=False)}
    taken = {root}
    for name, path in paths.items():
        for depth in range(1, len(path) + 1):
            place = path[:depth]
            if place in nodes:
                continue
            # Groups may share a name in different places, so each is identified by its path.
            own = place[-1] if place[-1] not in taken and place[-1] not in paths else "/".join(place)
            taken.add(own)
            nodes[place] = Benchmark(own, nodes[place[:-1]].type_id, is_leaf=False)
        nodes[(*path, name, "")] = Benchmark(name, nodes[path].type_id, is_leaf=True)
    return BenchmarkTree(tuple(nodes.values()))
