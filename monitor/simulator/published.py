"""A simulated leaderboard as the site would serve it on a given day.

The official aggregate is written here a second time, so that published parents can contradict the code under test.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import Any

import numpy as np

from .life import NEVER, Flags, Life, Times, midnight
from .papers import Paper
from .truth import Floats

_REGIONS = ("V1", "V2", "V4", "IT")
_DISPLAY = {"average": "Average", "neural": "Neural", "behavior": "Behavioral", "engineering": "Engineering"}
_THREE_DECIMALS = tuple(f"{milli / 1000:.3f}".removeprefix("0") for milli in range(1001))


@dataclass(frozen=True)
class _Node:
    type_id: str
    parent: int  # Position of the parent; -1 for a root
    leaf: int  # Column of a leaf in the life's arrays; -1 for a group
    paper: Paper | None  # Of a leaf
    display: str
    engineering: bool

    @property
    def version(self) -> int:
        return 0 if self.paper is None else self.paper.version


def payload(life: Life, as_of: date) -> dict[str, Any]:
    """Return the body of ``/<domain>/compare/data/`` at 00:00 UTC of a day after the opening, marked as simulated.

    Scores that came strictly before are on the board, and models with a score or a failure under the average.
    """
    begin, now = midnight(life.parameters.start), midnight(as_of)
    nodes = _tree(life)
    values, failed, times = _aggregate(life, nodes, now)
    first, last = _iso(np.array([begin, now]), "+00:00")
    columns = [_column(life, node, values[:, k], failed[:, k], times[:, k]) for k, node in enumerate(nodes)]
    submitted = np.datetime_as_string(life.submitted.astype("datetime64[us]"))
    return {
        "simulated": True,
        "domain": life.parameters.domain,
        "datetime_range": {"min": first, "max": last, "min_unix": begin // 1_000_000, "max_unix": now // 1_000_000},
        "benchmarks": [_benchmark(nodes, node, times[:, k]) for k, node in enumerate(nodes)],
        "models": [
            {
                "id": life.ids[row],
                "name": life.names[row],
                "rank": rank,
                "submission_timestamp": f"{submitted[row]}+00:00",
                "scores": {node.type_id: [column[row]] for node, column in zip(nodes, columns, strict=True)},
            }
            for row, rank in _ranked(values[:, 0], failed[:, 0])
        ],
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


def _tree(life: Life) -> list[_Node]:
    """Return the nodes in depth-first order, roots first, without parts that have no leaf."""
    domain = life.parameters.domain
    index = {leaf: k for k, leaf in enumerate(life.truth.leaves)}
    # Nested dictionaries, the paper at the leaves.
    average: dict[str, Any] = {f"neural_{domain}": {}, f"behavior_{domain}": {}}
    forest: dict[str, Any] = {f"average_{domain}": average, f"engineering_{domain}": {}}
    for paper in life.parameters.papers:
        root = forest if paper.part == "engineering" else average
        for path in paper.leaves:
            *groups, leaf = path.split("/")
            place = root[f"{paper.part}_{domain}"]
            for group in groups:
                place = place.setdefault(group, {})
            place[leaf] = paper
    nodes: list[_Node] = []

    def visit(branch: dict[str, Any], parent: int) -> None:
        for type_id, below in branch.items():
            if below == {}:
                continue
            root = type_id.removesuffix(f"_{domain}")
            display = nodes[parent].display if parent >= 0 else ""
            if root in _DISPLAY:
                display = _DISPLAY[root] + (f" {domain.title()}" if root == "average" else "")
            elif type_id in _REGIONS:
                display = type_id
            engineering = root == "engineering" or (parent >= 0 and nodes[parent].engineering)
            leaf, paper = (-1, None) if isinstance(below, dict) else (index[type_id], below)
            nodes.append(_Node(type_id, parent, leaf, paper, display, engineering))
            if paper is None:
                visit(below, len(nodes) - 1)

    visit(forest, -1)
    return nodes


def _aggregate(life: Life, nodes: list[_Node], now: int) -> tuple[Floats, Flags, Times]:
    """Return the values, failures and times at every node, models × nodes; a blank is a NaN that did not fail."""
    shape = (len(life.ids), len(nodes))
    values, failed = np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_)
    times = np.full(shape, -1, dtype=np.int64)
    # Children come after their parents.
    for k, node in reversed(list(enumerate(nodes))):
        if node.leaf < 0:
            children = [child for child, one in enumerate(nodes) if one.parent == k]
            below = values[:, children]
            some = np.isfinite(below).any(axis=1)
            values[some, k] = np.nan_to_num(below[some]).sum(axis=1) / len(children)
            failed[:, k] = ~some & failed[:, children].any(axis=1)
            times[:, k] = times[:, children].max(axis=1)
            continue
        ran = life.times[:, node.leaf] < now
        score = life.scores[:, node.leaf]
        capped = score if node.engineering else np.clip(score, 0.0, 1.0)
        failed[:, k] = ran & life.failed[:, node.leaf]
        values[:, k] = np.where(ran & ~failed[:, k], capped, np.nan)
        times[:, k] = np.where(ran, life.times[:, node.leaf], -1)
    return values, failed, times


def _ranked(average: Floats, failed: Flags) -> list[tuple[int, int]]:
    """Return the positions and ranks of the listed models, best first: ties share the better, failures come last."""
    centi = np.where(np.isfinite(average), (np.floor(np.nan_to_num(average) * 1000.0 + 0.5) + 5.0) // 10.0, -1.0)
    listed = sorted(np.flatnonzero(np.isfinite(average) | failed).tolist(), key=lambda k: (-centi[k], k))
    return [(k, 1 + int((centi[listed] > centi[k]).sum())) for k in listed]


def _benchmark(nodes: list[_Node], node: _Node, times: Times) -> dict[str, Any]:
    name = f"{node.type_id}_v{node.version}"
    (first,) = _iso(times[times >= 0].min(initial=NEVER, keepdims=True), "+00:00") if node.leaf >= 0 else (None,)
    return {
        "id": name,
        "type_id": node.type_id,
        "label": node.type_id,
        "parent_id": f"{nodes[node.parent].type_id}_v0" if node.parent >= 0 else None,
        "is_leaf": node.leaf >= 0,
        "is_engineering": node.engineering,
        "display_domain": node.display,
        "versions": [{"version": node.version, "identifier": name, "valid_from": first, "valid_to": None}],
    }


def _column(life: Life, node: _Node, values: Floats, failed: Flags, times: Times) -> list[dict[str, Any]]:
    """Return one benchmark's cells over all models."""
    errors: list[float | str | None] = [None] * len(values)
    if node.leaf >= 0 and not node.engineering:
        errors = np.where(failed, "NaN", life.errors[:, node.leaf].astype(object)).tolist()
    return [
        {
            "version": node.version,
            "value": "X" if fail else "" if isnan(value) else published_text(value),
            "error": None if stamp is None else error,
            "timestamp": stamp,
        }
        for value, fail, stamp, error in zip(values.tolist(), failed, _iso(times), errors, strict=True)
    ]


def _iso(times: Times, offset: str = "") -> list[str | None]:
    """Return times in the site's format, trailing zeros of the fraction dropped; None where there is none."""
    texts = np.datetime_as_string(times.astype("datetime64[us]"), unit="us")
    return [
        text.rstrip("0").rstrip(".") + offset if 0 <= time < NEVER else None
        for text, time in zip(texts.tolist(), times.tolist(), strict=True)
    ]
