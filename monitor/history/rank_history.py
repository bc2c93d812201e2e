"""Official ranks of all models over the boards of a history, and the reasons of their moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from brainalign_plugin.errors import BrainAlignError

from .rank_moves import attribute_ranks, main_cause
from .reading import BoardReader

if TYPE_CHECKING:
    from ..store import SnapshotInfo

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
    """Return the official ranks of all models at each board, and why they moved from one to the next.

    Parameters
    ----------
    reader : BoardReader
        Its cache keeps the ranks of each content and the moves between each two.
    infos : sequence of SnapshotInfo
        The oldest first, no two neighbours with the same content.
    """

    def ranks_of(info: SnapshotInfo) -> dict[int, int]:
        def compute() -> dict[str, int]:
            snapshot = reader.store.snapshot(info.id)
            ranks = zip(snapshot.models, snapshot.official().ranks, strict=True)
            return {str(model.id): rank for model, rank in ranks if rank is not None}

        found = reader.once(compute, "official ranks", info.digest, _VERSION)
        return {int(i): rank for i, rank in found.items()}

    ranks = [ranks_of(info) for info in infos]
    moves: dict[int, list[DatedMove]] = {}
    for (earlier, was), (later, now) in pairwise(zip(infos, ranks, strict=True)):
        moved = [i for i, rank in now.items() if i in was and was[i] != rank]
        if not moved:
            continue
        reasons = reader.once(
            partial(_reasons, reader, (earlier, later), moved),
            *("rank moves", earlier.digest, later.digest, _VERSION),
        )
        for i in moved:
            reason, places = reasons[str(i)]
            move = DatedMove(earlier.as_of_time, later.as_of_time, was[i], now[i], reason, places)
            moves.setdefault(i, []).append(move)
    return RankHistory(
        tuple(info.as_of_time for info in infos),
        tuple(ranks),
        {i: tuple(found) for i, found in moves.items()},
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
