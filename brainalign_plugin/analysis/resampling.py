"""Resamples of benchmarks: how often each leaf is drawn, stratified by the tree, and the scores that follow.

Blocks of resamples have seeds of their own, so that the numbers do not depend on how many processes share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..aggregation import Convention, Scheme
from ..aggregation.latent import DSEP, columns_by_part
from ..aggregation.means import GEOMETRIC
from ..aggregation.registry import filled, row_means
from ..arrays import BoolArray, FloatArray, IntArray
from ..board import Board
from ..errors import BoardError, ConvergenceError, InputError
from ..scales import TIE_DECIMALS
from ..tree import BenchmarkTree
from .boards import resolved_board, rule_for
from .structure import leaf_weights

BLOCK = 500
_AT_ONCE = 32
# Cells of perturbed boards that are held at once.
_CELLS = 2_000_000
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
    aggregate a board on which a leaf stands as often as it was drawn; resamples in which they cannot be used are left
    out, so that there may be fewer rows than counts.

    Parameters
    ----------
    board : Board
        On which missing cells have been dealt with; NaN is left out.
    """
    if scheme.combine is GEOMETRIC.combine:
        return _geometric(board)
    if not vectorised(scheme):
        return lambda counts: _one_by_one(
            scheme, (repeated(board, drawn) for drawn in counts.astype(np.int64)), len(board.models)
        )
    return _of_means(scheme, board, scheme.scale.of(board))


def repeated_scores(scheme: Scheme, board: Board) -> Resampler | None:
    """As `resampled_scores`, from any counts: however many draws a group has in all, it weighs what it weighed.

    Returns
    -------
    callable or None
        None where a board has to be made for each row of counts.
    """
    if scheme.combine is GEOMETRIC.combine:
        return _geometric(board)
    if scheme.combine is DSEP.combine:
        return _separate_means(board)
    if scheme.weights is None:
        return None
    scaled = scheme.scale.of(board)
    if scheme.weights == "flat":
        return _flat_means(scaled)
    roots = board.tree.roots
    return _tree_means(board, scaled) if len(roots) == 1 and not board.tree[roots[0]].is_leaf else None


def _one_by_one(scheme: Scheme, boards: Iterable[Board], models: int) -> FloatArray:
    rows = []
    for board in boards:
        try:
            rows.append(scheme.scores(board))
        except (BoardError, ConvergenceError):
            continue
    return np.array(rows).reshape(-1, models)


def _of_means(scheme: Scheme, board: Board, scaled: FloatArray) -> Resampler:
    if not np.isnan(scaled).any():
        weighted = (scaled * leaf_weights(scheme, board)).T.copy()
        return lambda counts: counts @ weighted
    if scheme.weights == "flat":
        return _flat_means(scaled)
    return _tree_means(board, scaled)


def _flat_means(scaled: FloatArray) -> Resampler:
    present = (~np.isnan(scaled)).astype(np.float64).T
    filled = np.nan_to_num(scaled, nan=0.0).T
    return lambda counts: _ratio(counts @ filled, counts @ present)


def _separate_means(board: Board) -> Resampler:
    columns = columns_by_part(DSEP.name, board)
    means = [_flat_means(board.scores[:, inside]) for inside in columns]

    def scores(counts: FloatArray) -> FloatArray:
        parts = [mean(counts[:, inside]) for mean, inside in zip(means, columns, strict=True)]
        return row_means(np.stack(parts, axis=-1).reshape(-1, len(parts))).reshape(parts[0].shape)

    return scores


def perturbed_scores(
    scheme: Scheme,
    board: Board,
    convention: Convention | None,
    measured: BoolArray,
    counts: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Scores when each measured cell is moved by a normal error and capped to [0, 1], shape (size, n).

    Parameters
    ----------
    board : Board
        As it is before missing cells are dealt with: a rule for them looks at the perturbed scores.
    measured : ndarray of bool, shape (m,)
        Leaves whose cells' error is a standard error; the others stay as they are.
    counts : ndarray, shape (size, m)
        How often each leaf is drawn.
    """
    error = np.where(measured & ~np.isnan(board.errors), np.abs(board.errors), 0.0)
    moving = (error > 0) & ~np.isnan(board.scores)
    at_once = max(1, _CELLS // max(board.scores.size, 1))
    found = []
    for start in range(0, len(counts), at_once):
        drawn = counts[start : start + at_once]
        noisy = np.broadcast_to(board.scores, (len(drawn), *board.scores.shape)).copy()
        noise = rng.standard_normal((len(drawn), int(moving.sum())))
        noisy[:, moving] = np.clip(board.scores[moving] + noise * error[moving], 0.0, 1.0)
        if scheme.weights is not None:
            found.append(_means_of_many(scheme, board, convention, noisy, moving.any(axis=0), drawn))
            continue
        resolved = (resolved_board(scheme, replace(board, scores=scores), convention) for scores in noisy)
        again = (repeated(one, times) for one, times in zip(resolved, drawn.astype(np.int64), strict=True))
        found.append(_one_by_one(scheme, again, len(board.models)))
    return np.concatenate(found)


def _means_of_many(
    scheme: Scheme,
    board: Board,
    convention: Convention | None,
    noisy: FloatArray,
    moved: BoolArray,
    counts: FloatArray,
) -> FloatArray:
    """Scores on many boards (size, n, m) at once, leaf by leaf: a scale works on columns, and here each is a board.

    Leaves that are not ``moved`` are the same on all boards.
    """
    rule = rule_for(scheme, convention)
    scaled = np.empty(noisy.shape)
    for j, leaf in enumerate(board.leaves):
        variants = noisy[:, :, j].T if moved[j] else noisy[:1, :, j].T
        if not board.complete:
            variants = filled(variants, np.broadcast_to(board.states[:, j, None], variants.shape), rule)
        # A leaf without any score needs no norms.
        placed = variants if np.isnan(variants).all() else scheme.scale.for_leaf(leaf)(variants)
        scaled[:, :, j] = placed.T
    if not np.isnan(scaled).any():
        summed: FloatArray = np.einsum("rnm,rm->rn", scaled, counts * leaf_weights(scheme, board))
        return summed
    return np.array(
        [_of_means(scheme, board, one)(drawn[None, :])[0] for one, drawn in zip(scaled, counts, strict=True)]
    )


def vectorised(scheme: Scheme) -> bool:
    """Whether all resamples of a block are aggregated at once."""
    return scheme.weights is not None or scheme.combine is GEOMETRIC.combine


def _ratio(total: FloatArray, count: FloatArray) -> FloatArray:
    """Quotient, in the place of ``total``; NaN where both are 0."""
    with np.errstate(invalid="ignore"):
        np.divide(total, count, out=total)
    return total


def _geometric(board: Board) -> Resampler:
    present = ~np.isnan(board.scores)
    zero = (present & (board.scores <= 0)).astype(np.float64).T
    logs = np.log(np.where(present & (board.scores > 0), board.scores, 1.0)).T
    there = present.astype(np.float64).T
    return lambda counts: np.where(counts @ zero > 0, 0.0, np.exp(_ratio(counts @ logs, counts @ there)))


def _tree_means(board: Board, scaled: FloatArray) -> Resampler:
    tree = board.tree
    column = {leaf: j for j, leaf in enumerate(board.leaves)}
    present = (~np.isnan(scaled)).astype(np.float64).T
    filled = np.nan_to_num(scaled, nan=0.0).T
    groups = [i for i in tree.bottom_up.tolist() if not tree.nodes[i].is_leaf]
    leaves_of = {i: [c for c in tree.child_positions[i] if tree.nodes[c].is_leaf] for i in groups}
    columns = {i: [column[tree.nodes[c].type_id] for c in below] for i, below in leaves_of.items()}
    sums = {i: (filled[drawn], present[drawn]) for i, drawn in columns.items()}

    def scores(counts: FloatArray) -> FloatArray:
        means: dict[int, FloatArray] = {}
        for i in groups:
            values, there = sums[i]
            drawn = counts[:, columns[i]]
            total, count = drawn @ values, drawn @ there
            for group in (means.pop(c) for c in tree.child_positions[i] if c in means):
                known = ~np.isnan(group)
                np.add(total, group, out=total, where=known)
                count += known
            means[i] = _ratio(total, count)
        return means[groups[-1]]

    # A few resamples at a time, so that the means of a group stay in the cache until its parent has read them.
    return lambda counts: np.concatenate(
        [scores(counts[start : start + _AT_ONCE]) for start in range(0, len(counts), _AT_ONCE)]
    )


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


def tie_keys(scores: FloatArray) -> FloatArray:
    """Whole numbers that sort scores: equal where they agree to nine decimals, smaller is better, NaN last."""
    # The division that rounding ends with would change no order.
    keys: FloatArray = np.rint(scores * -(10.0**TIE_DECIMALS))
    keys[np.isnan(keys)] = np.inf
    return keys


def rank_counts(scores: FloatArray) -> IntArray:
    """How often each model has each competition rank (1, 2, 2, 4; highest score first) over the rows.

    Parameters
    ----------
    scores : ndarray, shape (size, n)
        Values that agree to nine decimals tie; NaN shares the last place.

    Returns
    -------
    ndarray of int, shape (n, n)
        Entry (i, r): in how many rows model i has rank r + 1.
    """
    models = scores.shape[1]
    keys = tie_keys(scores)
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
