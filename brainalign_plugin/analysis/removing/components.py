"""Removed models under the latent schemes: weights of the leaves, found for many smaller boards at once.

What is not sure to come out as the scheme itself would have it is left to the scheme.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ...aggregation import Convention
from ...aggregation.latent import (
    DSP_PCA,
    DSP_PCA_STD,
    FACTOR1,
    FILLED,
    GLS,
    PC1,
    columns_by_part,
    least_variance_weights,
    shrunk,
)
from ...aggregation.registry import filled
from ...arrays import FloatArray, IntArray
from ...board import Board
from ...scales import z_scores
from ..factor_fits import one_factors
from ..latent_fits import first_components, least_variances, turned
from .cases import Estimate, any_alike, in_order

# From the scores of v smaller boards, shape (n - 1, v, m), to those under the scheme (n - 1, v), and whether they are
# known (v,).
Estimator = Callable[[FloatArray], Estimate]
# Where two scores are nearer than this (of their size), it is left to the scheme which is above.
_CLOSE = 1e-8
# Numbers that are worked on at once.
_BLOCK_CELLS = 1 << 19


def components_without_each(
    combine: Callable[[Board], FloatArray] | None, board: Board, rule: Convention
) -> Estimate:
    """Scores after the removal of each model, where they are known without aggregating the smaller board.

    Parameters
    ----------
    combine : callable
        Of the scheme, a key of `OF_COMPONENTS`.
    board : Board
        ``n`` models on ``m`` leaves, as it is before missing cells are dealt with.
    rule : str
        For missing cells.
    """
    n, m = board.scores.shape
    scores, known = np.full((n, n), np.nan), np.zeros(n, dtype=np.bool_)
    if n < 3 or not (board.complete or rule in FILLED) or any_alike(board.scores):
        return scores, known
    estimate = OF_COMPONENTS[combine](board)
    block = max(1, _BLOCK_CELLS // (max(n, m) * m))
    for first in range(0, n, block):
        gone = np.arange(first, min(first + block, n))
        others = np.arange(n - 1)[:, None]
        others = others + (others >= gone)
        found, known[gone] = estimate(_smaller(board, rule, others))
        scores[gone, others] = found
    return scores, known & in_order(scores, _CLOSE)


def _smaller(board: Board, rule: Convention, others: IntArray) -> FloatArray:
    """Scores of the given models (n - 1, v) on the leaves, missing ones dealt with; without any a leaf is constant."""
    values = board.scores[others]
    if board.complete:
        return values
    flat = (len(values), -1)
    complete: FloatArray = filled(values.reshape(flat), board.states[others].reshape(flat), rule)
    return np.nan_to_num(complete).reshape(values.shape)


def _standardised(values: FloatArray) -> FloatArray:
    return z_scores(values.reshape(len(values), -1)).reshape(values.shape)


def _products(scores: FloatArray) -> FloatArray:
    """Products of the leaves (n, v, m) with each other, shape (v, m, m)."""
    found: FloatArray = scores.transpose(1, 2, 0) @ scores.transpose(1, 0, 2)
    return found


def _weighted(scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum of the leaves (n, v, m) under the weights (v, m), shape (n, v)."""
    total: FloatArray = (scores.transpose(1, 0, 2) @ weights[..., None])[..., 0].T
    return total


def _first_component(centred: FloatArray, like: FloatArray) -> Estimate:
    """Projections on the first component that correlates with ``like`` (n, v)."""
    towards = (like.T[:, None] @ centred.transpose(1, 0, 2))[:, 0]
    weights, known = first_components(_products(centred), towards, len(like))
    return _weighted(centred, weights), known


def _pc1(values: FloatArray) -> Estimate:
    z = _standardised(values)
    return _first_component(z, z.mean(axis=2))


def _of_parts(scheme: str, standardised: bool, board: Board) -> Estimator:
    parts = columns_by_part(scheme, board)

    def estimate(values: FloatArray) -> Estimate:
        total, known = np.zeros(values.shape[:2]), np.ones(values.shape[1], dtype=np.bool_)
        for columns in parts:
            inside = values[:, :, columns]
            z = _standardised(inside)
            centred = z if standardised else inside - inside.mean(axis=0)
            component, sure = _first_component(centred, z.mean(axis=2))
            total += z_scores(component) if standardised else component
            known &= sure
        return total / len(parts), known

    return estimate


def _on_what_varies(fit: Estimator, least: int) -> Estimator:
    """Estimates from the z-scores of the leaves on which models differ, ``least`` of them, where these are the same."""

    def estimate(values: FloatArray) -> Estimate:
        z = _standardised(values)
        varied = (z != 0).any(axis=0)
        somewhere = varied.any(axis=0)
        rows, columns = np.flatnonzero((varied == somewhere).all(axis=1)), np.flatnonzero(somewhere)
        scores, known = np.zeros(z.shape[:2]), np.zeros(z.shape[1], dtype=np.bool_)
        if len(rows) and len(columns) >= least:
            scores[:, rows], known[rows] = fit(z[:, rows][:, :, columns])
        return scores, known

    return estimate


def _gls(z: FloatArray) -> Estimate:
    covariances, _ = shrunk(_products(z) / len(z), (z**2).sum(axis=2).T)
    counts = least_variance_weights(covariances.mean(axis=0)) > 0
    weights, known = least_variances(covariances, counts)
    return _weighted(z, weights), known


def _factor1(z: FloatArray) -> Estimate:
    correlations = _products(z) / (len(z) - 1)
    diagonal = np.arange(z.shape[2])
    correlations[:, diagonal, diagonal] = 1.0
    models, known = one_factors(correlations)
    scores, sure = turned(_weighted(z, models.score_weights), z.mean(axis=2))
    return scores, known & sure


OF_COMPONENTS: dict[Callable[[Board], FloatArray] | None, Callable[[Board], Estimator]] = {
    PC1.combine: lambda _: _pc1,
    DSP_PCA.combine: partial(_of_parts, "DSP_PCA", False),
    DSP_PCA_STD.combine: partial(_of_parts, "DSP_PCA_Std", True),
    GLS.combine: lambda _: _on_what_varies(_gls, least=1),
    FACTOR1.combine: lambda _: _on_what_varies(_factor1, least=3),
}
