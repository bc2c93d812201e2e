"""Raised cells under the latent schemes: weights of the leaves, found again from what one changed leaf changes.

It changes one row and one column of the leaves' covariance. Eigenvectors and weights of all variants of a leaf are
found at once; what hangs by a thread is left to the scheme itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ...aggregation.latent import (
    DSP_PCA,
    DSP_PCA_STD,
    FACTOR1,
    GLS,
    PC1,
    columns_by_part,
    least_variance_weights,
    ledoit_wolf,
    part_components,
    shrunk,
)
from ...arrays import BoolArray, FloatArray, IntArray
from ...board import Board
from ...scales import z_scores
from ..factor_fits import one_factors
from ..latent_fits import first_components, least_variances, turned
from .cells import Case, falls_as_estimated

# Scores (n, v), and whether they are known (v,).
Estimate = tuple[FloatArray, BoolArray]
# From the column (v,) that is another in each of ``v`` variants and its scores there (n, v), missing ones dealt with.
Variants = Callable[[IntArray, FloatArray], Estimate]


def falls_of_components(case: Case, jobs: int) -> int:  # noqa: ARG001 one signature for all ways
    """Number of cells whose raising lowers their model, on a board that the scheme can be used on."""
    estimate = OF_COMPONENTS[case.scheme.combine](case)
    falls = 0
    for j in range(len(case.board.leaves)):
        models, columns = case.variants(j)
        if not models.size:
            continue
        scores, known = estimate(np.full(len(models), j), columns)
        falls += falls_as_estimated(case, j, models, scores, known)
    return falls


@dataclass(frozen=True, eq=False)
class _Leaves:
    """Leaves of which one is another in each of ``v`` variants.

    Attributes
    ----------
    scores : ndarray, shape (n, m)
        Centred, standardised or not.
    at : ndarray of int, shape (v,)
        Column of the leaf that is another.
    other : ndarray, shape (n, v)
        That leaf in each variant, centred likewise.
    copies : int
        How often it is there. To a component, copies are one leaf that is longer by the root of their number.
    """

    scores: FloatArray
    at: IntArray
    other: FloatArray
    copies: int = 1

    def products(self) -> FloatArray:
        """Products of the leaves, shape (v, m, m)."""
        found = np.tile(self.scores.T @ self.scores, (len(self.at), 1, 1))
        variant = np.arange(len(self.at))
        across = np.sqrt(self.copies) * (self.scores.T @ self.other).T
        found[variant, self.at], found[variant, :, self.at] = across, across
        found[variant, self.at, self.at] = self.copies * (self.other**2).sum(axis=0)
        return found

    def weighted(self, weights: FloatArray) -> FloatArray:
        """Sum of the leaves under the weights (v, m), shape (n, v)."""
        moved = np.sqrt(self.copies) * self.other - self.scores[:, self.at]
        total: FloatArray = self.scores @ weights.T + moved * weights[np.arange(len(self.at)), self.at]
        return total

    def mean(self) -> FloatArray:
        """Flat mean of the leaves, shape (n, v)."""
        moved = self.copies * self.other - self.scores[:, self.at]
        mean: FloatArray = (self.scores.sum(axis=1)[:, None] + moved) / (
            self.scores.shape[1] - 1 + self.copies
        )
        return mean

    def along(self, values: FloatArray) -> FloatArray:
        """Products of the leaves with values (n, v), shape (v, m)."""
        found: FloatArray = (self.scores.T @ values).T
        found[np.arange(len(self.at)), self.at] = np.sqrt(self.copies) * (self.other * values).sum(axis=0)
        return found


def _first_component(leaves: _Leaves, like: FloatArray) -> Estimate:
    """As `first_component`: projections on the eigenvector that correlates with ``like`` (n, v)."""
    weights, known = first_components(leaves.products(), leaves.along(like), len(like))
    return leaves.weighted(weights), known


def _pc1(case: Case, copies: int = 1) -> Variants:
    z = _standardised(case)

    def estimate(at: IntArray, columns: FloatArray) -> Estimate:
        leaves = _Leaves(z, at, z_scores(columns), copies)
        return _first_component(leaves, leaves.mean())

    return estimate


def _standardised(case: Case) -> FloatArray:
    """Standardised scores, shape (n, m); a leaf without any score is constant."""
    return z_scores(_without_gaps(case))


def _without_gaps(case: Case) -> FloatArray:
    return np.nan_to_num(case.values)


def _of_parts(case: Case, standardised: bool, copies: int = 1) -> Variants:
    name, values = case.scheme.name, _without_gaps(case)
    parts = columns_by_part(name, case.board)
    base = part_components(name, replace(case.board, scores=values), standardised)
    placed = z_scores if standardised else _centred
    scaled = z_scores if standardised else np.asarray

    def estimate(at: IntArray, columns: FloatArray) -> Estimate:
        # A leaf of neither part changes nothing.
        scores, known = np.tile(case.base[:, None], len(at)), np.ones(len(at), dtype=np.bool_)
        for part, inside in enumerate(parts):
            (here,) = np.nonzero(np.isin(at, inside))
            if not here.size:
                continue
            place, own = np.searchsorted(inside, at[here]), values[:, inside]
            like = _Leaves(z_scores(own), place, z_scores(columns[:, here]), copies).mean()
            leaves = _Leaves(placed(own), place, placed(columns[:, here]), copies)
            component, known[here] = _first_component(leaves, like)
            scores[:, here] = (scaled(component) + scaled(base[:, 1 - part])[:, None]) / 2
        return scores, known

    return estimate


def _centred(scores: FloatArray) -> FloatArray:
    centred: FloatArray = scores - scores.mean(axis=0)
    return centred


def _gls(case: Case) -> Variants:
    z = _standardised(case)
    varied = np.flatnonzero((z != 0).any(axis=0))
    inside, n = z[:, varied], len(z)
    if not varied.size:
        return _unknown
    counts = least_variance_weights(ledoit_wolf(inside)[0]) > 0

    def estimate(at: IntArray, columns: FloatArray) -> Estimate:
        leaves = _Leaves(inside, at, z_scores(columns))
        squares = (inside**2).sum(axis=1)[:, None] - inside[:, at] ** 2 + leaves.other**2
        varies = (leaves.other != 0).any(axis=0)
        covariances = shrunk(leaves.products() / n, squares.T)[0]
        # A leaf that has become constant is not known, and where it is the only one leaves nothing to be solved.
        covariances[~varies] = np.eye(inside.shape[1])
        weights, known = least_variances(covariances, counts)
        return leaves.weighted(weights), known & varies

    return _where_varied(estimate, varied)


def _gls_with_a_copy(case: Case) -> Variants:
    z = _standardised(case)
    varied = np.flatnonzero((z != 0).any(axis=0))
    inside, n, m = z[:, varied], len(z), len(varied)
    if not varied.size:
        return _unknown
    counts = np.zeros(m + 1, dtype=np.bool_)
    counts[:m] = least_variance_weights(ledoit_wolf(inside)[0]) > 0

    def estimate(at: IntArray, columns: FloatArray) -> Estimate:
        copies = z_scores(columns)
        products = np.zeros((len(at), m + 1, m + 1))
        products[:, :m, :m] = inside.T @ inside
        products[:, m, :m] = products[:, :m, m] = (inside.T @ copies).T
        products[:, m, m] = (copies**2).sum(axis=0)
        squares = (inside**2).sum(axis=1)[:, None] + copies**2
        # Shrinking counts a copy as a leaf of its own, which a component does not.
        weights, known = least_variances(shrunk(products / n, squares.T)[0], counts)
        of_copies: FloatArray = copies * weights[:, m]
        scores: FloatArray = inside @ weights[:, :m].T + of_copies
        return scores, known

    return _where_varied(estimate, varied)


def _factor1(case: Case) -> Variants:
    z = _standardised(case)
    varied = np.flatnonzero((z != 0).any(axis=0))
    inside, freedom = z[:, varied], len(z) - 1
    diagonal = np.arange(len(varied))

    def estimate(at: IntArray, columns: FloatArray) -> Estimate:
        leaves = _Leaves(inside, at, z_scores(columns))
        variants = leaves.products() / freedom
        variants[:, diagonal, diagonal] = 1.0
        models, known = one_factors(variants)
        scores, sure = turned(leaves.weighted(models.score_weights), leaves.mean())
        return scores, known & sure & (leaves.other != 0).any(axis=0)

    return _where_varied(estimate, varied)


def _where_varied(estimate: Variants, varied: IntArray) -> Variants:
    """An estimate among the leaves that vary; of a constant one nothing is known, because it may vary once changed."""

    def of_all(at: IntArray, columns: FloatArray) -> Estimate:
        scores, known = _unknown(at, columns)
        (here,) = np.nonzero(np.isin(at, varied))
        if here.size:
            scores[:, here], known[here] = estimate(np.searchsorted(varied, at[here]), columns[:, here])
        return scores, known

    return of_all


def _unknown(at: IntArray, columns: FloatArray) -> Estimate:
    return np.zeros(columns.shape), np.zeros(len(at), dtype=np.bool_)


OF_COMPONENTS: dict[Callable[[Board], FloatArray] | None, Callable[[Case], Variants]] = {
    PC1.combine: _pc1,
    DSP_PCA.combine: partial(_of_parts, standardised=False),
    DSP_PCA_STD.combine: partial(_of_parts, standardised=True),
    GLS.combine: _gls,
    FACTOR1.combine: _factor1,
}
# The same with a leaf that is there twice.
OF_DOUBLED_COMPONENTS: dict[Callable[[Board], FloatArray] | None, Callable[[Case], Variants]] = {
    PC1.combine: partial(_pc1, copies=2),
    DSP_PCA.combine: partial(_of_parts, standardised=False, copies=2),
    DSP_PCA_STD.combine: partial(_of_parts, standardised=True, copies=2),
    GLS.combine: _gls_with_a_copy,
}
