"""Boards that fell apart: a source that lost much of what it had is refused, not stored as news."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainalign_plugin.data.official import CellState

from ..base.errors import ShrunkenBoardError

if TYPE_CHECKING:
    from collections.abc import Collection

    from brainalign_plugin.data.snapshot import Snapshot

    from .payload import Pull


def check_not_shrunken(pull: Pull, before: Snapshot | None) -> None:
    """Refuse a board of which more than a third is gone since the last good one, or has other names.

    Counted are models, SCORED cells of leaves and leaves that have any, and the names of the models on both boards.
    Raises ShrunkenBoardError, with the body.
    """
    if before is None:
        return
    now = pull.snapshot
    scores, kept = _scored(before), _scored(now)
    leaves = {leaf for _, leaf in scores}
    old, new = ({model.id: model.name for model in board.models} for board in (before, now))
    shared = old.keys() & new.keys()
    renamed = {number for number in shared if old[number] != new[number]}
    reasons = [
        f"{did} {len(found)} of the {of} {what}{_some(found)}"
        for did, what, found, of in (
            ("lost", "models", old.keys() - new.keys(), len(old)),
            ("lost", "scores", {f"{model} on {leaf}" for model, leaf in scores - kept}, len(scores)),
            ("lost", "benchmarks with scores", leaves - {leaf for _, leaf in kept}, len(leaves)),
            ("gave other names to", "model ids", renamed, len(shared)),
        )
        if 3 * len(found) > of
    ]
    if reasons:
        raise ShrunkenBoardError(
            f"{now.source} {'; it '.join(reasons)}, more than a third since the last good board of "
            f"{before.as_of_time:%Y-%m-%d}; nothing was stored: check the kept body and try again later, or "
            "store it with `brainalign fetch --accept-shrunken` if that is right",
            pull.body,
        )


def _some(found: Collection[int] | Collection[str]) -> str:
    return f" ({', '.join(map(str, sorted(found)[:5]))}{', …' if len(found) > 5 else ''})"


def _scored(board: Snapshot) -> set[tuple[int, str]]:
    """Return model id and type id of each SCORED cell of a leaf."""
    ids = [model.id for model in board.models]
    nodes = board.tree.nodes
    leaf = np.array([node.is_leaf for node in nodes], dtype=bool)
    rows, columns = np.nonzero((board.states == CellState.SCORED) & leaf)
    return {(ids[i], nodes[j].type_id) for i, j in zip(rows.tolist(), columns.tolist(), strict=True)}
