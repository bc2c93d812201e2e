"""Spread of the scores: the dynamic range of each leaf and of each node of the tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray
from ..data.board import Board


@dataclass(frozen=True, slots=True)
class Spread:
    """Spread of one column of scores over the models (in units of the score); None with fewer than two models."""

    sd: float | None
    range: float | None
    iqr: float | None


def spread(values: FloatArray) -> Spread:
    """Compute standard deviation (n - 1), range and interquartile range (linear).

    `values`: shape (n,); NaN is left out.
    """
    known = values[~np.isnan(values)]
    if known.size < 2:
        return Spread(None, None, None)
    low, first, third, high = (float(q) for q in np.quantile(known, [0, 0.25, 0.75, 1]))
    return Spread(float(known.std(ddof=1)), high - low, third - first)


def node_spreads(board: Board) -> dict[str, Spread]:
    """Compute the spread of every node of a complete board's tree, leaves and groups, by type id."""
    means = board.node_scores()
    return {node.type_id: spread(means[:, i]) for i, node in enumerate(board.tree.nodes)}
