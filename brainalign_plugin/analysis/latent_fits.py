"""First components and weights of least variance of many boards at once that are nearly one board.

What hangs by a thread, a shared eigenvalue, a sign or a weight at its bound, is left to the scheme itself.
"""

from __future__ import annotations

import numpy as np

from ..aggregation.latent import ridged
from ..arrays import BoolArray, FloatArray

# Share of what decides below which nothing counts as decided.
THREAD = 1e-5
# A step towards a leading vector gains a digit or two.
_MOST_STEPS = 30
# How often the weights that are held at zero are looked at again, at most.
_MOST_CHANGES = 10
# What is left of a matrix along its leading vector, as a share of the eigenvalue, but for rounding.
_ROUNDING = 1e-14


def first_components(products: FloatArray, towards: FloatArray, models: int) -> tuple[FloatArray, BoolArray]:
    """Weights of the first principal components, as `first_component` gives them, and where they are sure.

    Parameters
    ----------
    products : ndarray, shape (v, m, m)
        Of the centred leaves with each other.
    towards : ndarray, shape (v, m)
        Of the centred leaves with the flat mean of the z-scores.
    models : int

    Returns
    -------
    weights : ndarray, shape (v, m)
    known : ndarray of bool, shape (v,)
    """
    _, vectors, known = leading(products)
    along = (vectors * towards).sum(axis=1)
    size = np.sqrt(np.maximum(np.trace(products, axis1=1, axis2=2), 0.0) * models)
    return vectors * np.sign(along)[:, None], known & (np.abs(along) > THREAD * size)


def turned(scores: FloatArray, like: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Scores with the sign of their correlation with the flat means of the z-scores, and where it is sure.

    Shapes (n, v) each and (v,).
    """
    along = (scores * like).sum(axis=0)
    sure: BoolArray = np.abs(along) > THREAD * np.linalg.norm(scores, axis=0) * np.sqrt(len(like))
    return scores * np.sign(along), sure


def leading(matrices: FloatArray, near: FloatArray | None = None) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Largest eigenvalues and their vectors.

    Found from the mean of all matrices: the less they differ, the sooner. What that does not lead to is decomposed.

    Parameters
    ----------
    matrices : ndarray, shape (v, m, m)
        Symmetric, without negative eigenvalues.
    near : ndarray, shape (v, m), optional
        Vectors near those that are looked for, of length one; without them that of the mean is one.

    Returns
    -------
    values : ndarray, shape (v,)
    vectors : ndarray, shape (v, m)
        Of length one, with any sign.
    apart : ndarray of bool, shape (v,)
        Whether no other eigenvalue is near.
    """
    levels, axes = np.linalg.eigh(matrices.mean(axis=0))
    gaps = np.maximum(levels[-1] - levels[:-1], THREAD * abs(levels[-1]))
    turn = (axes[:, :-1] / np.where(gaps > 0, gaps, 1.0)) @ axes[:, :-1].T
    vectors = np.tile(axes[:, -1], (len(matrices), 1)) if near is None else near
    values, settled = np.zeros(len(matrices)), np.zeros(len(matrices), dtype=np.bool_)
    for _ in range(_MOST_STEPS):
        images = (matrices @ vectors[..., None])[..., 0]
        values = (vectors * images).sum(axis=1)
        left = images - values[:, None] * vectors
        settled = np.linalg.norm(left, axis=1) <= _ROUNDING * values
        if settled.all():
            break
        vectors = vectors + left @ turn
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    apart = settled & _alone(matrices, values, vectors)
    unsure = np.flatnonzero(~apart)
    if unsure.size:
        levels, axes = np.linalg.eigh(matrices[unsure])
        values[unsure], vectors[unsure] = levels[:, -1], axes[:, :, -1]
        apart[unsure] = levels[:, -1] > 0
        if levels.shape[1] > 1:
            apart[unsure] &= levels[:, -1] - levels[:, -2] > THREAD * levels[:, -1]
    return values, vectors, apart


def _alone(matrices: FloatArray, values: FloatArray, vectors: FloatArray) -> BoolArray:
    """Whether all other eigenvalues are well below those of the given vectors."""
    below = (1 - THREAD) * values
    # The squares of all eigenvalues have the sum of all squares.
    alone: BoolArray = np.einsum("vij,vij->v", matrices, matrices) - values**2 < below**2
    unsure = np.flatnonzero(~alone)
    if unsure.size:
        alone[unsure] = positive_definite(lowered(matrices[unsure], below[unsure], vectors[unsure]))
    return alone


def lowered(matrices: FloatArray, values: FloatArray, vectors: FloatArray) -> FloatArray:
    """How far each matrix (v, m, m) is below a value (v,), raised by that value along a vector (v, m)."""
    below = values[:, None, None] * (vectors[:, :, None] * vectors[:, None]) - matrices
    diagonal = np.arange(matrices.shape[1])
    below[:, diagonal, diagonal] += values[:, None]
    return below


def positive_definite(matrices: FloatArray) -> BoolArray:
    """Which of the symmetric matrices (v, m, m) are positive definite."""
    try:
        np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        found: BoolArray = np.linalg.eigvalsh(matrices)[:, 0] > 0
        return found
    return np.ones(len(matrices), dtype=np.bool_)


def least_variances(covariances: FloatArray, counts: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Weights of least variance, as `least_variance_weights` gives them, and where they are sure.

    Parameters
    ----------
    covariances : ndarray, shape (v, m, m)
        With positive diagonals.
    counts : ndarray of bool, shape (m,)
        Whose weight is above zero, or nearly so: which are held at zero is found from there.

    Returns
    -------
    weights : ndarray, shape (v, m)
    known : ndarray of bool, shape (v,)
    """
    firm, used = ridged(covariances), np.tile(counts, (len(covariances), 1))
    weights, known = np.zeros(used.shape), np.zeros(len(used), dtype=np.bool_)
    rows = np.arange(len(used))
    for _ in range(_MOST_CHANGES):
        among = np.where(used[rows][:, :, None] & used[rows][:, None], firm[rows], np.eye(len(counts)))
        found = np.linalg.solve(among, used[rows, :, None].astype(np.float64))[..., 0]
        # It is the least variance if no weight is below zero and none that is held there would rise.
        slack = (firm[rows] @ found[..., None])[..., 0] - 1
        clear = np.where(used[rows], found > THREAD * found.max(axis=1, keepdims=True), slack > THREAD)
        weights[rows], known[rows] = found, clear.all(axis=1)
        wrong = np.where(used[rows], found < 0, slack < 0)
        rows, changed = rows[wrong.any(axis=1)], wrong[wrong.any(axis=1)]
        if not rows.size:
            break
        used[rows] ^= changed
    return weights / weights.sum(axis=1, keepdims=True), known
