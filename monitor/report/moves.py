"""Section 7: models that moved in the official ranking, with reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from brainalign_plugin.data.board import Model
from brainalign_plugin.data.snapshot import Snapshot
from brainalign_plugin.errors import BrainAlignError
from brainalign_plugin.text import UNKNOWN, counted, visible

from ..history.changes import official_ranks
from ..history.rank_moves import RankMove, attribute_rank, main_cause
from ..history.series import Since
from .evidence import Evidence
from .records import Column, Section, Table
from .wording import count, day, sentence, whole_names

_MOST = 10
# Sentences on models of one name that are followed.
_ALIKE = 2


def moves_section(evidence: Evidence, since: Since) -> Section:
    """Return the section on the ten models that moved furthest since the last observed board."""
    moves = sorted(since.changes.rank_moves, key=lambda move: (-abs(move.after - move.before), move.model))
    question = "Who moved, and why?"
    when = day(since.earlier.as_of_time)
    how = (
        "The ten that moved furthest in the official ranking. Each move is split along the path of boards between the "
        "two dates, on ranks of full precision with missing scores as 0; models are grouped by the largest part. "
        "brainalign diff --model ID says it of any other model."
    )
    if not moves:
        return Section("moves", question, f"Nobody: no model moved in the official ranking since {when}.", how)
    groups: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    ids: dict[str, list[str]] = defaultdict(list)
    for move in moves[:_MOST]:
        reason, places = _reason(since, move.model)
        name = evidence.names.get(move.model, visible(move.name, 60))
        groups[reason].append((name, f"{move.before} → {move.after}", reason, places))
        ids[reason].append(str(move.model))
    order = sorted(groups, key=lambda reason: (-len(groups[reason]), reason))
    largest = order[0]
    answer = sentence(
        f"{counted(len(moves), 'model')} moved in the official ranking since {when}; for {count(len(groups[largest]))} "
        f"of the {count(min(_MOST, len(moves)))} that moved furthest the largest reason is {largest}"
    )
    table = Table(
        "moves-table",
        "The moves, by reason",
        (Column("model", "name"), Column("rank"), Column("largest reason", "prose"), Column("its places")),
        tuple(row for reason in order for row in groups[reason]),
        models=tuple(i for reason in order for i in ids[reason]),
    )
    return Section("moves", question, answer, how, tables=(table,))


def followed_models(
    wanted: str, snapshot: Snapshot, ranks: Sequence[int | None], since: Since | None
) -> tuple[str, ...]:
    """Return a sentence on each model of an id or name: its official ranks before and now, and the reason.

    `wanted`: an id, or a name in any case; a name may be that of several models. `snapshot`: the board now. `ranks`:
    official rank of each of its models.
    """
    now = {model.id: rank for model, rank in zip(snapshot.models, ranks, strict=True)}
    gone = () if since is None else since.changes.models_removed
    found = [
        model
        for model in (*snapshot.models, *gone)
        if str(model.id) == wanted.strip() or model.name.casefold() == wanted.strip().casefold()
    ]
    if not found:
        return (f"{visible(wanted, 60)}: no model of this id or name is on the board",)
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for model in found:
        name = visible(model.name, 60) or UNKNOWN
        told[name, _followed(model, now, since)].append(str(model.id))
    lines = [f"{name} ({', '.join(ids[:6])}{', …' * (len(ids) > 6)}): {text}" for (name, text), ids in told.items()]
    more = sum(map(len, list(told.values())[_ALIKE:]))
    return (*lines[:_ALIKE], *([f"{visible(wanted, 60)}: {counted(more, 'more model')} of this name"] if more else ()))


def _followed(model: Model, now: Mapping[int, int | None], since: Since | None) -> str:
    if model.id not in now:
        return "went from the board"
    rank = now[model.id]
    shown = "no official rank" if rank is None else f"official rank {rank}"
    if since is None:
        return shown
    if model in since.changes.models_added:
        return f"new, {shown}"
    move = next((move for move in since.changes.rank_moves if move.model == model.id), None)
    if move is not None:
        return f"{shown}, {move.before} before; mostly {_reason(since, model.id, 70)[0]}"
    before = official_ranks(since.changes.earlier).get(model.id)
    if (rank is None) != (before is None):
        return f"{shown}, {'none' if before is None else before} before"
    return f"{shown}, as before"


def _reason(since: Since, model: int, limit: int = 120) -> tuple[str, str]:
    """Return the largest cause of a move, and its places on ranks of full precision."""
    try:
        found: RankMove = attribute_rank(since.changes.earlier.board(), since.changes.later.board(), model)
    except BrainAlignError as failure:
        return f"a reason that cannot be found ({visible(str(failure), 120)})", UNKNOWN
    cause = main_cause(found)
    if cause is None:
        return "rounding to the two decimals of the official rank", UNKNOWN
    why, places = cause
    return whole_names(why, limit), f"{abs(places):.0f}"
