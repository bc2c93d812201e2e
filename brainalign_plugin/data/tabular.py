"""Leaderboards from tables: models in rows, benchmarks in columns, groups by path."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import FloatArray
from ..errors import BoardError
from ..text import visible
from .tree import Benchmark, BenchmarkTree

if TYPE_CHECKING:
    import pandas as pd

_PARTS = {"neural": "neural", **dict.fromkeys(("behavior", "behaviour", "behavioral", "behavioural"), "behavior")}
_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ROUNDING = 0.001
_NAMELESS = frozenset({"", "nan", "none", "nat", "<na>"})
_NUMBERED = frozenset({"", "index", "unnamed: 0"})


def parse_frame(
    frame: pd.DataFrame, groups: Mapping[str, str] | None, domain: str
) -> tuple[list[str], list[str], FloatArray, BenchmarkTree]:
    """Return the models, benchmarks and scores (n, m) of a table, and the tree of its benchmarks.

    See `Board.from_frame`. Raises BoardError; the message names the cell and the next step.
    """
    if not hasattr(frame, "columns"):
        raise BoardError(
            f"a DataFrame was expected, not {type(frame).__name__}; give pd.DataFrame(scores, index=models, "
            "columns=benchmarks)"
        )
    if not _DOMAIN.fullmatch(domain):
        raise BoardError(f"the domain is {domain!r}; use small letters, digits and _, such as 'language_tasks'")
    if groups is None:
        frame, groups = _grouped(frame)
    names, benchmarks = _names(frame)
    scores = _numbers(frame, names, benchmarks)
    return names, benchmarks, scores, _tree(_paths(groups, benchmarks, domain), domain)


def _grouped(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the table with the last part of each column's path as its name where that is clear, and the groups."""
    columns: list[object] = list(frame.columns)
    paths = [
        [str(part).strip() for part in (column if isinstance(column, tuple) else str(column).split("/"))]
        for column in columns
    ]
    paths = [[part for part in path if part] or [""] for path in paths]
    last = Counter(path[-1] for path in paths)
    names = [path[-1] if last[path[-1]] == 1 else "/".join(path) for path in paths]
    groups = {name: "/".join(path[:-1]) for name, path in zip(names, paths, strict=True)}
    return frame.set_axis(names, axis=1), groups


def _names(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    benchmarks = [str(column) for column in frame.columns]
    if not benchmarks or not len(frame):
        raise BoardError(f"the table has the shape {frame.shape}; give a row a model and a column a benchmark")
    numbered = frame.index.dtype.kind in "iu"
    for column, cells in zip(benchmarks, (frame.iloc[:, j].dropna() for j in range(frame.shape[1])), strict=True):
        named = len(cells) > 0 and all(isinstance(cell, str) for cell in cells) and cells.is_unique
        if numbered and named and not any(map(_is_number, cells)):
            raise BoardError(f"column {column!r} holds names; make it the index: frame.set_index({column!r})")
        counts = [list(range(first, first + len(frame))) for first in (0, 1) if first + len(frame) > 2]
        if column.strip().lower() in _NUMBERED or cells.tolist() in counts:
            raise BoardError(
                f"column {column!r} numbers the rows; read the table with index_col=0, or drop that column"
            )
    names = [str(name) for name in frame.index]
    nameless = next((i for i, name in enumerate(names, 1) if name.strip().lower() in _NAMELESS), None)
    if nameless is not None:
        raise BoardError(f"row {nameless} of the table names no model; name it in the index, or drop it")
    for what, found in (("model", names), ("benchmark", benchmarks)):
        twice = next((name for name, times in Counter(found).items() if times > 1), None)
        if twice is not None:
            raise BoardError(
                f"the {what} {visible(twice)!r} occurs {found.count(twice)} times; rename or drop the others"
            )
    return names, benchmarks


def _is_number(cell: object) -> bool:
    try:
        float(str(cell).strip().rstrip("%"))
    except ValueError:
        return False
    return True


def _numbers(frame: pd.DataFrame, names: list[str], benchmarks: list[str]) -> FloatArray:
    scores = np.full(frame.shape, np.nan)
    for j, benchmark in enumerate(benchmarks):
        column = frame.iloc[:, j]
        for i in np.flatnonzero(column.notna()):
            found = column.iloc[i]
            scores[i, j] = _number(found, f"model {visible(names[i])!r} on {visible(benchmark)!r} is ")
    empty = np.flatnonzero(np.isnan(scores).all(axis=1))
    if len(empty):
        raise BoardError(
            f"model {visible(names[empty[0]])!r} has no score at all; drop empty rows: frame.dropna(how='all')"
        )
    return scores


def _number(cell: Any, where: str) -> float:
    """Return a cell as a score in [0, 1]."""
    if isinstance(cell, str) and _is_number(cell):
        fix = "convert the column: frame.astype(float)"
        if "%" in cell:
            fix = "convert the column: column.str.rstrip('%').astype(float) / 100"
        raise BoardError(f"{where}the text {cell!r}; {fix}")
    try:
        score = math.nan if isinstance(cell, complex) else float(cell)
    except (TypeError, ValueError):
        score = math.nan
    if math.isnan(score):
        # The repr of a scalar names its type under numpy 2.
        shown = repr(cell) if isinstance(cell, str) else str(cell)
        raise BoardError(
            f"{where}{visible(shown)}, not a number; leave missing scores empty (NaN), use "
            "pd.to_numeric(column, errors='coerce'), or drop the column"
        )
    if np.isinf(score):
        raise BoardError(f"{where}{score}; scores are finite: replace it with NaN or a number")
    if not 0 <= score <= 1:
        fix = "divide per cent by 100" if 1 < score <= 100 else "rescale the benchmark"
        if -_ROUNDING < score < 1 + _ROUNDING:
            fix = "cut off what rounding adds: frame.clip(0, 1)"
        raise BoardError(f"{where}{score:.10g}, outside [0, 1]; {fix}")
    return score


def _paths(groups: Mapping[str, str], benchmarks: list[str], domain: str) -> dict[str, tuple[str, ...]]:
    if not hasattr(groups, "items"):
        raise BoardError(f"the groups are {groups!r}; give a dict from benchmark to path, {{'V1-pls': 'neural/V1'}}")
    for name, path in groups.items():
        if not isinstance(path, str):
            raise BoardError(f"the group of {name!r} is {path!r}; give a path such as 'neural/V1'")
    unknown = [name for name, _ in groups.items() if name not in benchmarks]
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
    if root in paths:
        raise BoardError(f"the benchmark {root!r} has the name of the average; rename or drop that column")
    nodes: dict[tuple[str, ...], Benchmark] = {(): Benchmark(root, None, is_leaf=False)}
    taken = {root}
    for name, path in paths.items():
        for depth in range(1, len(path) + 1):
            place = path[:depth]
            if place in nodes:
                continue
            # Groups may share a name in different places, so each is identified by its path.
            names = (place[-1], "/".join(place), f"{'/'.join(place)}/")
            own = next(one for one in names if one not in taken and one not in paths)
            taken.add(own)
            nodes[place] = Benchmark(own, nodes[place[:-1]].type_id, is_leaf=False)
        nodes[(*path, name, "")] = Benchmark(name, nodes[path].type_id, is_leaf=True)
    return BenchmarkTree(tuple(nodes.values()))
