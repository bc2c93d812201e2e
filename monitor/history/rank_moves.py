"""Why did a model's rank move? The causes of its places gained and lost, of one move or of all official ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from brainalign_plugin.data.board import Board, Model
from brainalign_plugin.data.official import CellState
from brainalign_plugin.errors import BoardError, BrainAlignError, InputError
from brainalign_plugin.schemes import get_scheme, rank_models
from brainalign_plugin.text import counted, first_few

from .attribution import (
    BENCHMARKS_ADDED,
    BENCHMARKS_DROPPED,
    MODELS_JOINED,
    MODELS_LEFT,
    ROUNDED,
    boards_between,
    model_text,
    restatements,
    split,
)
from .board_reader import BoardReader
from .changes import official_ranks
from .precision import tolerance

if TYPE_CHECKING:
    from ..store import SnapshotInfo


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
    # Models that one board has alone, by id.
    left: tuple[Model, ...]
    joined: tuple[Model, ...]
    # Benchmarks that one board has alone.
    dropped: tuple[str, ...]
    added: tuple[str, ...]
    never_ran: tuple[str, ...]  # New benchmarks on which the model was never run
    # Benchmarks on which the model's own score was filled in, restated or removed.
    own_cells: tuple[str, ...]
    above: tuple[Model, ...]  # New models that rank above it, the best first
    # Scores that both boards have differ by the decimals of their sources alone.
    rounded: bool = False


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
    left, joined = _alone(first, last), _alone(last, first)
    best_first = sorted(joined, key=lambda new: (now.get(new.id, inf), new.id))
    added = tuple(leaf for leaf in last.leaves if leaf not in first.leaves)
    dropped = tuple(leaf for leaf in first.leaves if leaf not in last.leaves)
    shared, limit = frozenset(first.leaves) & frozenset(last.leaves), tolerance(earlier.scores, later.scores)
    rounded = _only_rounded(path[2], path[3])
    found = {}
    for model in models:
        row = later.ids.index(model)
        states = dict(zip(later.leaves, later.states[row].tolist(), strict=True))
        found[model] = RankMove(
            model=later.models[row],
            scheme=used.name,
            before=figures[0][str(model)],
            after=figures[-1][str(model)],
            parts=parts[str(model)],
            left=left,
            joined=joined,
            dropped=dropped,
            added=added,
            never_ran=tuple(leaf for leaf in added if states[leaf] == int(CellState.NEVER)),
            own_cells=_own_changes(earlier, later, model, shared, limit),
            above=tuple(new for new in best_first if now.get(new.id, inf) < now.get(model, inf)),
            rounded=rounded,
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


def _alone(one: Board, other: Board) -> tuple[Model, ...]:
    there = frozenset(other.ids)
    return tuple(sorted((m for m in one.models if m.id not in there), key=lambda m: m.id))


def _own_changes(earlier: Board, later: Board, model: int, leaves: frozenset[str], limit: float) -> tuple[str, ...]:
    before, after = (
        dict(zip(board.leaves, board.scores[board.ids.index(model)].tolist(), strict=True))
        for board in (earlier, later)
    )
    return tuple(
        leaf
        for leaf in sorted(leaves)
        if not (abs(before[leaf] - after[leaf]) <= limit or (np.isnan(before[leaf]) and np.isnan(after[leaf])))
    )


_NOTHING = 1e-9
# Names in a cause.
_MOST = 3


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
    causes = sorted(((c, p) for c, p in move.parts.items() if abs(p) > _NOTHING), key=lambda cause: -abs(cause[1]))
    if not causes:
        return moved
    # Places in the direction of the move carry no sign; a cause against it is named as such.
    sign = 1 if after >= before else -1
    told = ", ".join(
        f"{abs(part):.0f} {'by' if part * sign > 0 else 'back by'} {_why(move, cause)}" for cause, part in causes
    )
    return f"{moved}: {told}"


def main_cause(move: RankMove) -> tuple[str, float] | None:
    """Return the largest cause of a move in words and its places; None if it cannot be split or nothing moved."""
    if not move.parts:
        return None
    cause, places = max(move.parts.items(), key=lambda part: abs(part[1]))
    return (_why(move, cause), places) if abs(places) > _NOTHING else None


def _why(move: RankMove, cause: str) -> str:
    if cause == BENCHMARKS_ADDED:
        many = len(move.added)
        if move.never_ran and len(move.never_ran) == many:
            what = "a benchmark that it never ran" if many == 1 else f"{many} benchmarks it never ran"
        else:
            what = "a new benchmark" if many == 1 else f"{many} new benchmarks"
            if move.never_ran:
                what += f", {len(move.never_ran)} of which it never ran"
        return f"{what} ({first_few(move.never_ran or move.added, _MOST)})"
    if cause == BENCHMARKS_DROPPED:
        return f"{counted(len(move.dropped), 'removed benchmark')} ({first_few(move.dropped, _MOST)})"
    if cause == MODELS_LEFT:
        return f"{counted(len(move.left), 'removed model')} ({first_few([model_text(m) for m in move.left], _MOST)})"
    if cause == MODELS_JOINED:
        what = "a new model" if len(move.joined) == 1 else f"{len(move.joined)} new models"
        above = [model_text(new) for new in move.above]
        return f"{what}, above it now {first_few(above, _MOST)}" if above else what
    if move.rounded:
        return "scores that one of the boards has with fewer decimals"
    own = f", its own on {first_few(move.own_cells, _MOST)}" if move.own_cells else ""
    return f"scores{'' if own else ' of others'} filled in, restated or removed{own}"


# Rises when moves are kept or put into words otherwise, so that they are computed again.
_VERSION = 1
_ROUNDING = "rounding to the two decimals of the official rank"


@dataclass(frozen=True, slots=True)
class DatedMove:
    """A move of a model's official rank between two boards."""

    # Moments of the boards.
    earlier: datetime
    later: datetime
    # Official ranks.
    before: int
    after: int
    reason: str  # The largest part of the move, in words
    places: float | None  # Of that part, on ranks of full precision; lost if positive


@dataclass(frozen=True, eq=False)
class RankHistory:
    """Official ranks at each of several boards."""

    moments: tuple[datetime, ...]
    # Official rank by model id; models without one are missing; length t.
    ranks: tuple[Mapping[int, int], ...]
    moves: Mapping[int, tuple[DatedMove, ...]]  # By model id, the oldest first


def rank_history(reader: BoardReader, infos: Sequence[SnapshotInfo]) -> RankHistory:
    """Return the official ranks of all models at each board, the oldest first, and why they moved to the next.

    No two neighbours have the same content. The reader's cache keeps the ranks of each and the moves between each two.
    """

    def ranks_of(info: SnapshotInfo) -> dict[int, int]:
        def compute() -> dict[str, int]:
            return {str(i): rank for i, rank in official_ranks(reader.store.snapshot(info.id)).items()}

        found = reader.once(compute, "official ranks", info.digest, _VERSION)
        return {int(i): rank for i, rank in found.items()}

    ranks = [ranks_of(info) for info in infos]
    moves: dict[int, list[DatedMove]] = {}
    for (earlier, was), (later, now) in pairwise(zip(infos, ranks, strict=True)):
        moved = [i for i, rank in now.items() if i in was and was[i] != rank]
        if not moved:
            continue
        reasons = reader.once(
            partial(_reasons, reader, (earlier, later), moved), *("rank moves", earlier.digest, later.digest, _VERSION)
        )
        for i in moved:
            reason, places = reasons[str(i)]
            move = DatedMove(earlier.as_of_time, later.as_of_time, was[i], now[i], reason, places)
            moves.setdefault(i, []).append(move)
    return RankHistory(
        tuple(info.as_of_time for info in infos), tuple(ranks), {i: tuple(found) for i, found in moves.items()}
    )


def _reasons(
    reader: BoardReader, pair: tuple[SnapshotInfo, SnapshotInfo], moved: Sequence[int]
) -> dict[str, list[Any]]:
    """Return the largest cause of each move and its places, by model id."""
    try:
        first, last = reader.boards(pair)
        found = attribute_ranks(first, last, moved)
    except BrainAlignError as failure:
        return {str(i): [f"a reason that cannot be found ({failure})", None] for i in moved}
    return {str(i): list(main_cause(move) or (_ROUNDING, None)) for i, move in found.items()}
