"""Resamples of benchmarks: how often each leaf is drawn, stratified by the tree, and the scores that follow.

Blocks of resamples have seeds of their own, so that the numbers do not depend on how many processes share the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..aggregation import Scheme
from ..arrays import FloatArray, IntArray
from ..board import Board
from ..errors import InputError
from ..tree import BenchmarkTree
from .structure import leaf_weights

BLOCK = 250
Resampler = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of resamples: its number, its size and the seed of its random numbers."""

    number: int
    size: int
    seed: np.random.SeedSequence


def blocks(resamples: int, seed: int) -> tuple[Block, ...]:
    """Split a number of resamples into blocks with independent seeds."""
    if resamples < 1:
        raise InputError(f"{resamples} resamples were asked for; at least 1 is needed")
    sizes = [min(BLOCK, resamples - start) for start in range(0, resamples, BLOCK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    return tuple(Block(i, size, own) for i, (size, own) in enumerate(zip(sizes, seeds, strict=True)))


def strata(tree: BenchmarkTree, leaves: tuple[str, ...]) -> tuple[IntArray, ...]:
    """Columns that share a parent, in the order of their first leaf."""
    groups: dict[str | None, list[int]] = {}
    for j, leaf in enumerate(leaves):
        groups.setdefault(tree[leaf].parent, []).append(j)
    return tuple(np.array(columns, dtype=np.int64) for columns in groups.values())


def draw_counts(groups: tuple[IntArray, ...], leaves: int, size: int, rng: np.random.Generator) -> FloatArray:
    """How often each leaf is drawn in each resample: within each group as many draws as it has leaves.

    Returns
    -------
    ndarray, shape (size, leaves)
    """
    counts = np.zeros((size, leaves))
    for columns in groups:
        many = len(columns)
        counts[:, columns] = rng.multinomial(many, np.full(many, 1 / many), size=size)
    return counts


def resampled_scores(scheme: Scheme, board: Board) -> Resampler:
    """Function from counts (size, m) to the models' scores in each resample (size, n).

    Weighted means of scaled leaves are a matrix product, because a scale works on each leaf by itself. Other schemes
    aggregate a board on which a leaf stands as often as it was drawn.

    Parameters
    ----------
    board : Board
        On which missing cells have been dealt with; NaN is left out.
    """
    if scheme.name == "GEOMETRIC":
        return _geometric(board)
    if not vectorised(scheme):
        return lambda counts: np.array(
            [scheme.scores(repeated(board, drawn)) for drawn in counts.astype(np.int64)]
        )
    scaled = scheme.scale.of(board)
    if board.complete:
        weighted = (scaled * leaf_weights(scheme, board)).T.copy()
        return lambda counts: counts @ weighted
    if scheme.weights == "flat":
        present = (~np.isnan(scaled)).astype(np.float64).T
        filled = np.nan_to_num(scaled, nan=0.0).T
        return lambda counts: _ratio(counts @ filled, counts @ present)
    return _tree_means(board, scaled)


def vectorised(scheme: Scheme) -> bool:
    """Whether all resamples of a block are aggregated at once."""
    return scheme.weights is not None or scheme.name == "GEOMETRIC"


def _ratio(total: FloatArray, count: FloatArray) -> FloatArray:
    mean: FloatArray = np.where(count > 0, total / np.maximum(count, 1e-300), np.nan)
    return mean


def _geometric(board: Board) -> Resampler:
    present = ~np.isnan(board.scores)
    zero = (present & (board.scores <= 0)).astype(np.float64).T
    logs = np.log(np.where(present & (board.scores > 0), board.scores, 1.0)).T
    there = present.astype(np.float64).T
    return lambda counts: np.where(counts @ zero > 0, 0.0, np.exp(_ratio(counts @ logs, counts @ there)))


def _tree_means(board: Board, scaled: FloatArray) -> Resampler:
    tree = board.tree
    column = {leaf: j for j, leaf in enumerate(board.leaves)}
    present = (~np.isnan(scaled)).astype(np.float64)
    filled = np.nan_to_num(scaled, nan=0.0)

    def scores(counts: FloatArray) -> FloatArray:
        means: dict[int, FloatArray] = {}
        for i in tree.bottom_up.tolist():
            if tree.nodes[i].is_leaf:
                continue
            below = tree.child_positions[i]
            drawn = [column[tree.nodes[c].type_id] for c in below if tree.nodes[c].is_leaf]
            total = counts[:, drawn] @ filled[:, drawn].T
            count = counts[:, drawn] @ present[:, drawn].T
            for c in below:
                if not tree.nodes[c].is_leaf:
                    known = ~np.isnan(means[c])
                    total += np.where(known, means[c], 0.0)
                    count += known
                    del means[c]
            means[i] = _ratio(total, count)
        return means[tree.index[tree.roots[0]]]

    return scores


def repeated(board: Board, counts: IntArray) -> Board:
    """Board on which each leaf stands as often as it was drawn, copies as siblings. Shape of counts: (m,)."""
    nodes, columns, leaves = [], [], []
    for j, leaf in enumerate(board.leaves):
        for copy in range(int(counts[j])):
            name = leaf if copy == 0 else f"{leaf}#{copy + 1}"
            nodes.append(replace(board.tree[leaf], type_id=name))
            columns.append(j)
            leaves.append(name)
    groups = [node for node in board.tree.nodes if not node.is_leaf]
    tree = BenchmarkTree((*groups, *nodes)).pruned(leaves)
    return Board(
        domain=board.domain,
        models=board.models,
        tree=tree,
        leaves=tuple(leaves),
        scores=board.scores[:, columns],
        states=board.states[:, columns],
        errors=board.errors[:, columns],
    )


def rank_counts(scores: FloatArray) -> IntArray:
    """How often each model has each competition rank (1, 2, 2, 4; highest score first) over the rows.

    Parameters
    ----------
    scores : ndarray, shape (size, n)
        Rounded already, so that ties are equal; NaN shares the last place.

    Returns
    -------
    ndarray of int, shape (n, n)
        Entry (i, r): in how many rows model i has rank r + 1.
    """
    models = scores.shape[1]
    keys = np.negative(scores)
    if np.isnan(keys).any():
        keys[np.isnan(keys)] = np.inf
    order = np.argsort(keys, axis=1)
    ordered = np.take_along_axis(keys, order, axis=1)
    tied = ordered[:, 1:] == ordered[:, :-1]
    places = np.arange(models)
    if tied.any():
        first = np.broadcast_to(places, scores.shape).copy()
        first[:, 1:][tied] = 0
        places = np.maximum.accumulate(first, axis=1)
    order *= models
    order += places
    return np.bincount(order.ravel(), minlength=models * models).reshape(models, models)
