"""Why did a model's rank move? The causes of its places gained and lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.official import CellState
from brainalign_plugin.errors import BoardError, InputError
from brainalign_plugin.schemes import get_scheme, rank_models
from brainalign_plugin.text import counted, first_few

from .attribution import (
    BENCHMARKS_ADDED,
    BENCHMARKS_DROPPED,
    MODELS_JOINED,
    MODELS_LEFT,
    RESTATED,
    ROUNDED,
    boards_between,
    model_text,
    restatements,
    split,
)
from .changes import tolerance

_NOTHING = 1e-9
# Names in a cause.
_MOST = 3


@dataclass(frozen=True, eq=False)
class RankMove:
    """Change of a model's rank under a scheme, and its causes."""

    model: Model  # As on the later board
    scheme: str
    # Its ranks; None where it has none.
    before: float | None
    after: float | None
    # Places of each step of the path between the boards, lost if positive; None if a board between has no such
    # rank.
    parts: Mapping[str, float] | None
    causes: Mapping[str, str]  # Each step in words
    never_ran: tuple[str, ...]  # New benchmarks on which the model was never run
    # Benchmarks on which the model's own score was filled in, restated or removed.
    own_cells: tuple[str, ...]
    above: tuple[Model, ...]  # New models that rank above it, the best first


def attribute_rank(earlier: Board, later: Board, model: int, scheme: str = "HIER") -> RankMove:
    """Split the move of one model's rank between two uncleaned boards along the path between them.

    All models are ranked on all leaves that any of them has a score on, missing scores being treated by the
    scheme's own rule (HIER: as 0, as Brain-Score does), so that a benchmark that a model never ran counts. Ranks
    are those of full precision, not the site's two decimals. Raises InputError if the model is not on both boards;
    SchemeError if there is no such scheme, or it needs a reference board.
    """
    for name, board in (("earlier", earlier), ("later", later)):
        if model not in board.ids:
            raise InputError(
                f"model {model} is not on the {name} board, so it has no rank there; "
                "`brainalign diff` names the models that came and went"
            )
    return attribute_ranks(earlier, later, [model], scheme)[model]


def attribute_ranks(earlier: Board, later: Board, models: Sequence[int], scheme: str = "HIER") -> dict[int, RankMove]:
    """Split the moves of the ranks of several models of both boards (`attribute_rank`); each board is ranked once."""
    used = get_scheme(scheme)

    def ranks(board: Board) -> dict[int, int]:
        try:
            return rank_models(_scored(board), used).by_id()
        except BoardError:
            return {}

    def of_models(board: Board) -> dict[str, float | None]:
        found = ranks(board)
        return {str(i): float(found[i]) if i in found else None for i in models}

    first, last = _scored(earlier), _scored(later)
    path = boards_between(first, last)
    figures, parts = split(path, of_models)
    now = ranks(last)
    joined = sorted(_alone(last, first), key=lambda new: (now.get(new.id, inf), new.id))
    added, dropped = ([leaf for leaf in a.leaves if leaf not in b.leaves] for a, b in ((last, first), (first, last)))
    left = [model_text(gone) for gone in _alone(first, last)]
    shared_causes = {
        MODELS_LEFT: f"{counted(len(left), 'removed model')} ({first_few(left, _MOST)})",
        BENCHMARKS_DROPPED: f"{counted(len(dropped), 'removed benchmark')} ({first_few(dropped, _MOST)})",
    }
    restated = frozenset(first.leaves) & frozenset(last.leaves), tolerance(earlier.scores, later.scores)
    rounded = _only_rounded(path[2], path[3])
    found = {}
    for model in models:
        row = later.ids.index(model)
        states = dict(zip(later.leaves, later.states[row].tolist(), strict=True))
        never_ran = tuple(leaf for leaf in added if states[leaf] == int(CellState.NEVER))
        own_cells = _own_changes(earlier, later, model, *restated)
        above = tuple(new for new in joined if now.get(new.id, inf) < now.get(model, inf))
        causes = {
            **shared_causes,
            RESTATED: _restated_cause(own_cells, rounded),
            BENCHMARKS_ADDED: _added_cause(added, never_ran),
            MODELS_JOINED: _joined_cause(len(joined), above),
        }
        ends = figures[0][str(model)], figures[-1][str(model)]
        found[model] = RankMove(
            later.models[row], used.name, *ends, parts[str(model)], causes, never_ran, own_cells, above
        )
    return found


def _only_rounded(before: Board, after: Board) -> bool:
    """Return whether boards of the same models and leaves differ by the decimals of their sources alone."""
    alike = np.array_equal(np.isnan(before.scores), np.isnan(after.scores_on(before.leaves)))
    return alike and [reason.verb for reason in restatements(before, after)] == [ROUNDED]


def _scored(board: Board) -> Board:
    """Return the models and the leaves that have any score."""
    some = ~np.isnan(board.scores)
    return board.take(np.flatnonzero(some.any(axis=1)).tolist(), np.flatnonzero(some.any(axis=0)).tolist())


def _alone(one: Board, other: Board) -> list[Model]:
    there = frozenset(other.ids)
    return sorted((m for m in one.models if m.id not in there), key=lambda m: m.id)


def _own_changes(earlier: Board, later: Board, model: int, leaves: frozenset[str], limit: float) -> tuple[str, ...]:
    names = sorted(leaves)
    was, now = (board.scores_on(names)[board.ids.index(model)] for board in (earlier, later))
    same = (np.abs(was - now) <= limit) | (np.isnan(was) & np.isnan(now))
    return tuple(leaf for leaf, alike in zip(names, same.tolist(), strict=True) if not alike)


def _restated_cause(own_cells: Sequence[str], rounded: bool) -> str:
    if rounded:
        return "scores that one of the boards has with fewer decimals"
    if not own_cells:
        return "scores of others filled in, restated or removed"
    return f"scores filled in, restated or removed, its own on {first_few(own_cells, _MOST)}"


def _added_cause(added: Sequence[str], never_ran: Sequence[str]) -> str:
    many = len(added)
    if never_ran and len(never_ran) == many:
        what = "a benchmark that it never ran" if many == 1 else f"{many} benchmarks it never ran"
    else:
        what = "a new benchmark" if many == 1 else f"{many} new benchmarks"
        if never_ran:
            what += f", {len(never_ran)} of which it never ran"
    return f"{what} ({first_few(never_ran or added, _MOST)})"


def _joined_cause(joined: int, above: Sequence[Model]) -> str:
    what = "a new model" if joined == 1 else f"{joined} new models"
    return f"{what}, above it now {first_few(list(map(model_text, above)), _MOST)}" if above else what


def rank_move_in_words(move: RankMove) -> str:
    """Return a sentence: how far a model rose or fell and why, the largest cause first."""
    before, after = move.before, move.after
    who = model_text(move.model)
    if before is None or after is None:
        return f"{who} has no rank under {move.scheme} on one of the boards"
    if before == after:
        moved = f"{who} stayed at rank {after:.0f} under {move.scheme}"
    else:
        word = "fell" if after > before else "rose"
        places = counted(round(abs(after - before)), "place")
        moved = f"{who} {word} {places} under {move.scheme}, from {before:.0f} to {after:.0f}"
    if move.parts is None:
        return f"{moved}; the move cannot be split, because a board between gives it no rank"
    parts = sorted(((step, p) for step, p in move.parts.items() if abs(p) > _NOTHING), key=lambda part: -abs(part[1]))
    if not parts:
        return moved
    # Places in the direction of the move carry no sign; a cause against it is named as such.
    sign = 1 if after >= before else -1
    told = ", ".join(
        f"{abs(places):.0f} {'by' if places * sign > 0 else 'back by'} {move.causes[step]}" for step, places in parts
    )
    return f"{moved}: {told}"


def main_cause(move: RankMove) -> tuple[str, float] | None:
    """Return the largest cause of a move in words and its places; None if it cannot be split or nothing moved."""
    if not move.parts:
        return None
    step, places = max(move.parts.items(), key=lambda part: abs(part[1]))
    return (move.causes[step], places) if abs(places) > _NOTHING else None
