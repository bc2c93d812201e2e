"""Rerun reliability: the same model entered several times shows how far a score repeats itself.

Near-copies are found by their scores, so what differs by more than 0.01 is not among them; the reliability is that of
scores which repeat at all. The sampling of neurons, stimuli and subjects is the same for all models and stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data.board import Board
from .families import Families
from .variance_components import NotEstimable


@dataclass(frozen=True, eq=False)
class Replicates:
    """Rerun reliability of each leaf of a board."""

    groups: tuple[tuple[int, ...], ...]  # Ids of the near-copies that it rests on
    # 1 - variance within groups / variance over all models; None for a leaf that no group has twice, or on which
    # all models have the same score.
    reliability: dict[str, float | None]


def rerun_reliability(board: Board, families: Families) -> Replicates | NotEstimable:
    """Estimate the rerun reliability of each leaf from near-copies."""
    if not families.near_copies:
        return NotEstimable(
            "rerun", f"no two of the {len(board.models)} models are near-copies of each other"
        )
    scores, labels = board.scores, families.copy_labels
    within, freedom = np.zeros(len(board.leaves)), np.zeros(len(board.leaves))
    for group in np.flatnonzero(np.bincount(labels) > 1):
        rows = scores[labels == group]
        present = ~np.isnan(rows)
        count = present.sum(axis=0)
        centred = np.where(present, rows - np.where(present, rows, 0).sum(axis=0) / np.maximum(count, 1), 0.0)
        within += (centred**2).sum(axis=0)
        freedom += np.maximum(count - 1, 0)
    found: dict[str, float | None] = {}
    for j, leaf in enumerate(board.leaves):
        known = scores[~np.isnan(scores[:, j]), j]
        total = float(known.var(ddof=1)) if len(known) > 1 and np.ptp(known) > 1e-9 else 0.0
        found[leaf] = 1 - within[j] / freedom[j] / total if total > 0 and freedom[j] > 0 else None
    return Replicates(families.near_copies, found)
