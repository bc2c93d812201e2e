"""Combinations of a model's scaled cells into one score, fitted on one board; a cell that is NaN is left out.

Each works row by row, so that one implementation ranks a board, places a model that is not on it, and resamples the
benchmarks, where each counts as often as it was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import FloatArray, IntArray
from ..data.board import Board
from ..errors import BoardError

# From scaled cells (k, m), and how often each counts (k, m), to scores (k,).
RowFunction = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class MeanOfMeans:
    """Recursive mean: each group is the mean of its own columns and of the groups below it."""

    # Columns and positions of the groups below; every group comes after those below it, and the last is the score.
    groups: tuple[tuple[IntArray, tuple[int, ...]], ...]

    def scores(self, scaled: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        """Score rows of scaled cells (k, m), each counted as often as in ``counts``; NaN for a row without cells."""
        present = (~np.isnan(scaled)).astype(np.float64)
        values = np.where(np.isnan(scaled), 0.0, scaled)
        if counts is not None:
            present, values = present * counts, values * counts
        means: list[FloatArray] = []
        for own, below in self.groups:
            total, count = values[:, own].sum(axis=1), present[:, own].sum(axis=1)
            for group in below:
                known = ~np.isnan(means[group])
                np.add(total, means[group], out=total, where=known)
                count += known
            with np.errstate(invalid="ignore"):
                means.append(np.divide(total, count, out=total))
        return means[-1]

    def cell_weights(self, scaled: FloatArray) -> FloatArray:
        """Return the weight of each cell in its row's mean, shape (k, m); those of a row sum to one."""
        present = ~np.isnan(scaled)
        there: list[FloatArray] = []
        sizes: list[FloatArray] = []
        for own, below in self.groups:
            size = present[:, own].sum(axis=1) + sum((there[g] for g in below), np.zeros(len(scaled)))
            sizes.append(np.maximum(size, 1.0))
            there.append((size > 0).astype(np.float64))
        weights, shares = np.zeros(scaled.shape), [np.ones(len(scaled)) for _ in self.groups]
        for number in range(len(self.groups) - 1, -1, -1):
            own, below = self.groups[number]
            share = shares[number] / sizes[number]
            weights[:, own] = present[:, own] * share[:, None]
            for g in below:
                shares[g] = share
        return weights


@dataclass(frozen=True, eq=False)
class WeightedSum:
    """Weighted sum of the cells; a cell that is left out counts as 0."""

    weights: FloatArray  # Shape (m,)

    def scores(self, scaled: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        """Return the sum of each row."""
        values = np.where(np.isnan(scaled), 0.0, scaled)
        return np.asarray((values if counts is None else values * counts) @ self.weights)

    def cell_weights(self, scaled: FloatArray) -> FloatArray:
        """Return the weight of each cell, shape (k, m)."""
        return np.where(np.isnan(scaled), 0.0, self.weights)


@dataclass(frozen=True, eq=False)
class RowByRow:
    """Non-linear function of a row of scaled cells."""

    function: RowFunction
    # Position in the rows of each leaf that the function takes, -1 for one that they lack; all in order if None.
    columns: IntArray | None = None

    def scores(self, scaled: FloatArray, counts: FloatArray | None = None) -> FloatArray:
        """Return the function of each row."""
        times = np.ones(scaled.shape) if counts is None else counts
        return self.function(self.aligned(scaled), self.aligned(times, 1.0))

    def aligned(self, rows: FloatArray, lacking: float = np.nan) -> FloatArray:
        """Return rows on the leaves that the function takes, filled where they lack one."""
        if self.columns is None:
            return rows
        return np.asarray(np.column_stack([rows, np.full(len(rows), lacking)])[:, self.columns])


# Linear in a row's scaled cells, with a weight each.
Linear = MeanOfMeans | WeightedSum
Combination = Linear | RowByRow


def scores_under(combination: Combination, scaled: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the scores of all rows (k, m) under each row of counts (size, m), shape (size, k)."""
    return np.array([combination.scores(scaled, np.broadcast_to(row, scaled.shape)) for row in counts])


def flat_mean(board: Board, name: str) -> MeanOfMeans:  # noqa: ARG001 one signature for all
    """Return the arithmetic mean over all leaves of a board."""
    return MeanOfMeans(((np.arange(len(board.leaves)), ()),))


def tree_mean(board: Board, name: str) -> MeanOfMeans:
    """Return the recursive mean over a board's tree. Raises BoardError if the tree has not exactly one root."""
    tree = board.tree
    if len(tree.roots) != 1:
        raise BoardError(f"the board's tree has the roots {', '.join(tree.roots) or 'none'}, and {name} needs one")
    if tree[tree.roots[0]].is_leaf:
        return flat_mean(board, name)
    column = {leaf: j for j, leaf in enumerate(board.leaves)}
    position: dict[int, int] = {}
    groups: list[tuple[IntArray, tuple[int, ...]]] = []
    for i in tree.bottom_up.tolist():
        if tree.nodes[i].is_leaf:
            continue
        children = tree.child_positions[i]
        own = [column[tree.nodes[c].type_id] for c in children if tree.nodes[c].is_leaf]
        below = tuple(position[c] for c in children if not tree.nodes[c].is_leaf)
        position[i] = len(groups)
        groups.append((np.array(own, dtype=np.int64), below))
    return MeanOfMeans(tuple(groups))


def mean_of_parts(board: Board, name: str) -> MeanOfMeans:
    """Return the mean of the neural and of the behavioural flat mean; leaves under neither are left out."""
    neural, behavioural = columns_by_part(board, name)
    nothing = np.arange(0)
    return MeanOfMeans(((neural, ()), (behavioural, ()), (nothing, (0, 1))))


def columns_by_part(board: Board, name: str) -> tuple[IntArray, IntArray]:
    """Return the columns of the neural and of the behavioural leaves, neither of them empty."""
    neural, behavioural = (np.flatnonzero(np.array(board.leaf_parts) == part) for part in board.parts)
    for part, found in zip(board.parts, (neural, behavioural), strict=True):
        if not len(found):
            raise BoardError(
                f"{name} combines {' and '.join(board.parts)}, and none of the board's {len(board.leaves)} "
                f"benchmarks is under {part!r}; use a scheme that does not separate them, FLAT or ZMEAN for example"
            )
    return neural, behavioural


# Weights by name; each takes a board, and the scheme's name for messages.
NAMED: dict[str, Callable[[Board, str], Linear]] = {
    "flat": flat_mean,
    "tree": tree_mean,
    "parts": mean_of_parts,
    "sum": lambda board, _: WeightedSum(np.ones(len(board.leaves))),
}
