"""Aggregation schemes on a frozen reference board, so that one model can be placed without moving anybody else.

A scheme can place one model if its statistic is a function of the model's own cells as soon as the reference has fixed
what a cell is worth: each benchmark's scale, its weight, and what a missing cell counts as. A score that equals a
reference model's is scaled as that model's, so that placing a copy of a reference model gives its own statistic.

- Fixed scales (the score itself, its log odds, the REF_ norms) are what they are.
- z, robust z, min-max: mean and sd, median and deviation, lowest and highest of the reference's scores.
- Rank: models of the reference below + half of those equal + 1/2; normal score, win rate and Borda's points from it.
- Principal components, the factor and GLS: the weights that the reference's own correlations give.

Schemes that let models meet in pairs or fit all of them together (Condorcet schemes, Kemeny-Young, Bradley-Terry,
Plackett-Luce) have no such norms: whoever joins changes what the others get. They rank boards, and are refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .aggregation import Convention, Scheme, get_scheme, scheme_names
from .aggregation.factor import one_factor
from .aggregation.latent import (
    DSEP,
    DSP_PCA,
    DSP_PCA_STD,
    FACTOR1,
    GLS,
    PC1,
    first_component,
    least_variance_weights,
    ledoit_wolf,
)
from .aggregation.means import GEOMETRIC
from .aggregation.ranks import BORDA, MEDIAN_RANK, WIN_RATE
from .aggregation.registry import Columnwise, Scale, fill_missing
from .aggregation.scaling import LOGIT_SCALE, MIN_MAX, NONE, NORMAL_SCORE, RANK_SCALE, ROBUST_Z, Z
from .analysis.resampling import resampled_scores, vectorised
from .arrays import FloatArray, StateArray
from .board import Board
from .errors import ReferenceBoardError, SchemeError
from .official import CellState
from .references import LeafNorms, Reference
from .scales import min_max, robust_z_scores, rounded, z_scores
from .tree import BenchmarkTree

Combine = Callable[[FloatArray, FloatArray], FloatArray]
Freeze = Callable[[FloatArray], Columnwise]

# A score under the reference's lowest still counts for more than a missing one, which lies 1e-6 below it.
_ABOVE_MISSING = 5e-7


@dataclass(frozen=True, eq=False)
class FrozenScheme:
    """A scheme with everything that the reference decides decided: ``n`` models, ``m`` constituent benchmarks.

    Attributes
    ----------
    scheme : Scheme
    convention : str
        The scheme's own rule for FAILED and NEVER.
    board : Board
        The reference's models on its constituents; missing cells have been dealt with, NaN is left out.
    scaled : ndarray, shape (n, m)
        The board's cells on the frozen scales.
    """

    scheme: Scheme
    convention: Convention
    board: Board
    scaled: FloatArray
    _columns: tuple[Columnwise, ...]
    _combine: Combine
    _failed: FloatArray
    _never: FloatArray

    def resolved(self, scores: FloatArray, states: StateArray) -> FloatArray:
        """A model's scores with its missing cells dealt with as the reference's are.

        Parameters
        ----------
        scores : ndarray, shape (..., m)
            Capped to [0, 1]; NaN where missing.
        states : ndarray of int8, shape (m,)
        """
        known = np.maximum(scores, self._never + _ABOVE_MISSING) if self.convention == "worst" else scores
        missing = np.where(states == CellState.FAILED, self._failed, self._never)
        cells: FloatArray = np.where(states == CellState.SCORED, known, missing)
        return cells

    def scale(self, resolved: FloatArray) -> FloatArray:
        """A model's resolved cells on the frozen scales, shape (..., m) in and out."""
        columns = [function(resolved[..., j]) for j, function in enumerate(self._columns)]
        return np.stack(columns, axis=-1)

    def statistics(self, scaled: FloatArray, counts: FloatArray) -> FloatArray:
        """Statistic of one model in each resample of the benchmarks.

        Parameters
        ----------
        scaled : ndarray, shape (size, m) or (1, m)
            Its scaled cells, which may differ from resample to resample.
        counts : ndarray, shape (size, m)
            How often each benchmark was drawn; all ones for the statistic itself.

        Returns
        -------
        ndarray, shape (size,)
            NaN where nothing was left to aggregate.
        """
        return self._combine(np.broadcast_to(scaled, counts.shape), counts)

    def population(self, counts: FloatArray) -> FloatArray:
        """Statistics of the reference's models in each resample, shape (size, n)."""
        if vectorised(self.scheme):
            plain = replace(self.scheme, scale=NONE) if self.scheme.weights else self.scheme
            return resampled_scores(plain, replace(self.board, scores=self.scaled))(counts)
        return np.column_stack([self.statistics(row[None, :], counts) for row in self.scaled])


def placeable_schemes() -> tuple[str, ...]:
    """Names of the registered schemes that can place one model, in the order of registration."""
    return tuple(name for name in scheme_names() if _can_place(get_scheme(name)))


def _can_place(scheme: Scheme) -> bool:
    return scheme.bind is not None or _known_scale(scheme) or scheme.combine in _BY_COMBINE


def _known_scale(scheme: Scheme) -> bool:
    return scheme.weights is not None and (scheme.scale.by_leaf is not None or scheme.scale in _BY_SCALE)


def freeze_scheme(reference: Reference, scheme: str | Scheme, leave_out: int | None = None) -> FrozenScheme:
    """Fix a scheme on a reference board.

    The constituents are the leaves on which the reference has at least two scores; its models are those that the scheme
    gives a statistic from them.

    Parameters
    ----------
    scheme : str or Scheme
    leave_out : int, optional
        Id of a model of the reference that does not count: neither among the models nor for norms, but for those of the
        REF_ schemes, which belong to the reference as it was frozen.

    Raises
    ------
    SchemeError
        If the scheme is unknown, or has no norms to freeze.
    ReferenceBoardError
        If there is no model to leave out, or fewer than two are left.
    BoardError
        If the scheme cannot be used on this board, for example for want of a neural or a behavioural benchmark.
    """
    used = get_scheme(scheme) if isinstance(scheme, str) else scheme
    if not _can_place(used):
        raise SchemeError(
            f"{used.name} cannot place one model on a frozen board, because it has no norms that could be frozen: what "
            f"a model gets depends on the others as a whole; schemes that can are {', '.join(placeable_schemes())}"
        )
    used = used.bind(reference) if used.bind is not None else used
    board = constituent_board(reference, leave_out)
    rule = used.conventions[0]
    filled, failed, never = _filled(board, rule)
    columns, combine = _parts(used, filled)
    scaled = np.stack([column(filled.scores[:, j]) for j, column in enumerate(columns)], axis=-1)
    frozen = FrozenScheme(used, rule, filled, scaled, columns, combine, failed, never)
    # A model with nothing that the scheme aggregates has no statistic, so nobody can be above it.
    known = np.flatnonzero(~np.isnan(frozen.population(np.ones((1, len(columns))))[0]))
    if len(known) == len(filled.models):
        return frozen
    return replace(frozen, board=filled.take(rows=known.tolist()), scaled=scaled[known])


def constituents(reference: Reference) -> tuple[str, ...]:
    """Benchmarks that a model is placed by: the leaves on which the reference has at least two scores."""
    return tuple(leaf for leaf in reference.board.leaves if reference.norms[leaf].usable)


def constituent_board(reference: Reference, leave_out: int | None = None) -> Board:
    """A reference's models on its constituents, but for models without a score on any of them."""
    whole = reference.board
    if leave_out is not None and leave_out not in whole.ids:
        raise ReferenceBoardError(
            f"the model {leave_out} that is to be left out is not on the reference {reference.name!r}; "
            "`brainalign reference show` lists what was frozen"
        )
    kept = constituents(reference)
    columns = [j for j, leaf in enumerate(whole.leaves) if leaf in kept]
    scored = ~np.isnan(whole.scores[:, columns]).all(axis=1)
    rows = [i for i, model in enumerate(whole.ids) if scored[i] and model != leave_out]
    if len(rows) < 2 or not columns:
        raise ReferenceBoardError(
            f"the reference {reference.name!r} has {len(rows)} models with a score on {len(columns)} benchmarks; "
            "placing needs two models: freeze a fuller board with `brainalign reference freeze NAME SNAPSHOT`"
        )
    return whole.take(rows, columns)


def _filled(board: Board, rule: Convention) -> tuple[Board, FloatArray, FloatArray]:
    """The board with its missing cells dealt with, and what a FAILED and a NEVER cell becomes on each leaf."""
    # Two models without any score say what the rule makes of a missing cell, and change nothing for the others.
    probes = np.full((2, len(board.leaves)), np.nan)
    states = np.repeat(
        np.array([[CellState.FAILED], [CellState.NEVER]], dtype=np.int8), len(board.leaves), axis=1
    )
    probed = replace(
        board,
        models=(*board.models, *(replace(board.models[0], id=-1 - k) for k in range(2))),
        scores=np.concatenate([board.scores, probes]),
        states=np.concatenate([board.states, states]),
        errors=np.concatenate([board.errors, probes]),
    )
    scores = fill_missing(probed, rule).scores
    return replace(board, scores=scores[:-2]), scores[-2], scores[-1]


def _parts(scheme: Scheme, board: Board) -> tuple[tuple[Columnwise, ...], Combine]:
    """The frozen scale of each leaf, and what combines scaled cells."""
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


def _geometric(_: Scheme, board: Board) -> tuple[tuple[Columnwise, ...], Combine]:
    return _frozen(_fixed(NONE), board), geometric_mean


def _median_rank(_: Scheme, board: Board) -> tuple[tuple[Columnwise, ...], Combine]:
    return _frozen(_rank, board), median


def _borda(_: Scheme, board: Board) -> tuple[tuple[Columnwise, ...], Combine]:
    models = len(board.models)

    def points(values: FloatArray) -> Columnwise:
        rank, scored = _rank(values), len(values)
        return lambda scores: models - (scored + 1 - rank(scores))

    return _frozen(points, board), total


def _dsep(scheme: Scheme, board: Board) -> tuple[tuple[Columnwise, ...], Combine]:
    scheme.scores(board)  # which refuses a board without one of the parts
    parts = _part_columns(board)

    def combine(scaled: FloatArray, counts: FloatArray) -> FloatArray:
        means = np.column_stack([flat_mean(scaled[:, own], counts[:, own]) for own in parts])
        return flat_mean(means, np.ones(means.shape))

    return _frozen(_fixed(NONE), board), combine


def _part_columns(board: Board) -> list[list[int]]:
    return [[j for j, part in enumerate(board.leaf_parts) if part == name] for name in board.parts]


def _linear(
    weights_of: Callable[[Board], FloatArray], freeze: Freeze
) -> Callable[..., tuple[tuple[Columnwise, ...], Combine]]:
    """A scheme that is a sum of scaled cells with weights that the reference's board decides."""

    def parts(scheme: Scheme, board: Board) -> tuple[tuple[Columnwise, ...], Combine]:
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


def _part_weights(board: Board, standardised: bool) -> FloatArray:
    weights = np.zeros(len(board.leaves))
    for own in _part_columns(board):
        scores = board.scores[:, own]
        centred = z_scores(scores) if standardised else scores - scores.mean(axis=0)
        direction = _component(centred, scores, [board.leaves[j] for j in own])
        spread = float((centred @ direction).std(ddof=1)) if standardised else 1.0
        weights[own] = direction / (2 * spread) if spread > 1e-9 else 0.0
    return weights


def _centred(values: FloatArray) -> Columnwise:
    mean = values.mean()
    return lambda scores: scores - mean


_BY_COMBINE: dict[
    Callable[[Board], FloatArray] | None, Callable[[Scheme, Board], tuple[tuple[Columnwise, ...], Combine]]
] = {
    GEOMETRIC.combine: _geometric,
    MEDIAN_RANK.combine: _median_rank,
    BORDA.combine: _borda,
    DSEP.combine: _dsep,
    PC1.combine: _linear(_pc1_weights, _z),
    FACTOR1.combine: _linear(lambda board: _on_varied(board, _factor_weights), _z),
    GLS.combine: _linear(
        lambda board: _on_varied(board, lambda z: least_variance_weights(ledoit_wolf(z)[0])), _z
    ),
    DSP_PCA.combine: _linear(lambda board: _part_weights(board, standardised=False), _centred),
    DSP_PCA_STD.combine: _linear(lambda board: _part_weights(board, standardised=True), _z),
}
