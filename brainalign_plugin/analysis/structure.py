"""What is known of a scheme from the functions that it is made of: where measuring may take a short way.

Never read off a scheme's name, family or claims: a scheme of another distribution that calls itself ordinal, or claims
independence, is measured like any other.
"""

from __future__ import annotations

import numpy as np

from ..aggregation import Convention, Scheme
from ..aggregation.kemeny import KEMENY
from ..aggregation.latent import DSEP, columns_by_part
from ..aggregation.means import GEOMETRIC
from ..aggregation.ranks import BORDA, MEDIAN_RANK, WIN_RATE
from ..aggregation.registry import filled
from ..aggregation.scaling import LOGIT_SCALE, NONE, NORMAL_SCORE, RANK_SCALE
from ..aggregation.votes import COPELAND, SCHULZE, SIMPSON
from ..aggregation.worth import BT, PL
from ..arrays import BoolArray, FloatArray, StateArray
from ..board import Board
from ..scales import ranks_from_bottom

# Rules for missing cells under which a cell is filled whatever the other models have.
LOCAL_RULES = ("zero", "attempted", "skip")
_OWN_CELLS_ONLY = frozenset(scheme.combine for scheme in (GEOMETRIC, DSEP))
_ORDER_ONLY = frozenset(
    scheme.combine for scheme in (MEDIAN_RANK, BORDA, COPELAND, SIMPSON, SCHULZE, KEMENY, BT, PL)
)
_ORDER_ONLY_SCALES = frozenset({RANK_SCALE, NORMAL_SCORE, WIN_RATE.scale})


def has_fixed_scale(scheme: Scheme) -> bool:
    """Whether a model's score is a function of its own cells alone."""
    if scheme.weights is not None:
        return scheme.scale in (NONE, LOGIT_SCALE) or scheme.scale.by_leaf is not None
    return scheme.combine in _OWN_CELLS_ONLY


def sees_order_only(scheme: Scheme) -> bool:
    """Whether the scores depend on nothing but the order of the models on each leaf."""
    if scheme.weights is not None:
        return scheme.scale in _ORDER_ONLY_SCALES
    return scheme.combine in _ORDER_ONLY


def same_order(one: FloatArray, other: FloatArray, states: StateArray, rule: Convention) -> bool:
    """Whether two columns of scores, shape (n,) each, order the models alike once missing cells are filled."""
    ranks = ranks_from_bottom(filled(np.column_stack([one, other]), np.column_stack([states, states]), rule))
    return bool(np.array_equal(ranks[:, 0], ranks[:, 1], equal_nan=True))


def leaf_weights(scheme: Scheme, board: Board) -> FloatArray:
    """Weight of each leaf of a complete board in a scheme that is a weighted mean, shape (m,)."""
    if scheme.weights == "tree":
        return board.tree.nominal_weights(board.leaves, board.tree.roots[0])
    return np.full(len(board.leaves), 1 / len(board.leaves))


def is_mean(scheme: Scheme) -> bool:
    """Whether the scores are sums of scaled cells, each under its `cell_weights`."""
    return scheme.weights is not None or scheme.combine is DSEP.combine


def cell_weights(scheme: Scheme, board: Board, scaled: FloatArray) -> FloatArray:
    """Weight of each cell in its model's score under a mean (see `is_mean`) that leaves cells out.

    Parameters
    ----------
    scaled : ndarray, shape (n, m)
        NaN where a cell is left out.

    Returns
    -------
    ndarray, shape (n, m)
        0 for a cell that is left out; the others of a model sum to one.
    """
    present = ~np.isnan(scaled)
    if scheme.combine is DSEP.combine:
        halves = np.zeros(present.shape)
        for inside in columns_by_part(scheme.name, board):
            halves[:, inside] = _even(present[:, inside])
        shares: FloatArray = halves / np.maximum(halves.sum(axis=1, keepdims=True), 1)
        return shares
    if scheme.weights != "tree":
        return _even(present)
    tree = board.tree
    there = np.zeros((len(scaled), len(tree.nodes)), dtype=bool)
    there[:, [tree.index[leaf] for leaf in board.leaves]] = present
    for i in tree.bottom_up:
        if tree.child_positions[i]:
            there[:, i] = there[:, list(tree.child_positions[i])].any(axis=1)
    weights = np.zeros(there.shape)
    weights[:, tree.index[tree.roots[0]]] = 1.0
    for i in reversed(tree.bottom_up):
        below = list(tree.child_positions[i])
        if below:
            share = weights[:, i] / np.maximum(there[:, below].sum(axis=1), 1)
            weights[:, below] = np.where(there[:, below], share[:, None], 0.0)
    cells: FloatArray = weights[:, [tree.index[leaf] for leaf in board.leaves]]
    return cells


def _even(present: BoolArray) -> FloatArray:
    """The same share for each cell of a row that is there; shape (n, m)."""
    shares: FloatArray = present / np.maximum(present.sum(axis=1, keepdims=True), 1)
    return shares
