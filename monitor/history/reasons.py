"""Reasons why models, benchmarks and scores differ between two cleaned boards, in groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.official import CellState
from brainalign_plugin.data.tree import paper
from brainalign_plugin.text import counted, first_few

from .precision import tolerance

ROUNDED = "rounded otherwise"
# Names that a reason gives, and models up to which all of a group are named.
_NAMED = 3
_LACK = {CellState.NEVER: "never run on", CellState.FAILED: "failed on"}


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


def models_left(first: Board, last: Board, later: Board) -> tuple[Reason, ...]:
    """Return why models of the earlier cleaned board are not on the later one, which is given uncleaned too."""
    lacking: dict[str, list[tuple[str, str]]] = {}
    gone = []
    for model, states in _states_of(later, _without(first, last), last.leaves):
        if states is None:
            gone.append(model)
            continue
        lacking[model] = [
            ("no longer scored on" if leaf in first.leaves else _LACK[CellState(state)], leaf)
            for leaf, state in zip(last.leaves, states, strict=True)
            if state != CellState.SCORED
        ]
    return _ordered([*_models("left", "removed from the leaderboard", gone), *_grouped("left", lacking)])


def models_joined(first: Board, last: Board, earlier: Board) -> tuple[Reason, ...]:
    """Return why models of the later cleaned board were not on the earlier one, which is given uncleaned too."""
    lacking: dict[str, list[tuple[str, str]]] = {}
    new = []
    for model, states in _states_of(earlier, _without(last, first), first.leaves):
        if states is None:
            new.append(model)
            continue
        lacking[model] = [
            ("now scored on" if leaf in last.leaves else "no longer need a score on", leaf)
            for leaf, state in zip(first.leaves, states, strict=True)
            if state != CellState.SCORED
        ]
    return _ordered([*_models("joined", "new to the leaderboard", new), *_grouped("joined", lacking)])


def benchmarks_dropped(first: Board, last: Board, later: Board) -> tuple[Reason, ...]:
    """Return why leaves of the earlier cleaned board are not on the later one, which is given uncleaned too."""
    words = ("removed from the leaderboard", "now a group", "without any score now", "too few models have a score now")
    return _benchmarks("dropped", frozenset(first.leaves) - frozenset(last.leaves), later, words)


def benchmarks_added(first: Board, last: Board, earlier: Board) -> tuple[Reason, ...]:
    """Return why leaves of the later cleaned board were not on the earlier one, which is given uncleaned too."""
    words = ("new to the leaderboard", "a group before", "first scores", "too few models had a score before")
    return _benchmarks("added", frozenset(last.leaves) - frozenset(first.leaves), earlier, words)


def restatements(before: Board, after: Board) -> tuple[Reason, ...]:
    """Return what differs between two boards of the same models and leaves: scores, and places in the tree.

    A difference below the precision of the coarser board is rounding: published scores have three decimals, some
    exports two.
    """
    differs = np.abs(after.scores_on(before.leaves) - before.scores)
    limit = tolerance(before.scores, after.scores)
    counts = dict(zip(before.leaves, (differs > limit).sum(axis=0).tolist(), strict=True))
    leaves = sorted((leaf for leaf, n in counts.items() if n), key=lambda leaf: (-counts[leaf], leaf))
    moved = [leaf for leaf in before.leaves if before.tree.path(leaf) != after.tree.path(leaf)]
    rounded = int(((differs > 0) & (differs <= limit)).sum())
    found = []
    if leaves:
        found.append(Reason(sum(counts.values()), "score", "restated", f"on {benchmarks_text(leaves)}"))
    if moved:
        found.append(Reason(len(moved), "benchmark", "moved in the tree", papers_text(moved)))
    if rounded and not leaves:
        found.append(Reason(rounded, "score", ROUNDED, f"by less than {limit:.3f}"))
    return tuple(found)


def benchmarks_text(leaves: Sequence[str]) -> str:
    """Return a few benchmarks by name, more of them by how many there are of each paper."""
    if len(leaves) <= _NAMED:
        return first_few(leaves, _NAMED)
    papers = Counter(paper(leaf) for leaf in leaves).most_common()
    return first_few([f"{counted(n, 'benchmark')} of {name}" if n > 1 else name for name, n in papers], _NAMED)


def papers_text(leaves: Sequence[str]) -> str:
    """Return a few benchmarks by name, more of them by their papers."""
    some = leaves if len(leaves) <= _NAMED else list(dict.fromkeys(paper(leaf) for leaf in leaves))
    return first_few(some, _NAMED)


def model_text(model: Model) -> str:
    """Return a model's name and id; the id alone where the name shows nothing."""
    shown = " ".join(model.name.split())
    return f"{shown} ({model.id})" if shown else f"model {model.id}"


def _without(one: Board, other: Board) -> list[Model]:
    there = frozenset(other.ids)
    return [model for model in one.models if model.id not in there]


def _states_of(board: Board, models: Sequence[Model], leaves: Sequence[str]) -> Iterator[tuple[str, list[int] | None]]:
    """Yield each model's name, and its states on leaves that the board may lack, or None if it is not on the board."""
    rows = {model: i for i, model in enumerate(board.ids)}
    columns = {leaf: j for j, leaf in enumerate(board.leaves)}
    for model in models:
        if model.id not in rows:
            yield model_text(model), None
            continue
        states = board.states[rows[model.id]].tolist()
        yield (
            model_text(model),
            [states[columns[leaf]] if leaf in columns else int(CellState.NEVER) for leaf in leaves],
        )


def _grouped(verb: str, lacking: Mapping[str, Sequence[tuple[str, str]]]) -> list[Reason]:
    """Return groups of models, each by what most of the models that are not in a group yet have in common."""
    found = []
    left = {model: frozenset(some) for model, some in lacking.items()}
    while counts := Counter(one for some in left.values() for one in some):
        most = min(counts, key=lambda one: (-counts[one], one))
        members = [model for model, some in left.items() if most in some]
        common = frozenset.intersection(*(left[model] for model in members))
        leaves = [most[1], *sorted(leaf for what, leaf in common if what == most[0] and leaf != most[1])]
        named = members if len(members) <= _NAMED else []
        found += _models(verb, f"{most[0]} {benchmarks_text(leaves)}", named, len(members))
        left = {model: some for model, some in left.items() if most not in some}
    return found


def _models(verb: str, why: str, names: Sequence[str], count: int | None = None) -> list[Reason]:
    many = len(names) if count is None else count
    return [Reason(many, "model", verb, why, tuple(names))] if many else []


def _benchmarks(
    verb: str, leaves: frozenset[str], other: Board, words: tuple[str, str, str, str]
) -> tuple[Reason, ...]:
    """Return leaves by how they stand on the board that does not keep them: absent, a group, unscored, sparse."""
    absent, group, unscored, sparse = words
    scored = dict(zip(other.leaves, (~np.isnan(other.scores)).any(axis=0).tolist(), strict=True))
    groups: dict[str, list[str]] = {}
    for leaf in sorted(leaves):
        absence = group if leaf in other.tree else absent
        why = absence if leaf not in scored else sparse if scored[leaf] else unscored
        groups.setdefault(why, []).append(leaf)
    return _ordered(
        [Reason(len(some), "benchmark", verb, f"{papers_text(some)}, {why}") for why, some in groups.items()]
    )


def _ordered(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: -reason.count))
