"""How each scheme is frozen: what a board makes of every benchmark's scale, and what combines one model's cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .aggregation import Scheme
from .aggregation.factor import one_factor
from .aggregation.latent import (
    DSEP,
    DSP_PCA,
    DSP_PCA_STD,
    FACTOR1,
    GLS,
    PC1,
    columns_by_part,
    first_component,
    least_variance_weights,
    ledoit_wolf,
)
from .aggregation.means import GEOMETRIC
from .aggregation.ranks import BORDA, MEDIAN_RANK, WIN_RATE
from .aggregation.registry import Columnwise, Scale
from .aggregation.scaling import LOGIT_SCALE, MIN_MAX, NONE, NORMAL_SCORE, RANK_SCALE, ROBUST_Z, Z
from .arrays import FloatArray
from .board import Board
from .references import LeafNorms
from .scales import min_max, robust_z_scores, rounded, z_scores
from .tree import BenchmarkTree

# From scaled cells (size, m), and how often each was drawn, to statistics (size,).
Combine = Callable[[FloatArray, FloatArray], FloatArray]
Freeze = Callable[[FloatArray], Columnwise]
Parts = tuple[tuple[Columnwise, ...], Combine]


def has_parts(scheme: Scheme) -> bool:
    """Whether a scheme, bound to its reference if it needs one, falls into such parts."""
    if scheme.weights is None:
        return scheme.combine in _BY_COMBINE
    return scheme.scale.by_leaf is not None or scheme.scale in _BY_SCALE


def frozen_parts(scheme: Scheme, board: Board) -> Parts:
    """The scale of each leaf as the board decides it, and what combines one model's scaled cells.

    Raises
    ------
    BoardError
        If the scheme cannot be used on this board.
    """
    if scheme.combine is not None:
        return _BY_COMBINE[scheme.combine](scheme, board)
    combine = flat_mean if scheme.weights == "flat" else tree_mean(board.tree, board.leaves)
    if scheme.scale.by_leaf is not None:
        return tuple(scheme.scale.for_leaf(leaf) for leaf in board.leaves), combine
    return _frozen(_BY_SCALE[scheme.scale], board), combine


def _frozen(freeze: Freeze, board: Board) -> tuple[Columnwise, ...]:
    return tuple(freeze(column[~np.isnan(column)]) for column in board.scores.T)


def _fixed(scale: Scale) -> Freeze:
    return lambda _: scale.function


def _z(values: FloatArray) -> Columnwise:
    norms = LeafNorms(values)
    return norms.z if norms.usable else lambda scores: scores * 0.0


def _affine(function: Columnwise) -> Freeze:
    """Freeze a scale that is a line through the column's numbers: its two ends say which."""

    def freeze(values: FloatArray) -> Columnwise:
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
        at_low, at_high = function(values[:, None])[[int(values.argmin()), int(values.argmax())], 0]
        slope = (at_high - at_low) / (high - low) if at_high != at_low else 0.0
        return lambda scores: at_low + (scores - low) * slope

    return freeze


def _rank(values: FloatArray) -> Columnwise:
    ordered = np.sort(rounded(values))

    def rank(scores: FloatArray) -> FloatArray:
        at = rounded(scores)
        below = np.searchsorted(ordered, at, side="left")
        up_to = np.searchsorted(ordered, at, side="right")
        return np.where(np.isnan(scores), np.nan, (below + up_to + 1) / 2)

    return rank


def _win_rate(values: FloatArray) -> Columnwise:
    rank, others = _rank(values), len(values) - 1
    # Nobody to beat: the benchmark decides nothing.
    return lambda scores: (rank(scores) - 1) / others if others > 0 else scores * np.nan


_BY_SCALE: dict[Scale, Freeze] = {
    NONE: _fixed(NONE),
    LOGIT_SCALE: _fixed(LOGIT_SCALE),
    Z: _z,
    ROBUST_Z: _affine(robust_z_scores),
    MIN_MAX: _affine(min_max),
    RANK_SCALE: _rank,
    NORMAL_SCORE: lambda values: LeafNorms(values).normal_scores,
    WIN_RATE.scale: _win_rate,
}


def flat_mean(scaled: FloatArray, counts: FloatArray) -> FloatArray:
    """Mean of the cells that are not NaN, each as often as it was drawn. Shapes (size, m) to (size,)."""
    present = ~np.isnan(scaled)
    return _ratio((np.where(present, scaled, 0.0) * counts).sum(axis=1), (present * counts).sum(axis=1))


def _ratio(total_: FloatArray, count: FloatArray) -> FloatArray:
    mean: FloatArray = np.where(count > 0, total_ / np.where(count > 0, count, 1.0), np.nan)
    return mean


def total(scaled: FloatArray, counts: FloatArray) -> FloatArray:
    """Sum of the cells, each as often as it was drawn; NaN adds nothing. Shapes (size, m) to (size,)."""
    added: FloatArray = (np.nan_to_num(scaled, nan=0.0) * counts).sum(axis=1)
    return added


def tree_mean(tree: BenchmarkTree, leaves: Sequence[str]) -> Combine:
    """Recursive mean over the tree, each leaf standing in its group as often as it was drawn."""
    column = {leaf: j for j, leaf in enumerate(leaves)}

    def combine(scaled: FloatArray, counts: FloatArray) -> FloatArray:
        present = ~np.isnan(scaled) * counts
        drawn = np.nan_to_num(scaled, nan=0.0) * counts
        means: dict[int, FloatArray] = {}
        for i in tree.bottom_up.tolist():
            if tree.nodes[i].is_leaf:
                continue
            below = [c for c in tree.child_positions[i] if tree.nodes[c].is_leaf]
            own = [column[tree.nodes[c].type_id] for c in below]
            sums, count = drawn[:, own].sum(axis=1), present[:, own].sum(axis=1)
            for c in set(tree.child_positions[i]) - set(below):
                known = ~np.isnan(means[c])
                sums, count = sums + np.where(known, means[c], 0.0), count + known
            means[i] = _ratio(sums, count)
        return means[tree.index[tree.roots[0]]]

    return combine


def geometric_mean(scores: FloatArray, counts: FloatArray) -> FloatArray:
    """Geometric mean of the cells that are not NaN, each as often as it was drawn; 0 as soon as one of them is."""
    positive = scores > 0
    zero = ((scores <= 0) * counts).sum(axis=1) > 0
    logs = np.where(
        positive, np.log(np.where(positive, scores, 1.0)), np.where(np.isnan(scores), np.nan, 0.0)
    )
    return np.where(zero, 0.0, np.exp(flat_mean(logs, counts)))


def median(scaled: FloatArray, counts: FloatArray) -> FloatArray:
    """Median of the cells that are not NaN, each as often as it was drawn. Shapes (size, m) to (size,)."""
    order = np.argsort(scaled, axis=1)
    ordered = np.take_along_axis(scaled, order, axis=1)
    drawn = np.take_along_axis(counts * ~np.isnan(scaled), order, axis=1).cumsum(axis=1)
    count = drawn[:, -1:]
    lower, upper = (
        np.take_along_axis(
            ordered, (drawn <= place).sum(axis=1, keepdims=True).clip(max=scaled.shape[1] - 1), axis=1
        )
        for place in (np.floor((count - 1) / 2), np.floor(count / 2))
    )
    middle: FloatArray = np.where(count > 0, (lower + upper) / 2, np.nan)[:, 0]
    return middle


def _geometric(_: Scheme, board: Board) -> Parts:
    return _frozen(_fixed(NONE), board), geometric_mean


def _median_rank(_: Scheme, board: Board) -> Parts:
    return _frozen(_rank, board), median


def _borda(_: Scheme, board: Board) -> Parts:
    models = len(board.models)

    def points(values: FloatArray) -> Columnwise:
        rank, scored = _rank(values), len(values)
        return lambda scores: models - (scored + 1 - rank(scores))

    return _frozen(points, board), total


def _dsep(scheme: Scheme, board: Board) -> Parts:
    parts = columns_by_part(scheme.name, board)

    def combine(scaled: FloatArray, counts: FloatArray) -> FloatArray:
        means = np.column_stack([flat_mean(scaled[:, own], counts[:, own]) for own in parts])
        return flat_mean(means, np.ones(means.shape))

    return _frozen(_fixed(NONE), board), combine


def _linear(weights_of: Callable[[Board], FloatArray], freeze: Freeze) -> Callable[..., Parts]:
    """A scheme that is a sum of scaled cells with weights that the reference's board decides."""

    def parts(scheme: Scheme, board: Board) -> Parts:
        own = scheme.scores(board)  # which also refuses boards that it cannot use
        columns, weights = _frozen(freeze, board), weights_of(board)
        scaled = np.stack([column(board.scores[:, j]) for j, column in enumerate(columns)], axis=-1)
        # The scheme decides the sign, which a component or factor does not have of itself.
        turned = weights if scaled @ weights @ own >= 0 else -weights
        return columns, lambda cells, counts: total(cells * turned, counts)

    return parts


def _component(centred: FloatArray, scores: FloatArray, leaves: Sequence[str]) -> FloatArray:
    by_id = np.array(sorted(range(len(leaves)), key=leaves.__getitem__), dtype=np.int64)
    return first_component(centred, z_scores(scores).mean(axis=1), by_id)


def _pc1_weights(board: Board) -> FloatArray:
    return _component(z_scores(board.scores), board.scores, board.leaves)


def _on_varied(board: Board, weights_of: Callable[[FloatArray], FloatArray]) -> FloatArray:
    z = z_scores(board.scores)
    varied = (z != 0).any(axis=0)
    weights = np.zeros(len(board.leaves))
    if varied.any():
        weights[varied] = weights_of(z[:, varied])
    return weights


def _factor_weights(z: FloatArray) -> FloatArray:
    correlations = z.T @ z / (len(z) - 1)
    np.fill_diagonal(correlations, 1.0)
    return one_factor(correlations).score_weights


def _part_weights(scheme: Scheme, board: Board, standardised: bool) -> FloatArray:
    weights = np.zeros(len(board.leaves))
    for own in columns_by_part(scheme.name, board):
        scores = board.scores[:, own]
        centred = z_scores(scores) if standardised else scores - scores.mean(axis=0)
        direction = _component(centred, scores, [board.leaves[j] for j in own])
        spread = float((centred @ direction).std(ddof=1)) if standardised else 1.0
        weights[own] = direction / (2 * spread) if spread > 1e-9 else 0.0
    return weights


def _centred(values: FloatArray) -> Columnwise:
    mean = values.mean()
    return lambda scores: scores - mean


_BY_COMBINE: dict[Callable[[Board], FloatArray] | None, Callable[[Scheme, Board], Parts]] = {
    GEOMETRIC.combine: _geometric,
    MEDIAN_RANK.combine: _median_rank,
    BORDA.combine: _borda,
    DSEP.combine: _dsep,
    PC1.combine: _linear(_pc1_weights, _z),
    FACTOR1.combine: _linear(lambda board: _on_varied(board, _factor_weights), _z),
    GLS.combine: _linear(
        lambda board: _on_varied(board, lambda z: least_variance_weights(ledoit_wolf(z)[0])), _z
    ),
    DSP_PCA.combine: _linear(lambda board: _part_weights(DSP_PCA, board, standardised=False), _centred),
    DSP_PCA_STD.combine: _linear(lambda board: _part_weights(DSP_PCA_STD, board, standardised=True), _z),
}
