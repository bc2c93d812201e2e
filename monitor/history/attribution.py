"""Split the change of a figure between two boards along a path of boards, and put the parts into words.

The path leads over the models and the benchmarks that both cleaned boards have, so that the parts sum to the change and
each part is the difference between two boards that can be looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from brainalign_plugin.data.board import Board
from brainalign_plugin.text import counted

from .figures import COUNTS, MINUS, Evaluate, canonical, cleaned, headline_figures
from .reasons import Reason, benchmarks_added, benchmarks_dropped, models_joined, models_left, restatements

MODELS_LEFT = "models_left"
BENCHMARKS_DROPPED = "benchmarks_dropped"
RESTATED = "restated"
BENCHMARKS_ADDED = "benchmarks_added"
MODELS_JOINED = "models_joined"
STEPS = (MODELS_LEFT, BENCHMARKS_DROPPED, RESTATED, BENCHMARKS_ADDED, MODELS_JOINED)


@dataclass(frozen=True, eq=False)
class Attribution:
    """The change of each figure between two boards, split along the path between them."""

    # Figures on the two cleaned boards.
    earlier: Mapping[str, float | None]
    later: Mapping[str, float | None]
    # For each figure the part of each step of the path; None where a board of the path does not define the
    # figure.
    parts: Mapping[str, Mapping[str, float] | None]
    # For each step the groups of models, benchmarks or scores behind it, the largest first.
    reasons: Mapping[str, tuple[Reason, ...]]
    shared: tuple[int, int]  # Models and benchmarks that both cleaned boards have


def attribute(
    earlier: Board, later: Board, max_missing: float = 0.5, evaluate: Evaluate = headline_figures
) -> Attribution:
    """Split the change of every figure (`evaluate`) between two uncleaned boards of one domain."""
    first, last = cleaned(earlier, max_missing), cleaned(later, max_missing)
    path = boards_between(first, last)
    figures, parts = split(path, evaluate)
    reasons = {
        MODELS_LEFT: models_left(first, last, later),
        BENCHMARKS_DROPPED: benchmarks_dropped(first, last, later),
        RESTATED: restatements(path[2], path[3]),
        BENCHMARKS_ADDED: benchmarks_added(first, last, earlier),
        MODELS_JOINED: models_joined(first, last, earlier),
    }
    return Attribution(figures[0], figures[-1], parts, reasons, (len(path[2].models), len(path[2].leaves)))


def boards_between(first: Board, last: Board) -> tuple[Board, ...]:
    """Return the six boards of the path from one board to another, both included.

    After the first come the models of both boards on the first one's leaves, these models on the leaves of both with
    the first one's cells, the same with the last one's cells and tree, and these models on the last one's leaves.
    """
    models = sorted(frozenset(first.ids) & frozenset(last.ids))
    leaves = sorted(frozenset(first.leaves) & frozenset(last.leaves))
    return (
        canonical(first),
        _selected(first, models, sorted(first.leaves)),
        _selected(first, models, leaves),
        _selected(last, models, leaves),
        _selected(last, models, sorted(last.leaves)),
        canonical(last),
    )


def _selected(board: Board, models: Sequence[int], leaves: Sequence[str]) -> Board:
    rows = {model: i for i, model in enumerate(board.ids)}
    columns = {leaf: j for j, leaf in enumerate(board.leaves)}
    return canonical(board.take([rows[model] for model in models], [columns[leaf] for leaf in leaves]))


def split(
    path: Sequence[Board], evaluate: Evaluate
) -> tuple[list[Mapping[str, float | None]], dict[str, dict[str, float] | None]]:
    """Return the figures of each board of a path, and for each figure the part of each step, None where one is unknown.

    A step that changes nothing costs nothing, and its part is exactly 0.
    """
    figures = [evaluate(path[0])]
    for before, after in pairwise(path):
        figures.append(figures[-1] if _same(before, after) else evaluate(after))
    parts: dict[str, dict[str, float] | None] = {}
    for name in figures[0]:
        values = [value for of_board in figures if (value := of_board[name]) is not None]
        steps = zip(STEPS, pairwise(values), strict=False)
        parts[name] = {step: b - a for step, (a, b) in steps} if len(values) == len(path) else None
    return figures, parts


def _same(one: Board, other: Board) -> bool:
    return (
        one.ids == other.ids
        and one.leaves == other.leaves
        and np.array_equal(one.scores, other.scores, equal_nan=True)
        and np.array_equal(one.states, other.states)
        and all(one.tree.path(leaf) == other.tree.path(leaf) for leaf in one.leaves)
    )


_NOTHING = 1e-12
_MOST = 2


def attribution_in_words(found: Attribution, figure: str) -> str:
    """Return one sentence: how far a figure moved and what moved it, the largest part first."""
    before, after = found.earlier[figure], found.later[figure]
    change = change_in_words(figure, before, after)
    causes = "" if before is None or after is None else causes_in_words(found, figure)
    return f"{change}: {causes}" if causes else change


def change_in_words(figure: str, before: float | None, after: float | None) -> str:
    """Return from where to where a figure moved; values that round alike did not go from one to the other."""
    if before is None or after is None:
        boards = {(True, True): "either", (True, False): "the earlier", (False, True): "the later"}
        return f"{figure} does not exist on {boards[before is None, after is None]} board"
    old, new = _number(figure, before), _number(figure, after)
    if abs(after - before) <= _NOTHING:
        return f"{figure} stayed at {new}"
    if old == new:
        return f"{figure} hardly moved from {new}"
    return f"{figure} went from {old} to {new}"


def causes_in_words(found: Attribution, figure: str) -> str:
    """Return the parts of a change with reasons, the largest first, without those that round to nothing."""
    parts = found.parts[figure]
    if parts is None:
        return unsplit(found)
    nothing = _number(figure, 0.0)
    shown = [
        (step, part)
        for step, part in parts.items()
        if _number(figure, abs(part)) != nothing or (step == RESTATED and abs(part) > _NOTHING)
    ]
    shown.sort(key=lambda item: -abs(item[1]))
    return ", ".join(
        f"{'+' if part > 0 else ''}{_number(figure, part)} as {_told(found.reasons[step])}" for step, part in shown
    )


def reasons_of(found: Attribution, figure: str) -> list[str]:
    """Return the reasons of the steps that moved a figure, the largest first; of all steps if it cannot be split."""
    parts = found.parts[figure]
    if parts is None:
        return [unsplit(found), *(one.text for reasons in found.reasons.values() for one in reasons)]
    steps = sorted((step for step in parts if abs(parts[step]) > _NOTHING), key=lambda step: -abs(parts[step]))
    return [one.text for step in steps for one in found.reasons[step]]


def unsplit(found: Attribution) -> str:
    """Return why a change cannot be split: the boards have too little in common."""
    models, benchmarks = found.shared
    return (
        "the change cannot be split, because the figure does not exist on the "
        f"{counted(models, 'model')} × {counted(benchmarks, 'benchmark')} that both boards have"
    )


def _number(figure: str, value: float) -> str:
    text = f"{value:,.0f}" if figure in COUNTS else f"{value:.3f}"
    return text.replace("-", MINUS)


def _told(reasons: tuple[Reason, ...]) -> str:
    """Return the reasons of a step as one clause: 60 models left (45 never run on ..., 15 removed ...)."""
    kinds: dict[tuple[str, str], list[Reason]] = {}
    for one in reasons:
        kinds.setdefault((one.noun, one.verb), []).append(one)
    return " and ".join(_clause(*kind, some) for kind, some in kinds.items())


def _clause(noun: str, verb: str, reasons: list[Reason]) -> str:
    count = sum(one.count for one in reasons)
    # Models leave and join; all else is done to.
    auxiliary = "" if noun == "model" else "was " if count == 1 else "were "
    counts = noun == "model" and len(reasons) > 1
    why = [f"{one.count} {one.why}" if counts else one.why for one in reasons[:_MOST]]
    if len(reasons) > _MOST:
        why.append(f"{sum(one.count for one in reasons[_MOST:])} for other reasons")
    return f"{counted(count, noun)} {auxiliary}{verb} ({'; '.join(why)})"
