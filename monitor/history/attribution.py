"""Split the change of a figure between two boards along a path of boards, with the reasons, and put it into words.

The path leads over the models and the benchmarks that both cleaned boards have, so that the parts sum to the change and
each part is the difference between two boards that can be looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import paper
from brainalign_plugin.text import counted, first_few

from .changes import tolerance
from .figures import COUNTS, MINUS, Evaluate, canonical, cleaned, headline_figures

MODELS_LEFT = "models_left"
BENCHMARKS_DROPPED = "benchmarks_dropped"
RESTATED = "restated"
BENCHMARKS_ADDED = "benchmarks_added"
MODELS_JOINED = "models_joined"
STEPS = (MODELS_LEFT, BENCHMARKS_DROPPED, RESTATED, BENCHMARKS_ADDED, MODELS_JOINED)
ROUNDED = "rounded otherwise"
# Names that a reason gives, and models up to which all of a group are named.
_NAMED = 3
# Reasons of a step that a sentence gives.
_MOST = 2
_NOTHING = 1e-12
# By what they did: why models of one board are not on the other. The leaderboard lacks them; on a leaf of both they
# lack a score; on a leaf of the other alone, which they never ran or failed on.
_MODEL_WORDS = {
    "left": ("removed from the leaderboard", "no longer scored on", "never run on", "failed on"),
    "joined": ("new to the leaderboard", "now scored on", *["no longer need a score on"] * 2),
}
# The same of leaves: absent, a group, without a score, too sparse.
_LEAF_WORDS = {
    "dropped": (
        "removed from the leaderboard",
        "now a group",
        "without any score now",
        "too few models have a score now",
    ),
    "added": ("new to the leaderboard", "a group before", "first scores", "too few models had a score before"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A group of models, benchmarks or scores that share a reason."""

    count: int  # Its size
    # `model`, `benchmark` or `score`, and what it did: `left`, `joined`, `dropped`, `restated`.
    noun: str
    verb: str
    why: str  # The reason, with benchmarks by name or, where they are many, by paper
    names: tuple[str, ...] = ()  # Of the models, where they are few, new or gone

    @property
    def text(self) -> str:
        """The reason as a line: 52 models left: never run on Igustibagus2024-ridge."""
        names = f" ({first_few(self.names, _NAMED)})" if self.names else ""
        return f"{counted(self.count, self.noun)} {self.verb}: {self.why}{names}"


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


def attribute(earlier: Board, later: Board, max_missing: float = 0.5) -> Attribution:
    """Split the change of every figure between two uncleaned boards of one domain."""
    first, last = cleaned(earlier, max_missing), cleaned(later, max_missing)
    path = boards_between(first, last)
    figures, parts = split(path, headline_figures)
    reasons = {
        MODELS_LEFT: _models_apart("left", first, last, later),
        BENCHMARKS_DROPPED: _leaves_apart("dropped", first, last, later),
        RESTATED: restatements(path[2], path[3]),
        BENCHMARKS_ADDED: _leaves_apart("added", last, first, earlier),
        MODELS_JOINED: _models_apart("joined", last, first, earlier),
    }
    return Attribution(figures[0], figures[-1], parts, reasons, (len(path[2].models), len(path[2].leaves)))


def boards_between(first: Board, last: Board) -> tuple[Board, ...]:
    """Return the six boards of the path from one board to another, both included: each differs in one step."""
    models = frozenset(first.ids) & frozenset(last.ids)
    leaves = [leaf for leaf in first.leaves if leaf in last.leaves]

    def of_both(board: Board, leaves: Sequence[str]) -> Board:
        rows = [i for i, model in enumerate(board.ids) if model in models]
        return canonical(board.take(rows, list(map(board.leaves.index, leaves))))

    ends = canonical(first), canonical(last)
    left, joined = of_both(first, first.leaves), of_both(last, last.leaves)
    return ends[0], left, of_both(first, leaves), of_both(last, leaves), joined, ends[1]


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


def _models_apart(verb: str, one: Board, other: Board, whole: Board) -> tuple[Reason, ...]:
    """Return why models of a cleaned board are not on the other one, which is given uncleaned too."""
    absent, no_score, *lack = _MODEL_WORDS[verb]
    rows = {model: i for i, model in enumerate(whole.ids)}
    columns = {leaf: j for j, leaf in enumerate(whole.leaves)}
    there = frozenset(other.ids)
    gone: list[str] = []
    # Words and leaf of each score that a model lacks.
    lacking: dict[str, frozenset[tuple[str, str]]] = {}
    for model in one.models:
        if model.id not in there and model.id not in rows:
            gone.append(model_text(model))
        elif model.id not in there:
            states = whole.states[rows[model.id]].tolist()
            cells = [(leaf, states[columns[leaf]] if leaf in columns else CellState.NEVER) for leaf in other.leaves]
            lacking[model_text(model)] = frozenset(
                (no_score if leaf in one.leaves else lack[state == CellState.FAILED], leaf)
                for leaf, state in cells
                if state != CellState.SCORED
            )
    found = [Reason(len(gone), "model", verb, absent, tuple(gone))] if gone else []
    # In groups, each by what most of the models that are not in a group yet have in common.
    while counts := Counter(one for some in lacking.values() for one in some):
        most = min(counts, key=lambda one: (-counts[one], one))
        members = [model for model, some in lacking.items() if most in some]
        common = frozenset.intersection(*(lacking[model] for model in members))
        leaves = [most[1], *sorted(leaf for what, leaf in common if what == most[0] and leaf != most[1])]
        named = tuple(members) if len(members) <= _NAMED else ()
        found.append(Reason(len(members), "model", verb, f"{most[0]} {_benchmarks_text(leaves)}", named))
        lacking = {model: some for model, some in lacking.items() if most not in some}
    return _ordered(found)


def _leaves_apart(verb: str, one: Board, other: Board, whole: Board) -> tuple[Reason, ...]:
    """Return why leaves of a cleaned board are not on the other one, which is given uncleaned too."""
    absent, group, unscored, sparse = _LEAF_WORDS[verb]
    scored = dict(zip(whole.leaves, (~np.isnan(whole.scores)).any(axis=0).tolist(), strict=True))
    groups: dict[str, list[str]] = defaultdict(list)
    for leaf in sorted(frozenset(one.leaves) - frozenset(other.leaves)):
        absence = group if leaf in whole.tree else absent
        groups[absence if leaf not in scored else sparse if scored[leaf] else unscored].append(leaf)
    found = [Reason(len(some), "benchmark", verb, f"{_papers_text(some)}, {why}") for why, some in groups.items()]
    return _ordered(found)


def _ordered(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: -reason.count))


def restatements(before: Board, after: Board) -> tuple[Reason, ...]:
    """Return what differs between boards of the same models and leaves but decimals: scores, places in the tree."""
    differs = np.abs(after.scores_on(before.leaves) - before.scores)
    limit = tolerance(before.scores, after.scores)
    counts = dict(zip(before.leaves, (differs > limit).sum(axis=0).tolist(), strict=True))
    leaves = sorted((leaf for leaf, n in counts.items() if n), key=lambda leaf: (-counts[leaf], leaf))
    moved = [leaf for leaf in before.leaves if before.tree.path(leaf) != after.tree.path(leaf)]
    rounded = int(((differs > 0) & (differs <= limit)).sum())
    found = []
    if leaves:
        found.append(Reason(sum(counts.values()), "score", "restated", f"on {_benchmarks_text(leaves)}"))
    if moved:
        found.append(Reason(len(moved), "benchmark", "moved in the tree", _papers_text(moved)))
    if rounded and not leaves:
        found.append(Reason(rounded, "score", ROUNDED, f"by less than {limit:.3f}"))
    return tuple(found)


def _benchmarks_text(leaves: Sequence[str]) -> str:
    """Return a few benchmarks by name, more of them by how many there are of each paper."""
    if len(leaves) <= _NAMED:
        return first_few(leaves, _NAMED)
    papers = Counter(paper(leaf) for leaf in leaves).most_common()
    return first_few([f"{counted(n, 'benchmark')} of {name}" if n > 1 else name for name, n in papers], _NAMED)


def _papers_text(leaves: Sequence[str]) -> str:
    """Return a few benchmarks by name, more of them by their papers."""
    some = leaves if len(leaves) <= _NAMED else list(dict.fromkeys(paper(leaf) for leaf in leaves))
    return first_few(some, _NAMED)


def model_text(model: Model) -> str:
    """Return a model's name and id; the id alone where the name shows nothing."""
    shown = " ".join(model.name.split())
    return f"{shown} ({model.id})" if shown else f"model {model.id}"


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
