"""Why did a model's rank move? The causes of its places gained and lost under one scheme."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from brainalign_plugin.aggregation import get_scheme, rank_models
from brainalign_plugin.board import Board, Model
from brainalign_plugin.errors import BoardError, InputError
from brainalign_plugin.official import CellState

from .attribution import NEW_BENCHMARKS, NEW_MODELS, RESTATED, Attribution, attribute_uncleaned
from .attribution_words import listed

RANK = "rank"


@dataclass(frozen=True, eq=False)
class RankMove:
    """How a model's rank moved under a scheme, and why.

    Attributes
    ----------
    model : Model
        As on the later board.
    scheme : str
    found : Attribution
        Of the one figure ``rank``; a positive part is places lost.
    never_ran : tuple of str
        New benchmarks on which the model was never run.
    own_cells : tuple of str
        Benchmarks on which the model's own score was filled in, restated or removed.
    new_above : tuple of Model
        New models that rank above it, the best first.
    """

    model: Model
    scheme: str
    found: Attribution
    never_ran: tuple[str, ...]
    own_cells: tuple[str, ...]
    new_above: tuple[Model, ...]


def attribute_rank(earlier: Board, later: Board, model: int, scheme: str = "HIER") -> RankMove:
    """Split the move of one model's rank between two uncleaned boards into its causes.

    All models are ranked on all leaves that anybody has a score on, missing scores being treated by the scheme's own
    rule (HIER: as 0, as Brain-Score does), so that what a model never ran counts. Ranks are those of full precision,
    not the site's two decimals.

    Parameters
    ----------
    earlier, later : Board
        As ``Snapshot.board()`` gives them.
    model : int
        Its id.
    scheme : str
        Any scheme that needs no reference board.

    Raises
    ------
    InputError
        If the model is not on both boards.
    SchemeError
        If there is no such scheme, or it needs a reference board.
    """
    used = get_scheme(scheme)
    ranks: dict[int, int] = {}

    def evaluate(board: Board) -> dict[str, float | None]:
        # The last board that is evaluated is the later one.
        ranks.clear()
        try:
            ranks.update(rank_models(board, used).by_id())
        except BoardError:
            return {RANK: None}
        return {RANK: float(ranks[model]) if model in ranks else None}

    for name, board in (("earlier", earlier), ("later", later)):
        if model not in board.ids:
            raise InputError(
                f"model {model} is not on the {name} board, so it has no rank there; "
                "`brainalign diff` names the models that came and went"
            )
    found = attribute_uncleaned(earlier, later, evaluate)
    row = later.ids.index(model)
    states = dict(zip(later.leaves, later.states[row].tolist(), strict=True))
    return RankMove(
        model=later.models[row],
        scheme=used.name,
        found=found,
        never_ran=tuple(leaf for leaf in found.actors.new_benchmarks if states[leaf] == int(CellState.NEVER)),
        own_cells=_own_changes(earlier, later, model, found),
        new_above=tuple(
            sorted(
                (new for new in found.actors.new_models if ranks.get(new.id, inf) < ranks.get(model, inf)),
                key=lambda new: (ranks[new.id], new.id),
            )
        ),
    )


def _own_changes(earlier: Board, later: Board, model: int, found: Attribution) -> tuple[str, ...]:
    before = dict(zip(earlier.leaves, earlier.scores[earlier.ids.index(model)].tolist(), strict=True))
    after = dict(zip(later.leaves, later.scores[later.ids.index(model)].tolist(), strict=True))
    changed = [
        leaf
        for leaf, _ in found.actors.restated_benchmarks
        if not (before[leaf] == after[leaf] or (np.isnan(before[leaf]) and np.isnan(after[leaf])))
    ]
    return tuple(changed)


_NOTHING = 1e-9


def rank_move_in_words(move: RankMove, most: int = 3) -> str:
    """Say how far a model rose or fell and why, the largest cause first."""
    found = move.found
    before, after, parts = found.earlier[RANK], found.later[RANK], found.parts[RANK]
    who = f"{move.model.name} ({move.model.id})"
    if before is None or after is None or parts is None:
        return f"{who} has no rank under {move.scheme} on one of the boards"
    if before == after:
        moved = f"{who} stayed at rank {after:.0f} under {move.scheme}"
    else:
        word = "fell" if after > before else "rose"
        places = f"{abs(after - before):.0f} {'place' if abs(after - before) == 1 else 'places'}"
        moved = f"{who} {word} {places} under {move.scheme}, from {before:.0f} to {after:.0f}"
    causes = sorted(((c, p) for c, p in parts.items() if abs(p) > _NOTHING), key=lambda cause: -abs(cause[1]))
    if not causes:
        return moved
    # Places in the direction of the move are told without a sign; what worked against it is named as such.
    sign = 1 if after >= before else -1
    told = ", ".join(
        f"{_number(abs(part))} {'by' if part * sign > 0 else 'back by'} {_why(move, cause, most)}"
        for cause, part in causes
    )
    return f"{moved}: {told}"


def _number(places: float) -> str:
    return f"{places:.4g}" if abs(places - round(places)) > _NOTHING else f"{round(places)}"


def _why(move: RankMove, cause: str, most: int) -> str:
    actors = move.found.actors
    if cause == NEW_BENCHMARKS:
        new = actors.new_benchmarks
        if move.never_ran and len(move.never_ran) == len(new):
            what = "a benchmark that it never ran" if len(new) == 1 else f"{len(new)} benchmarks it never ran"
        else:
            what = "a new benchmark" if len(new) == 1 else f"{len(new)} new benchmarks"
            if move.never_ran:
                what += f", {len(move.never_ran)} of which it never ran"
        return f"{what} ({listed(move.never_ran or new, most)})"
    if cause == NEW_MODELS:
        count = len(actors.new_models)
        what = "a new model" if count == 1 else f"{count} new models"
        above = [f"{new.name} ({new.id})" for new in move.new_above]
        return f"{what}, above it now {listed(above, most)}" if above else what
    if cause == RESTATED and move.own_cells:
        return f"scores filled in, restated or removed, its own on {listed(move.own_cells, most)}"
    return "scores of others filled in, restated or removed"
