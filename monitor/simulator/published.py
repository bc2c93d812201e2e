"""A simulated leaderboard as the site would serve it on a given day.

The official aggregate is written here a second time, from its rules and on purpose: published parents that
came from the code under test could not contradict it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .life import DAY, NEVER, Flags, Life, Times
from .parameters import NewBenchmark, RemovedBenchmark, RemovedModel, RenamedModel, Restatement, midnight
from .truth import Floats, stream

_REGIONS = ("V1", "V2", "V4", "IT")
_DISPLAY = {"average": "Average", "neural": "Neural", "behavior": "Behavioral", "engineering": "Engineering"}
_THREE_DECIMALS = tuple(f"{milli / 1000:.3f}".removeprefix("0") for milli in range(1001))


@dataclass(frozen=True)
class _Node:
    type_id: str
    parent: int
    leaf: int
    display: str
    engineering: bool


@dataclass(frozen=True, eq=False)
class _Past:
    """An earlier version of a leaf: its number, and its visible scores and times over models."""

    version: int
    values: Floats
    times: Times


@dataclass(frozen=True, eq=False)
class _Board:
    """The leaves on a day: current values and times (N × L), versions (L), earlier versions by leaf."""

    values: Floats
    times: Times
    versions: NDArray[np.int64]
    past: dict[int, list[_Past]]


def payload(life: Life, as_of: date) -> dict[str, Any]:
    """Return the body of ``/<domain>/compare/data/`` at 00:00 UTC of a day after the opening, marked as simulated.

    Scores that came strictly before are on the board, and events of earlier days have happened. Keys, order, types and
    texts are as the site has them. Only models with a score or a failure under the average are listed. The tree is
    whole, but for leaves that an event has yet to bring or has taken away.
    """
    start = life.parameters.start
    now = midnight(as_of)
    board = _board_at(life, as_of)
    nodes = _tree(life, as_of)
    values, failed, times = _aggregate(life, board, nodes, now)
    listed, ranks = _rank(values[:, 0], failed[:, 0], _removed_models(life, as_of))
    begin, end = midnight(start), now
    return {
        "simulated": True,
        "domain": life.parameters.domain,
        "datetime_range": {
            "min": _iso(np.array([begin]), "+00:00")[0],
            "max": _iso(np.array([end]), "+00:00")[0],
            "min_unix": begin // 1_000_000,
            "max_unix": end // 1_000_000,
        },
        "benchmarks": [_benchmark(nodes, node, board, now) for node in nodes],
        "models": _models(life, as_of, board, nodes, (values, failed, times), listed, ranks),
    }


def payload_bytes(life: Life, as_of: date) -> bytes:
    """Return the payload as compact JSON in ASCII; the same life and day give the same bytes."""
    return json.dumps(payload(life, as_of), separators=(",", ":"), allow_nan=False).encode("ascii")


def published_text(value: float) -> str:
    """Return the site's text of a finite score: one decimal from one on, else three without the leading zero."""
    if value >= 1.0:
        return f"{np.floor(value * 10.0 + 0.5) / 10.0:.1f}"
    milli = int(np.copysign(np.floor(abs(value) * 1000.0 + 0.5), value))
    return _THREE_DECIMALS[milli] if milli >= 0 else f"{milli / 1000.0:.3f}"


def _board_at(life: Life, as_of: date) -> _Board:
    """Apply the restatements that have happened, in their order."""
    now = midnight(as_of)
    values, times = life.scores.copy(), life.times.copy()
    first = [paper.version for paper in life.parameters.all_papers() for _ in paper.leaves]
    board = _Board(values, times, np.array(first, dtype=np.int64), {})
    events = [e for e in life.parameters.events if isinstance(e, Restatement) and e.on < as_of]
    for event in sorted(events, key=lambda event: event.on):
        begin = midnight(event.on)
        for benchmark in event.benchmarks:
            leaf = life.truth.leaves.index(benchmark)
            # A stream for each, so that models of another event, which come last, change none of the draws
            # before them.
            noise, lot, lag = (stream(life.seed, repr(event), benchmark, kind) for kind in ("noise", "lot", "lag"))
            if event.new_version:
                before = times[:, leaf] < begin
                old = np.where(before, times[:, leaf], NEVER)
                past = np.where(life.failed[:, leaf], np.nan, values[:, leaf])
                board.past.setdefault(leaf, []).append(_Past(int(board.versions[leaf]), past, old))
                board.versions[leaf] += 1
                again = begin + (lag.random(len(values)) * 0.9 * DAY / 1000.0).astype(np.int64) * 1000
                times[:, leaf] = np.where(
                    before, np.where(lot.random(len(values)) < event.coverage, again, NEVER), times[:, leaf]
                )
            values[:, leaf] = (
                event.scale * values[:, leaf] + event.shift + event.noise * noise.standard_normal(len(values))
            )
    times[times >= now] = NEVER
    return board


def _tree(life: Life, as_of: date) -> list[_Node]:
    """Return the nodes in depth-first order, roots first, without groups that have no leaf."""
    domain = life.parameters.domain
    index = {leaf: k for k, leaf in enumerate(life.truth.leaves)}
    nodes: list[_Node] = []

    def visit(branch: dict[str, Any], parent: int) -> None:
        for type_id, children in branch.items():
            if children == {}:
                continue
            root = type_id.removesuffix(f"_{domain}")
            display = nodes[parent].display if parent >= 0 else ""
            if root in _DISPLAY:
                display = _DISPLAY[root] + (f" {domain.title()}" if root == "average" else "")
            elif type_id in _REGIONS:
                display = type_id
            engineering = root == "engineering" or (parent >= 0 and nodes[parent].engineering)
            nodes.append(_Node(type_id, parent, -1 if children else index[type_id], display, engineering))
            visit(children or {}, len(nodes) - 1)

    visit(_forest(life, as_of), -1)
    return nodes


def _forest(life: Life, as_of: date) -> dict[str, Any]:
    """Return the tree on a day as nested dictionaries, None at the leaves."""
    parameters = life.parameters
    absent = {e.benchmark for e in parameters.events if isinstance(e, RemovedBenchmark) and e.on < as_of}
    for event in parameters.events:
        if isinstance(event, NewBenchmark) and event.on >= as_of:
            absent.update(path.rsplit("/", 1)[-1] for path in event.paper.leaves)
    domain = parameters.domain
    average: dict[str, Any] = {f"neural_{domain}": {}, f"behavior_{domain}": {}}
    forest: dict[str, Any] = {f"average_{domain}": average, f"engineering_{domain}": {}}
    for paper in parameters.all_papers():
        root = forest if paper.part == "engineering" else average
        for path in paper.leaves:
            *groups, leaf = path.split("/")
            place = root[f"{paper.part}_{domain}"]
            if leaf in absent:
                continue
            for group in groups:
                place = place.setdefault(group, {})
            place[leaf] = None
    return forest


def _aggregate(life: Life, board: _Board, nodes: list[_Node], now: int) -> tuple[Floats, Flags, Times]:
    """Return the values, failures and times at every node, models × nodes; a blank is a NaN that did not fail."""
    shape = (len(life.ids), len(nodes))
    values, failed, times = (
        np.full(shape, np.nan),
        np.zeros(shape, dtype=np.bool_),
        np.full(shape, -1, dtype=np.int64),
    )
    children: list[list[int]] = [[] for _ in nodes]
    for k, node in enumerate(nodes):
        if node.parent >= 0:
            children[node.parent].append(k)
    for k in range(len(nodes) - 1, -1, -1):
        node = nodes[k]
        if node.leaf < 0:
            below = values[:, children[k]]
            some = np.isfinite(below).any(axis=1)
            values[some, k] = np.nan_to_num(below[some]).sum(axis=1) / len(children[k])
            failed[:, k] = ~some & failed[:, children[k]].any(axis=1)
            times[:, k] = times[:, children[k]].max(axis=1)
            continue
        ran = board.times[:, node.leaf] < now
        score = board.values[:, node.leaf]
        capped = score if node.engineering else np.clip(score, 0.0, 1.0)
        failed[:, k] = ran & life.failed[:, node.leaf]
        values[:, k] = np.where(ran & ~failed[:, k], capped, np.nan)
        times[:, k] = np.where(ran, board.times[:, node.leaf], -1)
    return values, failed, times


def _rank(average: Floats, failed: Flags, removed: Flags) -> tuple[list[int], list[int]]:
    """Return the positions of the listed models, best first, and their ranks: ties share the better, failures last."""
    centi = np.where(np.isfinite(average), (np.floor(np.nan_to_num(average) * 1000.0 + 0.5) + 5.0) // 10.0, -1.0)
    on_board = (np.isfinite(average) | failed) & ~removed
    listed = sorted(np.flatnonzero(on_board).tolist(), key=lambda k: (-centi[k], k))
    shown = centi[listed]
    return listed, [1 + int((shown > value).sum()) for value in shown]


def _removed_models(life: Life, as_of: date) -> Flags:
    gone = {event.model for event in life.parameters.events if isinstance(event, RemovedModel) and event.on < as_of}
    return np.array([number in gone for number in life.ids])


def _benchmark(nodes: list[_Node], node: _Node, board: _Board, now: int) -> dict[str, Any]:
    number = int(board.versions[node.leaf]) if node.leaf >= 0 else 0
    windows: list[tuple[int, int]] = [(number, NEVER)]
    if node.leaf >= 0:
        starts = [(past.version, past.times) for past in board.past.get(node.leaf, [])]
        starts.append((number, board.times[:, node.leaf]))
        windows = [(version, int(times[times < now].min(initial=NEVER))) for version, times in starts]
    texts = [_iso(np.array([first]), "+00:00")[0] if first < now else None for _, first in windows]
    return {
        "id": f"{node.type_id}_v{number}",
        "type_id": node.type_id,
        "label": node.type_id,
        "parent_id": f"{nodes[node.parent].type_id}_v0" if node.parent >= 0 else None,
        "is_leaf": node.leaf >= 0,
        "is_engineering": node.engineering,
        "display_domain": node.display,
        "versions": [
            {"version": version, "identifier": f"{node.type_id}_v{version}", "valid_from": text, "valid_to": following}
            for (version, _), text, following in zip(windows, texts, [*texts[1:], None], strict=True)
        ],
    }


def _models(
    life: Life,
    as_of: date,
    board: _Board,
    nodes: list[_Node],
    cells: tuple[Floats, Flags, Times],
    listed: list[int],
    ranks: list[int],
) -> list[dict[str, Any]]:
    names = dict(zip(life.ids, life.names, strict=True))
    renamed = [event for event in life.parameters.events if isinstance(event, RenamedModel) and event.on < as_of]
    for event in sorted(renamed, key=lambda event: event.on):
        names[event.model] = event.name
    columns = [_column(life, board, node, [array[:, k] for array in cells]) for k, node in enumerate(nodes)]
    submitted = np.datetime_as_string(life.submitted.astype("datetime64[us]"))
    return [
        {
            "id": life.ids[k],
            "name": names[life.ids[k]],
            "rank": rank,
            "submission_timestamp": f"{submitted[k]}+00:00",
            "scores": {node.type_id: column[k] for node, column in zip(nodes, columns, strict=True)},
        }
        for k, rank in zip(listed, ranks, strict=True)
    ]


def _column(life: Life, board: _Board, node: _Node, cells: list[NDArray[Any]]) -> list[list[dict[str, Any]]]:
    """One benchmark's cells over all models, each a list of its versions, the current one last."""
    values, failed, times = (array.tolist() for array in cells)
    number = int(board.versions[node.leaf]) if node.leaf >= 0 else 0
    stamps = _iso(cells[2])
    papers = life.parameters.all_papers()
    publishes = [paper.publishes_error for paper in papers for _ in paper.leaves]
    errors: list[float | str | None] = [None] * len(values)
    if node.leaf >= 0 and not node.engineering and publishes[node.leaf]:
        errors = list(life.errors[:, node.leaf].tolist())
    column: list[list[dict[str, Any]]] = []
    for value, fail, time, stamp, error in zip(values, failed, times, stamps, errors, strict=True):
        text = "X" if fail else "" if isnan(value) else published_text(value)
        shown = None if time < 0 or (node.leaf < 0) else "NaN" if fail and not node.engineering else error
        column.append([{"version": number, "value": text, "error": shown, "timestamp": stamp}])
    for past in reversed(board.past.get(node.leaf, []) if node.leaf >= 0 else []):
        for k in np.flatnonzero(past.times < NEVER):
            value = float(past.values[k])
            stamp = _iso(past.times[k : k + 1], "+00:00")[0]
            shown = "NaN" if isnan(value) else value
            column[k].insert(0, {"version": past.version, "value": shown, "error": None, "timestamp": stamp})
    return column


def _iso(times: Times, offset: str = "") -> list[str | None]:
    """Return times in the site's format, trailing zeros of the fraction dropped; None before 1970."""
    texts = np.datetime_as_string(times.astype("datetime64[us]"), unit="us")
    return [
        text.rstrip("0").rstrip(".") + offset if time >= 0 else None
        for text, time in zip(texts.tolist(), times.tolist(), strict=True)
    ]
